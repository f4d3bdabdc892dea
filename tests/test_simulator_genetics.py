"""Simulated genotypes: proportions, linkage, and what they do to transcription."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genex_helpers.simulator.genetics import (
    Genotypes,
    additive,
    block_linkage,
    dominant,
    draw_effects,
    draw_frequencies,
    draw_genotypes,
    hide_genotypes,
    linked_snps,
    rate_factors,
)

shares = st.floats(0.02, 0.98)


def unlinked(n_snps: int, n_individuals: int, seed: int = 0) -> Genotypes:
    """Return genotypes without linkage."""
    linkage = np.zeros(n_snps - 1)
    frequency = draw_frequencies(linkage, seed=seed)
    return draw_genotypes(n_individuals, frequency, linkage, seed=seed + 1)


def with_dosage(*rows: list[int]) -> Genotypes:
    """Return genotypes with this dosage, one row an individual."""
    dosage = np.array(rows, dtype=np.int8)
    n_snps = dosage.shape[1]
    names = tuple(f"snp{i + 1}" for i in range(n_snps))
    return Genotypes(dosage, names, np.full(n_snps, 0.3), np.zeros(n_snps - 1))


# ------------------------------------------------------------------- proportions


def test_genotypes_follow_hardy_and_weinberg() -> None:
    found = unlinked(n_snps=300, n_individuals=20_000)
    p = found.frequency
    share = np.stack([(1 - p) ** 2, 2 * p * (1 - p), p**2])  # (dosage, snp)
    counts = np.stack([(found.dosage == copies).sum(axis=0) for copies in range(3)])
    # three classes with known frequencies: two degrees of freedom
    chance = stats.chisquare(counts, share * 20_000).pvalue
    assert chance.min() > 1e-5  # 300 tests
    assert stats.kstest(chance, "uniform").pvalue > 0.01


def test_mean_and_variance_of_the_dosage_are_the_binomial_ones() -> None:
    n = 50_000
    found = unlinked(n_snps=50, n_individuals=n, seed=5)
    p = found.frequency
    error = np.sqrt(2 * p * (1 - p) / n)
    assert (np.abs(found.dosage.mean(axis=0) - 2 * p) < 5 * error).all()
    ratio = found.dosage.var(axis=0) / (2 * p * (1 - p))
    np.testing.assert_allclose(ratio, 1, atol=0.06)


@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
def test_correlation_falls_as_r_to_the_power_of_the_distance(r: float) -> None:
    n = 100_000
    linkage = block_linkage(12, r, block_size=6)
    frequency = draw_frequencies(linkage, seed=3)
    found = draw_genotypes(n, frequency, linkage, seed=4)
    seen = np.corrcoef(found.dosage, rowvar=False)
    np.testing.assert_allclose(seen, found.correlation(), atol=5 / np.sqrt(n))
    for k in range(1, 6):
        assert found.correlation()[0, k] == pytest.approx(r**k)
    assert (found.correlation()[:6, 6:] == 0).all()  # the other block


def test_linkage_may_differ_from_pair_to_pair() -> None:
    linkage = np.array([0.8, 0.0, 0.3])
    found = draw_genotypes(60_000, np.full(4, 0.3), linkage, seed=1)
    seen = np.corrcoef(found.dosage, rowvar=False)
    np.testing.assert_allclose(np.diag(seen, 1), linkage, atol=0.02)
    expected = np.eye(4)
    expected[0, 1] = expected[1, 0] = 0.8
    expected[2, 3] = expected[3, 2] = 0.3
    np.testing.assert_array_equal(found.correlation(), expected)


def test_complete_linkage_copies_the_neighbour() -> None:
    found = draw_genotypes(500, np.full(5, 0.3), np.ones(4), seed=0)
    assert (found.dosage == found.dosage[:, :1]).all()


@settings(max_examples=60, deadline=None)
@given(p=shares, q=shares)
def test_linkage_reaches_its_bound_and_no_further(p: float, q: float) -> None:
    low, high = sorted([p / (1 - p), q / (1 - q)])
    bound = float(np.sqrt(low / high))
    found = draw_genotypes(200, np.array([p, q]), np.array([bound]), seed=0)
    first, second = found.dosage.T
    # at the bound the rarer allele never stands without the more common one
    assert (first <= second).all() if p <= q else (second <= first).all()
    if bound < 0.99:
        with pytest.raises(ValueError, match=r"between snp1 and snp2.*at most"):
            draw_genotypes(200, np.array([p, q]), np.array([bound + 0.005]), seed=0)


@settings(max_examples=60, deadline=None)
@given(
    linkage=st.lists(st.floats(0, 1), max_size=20),
    low=st.floats(0.01, 0.3),
    width=st.floats(0, 0.2),
    seed=st.integers(0, 1000),
)
def test_drawn_frequencies_allow_the_linkage(
    linkage: list[float], low: float, width: float, seed: int
) -> None:
    high = low + width
    frequency = draw_frequencies(linkage, seed=seed, low=low, high=high)
    assert len(frequency) == len(linkage) + 1
    assert (frequency >= low).all() and (frequency <= high).all()
    draw_genotypes(2, frequency, linkage, seed=seed)


def test_frequencies_of_a_block_are_alike_and_of_blocks_are_not() -> None:
    linkage = block_linkage(40, 0.9, block_size=10)
    odds = stats.logistic.ppf(draw_frequencies(linkage, seed=0))
    step = np.abs(np.diff(odds))
    assert (step[linkage > 0] <= -2 * np.log(0.9) + 1e-9).all()
    assert step[linkage == 0].max() > -2 * np.log(0.9)


# ----------------------------------------------------------------------- effects


def test_codings_of_a_dosage() -> None:
    dosage = np.array([0.0, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(additive(dosage), [0, 1, 2, np.nan])
    np.testing.assert_array_equal(dominant(dosage), [0, 1, 1, np.nan])
    with pytest.raises(ValueError, match=r"dosage must be 0, 1, 2 or NaN, got 3"):
        additive([0, 3])


def test_rate_factors_on_paper() -> None:
    genotypes = with_dosage([0, 2], [1, 0], [2, 1])
    effects = pd.DataFrame(
        {
            "snp": ["snp1", "snp2", "snp2"],
            "gene": ["b", "b", "c"],
            "coding": ["additive", "dominant", "additive"],
            "effect": [1.0, -1.0, 0.5],
        }
    )
    found = rate_factors(genotypes, effects, ["a", "b", "c"])
    expected = [[1, 0.5, 2], [1, 2, 1], [1, 2, np.sqrt(2)]]
    np.testing.assert_allclose(found, expected)


def test_no_effect_leaves_every_rate_alone() -> None:
    effects = draw_effects(["snp1", "snp2"], ["a"], 0, seed=0)
    found = rate_factors(with_dosage([0, 2]), effects, ["a", "b"])
    np.testing.assert_array_equal(found, np.ones((1, 2)))


@settings(max_examples=40, deadline=None)
@given(n_snps=st.integers(1, 12), n_genes=st.integers(1, 12), data=st.data())
def test_effects_hit_each_snp_and_gene_at_most_once(
    n_snps: int, n_genes: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, min(n_snps, n_genes)))
    snps, genes = [f"s{i}" for i in range(n_snps)], [f"g{i}" for i in range(n_genes)]
    effects = draw_effects(snps, genes, number, seed=1, size=0.7)
    assert len(effects) == number
    assert effects["snp"].is_unique and effects["gene"].is_unique
    assert set(effects["snp"]) <= set(snps) and set(effects["gene"]) <= set(genes)
    assert set(effects["effect"].abs()) <= {0.7}


def test_a_linked_neighbour_is_associated_and_does_nothing() -> None:
    linkage = block_linkage(5, 0.8, block_size=5)
    genotypes = draw_genotypes(20_000, np.full(5, 0.4), linkage, seed=2)
    effects = pd.DataFrame(
        {"snp": ["snp3"], "gene": ["a"], "coding": ["additive"], "effect": [1.0]}
    )
    log_rate = np.log2(rate_factors(genotypes, effects, ["a"])[:, 0])
    for i, distance in enumerate([2, 1, 0, 1, 2]):
        r = np.corrcoef(genotypes.dosage[:, i], log_rate)[0, 1]
        assert r == pytest.approx(0.8**distance, abs=0.03)
    # all SNPs together: only the causal one keeps a coefficient
    design = np.column_stack([np.ones(20_000), genotypes.dosage])
    coefficients = np.linalg.lstsq(design, log_rate, rcond=None)[0]
    np.testing.assert_allclose(coefficients, [0, 0, 0, 1, 0, 0], atol=1e-9)
    linked = linked_snps(genotypes, effects, least=0.7)
    assert linked["snp"].tolist() == ["snp2", "snp4"]
    assert linked["r"].tolist() == pytest.approx([0.8, 0.8])
    assert linked_snps(genotypes, effects, least=0.6)["snp"].tolist() == [
        "snp1", "snp2", "snp4", "snp5",
    ]  # fmt: skip


def test_a_second_cause_of_the_gene_is_not_listed_as_innocent() -> None:
    genotypes = draw_genotypes(10, np.full(3, 0.4), np.full(2, 0.8), seed=2)
    effects = pd.DataFrame(
        {
            "snp": ["snp1", "snp2"],
            "gene": ["a", "a"],
            "coding": ["additive", "dominant"],
            "effect": [1.0, 1.0],
        }
    )
    assert set(linked_snps(genotypes, effects)["snp"]) == {"snp3"}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("snp", "snp9", "unknown snp: 'snp9'"),
        ("gene", "z", "unknown gene: 'z'"),
        ("coding", "recessive", "unknown coding: 'recessive'"),
        ("effect", np.nan, "finite"),
    ],
)
def test_bad_effects_are_named(column: str, value: object, message: str) -> None:
    effects = pd.DataFrame(
        {"snp": ["snp1"], "gene": ["a"], "coding": ["additive"], "effect": [1.0]}
    )
    effects[column] = [value]
    with pytest.raises(ValueError, match=message):
        rate_factors(with_dosage([0, 1]), effects, ["a"])
    with pytest.raises(ValueError, match=f"lacks the columns \\['{column}'\\]"):
        rate_factors(with_dosage([0, 1]), effects.drop(columns=column), ["a"])


# ------------------------------------------------------- missing, seeds, objects


def test_hidden_genotypes_are_nan_and_the_rest_is_untouched() -> None:
    dosage = unlinked(n_snps=40, n_individuals=2_000).dosage
    seen = hide_genotypes(dosage, 0.1, seed=0)
    hidden = np.isnan(seen)
    assert hidden.mean() == pytest.approx(0.1, abs=0.005)
    np.testing.assert_array_equal(seen[~hidden], dosage[~hidden])
    assert not np.isnan(hide_genotypes(dosage, 0.0, seed=0)).any()
    assert np.isnan(hide_genotypes(dosage, 1.0, seed=0)).all()
    # at random: no genotype is hidden more often than another
    table = [[(hidden & (dosage == c)).sum(), (dosage == c).sum()] for c in range(3)]
    share = np.array(table)[:, 0] / np.array(table)[:, 1]
    np.testing.assert_allclose(share, 0.1, atol=0.01)


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = (unlinked(30, 100, seed) for seed in (7, 7, 8))
    assert one.dosage.tobytes() == two.dosage.tobytes()
    assert one.frequency.tobytes() == two.frequency.tobytes()
    assert one.dosage.tobytes() != other.dosage.tobytes()
    names = [f"g{i}" for i in range(9)]
    pd.testing.assert_frame_equal(
        draw_effects(one.snps, names, 5, seed=1),
        draw_effects(one.snps, names, 5, seed=1),
    )


def test_as_an_anndata() -> None:
    genotypes = with_dosage([0, 2, 1], [1, 0, 0])
    effects = draw_effects(genotypes.snps, ["a"], 1, seed=0)
    adata = genotypes.to_adata(["p1", "p2"], effects)
    np.testing.assert_array_equal(adata.X, genotypes.dosage)
    assert adata.obs["subject"].tolist() == ["p1", "p2"]
    assert adata.var_names[adata.var["causal"]].tolist() == effects["snp"].tolist()
    assert adata.uns["technology"] == "simulated"
    pd.testing.assert_frame_equal(adata.uns["truth"], effects)
    with pytest.raises(ValueError, match="subjects must name 2 individuals, got 1"):
        genotypes.to_adata(["p1"])


def test_bad_arguments_are_named() -> None:
    half = np.array([0.5, 0.5])
    with pytest.raises(ValueError, match="n_individuals must be a whole number"):
        draw_genotypes(0, half, [0.1], seed=0)
    with pytest.raises(ValueError, match="linkage must have 1 entries"):
        draw_genotypes(3, half, [0.1, 0.1], seed=0)
    with pytest.raises(ValueError, match=r"frequency must hold.*got 1.5 at \(1,\)"):
        draw_genotypes(3, [0.5, 1.5], [0.1], seed=0)
    with pytest.raises(ValueError, match="seed must be a whole number"):
        draw_genotypes(3, half, [0.1], seed=-1)
    with pytest.raises(ValueError, match="block_size"):
        block_linkage(4, 0.5, 0)
    with pytest.raises(ValueError, match="r must be a number from 0 to 1"):
        block_linkage(4, 1.5, 2)
    with pytest.raises(ValueError, match="n_effects must be at most"):
        draw_effects(["s"], ["a", "b"], 2, seed=0)
    with pytest.raises(ValueError, match="coding must be one of"):
        draw_effects(["s"], ["a"], 1, seed=0, coding="recessive")
    with pytest.raises(ValueError, match="fraction must be a number from 0 to 1"):
        hide_genotypes(with_dosage([0, 1]).dosage, 2, seed=0)
