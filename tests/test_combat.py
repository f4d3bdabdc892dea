"""ComBat: equal to R's sva, exact where mathematics says so, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import f_oneway
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from genex_helpers.combat import ComBat
from genex_helpers.datasets import load
from genex_helpers.results import load_result

FROZEN, _ = load_result("combat_sva")
DESIGNS = list(dict.fromkeys(FROZEN["design"]))


def frozen(design: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return input and sva's answer, samples × genes, and the samples' batch etc."""
    rows = FROZEN[FROZEN["design"] == design]
    x, expected = (
        rows.pivot(index="sample", columns="gene", values=v)
        for v in ("value", "corrected")
    )
    return x, expected, rows.drop_duplicates("sample").set_index("sample")


def covariates(samples: pd.DataFrame) -> pd.DataFrame | None:
    """Return what sva was told to keep; None if nothing."""
    known = [c for c in ("group", "age") if samples[c].notna().any()]
    return samples[known] if known else None


def test_calls_as_many_probe_sets_as_sva_says() -> None:
    """sva's own test of the whole bladder file expects 12468 probe sets at p ≤ 0.05."""
    bladder = load("bladder_batches")
    tissue = bladder.obs["tissue"].to_numpy(dtype=str)
    corrected = ComBat().fit_transform(bladder.X, batch=bladder.obs["batch"])
    groups = [corrected[tissue == kind] for kind in np.unique(tissue)]
    assert (f_oneway(*groups).pvalue <= 0.05).sum() == 12468


@pytest.mark.parametrize("design", DESIGNS)
def test_equals_sva(design: str) -> None:
    x, expected, samples = frozen(design)
    found = ComBat(mean_only=bool(samples["mean_only"].iloc[0])).fit_transform(
        x, batch=samples["batch"], covariates=covariates(samples)
    )
    # the frozen numbers have twelve digits
    np.testing.assert_allclose(found, expected.to_numpy(), atol=1e-9, rtol=0)
    assert abs(x.to_numpy() - expected.to_numpy()).max() > 0.1


def test_the_frozen_designs_are_many() -> None:
    assert len(DESIGNS) == 10
    assert {bool(v) for v in FROZEN["mean_only"]} == {True, False}


def test_the_frozen_bladder_values_are_those_of_the_shipped_file() -> None:
    x, _, samples = frozen("bladder with tissue")
    bladder = load("bladder_batches")
    np.testing.assert_allclose(x, bladder.X[:, ::1400], atol=1e-5)
    assert samples["batch"].tolist() == bladder.obs["batch"].tolist()
    assert samples["group"].tolist() == bladder.obs["tissue"].astype(str).tolist()


