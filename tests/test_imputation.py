"""Filling gaps: exact cases, conditions of the optimum, and scikit-learn's checks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from genex_helpers import imputation as imp
from genex_helpers.hiding import centre_rows, hide_values

Floats = NDArray[np.float64]
NAN = np.nan


@parametrize_with_checks(
    [
        imp.RowMean(),
        imp.TimeInterpolator(),
        imp.TimeInterpolator(kind="spline"),
        imp.SoftImpute(),
    ]
)
def test_scikit_learns_own_checks(estimator: object, check: object) -> None:
    """All of them apply: none is left out."""
    check(estimator)  # type: ignore[operator]


def holes(seed: int, share: float = 0.3, shape: tuple[int, int] = (12, 9)) -> Floats:
    """A random table with gaps, two values or more left in each row."""
    x = np.random.default_rng(seed).normal(size=shape)
    return hide_values(x, "random", share, seed)[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.6), st.sampled_from(imp.METHODS))
def test_what_is_observed_stays_and_nothing_stays_missing(
    seed: int, share: float, method: str
) -> None:
    x = holes(seed, share)
    filled = imp.make_imputer(method, times=np.arange(9) ** 1.5).fit_transform(x)
    observed = np.isfinite(x)
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[observed], x[observed])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(imp.METHODS))
def test_the_order_of_genes_does_not_matter(seed: int, method: str) -> None:
    x = holes(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    first = imp.make_imputer(method).fit_transform(x)
    second = imp.make_imputer(method).fit_transform(x[order])
    assert np.allclose(first[order], second)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([*imp.KINDS, "row mean"]),
    st.floats(-5, 5),
    st.floats(0.1, 5),
)
def test_within_a_gene_scale_and_level_pass_through(
    seed: int, method: str, level: float, scale: float
) -> None:
    x = holes(seed)
    imputer = imp.make_imputer(method)
    moved = imputer.fit_transform(level + scale * x)
    assert np.allclose(moved, level + scale * imputer.fit_transform(x))


@pytest.mark.parametrize(("kind", "degree"), [("linear", 1), ("spline", 3)])
def test_polynomials_come_back(kind: str, degree: int) -> None:
    times = np.array([0.0, 1, 2.5, 3, 5, 6, 8, 9])
    x = np.stack([np.polyval(c, times) for c in np.eye(degree + 1)])
    hidden = x.copy()
    hidden[0, [2]] = hidden[1, [1, 4]] = hidden[-1, [3, 5]] = NAN
    filled = imp.TimeInterpolator(times, kind).fit_transform(hidden)
    assert np.allclose(filled, x)


def test_lines_are_numpys_and_splines_scipys() -> None:
    times = np.array([0.0, 2, 3, 7, 8, 10, 11])
    x = np.random.default_rng(0).normal(size=(1, 7))
    gaps, known = [2, 4], [0, 1, 3, 5, 6]
    hidden = x.copy()
    hidden[0, gaps] = NAN
    wanted = {
        "linear": np.interp(times[gaps], times[known], x[0, known]),
        "spline": CubicSpline(times[known], x[0, known])(times[gaps]),
        "natural spline": CubicSpline(
            times[known], x[0, known], bc_type="natural"
        )(times[gaps]),
    }  # fmt: skip
    for kind, values in wanted.items():
        filled = imp.TimeInterpolator(times, kind).fit_transform(hidden)
        assert np.allclose(filled[0, gaps], values)


@pytest.mark.parametrize("kind", imp.KINDS)
def test_beyond_the_ends_the_nearest_value_is_repeated(kind: str) -> None:
    x = np.array([[NAN, NAN, 1.0, 5.0, 2.0, 4.0, 3.0, NAN]])
    filled = imp.TimeInterpolator(kind=kind).fit_transform(x)
    assert np.allclose(filled[0, [0, 1, 7]], [1, 1, 3])


@pytest.mark.parametrize("kind", imp.KINDS)
def test_few_points(kind: str) -> None:
    """One gives a constant, two a line, three a parabola (but a natural spline)."""
    filled = imp.TimeInterpolator(kind=kind).fit_transform
    assert np.allclose(filled([[NAN, 3.0, NAN]]), 3)
    assert np.allclose(filled([[1.0, NAN, NAN, 7.0]]), [1, 3, 5, 7])
    if kind == "spline":
        assert np.allclose(filled([[0.0, 1.0, NAN, 9.0]]), [0, 1, 4, 9])


def test_nothing_passes_between_courses() -> None:
    times = [0, 10, 20, 0, 10, 20]
    courses = ["a"] * 3 + ["b"] * 3
    x = np.array([[0.0, 1, NAN, NAN, 5, 9]])
    filled = imp.TimeInterpolator(times, courses=courses).fit_transform(x)
    assert filled.tolist() == [[0, 1, 1, 5, 5, 9]]
    with pytest.raises(ValueError, match=r"course 'b' of the row for rows \[1\]"):
        imp.TimeInterpolator(times, courses=courses).fit_transform(
            np.vstack([x, [[0, 1, 2, NAN, NAN, NAN]]])
        )


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"kind": "cubic"}, "kind must be one of"),
        ({"times": [0, 1]}, "one number for each of 3 columns"),
        ({"times": [0, 2, 2]}, "must increase within 'course'"),
        ({"courses": ["a", "b"]}, "course of each of 3 columns"),
    ],
)
def test_wrong_settings_are_named(settings_: dict[str, object], message: str) -> None:
    imputer = imp.TimeInterpolator(**settings_)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        imputer.fit(np.zeros((2, 3)))


@pytest.mark.parametrize("imputer", [imp.RowMean(), imp.SoftImpute()])
def test_an_empty_gene_is_an_error(imputer: object) -> None:
    x = np.array([[1.0, 2.0], [NAN, NAN]])
    with pytest.raises(ValueError, match=r"rows \[1\]"):
        imputer.fit_transform(x)  # type: ignore[attr-defined]


def test_row_and_column_means_on_paper() -> None:
    x = np.array([[1.0, NAN, 3.0], [NAN, 4.0, 5.0]])
    assert imp.RowMean().fit_transform(x).tolist() == [[1, 2, 3], [4.5, 4, 5]]
    filled = imp.make_imputer("column mean").fit_transform(x)
    assert filled.tolist() == [[1, 4, 3], [1, 4, 5]]


def test_neighbours_equal_a_computation_by_hand() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 8))
    x[0, 5] = x[4, 2] = x[9, 5] = NAN
    filled = imp.make_imputer("neighbours").fit_transform(x)
    for gene, time in [(0, 5), (4, 2), (9, 5)]:
        donors = [g for g in range(30) if np.isfinite(x[g, time])]
        both = np.isfinite(x[gene]) & np.isfinite(x[donors])
        squares = np.where(both, (x[donors] - x[gene]) ** 2, 0).sum(axis=1)
        distance = np.sqrt(squares * 8 / both.sum(axis=1))
        near = np.argsort(distance)[: imp.N_NEIGHBOURS]
        weights = 1 / distance[near]
        mean = weights @ x[np.array(donors)[near], time] / weights.sum()
        assert np.isclose(filled[gene, time], mean)


def rank_one(n_genes: int = 40, n_times: int = 10) -> Floats:
    rng = np.random.default_rng(1)
    return np.outer(rng.normal(size=n_genes), rng.normal(size=n_times))


def test_a_table_of_rank_one_comes_back() -> None:
    x = rank_one()
    hidden_x, hidden = hide_values(x, "random", 0.3, 0)
    model = imp.SoftImpute(1e-3, tol=1e-12, max_iter=5000)
    filled = model.fit_transform(hidden_x)
    assert np.abs(filled - x)[hidden].max() < 0.01 * x.std()
    assert model.singular_values_[0] > 1000 * model.singular_values_[1:].sum()
    new = np.array([[2.0, *[NAN] * 9]]) * x[0] / x[0, 0]
    new[0, 1] = 2 * x[0, 1] / x[0, 0]
    wanted = 2 * x[0] / x[0, 0]  # a gene that was not in the fit
    assert np.allclose(model.transform(new)[0], wanted, rtol=0.02)


@pytest.mark.parametrize("shrinkage", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_soft_impute_meets_the_conditions_of_the_optimum(
    shrinkage: float, seed: int
) -> None:
    """Convex, so these decide: the residual is penalty times a subgradient of the norm.

    On the observed entries ``x - m = penalty (u v' + w)``, where w is orthogonal to
    both u and v and its largest singular value is at most 1.
    """
    x = centre_rows(holes(seed, 0.3, (20, 8)))
    model = imp.SoftImpute(shrinkage, tol=1e-16, max_iter=20_000).fit(x)
    filled = model.transform(x)
    # the answer itself, gaps or not: shrink the filled table once more
    u, values, v = np.linalg.svd(filled, full_matrices=False)
    values = np.maximum(values - model.penalty_, 0)
    rank = np.count_nonzero(values)
    u, v = u[:, :rank], v[:rank]
    answer = (u * values[:rank]) @ v
    residual = np.where(np.isnan(x), 0, x - answer)
    assert rank == len(model.singular_values_)
    assert np.allclose(u.T @ residual, model.penalty_ * v, atol=1e-5)
    assert np.allclose(residual @ v.T, model.penalty_ * u, atol=1e-5)
    assert np.linalg.norm(residual, 2) <= model.penalty_ * (1 + 1e-5)
    assert np.allclose(answer[np.isnan(x)], filled[np.isnan(x)], atol=1e-5)


def test_full_shrinkage_leaves_nothing() -> None:
    x = holes(0)
    model = imp.SoftImpute(1.001).fit(x)
    assert len(model.singular_values_) == 0
    assert (model.transform(x)[np.isnan(x)] == 0).all()


def test_soft_impute_says_when_it_stops_early() -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        imp.SoftImpute(0.01, max_iter=2).fit(holes(0))
    with pytest.raises(ValueError, match="shrinkage must be above 0"):
        imp.SoftImpute(0.0).fit(holes(0))


def test_shrinkage_is_chosen_by_what_was_hidden() -> None:
    """No noise asks for little, nothing but noise for much."""
    noise = np.random.default_rng(0).normal(size=(60, 12))
    chosen = [
        imp.choose_shrinkage(x, "random", seed=0)
        for x in (rank_one(60, 12), centre_rows(noise))
    ]
    assert chosen == [min(imp.SHRINKAGES), max(imp.SHRINKAGES)]


def test_unknown_method() -> None:
    with pytest.raises(ValueError, match="name must be one of"):
        imp.make_imputer("magic")
