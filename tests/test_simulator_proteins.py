"""Simulated proteins: exact kinetics, and a measurement that leaves things out."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from genex_helpers.simulator.proteins import (
    ProteinKinetics,
    _phi,
    draw_kinetics,
    measure_proteins,
    protein_levels,
)

TIMES = np.array([0.0, 1.0, 2.5, 7.0, 8.0, 20.0])


def kinetics(synthesis: list[float], half_life: list[float]) -> ProteinKinetics:
    """Return kinetics of given rates."""
    return ProteinKinetics(np.array(synthesis), np.array(half_life))


def random_mrna(n_series: int = 3, n_genes: int = 4, seed: int = 0) -> np.ndarray:
    """Return mRNA (batch, time, gene) at TIMES."""
    random = np.random.default_rng(seed)
    return random.gamma(2.0, size=(n_series, len(TIMES), n_genes))


# ---------------------------------------------------------------------- kinetics


def test_constant_mrna_has_a_closed_solution() -> None:
    how = kinetics([2.0, 0.3], [5.0, 40.0])
    mrna = np.full((1, len(TIMES), 2), 3.0)
    found = protein_levels(mrna, TIMES, how, initial=[[1.0, 50.0]])
    resting = how.synthesis * 3.0 / how.decay
    gone = np.exp(-TIMES[:, None] * how.decay)
    expected = resting + (np.array([1.0, 50.0]) - resting) * gone
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)


def test_it_starts_at_rest_and_stays_there() -> None:
    how = draw_kinetics(4, seed=0)
    mrna = np.broadcast_to(random_mrna()[:, :1], (3, len(TIMES), 4))
    found = protein_levels(mrna, TIMES, how)
    expected = how.synthesis * mrna / how.decay
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_ramp_has_a_closed_solution() -> None:
    how = kinetics([1.5], [4.0])
    k = float(how.decay[0])
    times = np.array([0.0, 3.0, 10.0])
    mrna = 0.5 * times[None, :, None]
    found = protein_levels(mrna, times, how, initial=[[0.0]])[0, :, 0]
    expected = 1.5 * 0.5 * (times / k - (1 - np.exp(-k * times)) / k**2)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_protein_after_its_mrna_is_gone_halves_each_half_life() -> None:
    how = kinetics([1.0], [6.0])
    found = protein_levels(
        np.zeros((1, 2, 1)), [0.0, 24.0], how, at=[0, 6, 12, 24], initial=[[8.0]]
    )
    np.testing.assert_allclose(found[0, :, 0], [8, 4, 2, 0.5])


def test_against_a_general_solver() -> None:
    how = draw_kinetics(4, seed=3)
    mrna = random_mrna(n_series=1)
    start = np.full((1, 4), 0.7)
    at = np.array([0.5, 2.5, 3.3, 19.9, 20.0])
    found = protein_levels(mrna, TIMES, how, at=at, initial=start)[0]

    def slope(t: float, p: np.ndarray) -> np.ndarray:
        m = np.array([np.interp(t, TIMES, mrna[0, :, g]) for g in range(4)])
        return np.asarray(how.synthesis * m - how.decay * p)

    # short steps, so that the solver sees the corners of the lines
    solved = solve_ivp(
        slope, (0, 20), start[0], t_eval=at, rtol=1e-10, atol=1e-12, max_step=0.05
    )
    np.testing.assert_allclose(found, solved.y.T, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    more=st.lists(st.floats(0.001, 19.999), min_size=1, max_size=8, unique=True),
    seed=st.integers(0, 99),
)
def test_times_added_on_the_lines_change_nothing(more: list[float], seed: int) -> None:
    how, mrna = draw_kinetics(4, seed=seed), random_mrna(seed=seed)
    grid = np.union1d(TIMES, more)
    finer = np.empty((3, len(grid), 4))
    for i in range(3):
        for g in range(4):
            finer[i, :, g] = np.interp(grid, TIMES, mrna[i, :, g])
    asked = protein_levels(mrna, TIMES, how, at=grid)
    np.testing.assert_allclose(asked, protein_levels(finer, grid, how), rtol=1e-9)
    kept = np.isin(grid, TIMES)
    whole = protein_levels(mrna, TIMES, how)
    np.testing.assert_allclose(asked[:, kept], whole, rtol=1e-9)


@settings(max_examples=50, deadline=None)
@given(half_life=st.floats(1e-3, 1e7), seed=st.integers(0, 99))
def test_protein_stays_within_what_its_mrna_allows(half_life: float, seed: int) -> None:
    how = kinetics([np.log(2) / half_life], [half_life])  # at rest, protein = mRNA
    mrna = random_mrna(n_genes=1, seed=seed)
    found = protein_levels(mrna, TIMES, how)
    low, high = mrna.min(axis=1, keepdims=True), mrna.max(axis=1, keepdims=True)
    assert (found >= low * (1 - 1e-9)).all() and (found <= high * (1 + 1e-9)).all()


def test_a_short_lived_protein_follows_and_a_long_lived_one_averages() -> None:
    times = np.linspace(0, 200, 2001)
    period = 10.0
    turn = 2 * np.pi * times / period
    mrna = (1 + 0.5 * np.sin(turn))[None, :, None].repeat(2, axis=2)
    how = kinetics([np.log(2) / 0.5, np.log(2) / 50], [0.5, 50.0])
    found = protein_levels(mrna, times, how)[0]
    late = times > 100
    # a first-order filter: gain 1 / sqrt(1 + (ω/k)²), phase atan(ω/k)
    ratio = 2 * np.pi / period / how.decay
    wave = 0.5 * np.sin(turn[:, None] - np.arctan(ratio)) / np.sqrt(1 + ratio**2)
    swing = found[late] - found[late].mean(axis=0)
    np.testing.assert_allclose(swing[:, 0], wave[late, 0], atol=2e-3)
    drift = np.polyfit(times[late], swing[:, 1], 1)
    flat = swing[:, 1] - np.polyval(drift, times[late])
    assert np.corrcoef(flat, wave[late, 1])[0, 1] > 0.98
    assert swing[:, 1].std() < 0.1 * swing[:, 0].std()


@pytest.mark.parametrize("z", [1e-9, 1e-4, 9.99e-4, 1e-3, 1.01e-3, 0.1, 3.0, 50.0])
def test_phi_keeps_its_digits(z: float) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(z)
        one = (1 - (-exact).exp()) / exact
        two = (1 - one) / exact
    found = _phi(np.array([z]))
    np.testing.assert_allclose(found[0], float(one), rtol=1e-12)
    np.testing.assert_allclose(found[1], float(two), rtol=1e-12)


def test_drawn_kinetics_have_the_medians_they_promise() -> None:
    how = draw_kinetics(20_000, seed=0, half_life=12.0, half_life_spread=1.0)
    logs = np.log2(how.half_life)
    assert np.median(logs) == pytest.approx(np.log2(12), abs=0.03)
    assert logs.std() == pytest.approx(1.0, abs=0.02)
    gain = np.log2(how.synthesis / how.decay)
    assert np.median(gain) == pytest.approx(0, abs=0.05)
    # one does not tell the other
    assert abs(np.corrcoef(logs, np.log2(how.synthesis))[0, 1]) < 0.03
    alike = draw_kinetics(3, seed=0, half_life_spread=0, synthesis_spread=0)
    np.testing.assert_allclose(alike.half_life, 10.0)
    np.testing.assert_allclose(alike.synthesis / alike.decay, 1.0)


# ------------------------------------------------------------------- measurement


def measured(seed: int = 0, n_series: int = 60, **options: float) -> tuple:
    """Return levels (batch, time, gene) and their measurement."""
    levels = np.random.default_rng(9).gamma(2.0, size=(n_series, 5, 40))
    subjects = [f"p{i}" for i in range(n_series)]
    genes = [f"g{i}" for i in range(40)]
    adata = measure_proteins(
        levels, [0, 2, 4, 8, 24], subjects, genes, seed=seed, **options
    )
    return levels, adata


def test_without_noise_and_holes_the_truth_comes_back() -> None:
    levels, adata = measured(noise=0.0)
    np.testing.assert_allclose(adata.X, levels.reshape(-1, 40), rtol=1e-6)
    np.testing.assert_array_equal(adata.layers["truth"], levels.reshape(-1, 40))
    assert adata.obs["subject"].tolist()[:6] == ["p0"] * 5 + ["p1"]
    assert adata.obs["time"].tolist()[:6] == [0, 2, 4, 8, 24, 0]
    assert adata.obs_names.is_unique and adata.var["measured"].all()
    assert adata.uns["technology"] == "simulated"


def test_noise_is_log_normal_with_median_one() -> None:
    _, adata = measured(noise=0.4)
    error = np.log2(adata.X / adata.layers["truth"])
    assert error.mean() == pytest.approx(0, abs=0.02)
    assert error.std() == pytest.approx(0.4, abs=0.01)


def test_missing_proteins_and_missing_values() -> None:
    _, adata = measured(missing_proteins=0.25, missing_values=0.1)
    gone = np.isnan(adata.X)
    assert (~adata.var["measured"]).sum() == 10
    assert gone[:, ~adata.var["measured"]].all()
    assert gone[:, adata.var["measured"]].mean() == pytest.approx(0.1, abs=0.01)
    assert not np.isnan(adata.layers["truth"]).any()


def test_each_piece_has_random_numbers_of_its_own() -> None:
    _, plain = measured()
    _, holes = measured(missing_values=0.2)
    _, both = measured(missing_values=0.2, missing_proteins=0.5)
    seen = ~np.isnan(holes.X)
    np.testing.assert_array_equal(holes.X[seen], plain.X[seen])
    kept = both.var["measured"].to_numpy()
    np.testing.assert_array_equal(both.X[:, kept], holes.X[:, kept])


def test_the_same_seed_gives_the_same_bytes() -> None:
    options = {"missing_values": 0.2, "missing_proteins": 0.2}
    one, two, other = (measured(seed, **options)[1].X.tobytes() for seed in (1, 1, 2))
    assert one == two != other
    assert draw_kinetics(5, seed=1).half_life.tobytes() == (
        draw_kinetics(5, seed=1).half_life.tobytes()
    )


# ------------------------------------------------------------------------ errors


def test_bad_arguments_are_named() -> None:
    how, mrna = draw_kinetics(4, seed=0), random_mrna()
    with pytest.raises(ValueError, match="mrna must have 3 axes"):
        protein_levels(mrna[0], TIMES, how)
    with pytest.raises(ValueError, match=r"mrna must hold.*got -1.0 at \(0, 0, 0\)"):
        protein_levels(np.where(mrna == mrna[0, 0, 0], -1, mrna), TIMES, how)
    with pytest.raises(ValueError, match="mrna has 6 times, but times has 5"):
        protein_levels(mrna, TIMES[:-1], how)
    with pytest.raises(ValueError, match="times must be at least one number, asc"):
        protein_levels(mrna, TIMES[::-1], how)
    with pytest.raises(ValueError, match=r"at must lie from 0.0 to 20.0"):
        protein_levels(mrna, TIMES, how, at=[5, 21])
    with pytest.raises(ValueError, match=r"initial must have shape \(3, 4\)"):
        protein_levels(mrna, TIMES, how, initial=np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"kinetics.half_life must have shape \(4,\)"):
        wrong = ProteinKinetics(how.synthesis, how.half_life[:2])
        protein_levels(mrna, TIMES, wrong)
    with pytest.raises(ValueError, match="half_life must hold finite numbers"):
        protein_levels(mrna, TIMES, ProteinKinetics(how.synthesis, np.zeros(4)))
    with pytest.raises(ValueError, match="half_life must be above 0"):
        draw_kinetics(3, seed=0, half_life=0)
    with pytest.raises(ValueError, match=r"levels must have shape \(2, 6, 4\)"):
        measure_proteins(mrna, TIMES, ["a", "b"], list("wxyz"), seed=0)
    with pytest.raises(ValueError, match="missing_values must be a number from 0"):
        measured(missing_values=1.5)