def draw(
    seed: int, sizes: tuple[int, ...] = (8, 5, 6), n_genes: int = 12
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    rng = np.random.default_rng(seed)
    batch = np.repeat([f"lab {k}" for k in range(len(sizes))], sizes)
    code = np.repeat(np.arange(len(sizes)), sizes)
    shift = rng.normal(size=(len(sizes), n_genes))
    scale = np.exp(0.4 * rng.normal(size=(len(sizes), n_genes)))
    noise = rng.normal(size=(len(batch), n_genes))
    return 7 + shift[code] + scale[code] * noise, batch


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 10), add=st.floats(-20, 20))
def test_units_do_not_matter(seed: int, factor: float, add: float) -> None:
    """Each gene is standardised first, so a change of its unit passes through."""
    x, batch = draw(seed)
    one = ComBat().fit_transform(x, batch=batch)
    other = ComBat().fit_transform(add + factor * x, batch=batch)
    np.testing.assert_allclose(other, add + factor * one, atol=1e-6 * factor + 1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_samples_and_names_of_batches_do_not_matter(seed: int) -> None:
    x, batch = draw(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    names = np.array([{"lab 0": "z", "lab 1": "y", "lab 2": "x"}[b] for b in batch])
    one = ComBat().fit_transform(x, batch=batch)
    other = ComBat().fit_transform(x[order], batch=names[order])
    np.testing.assert_allclose(other, one[order], atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shrinking_moves_towards_the_mean_over_genes(seed: int) -> None:
    x, batch = draw(seed)
    combat = ComBat(mean_only=True).fit(x, batch=batch)
    centre = combat.shift_raw_.mean(axis=1, keepdims=True)
    before, after = combat.shift_raw_ - centre, combat.shift_ - centre
    assert (abs(after) <= abs(before) + 1e-12).all()
    assert (before * after >= -1e-12).all()


def test_shrinking_on_paper() -> None:
    """Shifts 1, 2, 3: mean 2, variance 1, so each keeps one half of its distance."""
    from genex_helpers.combat import _shrunk_shift

    found = _shrunk_shift(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, [1.5, 2.0, 2.5])


def test_a_test_sample_is_corrected_as_if_it_were_alone() -> None:
    x, batch = draw(3, (10, 10))
    train = np.arange(len(x)) % 5 > 0
    combat = ComBat().fit(x[train], batch=batch[train])
    together = combat.transform(x[~train], batch=batch[~train])
    for row, (one, name) in enumerate(zip(x[~train], batch[~train], strict=True)):
        alone = combat.transform(one[None], batch=np.array([name]))[0]
        np.testing.assert_array_equal(alone, together[row])
    changed = x.copy()
    changed[~train] += 100.0
    again = ComBat().fit(changed[train], batch=batch[train])
    np.testing.assert_array_equal(again.shift_, combat.shift_)


def test_unseen_batches_are_refused_so_none_can_be_left_out() -> None:
    x, batch = draw(0)
    left = batch == "lab 2"
    combat = ComBat().fit(x[~left], batch=batch[~left])
    with pytest.raises(ValueError, match=r"\['lab 2'\].*new batch cannot be corrected"):
        combat.transform(x[left], batch=batch[left])


def test_a_batch_of_one_is_refused_unless_mean_only() -> None:
    x, batch = draw(0, (5, 1, 4))
    with pytest.raises(ValueError, match=r"\['lab 1'\] have one sample.*mean_only"):
        ComBat().fit(x, batch=batch)
    assert (ComBat(mean_only=True).fit(x, batch=batch).variance_ == 1).all()


def test_a_design_must_leave_something_to_learn_a_spread_from() -> None:
    x, batch = draw(0, (1, 1, 1))
    with pytest.raises(ValueError, match="3 samples, and batches and covariates take"):
        ComBat(mean_only=True).fit(x, batch=batch)


def test_batches_may_come_as_objects() -> None:
    x, _ = draw(0, (8, 8))
    numbers = np.repeat([4, 11], 8)
    combat = ComBat().fit(x, batch=pd.Series(numbers, dtype=object))
    assert combat.batches_.tolist() == [4, 11]
    expected = ComBat().fit_transform(x, batch=numbers)
    np.testing.assert_array_equal(combat.transform(x, batch=numbers), expected)
    names = pd.Categorical(np.where(numbers == 4, "a", "b"))
    np.testing.assert_array_equal(ComBat().fit_transform(x, batch=names), expected)


def test_a_confounded_design_is_refused_and_named() -> None:
    x, batch = draw(0)
    with pytest.raises(ValueError, match=r"confounded.*\['lab 0', 'lab 1', 'lab 2'\]"):
        ComBat().fit(x, batch=batch, covariates=batch == "lab 1")
    group = np.where(np.arange(len(x)) % 2, "a", "b")
    group[batch != "lab 0"] = "a"  # only one batch mixes, and that is enough
    assert ComBat().fit(x, batch=batch, covariates=group).effects_.shape == (1, 12)


def test_missing_values_are_named() -> None:
    x, batch = draw(0)
    x[2, 3] = np.nan
    with pytest.raises(ValueError, match=r"NaN: 1 values.*\(2, 3\)"):
        ComBat().fit(x, batch=batch)
    x, batch = draw(0)
    names = batch.astype(object)
    names[4] = None
    with pytest.raises(ValueError, match=r"batch is missing for samples \[4\]"):
        ComBat().fit(x, batch=names)
    age = np.arange(len(x), dtype=float)
    age[1] = np.nan
    with pytest.raises(ValueError, match=r"covariates are missing for samples \[1\]"):
        ComBat().fit(x, batch=batch, covariates=age)


def test_covariates_are_asked_for_when_the_scale_needs_them() -> None:
    x, batch = draw(0)
    group = np.where(np.arange(len(x)) % 2, "a", "b")
    combat = ComBat().fit(x, batch=batch, covariates=group)
    with pytest.raises(ValueError, match="covariates are needed"):
        combat.transform(x, batch=batch)
    with pytest.raises(ValueError, match=r"\['c'\], not in the training samples"):
        combat.transform(x[:1], batch=batch[:1], covariates=["c"])
    shift = ComBat(mean_only=True).fit(x, batch=batch, covariates=group)
    np.testing.assert_allclose(
        shift.transform(x, batch=batch),
        shift.transform(x, batch=batch, covariates=group),
        atol=1e-12,
    )
    with pytest.raises(ValueError, match="none in fit"):
        ComBat().fit(x, batch=batch).transform(x, batch=batch, covariates=group)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": ["a", "b"]}, r"batch must have one entry a sample, \(19,\)"),
        ({"batch": ["a"] * 19}, "expected two or more"),
        ({"covariates": ["a", "b"]}, "2 rows; expected 19"),
    ],
)
def test_refuses(change: dict[str, Any], message: str) -> None:
    x, batch = draw(0)
    with pytest.raises(ValueError, match=message):
        ComBat().fit(x, **({"batch": batch} | change))


def test_genes_must_be_the_same_and_in_order() -> None:
    x, batch = draw(0)
    frame = pd.DataFrame(x, columns=[f"gene {k}" for k in range(12)])
    combat = ComBat().fit(frame, batch=batch)
    with pytest.raises(ValueError, match="another order"):
        combat.transform(frame.iloc[:, ::-1], batch=batch)
    with pytest.raises(ValueError, match="11 features"):
        combat.transform(x[:, 1:], batch=batch)


def test_constant_genes_stay_as_they_are() -> None:
    x, batch = draw(0)
    x[batch == "lab 1", 5] = 2.0
    combat = ComBat().fit(x, batch=batch)
    assert np.flatnonzero(~combat.adjusted_).tolist() == [5]
    np.testing.assert_array_equal(combat.transform(x, batch=batch)[:, 5], x[:, 5])


def test_in_a_pipeline_the_batch_is_routed() -> None:
    """Cross-validation then fits ComBat on the training samples of each fold."""
    x, batch = draw(0, (20, 20))
    y = np.arange(40) % 2
    with config_context(enable_metadata_routing=True):
        combat = ComBat().set_fit_request(batch=True).set_transform_request(batch=True)
        pipe = make_pipeline(combat, LogisticRegression(max_iter=1000))
        found = cross_validate(
            pipe, x, y, params={"batch": batch}, return_estimator=True
        )
    assert np.isfinite(found["test_score"]).all()
    shifts = [model[0].shift_[0, 0] for model in found["estimator"]]
    assert len(set(shifts)) == len(shifts), "each fold learned its own"


def first_gene(X: Any) -> NDArray[np.float64]:
    """Return the first column; zeros for what is no table, for ComBat to refuse."""
    try:
        table = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
        return table[:, 0].real.astype(float)
    except (IndexError, TypeError, ValueError):
        return np.zeros(X.shape[0] if getattr(X, "shape", ()) else len(X))


class Halves(ComBat):
    """ComBat with two batches by the first gene, for checks that know no batches."""

    def fit(self, X: Any, y: Any = None, **_: Any) -> Halves:
        first = first_gene(X)
        self.edge_ = float(np.median(first)) if len(first) else 0.0
        return super().fit(X, batch=first > self.edge_)

    def transform(self, X: Any, **_: Any) -> Any:
        return super().transform(X, batch=first_gene(X) > getattr(self, "edge_", 0))

    def fit_transform(self, X: Any, y: Any = None, **_: Any) -> Any:
        return self.fit(X).transform(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Halves()])
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_parameters_are_kept() -> None:
    assert clone(ComBat(mean_only=True)).mean_only
