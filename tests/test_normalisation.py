"""Counts and intensities made comparable, beside scikit-learn and R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from genex_helpers.datasets import load
from genex_helpers.normalisation import (
    GeneScaler,
    QuantileNormaliser,
    SizeFactors,
    log2_plus,
    rpkm,
    tpm,
    zscore_by_sample,
)
from genex_helpers.preprocessing import counts_per_million

FROZEN = Path(__file__).parent / "frozen"
Table = NDArray[np.float64]
ONES = arrays(float, (4, 6), elements=st.integers(1, 10_000).map(float))
NUMBERS = arrays(float, (5, 3), elements=st.integers(-99, 99).map(float))

# Two of scikit-learn's checks fit tables in which every gene has a zero, where no
# geometric mean exists: to be refused is right.
NOT_FOR_ZEROS = {
    "check_estimators_dtypes": "each gene has a zero",
    "check_fit2d_1feature": "the only gene has a zero",
}


def not_for(estimator: object) -> dict[str, str]:
    return NOT_FOR_ZEROS if isinstance(estimator, SizeFactors) else {}


@parametrize_with_checks(
    [SizeFactors(), GeneScaler(), QuantileNormaliser()], expected_failed_checks=not_for
)
def test_scikit_learns_own_checks(estimator: object, check: object) -> None:
    check(estimator)  # type: ignore[operator]


def values_of_r(measure: str) -> pd.DataFrame:
    """Lanes × a few genes, as R made them."""
    table = pd.read_csv(FROZEN / "normalisation_values.csv")
    table = table[table["measure"] == measure]
    return table.pivot(index="sample", columns="gene", values="value")


def agree(ours: Table, measure: str) -> None:
    lanes = load("kidney_liver_counts")
    expected = values_of_r(measure)
    found = pd.DataFrame(ours, lanes.obs_names, lanes.var_names)
    assert expected.shape == (10, 26)
    found = found.loc[expected.index, expected.columns]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------ depth and length


def test_reads_per_kilobase_and_transcripts_on_paper() -> None:
    counts, lengths = [[10, 30, 60], [5, 0, 5]], [1000, 3000, 500]
    by_hand = [[100_000, 100_000, 1_200_000], [500_000, 0, 1_000_000]]
    np.testing.assert_allclose(rpkm(counts, lengths), by_hand)
    shares = [[1 / 14, 1 / 14, 12 / 14], [1 / 3, 0, 2 / 3]]
    np.testing.assert_allclose(tpm(counts, lengths), 1e6 * np.array(shares))


def test_cpm_and_rpkm_are_those_of_edger() -> None:
    lanes = load("kidney_liver_counts")
    agree(counts_per_million(lanes.X), "cpm")
    agree(rpkm(lanes.X, lanes.var["mrna_length"]), "rpkm")


@given(counts=ONES, lengths=arrays(float, 6, elements=st.floats(50, 20_000)))
def test_tpm_is_rpkm_with_one_sum(counts: Table, lengths: Table) -> None:
    found, rates = tpm(counts, lengths), rpkm(counts, lengths)
    np.testing.assert_allclose(found.sum(axis=1), 1e6)
    ratio = found / rates
    np.testing.assert_allclose(ratio, ratio[:, :1] * np.ones(6))
    # neither the depth nor the unit of length matters
    np.testing.assert_allclose(tpm(counts * 7, lengths / 3), found)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1000.0], r"\(2,\), got shape \(1,\)"),
        ([1000.0, np.nan], "1 of 2 lengths are missing"),
        ([0.0, -5.0], "2 of 2 lengths"),
        ([np.inf, 5.0], "1 of 2 lengths"),
    ],
)
def test_lengths_that_are_none_are_refused(lengths: list[float], message: str) -> None:
    for measure in (rpkm, tpm):
        with pytest.raises(ValueError, match=message):
            measure([[1, 2]], lengths)


def test_log2_plus() -> None:
    np.testing.assert_array_equal(log2_plus([0, 1, 3]), [0, 1, 2])
    np.testing.assert_array_equal(log2_plus([[0.0, np.nan]], 0.25), [[-2, np.nan]])
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="pseudocount must be"):
            log2_plus([1], wrong)
    for value in (-0.5, np.inf):
        with pytest.raises(ValueError, match="logarithmic scale already"):
            log2_plus([1, value])


# --------------------------------------------------------------------- size factors


@pytest.mark.parametrize(
    "name", ["airway", "pasilla", "lymphoblastoid", "kidney_liver"]
)
def test_size_factors_are_those_of_deseq2(name: str) -> None:
    table = pd.read_csv(FROZEN / "normalisation_size_factors.csv")
    expected = table[table["data"] == name].set_index("sample")["value"]
    counts = load(f"{name}_counts")
    assert list(expected.index) == list(counts.obs_names)
    found = SizeFactors().fit(counts.X).size_factors(counts.X)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_new_samples_against_the_training_reference_as_deseq2_measures_them() -> None:
    table = pd.read_csv(FROZEN / "normalisation_size_factors.csv")
    table = table[table["data"] == "airway from untreated"]
    counts = load("airway_counts")
    untreated = (counts.obs["treatment"] == "untreated").to_numpy()
    assert list(table["sample"]) == list(counts.obs_names[~untreated])
    found = SizeFactors().fit(counts.X[untreated]).size_factors(counts.X[~untreated])
    # DESeq2 divides by the geometric mean of the new samples, which we leave out
    level = np.exp(np.log(found).mean())
    np.testing.assert_allclose(found / level, table["value"], rtol=1e-12)
    assert abs(level - 1) > 0.01


def test_size_factors_on_paper() -> None:
    counts = np.array([[10, 20, 0, 40], [40, 80, 7, 160]])
    model = SizeFactors().fit(counts)
    np.testing.assert_allclose(np.exp(model.log_reference_), [20, 40, 0, 80])
    np.testing.assert_allclose(model.size_factors(counts), [0.5, 2])
    scaled = [[20, 40, 0, 80], [20, 40, 3.5, 80]]
    np.testing.assert_allclose(model.transform(counts), scaled)
    # the zero of a new sample is left out of its median, as DESeq2 has it
    between_1_and_2 = [np.sqrt(2)]  # the middle of two ratios, of their logarithms
    np.testing.assert_allclose(model.size_factors([[0, 40, 9, 160]]), between_1_and_2)


@given(counts=ONES, depth=st.floats(0.01, 100))
def test_a_factor_follows_the_depth_of_its_own_sample(
    counts: Table, depth: float
) -> None:
    model = SizeFactors().fit(counts[:2])
    together = model.size_factors(counts)
    alone = [model.size_factors(row[None])[0] for row in counts]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_allclose(model.size_factors(counts * depth), together * depth)
    deeper = counts * np.array([[1], [depth], [1], [1]])
    np.testing.assert_allclose(model.transform(deeper), model.transform(counts))


def test_a_giant_gene_moves_the_total_but_not_the_factor() -> None:
    counts = np.random.default_rng(0).poisson(200, size=(4, 500)).astype(float)
    giant = counts.copy()
    giant[0, 0] = 1e6
    assert giant[0].sum() / counts[0].sum() > 5
    before, after = (SizeFactors().fit(x).size_factors(x) for x in (counts, giant))
    np.testing.assert_allclose(after, before, rtol=0.005)


def test_size_factors_refuse_what_has_no_answer() -> None:
    with pytest.raises(ValueError, match="every gene has a zero"):
        SizeFactors().fit([[0, 1], [1, 0]])
    model = SizeFactors().fit([[0, 1, 2], [1, 2, 3]])
    with pytest.raises(ValueError, match=r"samples \[1\] have no read"):
        model.size_factors([[1, 1, 1], [9, 0, 0]])
    with pytest.raises(ValueError, match="cannot be negative"):
        model.transform([[1, -1, 1]])


# ------------------------------------------------------------------------- z-scores


def with_gaps(shape: tuple[int, ...], seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    x = rng.normal(8, 2, size=shape)
    x[rng.random(shape) < 0.2] = np.nan
    return x


@pytest.mark.parametrize("shape", [(30, 5), (6, 4, 5)])
def test_z_scores_by_gene_are_those_of_scikit_learn(shape: tuple[int, ...]) -> None:
    train, new = with_gaps(shape), with_gaps(shape, seed=1)
    ours = GeneScaler().fit(train)
    theirs = StandardScaler().fit(train.reshape(-1, 5))
    expected = theirs.transform(new.reshape(-1, 5)).reshape(shape)
    np.testing.assert_allclose(ours.transform(new), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.mean_, theirs.mean_)
    np.testing.assert_allclose(ours.scale_, theirs.scale_)
    np.testing.assert_allclose(ours.inverse_transform(ours.transform(new)), new)


def test_z_scores_keep_gaps_and_the_precision_of_the_input() -> None:
    x = with_gaps((6, 4, 5)).astype(np.float32)
    scores = GeneScaler().fit_transform(x)
    assert scores.dtype == np.float32 and scores.shape == x.shape
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(x))
    np.testing.assert_allclose(np.nanmean(scores, axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(scores, axis=(0, 1)), 1, atol=1e-5)


@given(x=NUMBERS, shift=st.integers(-50, 50), factor=st.sampled_from([0.5, 3.0]))
def test_z_scores_forget_level_and_unit(x: Table, shift: int, factor: float) -> None:
    x = x + np.arange(5)[:, None] * 1000  # no gene is constant
    expected = GeneScaler().fit_transform(x)
    moved = x * factor + shift
    np.testing.assert_allclose(GeneScaler().fit_transform(moved), expected, atol=1e-9)
    rows = zscore_by_sample(x.T)
    np.testing.assert_allclose(rows.T, expected, atol=1e-9)


def test_genes_without_a_spread_are_named_and_refused() -> None:
    x = with_gaps((10, 8))
    x[:, 2], x[:, 7] = 0.1 + 0.2, np.nan
    with pytest.raises(ValueError, match=r"1 of 8 genes are not measured .*: 7"):
        GeneScaler().fit(x)
    x[:, 7] = 3
    x[1, 7] = np.nextafter(3, 4)  # rounding is no variation
    with pytest.raises(ValueError, match=r"2 of 8 genes do not vary .*: 2, 7"):
        GeneScaler().fit(x)
    x[1, 7] = 4
    scores = make_pipeline(VarianceThreshold(), GeneScaler()).fit_transform(x)
    assert scores.shape == (10, 7)
    with pytest.raises(ValueError, match=r"9 of 9 genes do not vary.*4, …"):
        GeneScaler().fit(np.ones((3, 2, 9)))


def test_scaler_knows_its_genes() -> None:
    scaler = GeneScaler().fit(with_gaps((6, 4, 5)))
    assert scaler.n_features_in_ == 5
    with pytest.raises(ValueError, match="4 features, but GeneScaler is expecting 5"):
        scaler.transform(np.zeros((6, 5, 4)))


def test_z_scores_by_sample() -> None:
    x = with_gaps((3, 4, 50))
    x[1, 2] = np.nan
    scores = zscore_by_sample(x)
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(x))
    kept = ~np.isnan(x).all(axis=2)
    np.testing.assert_allclose(np.nanmean(scores[kept], axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(scores[kept], axis=1), 1)
    np.testing.assert_array_equal(zscore_by_sample(x[2]), scores[2])
    with pytest.raises(ValueError, match="1 of 2 samples do not vary over their genes"):
        zscore_by_sample([[1.0, 2.0], [3.0, 3.0]])
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        zscore_by_sample([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="infinite"):
        zscore_by_sample([[1.0, np.inf]])


# ------------------------------------------------------------------------ quantiles


def test_quantiles_are_those_of_limma() -> None:
    logs = log2_plus(counts_per_million(load("kidney_liver_counts").X))
    assert (logs == 0).any(), "ties are part of the comparison"
    agree(QuantileNormaliser().fit_transform(logs), "quantiles")


def test_quantiles_on_paper() -> None:
    x = np.array([[2.0, 4.0, 6.0], [8.0, 4.0, 0.0]])
    model = QuantileNormaliser().fit(x)
    np.testing.assert_array_equal(model.target_, [1, 4, 7])
    np.testing.assert_array_equal(model.transform(x), [[1, 4, 7], [7, 4, 1]])
    tied = model.transform([[5.0, 5.0, 9.0], [3.0, 3.0, 3.0]])
    np.testing.assert_array_equal(tied, [[2.5, 2.5, 7], [4, 4, 4]])


@given(x=arrays(float, (3, 7), elements=st.integers(-99, 99).map(float), unique=True))
def test_each_array_gets_the_target_and_keeps_its_order(x: Table) -> None:
    model = QuantileNormaliser().fit(x[:2])
    found = model.transform(x)
    np.testing.assert_array_equal(
        np.sort(found, axis=1), np.tile(model.target_, (3, 1))
    )
    # an array that was not there for the fit is not affected by those beside it
    np.testing.assert_array_equal(model.transform(x[2:] * 4), found[2:])
