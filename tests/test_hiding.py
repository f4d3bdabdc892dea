"""What is hidden, how much of it, and that centring afterwards leaves no leak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genex_helpers import hiding as h
from genex_helpers.imputation import make_imputer
from genex_helpers.imputation_scores import yeast_table

Floats = NDArray[np.float64]
NAN = np.nan
COURSES = np.array(["a"] * 7 + ["b"] * 6)


def table(seed: int = 0, n_genes: int = 25, missing: float = 0.1) -> Floats:
    """Two courses with a few values missing, here and there a whole course."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_genes, len(COURSES)))
    x[rng.random(x.shape) < missing] = NAN
    x[1, COURSES == "a"] = NAN
    return x


def observed_in(x: Floats, name: str) -> NDArray[np.int64]:
    return np.isfinite(x[:, COURSES == name]).sum(axis=1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(h.PATTERNS),
    st.floats(0.02, 0.4),
)
def test_only_what_was_observed_is_hidden_and_nothing_else_changes(
    seed: int, pattern: str, share: float
) -> None:
    x = table(seed)
    before = x.copy()
    hidden_x, hidden = h.hide_values(x, pattern, share, seed, courses=COURSES)
    assert np.array_equal(x, before, equal_nan=True)
    assert hidden.any() and np.isfinite(x[hidden]).all()
    assert np.isnan(hidden_x[hidden]).all()
    assert np.array_equal(hidden_x[~hidden], x[~hidden], equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["random", "runs"]),
    st.floats(0.02, 0.5),
)
def test_the_share_is_exact_and_each_gene_keeps_two_values(
    seed: int, pattern: str, share: float
) -> None:
    x = table(seed)
    hidden_x, hidden = h.hide_values(x, pattern, share, seed, courses=COURSES)
    assert hidden.sum() == max(1, round(share * np.isfinite(x).sum()))
    for name in "ab":
        had, has = observed_in(x, name), observed_in(hidden_x, name)
        assert (has >= np.minimum(had, h.LEAST_LEFT)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_runs_are_runs(seed: int, run_length: int) -> None:
    """Every gap is a union of whole runs, but for the one cut last."""
    x = np.random.default_rng(seed).normal(size=(30, 13))
    _, hidden = h.hide_values(
        x, "runs", 0.2, seed, courses=COURSES, run_length=run_length
    )
    short = 0
    for row in hidden:
        for name in "ab":
            text = "".join("x" if cell else "." for cell in row[COURSES == name])
            short += sum(0 < len(gap) < run_length for gap in text.split("."))
    assert short <= 1


def test_samples_are_whole_columns_and_two_stay_in_each_course() -> None:
    x = table()
    for share, number in ((0.1, 1), (0.4, 5), (0.69, 9)):
        _, hidden = h.hide_values(x, "samples", share, 3, courses=COURSES)
        gone = hidden.any(axis=0)
        assert gone.sum() == number
        assert np.array_equal(hidden[:, gone], np.isfinite(x)[:, gone])
        assert min((~gone & (COURSES == name)).sum() for name in "ab") >= 2


def test_samples_already_empty_do_not_count() -> None:
    x = table(missing=0)
    x[:, :4] = NAN
    _, hidden = h.hide_values(x, "samples", 0.3, 0, courses=COURSES)
    assert hidden.any(axis=0).sum() == round(0.3 * 9)


@pytest.mark.parametrize("seed", range(5))
def test_an_experiment_is_all_of_a_genes_course_and_one_course_stays(seed: int) -> None:
    x = table(seed)
    hidden_x, hidden = h.hide_values(x, "experiment", 0.3, seed, courses=COURSES)
    pairs = 0
    for name in "ab":
        part = hidden[:, COURSES == name]
        seen = np.isfinite(x[:, COURSES == name])
        whole = part.any(axis=1)
        assert np.array_equal(part[whole], seen[whole])
        pairs += whole.sum()
    assert pairs == round(0.3 * 49)  # 25 genes in two courses, one pair is missing
    assert not hidden[1].any() and np.isfinite(hidden_x).any(axis=1).all()


def test_single_values_are_hidden_anywhere_equally_often() -> None:
    x = np.zeros((20, 8))
    counts = sum(h.hide_values(x, "random", 0.5, s)[1].astype(int) for s in range(400))
    assert abs(counts.mean() / 400 - 0.5) < 1e-12
    assert np.abs(counts / 400 - 0.5).max() < 5 * np.sqrt(0.25 / 400)


def test_the_seed_decides() -> None:
    for pattern in h.PATTERNS:
        masks = [
            h.hide_values(table(), pattern, 0.2, s, courses=COURSES)[1]
            for s in (0, 0, 1)
        ]
        assert np.array_equal(masks[0], masks[1])
        assert not np.array_equal(masks[0], masks[2])


def test_means_and_centring_on_paper() -> None:
    x = np.array([[1.0, NAN, 3.0, 10.0, 20.0], [NAN, NAN, NAN, 5.0, 7.0]])
    courses = ["a", "a", "a", "b", "b"]
    centred = h.centre_rows(x, courses)
    wanted = [[-1, NAN, 1, -5, 5], [NAN, NAN, NAN, -1, 1]]
    assert np.array_equal(centred, wanted, equal_nan=True)
    assert h.row_means(x, courses)[0].tolist() == [2, 2, 2, 15, 15]
    assert np.isnan(h.row_means(x, courses)[1, :3]).all()
    filled = h.fill_to_zero_sum([[1.0, NAN, 3.0, NAN, -8.0], [2.0, 1, 1, 1, 1]])
    assert filled.tolist() == [[1, 2, 3, 2, -8], [2, 1, 1, 1, 1]]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["random", "runs", "samples"]),
    st.floats(-100, 100),
)
def test_after_centring_again_a_level_has_no_trace(
    seed: int, pattern: str, level: float
) -> None:
    """So neither what a method sees nor the truth holds the sum of the hidden ones."""
    x = table(seed)
    moved = x + level * (1 + np.arange(len(x)))[:, None]
    first, second = (
        h.hide_values(t, pattern, 0.2, seed, courses=COURSES)[0] for t in (x, moved)
    )
    seen = [h.centre_rows(t, COURSES) for t in (first, second)]
    truth = [
        h.centred_truth(x, first, COURSES),
        h.centred_truth(moved, second, COURSES),
    ]
    assert np.allclose(*seen, atol=1e-9, equal_nan=True)
    assert np.allclose(*truth, atol=1e-9, equal_nan=True)
    left = np.isfinite(first)
    assert np.allclose(truth[0][left], seen[0][left], atol=1e-12)


