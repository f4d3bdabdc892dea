"""Simulated cell images: what the state sets, what it does not, and the noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from genex_helpers.simulator import images
from genex_helpers.simulator.images import (
    BACKGROUND,
    BATCH,
    CHROMATIN_GRAIN,
    NUCLEUS_BRIGHTNESS,
    cell_images,
    cell_state,
    draw_cells,
    render_cells,
)

STATES = np.repeat(np.linspace(0, 1, 6), 60)
BY_STATE = ("nucleus_radius", "texture_strength")


def nuclear_area(pictures: np.ndarray, cells: pd.DataFrame) -> np.ndarray:
    """Count the pixels above half the nucleus's brightness, grain smoothed out."""
    smooth = ndimage.gaussian_filter(pictures[:, 0], sigma=(0, 0.8, 0.8))
    stain = NUCLEUS_BRIGHTNESS * cells["nucleus_stain"].to_numpy()[:, None, None]
    return np.asarray((smooth > BACKGROUND + stain / 2).sum(axis=(1, 2)))


def texture(pictures: np.ndarray, cells: pd.DataFrame) -> np.ndarray:
    """Return the spread of the log intensity in the middle of each nucleus."""
    size = pictures.shape[-1]
    row, column = np.mgrid[:size, :size]
    found = []
    for picture, cell in zip(pictures[:, 0], cells.itertuples(), strict=True):
        inner = np.hypot(row - cell.row, column - cell.column) < 2.7 * size / 32
        found.append(np.log(picture[inner] - BACKGROUND).std())
    return np.array(found)


def repeated(state: float, number: int, **changed: float) -> pd.DataFrame:
    """Return one cell's row many times, with some columns changed."""
    row = draw_cells([state], seed=3).assign(**changed)
    return row.loc[np.zeros(number, dtype=int)].reset_index(drop=True)


# --------------------------------------------------------------- what comes back


def test_shape_range_and_truth() -> None:
    found = cell_images(STATES, seed=0)
    assert found.images.shape == (360, 2, 32, 32) and found.images.dtype == np.float32
    assert found.images.min() >= 0 and found.images.max() <= 1
    assert len(found.truth) == 360
    np.testing.assert_array_equal(found.truth["state"], STATES)
    empty = cell_images([], seed=0)
    assert empty.images.shape == (0, 2, 32, 32) and len(empty.truth) == 0


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = (cell_images(STATES, seed=s) for s in (1, 1, 2))
    assert one.images.tobytes() == two.images.tobytes() != other.images.tobytes()
    pd.testing.assert_frame_equal(one.truth, two.truth)


def test_cells_do_not_depend_on_how_many_are_rendered_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = draw_cells(np.linspace(0, 1, BATCH + 40), seed=0)
    whole = render_cells(cells, seed=1)
    monkeypatch.setattr(images, "BATCH", 50)
    np.testing.assert_array_equal(render_cells(cells, seed=1), whole)


# ---------------------------------------------------------- what the state does


def test_nuclear_area_follows_the_radius() -> None:
    found = cell_images(STATES, seed=0)
    area = nuclear_area(found.images, found.truth)
    means = [area[STATES == state].mean() for state in np.unique(STATES)]
    assert (np.diff(means) > 0).all()
    true = np.pi * found.truth["nucleus_radius"].to_numpy() ** 2
    assert stats.spearmanr(area, true).statistic > 0.95
    np.testing.assert_allclose(means, np.unique(true), rtol=0.1)


def test_texture_follows_its_strength() -> None:
    found = cell_images(STATES, seed=0)
    for photons, least in ((None, 0.85), (200.0, 0.7)):
        pictures = render_cells(found.truth, seed=1, photons=photons)
        rough = texture(pictures, found.truth)
        means = [rough[STATES == state].mean() for state in np.unique(STATES)]
        assert (np.diff(means) > 0).all()
        strength = found.truth["texture_strength"]
        assert stats.spearmanr(rough, strength).statistic > least


def test_the_state_sets_radius_and_texture_and_nothing_else() -> None:
    low, high = draw_cells(np.full(50, 0.2), seed=0), draw_cells(np.ones(50), seed=0)
    for name in set(low) - {"state", *BY_STATE}:
        np.testing.assert_array_equal(low[name], high[name])
    other = draw_cells(np.full(50, 0.2), seed=1)
    for name in BY_STATE:
        assert low[name].nunique() == 1 and high[name].min() > low[name].max()
        np.testing.assert_array_equal(low[name], other[name])
    assert (low["angle"] != other["angle"]).all()


