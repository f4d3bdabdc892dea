"""Rhythms of known period and phase, found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genex_helpers.alignment import Rhythm, align_courses, resample
from genex_helpers.hiding import hide_values
from genex_helpers.imputation_scores import yeast_table

Floats = NDArray[np.float64]
Courses = tuple[dict[str, Floats], dict[str, Floats]]


def apart(a: float, b: float) -> float:
    """How far two phases are apart, in cycles, going round."""
    return abs((a - b + 0.5) % 1 - 0.5)


def rhythms(
    periods: dict[str, float],
    offsets: dict[str, float],
    times: dict[str, Floats],
    *,
    noise: float = 0.0,
    n_genes: int = 60,
    seed: int = 0,
) -> Courses:
    """Genes that keep amplitude and phase in each course, with levels of their own."""
    rng = np.random.default_rng(seed)
    peak, height = rng.random((n_genes, 1)), rng.uniform(0.5, 2, (n_genes, 1))
    courses = {}
    for name, when in times.items():
        cycle = when / periods[name] + offsets[name]
        wave = height * np.cos(2 * np.pi * (cycle - peak))
        level = rng.normal(size=(n_genes, 1))
        courses[name] = level + wave + noise * rng.normal(size=wave.shape)
    return courses, times


TIMES = {
    "long": np.arange(0.0, 126, 7),
    "uneven": np.array([10.0, 30, 50, *range(70, 260, 10), 270, 290]),
    "short": np.arange(0.0, 391, 30),
}
PERIODS = {"long": 62.0, "uneven": 113.0, "short": 410.0}  # the last sees 0.95 cycles
OFFSETS = {"long": 0.0, "uneven": 0.2, "short": -0.35}


def test_known_rhythms_come_back_exactly_without_noise() -> None:
    found = align_courses(*rhythms(PERIODS, OFFSETS, TIMES), "long")
    assert list(found) == list(TIMES)
    for name, rhythm in found.items():
        assert np.isclose(rhythm.period, PERIODS[name], rtol=1e-4)
        assert apart(rhythm.offset, OFFSETS[name]) < 1e-3
        assert rhythm.explained > 0.9999


@pytest.mark.parametrize("seed", range(3))
def test_and_nearly_with_noise_and_gaps(seed: int) -> None:
    """Noise as large as the waves, a fifth missing: 2 % of a period, 2 % of a cycle.

    The short course, less than one cycle, is allowed 5 % of each.
    """
    courses, times = rhythms(PERIODS, OFFSETS, TIMES, noise=1.0, n_genes=300, seed=seed)
    courses = {c: hide_values(x, "random", 0.2, seed)[0] for c, x in courses.items()}
    found = align_courses(courses, times, "long")
    for name, rhythm in found.items():
        error = 0.05 if name == "short" else 0.02
        assert abs(rhythm.period / PERIODS[name] - 1) < error
        assert apart(rhythm.offset, OFFSETS[name]) < error


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1000),
    st.floats(0.1, 50),
    st.floats(-0.4, 0.4),
    st.floats(-3, 3),
)
def test_units_shifts_and_levels(
    seed: int, unit: float, shift: float, level: float
) -> None:
    """Other units scale the period, a later clock moves the offset, levels do nothing;
    nor does the order of genes."""
    courses, times = rhythms(PERIODS, OFFSETS, TIMES, noise=0.3, seed=seed)
    first = align_courses(courses, times, "long")
    order = np.random.default_rng(seed).permutation(60)
    moved = {name: level + x[order] for name, x in courses.items()}
    clock = {name: unit * t for name, t in times.items()}
    late = shift * unit * first["uneven"].period
    clock["uneven"] = clock["uneven"] - late
    second = align_courses(moved, clock, "long")
    for name in courses:
        assert np.isclose(second[name].period, unit * first[name].period, rtol=1e-4)
        wanted = first[name].offset + (shift if name == "uneven" else 0)
        assert apart(second[name].offset, wanted) < 1e-3
        assert -0.5 <= second[name].offset < 0.5


def test_phase_is_a_line() -> None:
    rhythm = Rhythm(period=60.0, offset=0.25, explained=1.0)
    assert rhythm.phase([0, 30, 60, 120]).tolist() == [0.25, 0.75, 1.25, 2.25]


def test_aligned_courses_agree_on_a_common_grid() -> None:
    """Up to what lines lose between samples 0.18 cycles apart."""
    courses, times = rhythms(PERIODS, OFFSETS, TIMES, n_genes=20)
    found = align_courses(courses, times, "long")

    def correlation(phase: dict[str, Floats]) -> float:
        grid = np.linspace(0.3, 1.3, 41)
        first, second = (resample(courses[c], phase[c], grid) for c in phase)
        pairs = zip(first, second, strict=True)
        return float(np.mean([np.corrcoef(pair)[0, 1] for pair in pairs]))

    pair = ("long", "uneven")
    assert correlation({c: found[c].phase(times[c]) for c in pair}) > 0.98
    assert correlation({c: times[c] / PERIODS["long"] for c in pair}) < 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(-2, 2), st.floats(-2, 2))
def test_resampling_is_exact_for_lines_and_silent_outside(
    seed: int, slope: float, level: float
) -> None:
    rng = np.random.default_rng(seed)
    phase = np.sort(rng.random(10)) + np.arange(10) / 10
    x = hide_values(np.tile(slope * phase + level, (3, 1)), "random", 0.4, seed)[0]
    grid = np.linspace(-0.2, 2.2, 25)
    found = resample(x, phase, grid)
    for row, values in zip(found, x, strict=True):
        seen = phase[np.isfinite(values)]
        inside = (grid >= seen[0]) & (grid <= seen[-1])
        assert np.isnan(row[~inside]).all()
        assert np.allclose(row[inside], slope * grid[inside] + level)


def test_what_cannot_be_told_is_an_error() -> None:
    courses, times = rhythms(PERIODS, OFFSETS, TIMES)
    trend = {"long": np.outer(np.arange(1.0, 6), times["long"])}
    with pytest.raises(ValueError, match="no period of 'long' between 21 and 119"):
        align_courses(trend, {"long": times["long"]}, "long")
    with pytest.raises(ValueError, match="must name the same courses, 'alpha'"):
        align_courses(courses, times, "alpha")
    with pytest.raises(ValueError, match="one time for each of 18 columns"):
        align_courses(courses, times | {"long": times["long"][::-1]}, "long")
    with pytest.raises(ValueError, match="must hold the same genes"):
        align_courses(courses | {"short": courses["short"][1:]}, times, "long")
    courses["short"][3, 2:] = np.nan
    with pytest.raises(ValueError, match=r"genes \[3\] have fewer than 4 observed"):
        align_courses(courses, times, "long")


def test_yeast_courses_agree_whichever_is_the_reference() -> None:
    """Two cycles each, so the periods must; elutriation is shorter than its cycle."""
    table = yeast_table()
    names = ("alpha", "cdc15", "cdc28")
    own = {c: table.courses == c for c in (*names, "elu")}
    courses = {c: table.values[:, columns] for c, columns in own.items()}
    times = {c: table.times[columns] for c, columns in own.items()}
    found = {c: align_courses(courses, times, c) for c in names}
    for name in names:
        periods = [found[c][name].period for c in names]
        assert max(periods) / min(periods) < 1.05
    for one, other in (("alpha", "cdc15"), ("alpha", "cdc28"), ("cdc15", "cdc28")):
        back = found[other][one].offset
        assert apart(found[one][other].offset, -back) < 0.05
    order = sorted(names, key=lambda c: found["alpha"][c].period)
    assert order == ["alpha", "cdc28", "cdc15"]
    with pytest.raises(ValueError, match="'elu' between 90 and 390"):
        align_courses(courses, times, "elu")