def test_a_hidden_course_is_centred_on_itself() -> None:
    x = np.array([[1.0, 3.0, 10.0, 20.0]])
    hidden_x = np.array([[1.0, 3.0, NAN, NAN]])
    truth = h.centred_truth(x, hidden_x, ["a", "a", "b", "b"])
    assert truth.tolist() == [[-1, 1, -5, 5]]


def test_the_leak_on_real_genes() -> None:
    """One value a gene hidden: exact before centring again, worthless after."""
    yeast = yeast_table()
    x = yeast.values[:, yeast.courses == "alpha"]
    x = x[np.isfinite(x).all(axis=1)]
    hidden = np.zeros(x.shape, dtype=bool)
    hidden[np.arange(len(x)), np.random.default_rng(0).integers(0, 18, len(x))] = True
    hidden_x = np.where(hidden, NAN, x)
    leak = h.fill_to_zero_sum(hidden_x)[hidden]
    assert np.abs(leak - x[hidden]).max() < 0.05  # the file has two decimals
    seen, truth = h.centre_rows(hidden_x), h.centred_truth(x, hidden_x)
    again = h.fill_to_zero_sum(seen)
    assert np.allclose(again, make_imputer("row mean").fit_transform(seen))
    error = np.sqrt(((again - truth)[hidden] ** 2).mean())
    assert error > 0.95 * truth[hidden].std()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pattern": "blocks"}, "pattern must be one of"),
        ({"share": 0.0}, "share must be above 0 and below 1, got 0"),
        ({"share": 1.0}, "share must be above 0 and below 1, got 1"),
        ({"share": 0.9}, "only .* can be hidden"),
        ({"share": 0.9, "pattern": "runs"}, "values in runs of 4, but only"),
        ({"share": 0.9, "pattern": "samples"}, "12 columns, but only 9"),
        ({"share": 0.9, "pattern": "experiment"}, "pairs of gene and course, but only"),
        ({"courses": None, "pattern": "experiment"}, "needs courses, and two of them"),
        ({"pattern": "runs", "run_length": 7}, "from 1 to 6.*got 7"),
        ({"courses": ["a", "b"]}, "course of each of 13 columns"),
        ({"x": np.zeros(3)}, r"x must be \(gene, time\), got shape \(3,\)"),
        ({"x": np.full((2, 13), np.inf)}, r"infinite in rows \[0, 1\]"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    given_ = {"x": table(), "pattern": "random", "share": 0.2, "seed": 0}
    given_ |= {"courses": COURSES, **arguments}
    with pytest.raises(ValueError, match=message):
        h.hide_values(**given_)  # type: ignore[arg-type]