@settings(max_examples=50, deadline=None)
@given(states=st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_radius_and_texture_rise_with_any_state(states: list[float]) -> None:
    cells = draw_cells(states, seed=0).sort_values("state")
    for name in BY_STATE:
        assert (np.diff(cells[name]) >= 0).all()


# ------------------------------------------------- equal cells differ by noise


def test_without_grain_and_photons_equal_cells_are_equal() -> None:
    smooth = render_cells(repeated(0.5, 5, texture_strength=0), seed=0, photons=None)
    assert (smooth[:, 0] == smooth[:1, 0]).all()  # nucleus
    assert (smooth[:, 1] != smooth[:1, 1])[1:].any()  # the cytoplasm keeps its grain


def test_the_grain_leaves_the_mean_image_as_it_is() -> None:
    smooth = render_cells(repeated(1.0, 1, texture_strength=0), seed=0, photons=None)
    rough = render_cells(repeated(1.0, 3000, texture_strength=0.3), seed=0)
    np.testing.assert_allclose(rough[:, 0].mean(axis=0), smooth[0, 0], atol=0.02)


def test_shot_noise_is_that_of_counted_photons() -> None:
    cells = repeated(0.5, 4000, texture_strength=0)
    quiet = render_cells(cells[:1], seed=0, photons=None)[0, 0]
    noisy = render_cells(cells, seed=0, photons=200.0)[:, 0]
    counts = noisy * 200
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    np.testing.assert_allclose(noisy.mean(axis=0), quiet, atol=0.005)
    # a Poisson count has its mean for variance; 4000 cells know it to 2 %
    ratio = counts.var(axis=0) / (quiet * 200)
    np.testing.assert_allclose(ratio, 1, atol=0.13)


def test_two_draws_of_one_state_have_one_distribution() -> None:
    areas = []
    for seed in (0, 1):
        found = cell_images(np.full(400, 0.6), seed=seed)
        areas.append(nuclear_area(found.images, found.truth))
    assert stats.ks_2samp(*areas).pvalue > 0.01


def test_the_grain_has_the_spread_and_reach_it_promises() -> None:
    random = np.random.default_rng(0)
    noise = images._log_normal(random, 400, 32, CHROMATIN_GRAIN, 0.3)
    assert noise.mean() == pytest.approx(1, abs=0.01)
    log = np.log(noise)
    assert log.std() == pytest.approx(0.3, abs=0.005)
    log = log - log.mean()
    for lag in (1, 2, 3):  # smoothing twice by a Gaussian of that width
        seen = (log * np.roll(log, lag, axis=-1)).mean() / log.var()
        expected = np.exp(-(lag**2) / (4 * CHROMATIN_GRAIN**2))
        assert seen == pytest.approx(expected, abs=0.02)


# -------------------------------------------------------------------------- form


def test_a_nucleus_is_the_ellipse_of_its_row() -> None:
    angle, ratio = np.meshgrid(np.linspace(0, 3, 7), [1.0, 1.25, 1.5])
    cells = repeated(0.8, angle.size, texture_strength=0)
    cells = cells.assign(angle=angle.ravel(), axis_ratio=ratio.ravel())
    inside = images._nuclei(cells, 32)
    row, column = np.mgrid[:32, :32]
    for picture, cell in zip(inside, cells.itertuples(), strict=True):
        assert picture.sum() == pytest.approx(np.pi * cell.nucleus_radius**2, rel=0.03)
        weight = picture / picture.sum()
        assert (weight * row).sum() == pytest.approx(cell.row, abs=0.05)
        assert (weight * column).sum() == pytest.approx(cell.column, abs=0.05)
        right, down = column - cell.column, row - cell.row
        mixed = (weight * right * down).sum()
        moments = [
            [(weight * right**2).sum(), mixed],
            [mixed, (weight * down**2).sum()],
        ]
        lengths, axes = np.linalg.eigh(moments)
        assert np.sqrt(lengths[1] / lengths[0]) == pytest.approx(
            cell.axis_ratio, rel=0.03
        )
        if cell.axis_ratio > 1.1:
            along = [np.cos(cell.angle), np.sin(cell.angle)]
            assert abs(axes[:, 1] @ along) > 0.99


def test_the_nucleus_lies_in_the_cell_and_the_cell_in_the_image() -> None:
    cells = draw_cells(np.ones(500), seed=0)
    nucleus, body = images._nuclei(cells, 32) > 0.5, images._bodies(cells, 32)
    assert (body[nucleus] > 0.1).all()
    rim = np.ones((32, 32), dtype=bool)
    rim[1:-1, 1:-1] = False
    assert body[:, rim].max() < 0.1


def test_a_larger_image_shows_the_same_cell() -> None:
    small = draw_cells(np.full(30, 0.5), seed=0, size=32)
    large = draw_cells(np.full(30, 0.5), seed=0, size=64)
    np.testing.assert_allclose(large["nucleus_radius"], 2 * small["nucleus_radius"])
    ratio = images._nuclei(large, 64).sum() / images._nuclei(small, 32).sum()
    assert ratio == pytest.approx(4, rel=0.01)
    assert render_cells(large, seed=0, size=64).shape == (30, 2, 64, 64)


# ------------------------------------------------------------- states and errors


def test_state_of_genes_on_paper() -> None:
    found = cell_state([[1.0, 2.0], [0.0, 0.0]], [1.0, 0.5], half_level=2.0)
    np.testing.assert_allclose(found, [0.5, 0.0])


@settings(max_examples=50, deadline=None)
@given(
    levels=st.lists(st.floats(0, 1e6), min_size=1, max_size=20),
    half=st.floats(1e-3, 1e3),
)
def test_state_lies_within_0_and_1_and_rises(levels: list[float], half: float) -> None:
    table = np.sort(np.array(levels))[:, None]
    state = cell_state(table, [1.0], half_level=half)
    assert (state >= 0).all() and (state <= 1).all()
    assert (np.diff(state) >= 0).all()
    # one cell does not change another
    np.testing.assert_array_equal(cell_state(table[:1], [1.0], half), state[:1])


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"state must hold.*got 1.5 at \(1,\)"):
        cell_images([0.5, 1.5], seed=0)
    with pytest.raises(ValueError, match="size must be a whole number from 8"):
        cell_images([0.5], seed=0, size=4)
    with pytest.raises(ValueError, match="photons must be above 0"):
        cell_images([0.5], seed=0, photons=0)
    with pytest.raises(ValueError, match="seed must be a whole number"):
        cell_images([0.5], seed=0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weights must have 2 entries"):
        cell_state([[1.0, 2.0]], [1.0])
    with pytest.raises(ValueError, match="half_level must be above 0"):
        cell_state([[1.0]], [1.0], half_level=0)
    with pytest.raises(ValueError, match="expression must hold finite numbers from 0"):
        cell_state([[-1.0]], [1.0])
