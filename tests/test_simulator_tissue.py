"""Simulated tissue: places, gradients, neighbours, spots and pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import spsolve
from scipy.spatial.distance import cdist

from genex_helpers.simulator.images import cell_images
from genex_helpers.simulator.tissue import (
    decay_length,
    gradient_tissue,
    hexagonal_grid,
    lay_spots,
    morphogen_level,
    neighbours,
    pixel_coordinates,
    tissue_image,
    zoned_tissue,
)

# ---------------------------------------------------------------------- gradient


def test_gradient_is_the_steady_state_of_diffusion_with_decay() -> None:
    diffusion, decay, at_source = 8.0, 0.002, 3.0
    length = decay_length(diffusion, decay)
    assert length == pytest.approx(np.sqrt(4000))
    # solve D c'' = k c on a fine grid, c = c0 at the source, no flux far away
    x = np.linspace(0, 15 * length, 6001)
    h = x[1] - x[0]
    middle = np.full(len(x), -2 * diffusion / h**2 - decay)
    side = np.full(len(x) - 1, diffusion / h**2)
    below = side.copy()
    below[-1] *= 2  # the mirror image of the last point
    above = side.copy()
    above[0], middle[0] = 0, 1
    right = np.zeros(len(x))
    right[0] = at_source
    system = sparse.diags([below, middle, above], [-1, 0, 1], format="csc")
    solved = spsolve(system, right)
    found = morphogen_level(x, length, at_source=at_source)
    np.testing.assert_allclose(found, solved, rtol=1e-4, atol=1e-5)


def test_cells_receive_the_level_of_their_place() -> None:
    tissue = gradient_tissue(400, 200, seed=0, length=80.0, at_source=2.0)
    cells = tissue.cells
    np.testing.assert_allclose(cells["level"], 2 * np.exp(-cells["x"] / 80))
    inputs = tissue.inputs()
    assert list(inputs) == ["morphogen"]
    np.testing.assert_array_equal(inputs["morphogen"], cells["level"])


def test_zones_of_a_gradient_end_at_their_thresholds() -> None:
    tissue = gradient_tissue(600, 200, seed=0, length=100.0, thresholds=(0.5, 0.2))
    cells = tissue.cells
    first, second = 100 * np.log(2), 100 * np.log(5)
    expected = np.where(
        cells["x"] <= first, "near", np.where(cells["x"] <= second, "middle", "far")
    )
    assert cells["zone"].tolist() == expected.tolist()
    assert set(expected) == {"near", "middle", "far"}


def test_zoned_tissue_has_equal_bands() -> None:
    levels = {"crypt": 2.0, "villus": 0.5, "tip": 0.0}
    tissue = zoned_tissue(300, 200, levels, seed=0, input_name="signal")
    cells = tissue.cells
    band = np.array(list(levels))[(cells["x"].to_numpy() // 100).astype(int)]
    assert cells["zone"].tolist() == band.tolist()
    assert cells["level"].tolist() == [levels[zone] for zone in band]
    assert list(tissue.inputs()) == ["signal"]


# ------------------------------------------------------------- places, neighbours


@settings(max_examples=60, deadline=None)
@given(width=st.floats(40, 300), height=st.floats(40, 300), spacing=st.floats(5, 20))
def test_grid_is_hexagonal_and_stays_inside(
    width: float, height: float, spacing: float
) -> None:
    grid = hexagonal_grid(width, height, spacing)
    tiny = 1e-6
    assert (grid >= spacing / 2 - tiny).all()
    assert (grid <= np.array([width, height]) - spacing / 2 + tiny).all()
    between = cdist(grid, grid) + np.diag(np.full(len(grid), np.inf))
    np.testing.assert_allclose(between.min(axis=1), spacing)
    # a cell needs spacing² √3/2; the border takes at most one spacing a side
    area = spacing**2 * np.sqrt(3) / 2
    assert len(grid) * area <= width * height * 1.0001 + area
    assert len(grid) >= (width - 2 * spacing) * (height - 2 * spacing) / area


@settings(max_examples=30, deadline=None)
@given(jitter=st.floats(0, 0.15), seed=st.integers(0, 1000))
def test_each_inner_cell_has_six_neighbours(jitter: float, seed: int) -> None:
    tissue = gradient_tissue(200, 200, seed=seed, jitter=jitter, spacing=20.0)
    touch = neighbours(tissue).toarray()
    np.testing.assert_array_equal(touch, touch.T)
    assert not touch.diagonal().any()
    place = tissue.positions
    inner = ((place > 35) & (place < 165)).all(axis=1)
    assert inner.sum() > 20
    assert (touch[inner].sum(axis=1) == 6).all()
    assert touch.sum(axis=1).max() == 6
    # the graph is the definition, by brute force
    near = (cdist(place, place) <= 1.4 * 20) & ~np.eye(len(place), dtype=bool)
    np.testing.assert_array_equal(touch.astype(bool), near)


def test_jitter_moves_cells_within_its_disc_and_no_further() -> None:
    still = gradient_tissue(1000, 1000, seed=0, jitter=0.0, spacing=20.0).positions
    np.testing.assert_array_equal(still, hexagonal_grid(1000, 1000, 20.0))
    step = gradient_tissue(1000, 1000, seed=0, jitter=0.1, spacing=20.0).positions
    distance = np.hypot(*(step - still).T)
    assert distance.max() <= 2.0
    # evenly over the disc: half of them lie beyond 1/√2 of its radius
    assert (distance > 2 / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose((step - still).mean(axis=0), 0, atol=0.1)


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = (
        gradient_tissue(300, 200, seed=s).positions.tobytes() for s in (1, 1, 2)
    )
    assert one == two != other


# ------------------------------------------------------------------------- spots


def test_spots_average_the_cells_under_them() -> None:
    tissue = gradient_tissue(700, 500, seed=0)
    spots = lay_spots(tissue)
    place = tissue.positions
    centres = spots.table[["x", "y"]].to_numpy()
    under = cdist(centres, place) <= 55 / 2
    np.testing.assert_array_equal(spots.under.toarray().astype(bool), under)
    np.testing.assert_array_equal(spots.table["n_cells"], under.sum(axis=1))
    assert spots.table["n_cells"].nunique() > 1  # the two grids do not beat together
    assert spots.table["n_cells"].between(5, 12).all()

    values = np.random.default_rng(0).random((len(place), 4, 3))  # (cell, time, gene)
    found = spots.average(values)
    assert found.shape == (len(centres), 4, 3)
    for i, cells in enumerate(under):
        np.testing.assert_allclose(found[i], values[cells].mean(axis=0))
    np.testing.assert_allclose(spots.average(np.full(len(place), 7.0)), 7.0)


def test_spots_stand_where_those_of_a_slide_stand() -> None:
    spots = lay_spots(gradient_tissue(700, 500, seed=0))
    centres = spots.table[["x", "y"]].to_numpy()
    between = cdist(centres, centres) + np.diag(np.full(len(centres), np.inf))
    np.testing.assert_allclose(between.min(axis=1), 100.0)
    assert spots.diameter == 55.0


def test_a_spot_without_cells_stays_and_is_nan() -> None:
    tissue = gradient_tissue(400, 300, seed=0, spacing=40.0)
    spots = lay_spots(tissue, diameter=20.0, pitch=30.0)
    empty = (spots.table["n_cells"] == 0).to_numpy()
    assert 0 < empty.sum() < len(empty)
    found = spots.average(tissue.cells["level"])
    np.testing.assert_array_equal(np.isnan(found), empty)
    with pytest.raises(ValueError, match="values must have one row for each of"):
        spots.average(np.ones(3))


# ------------------------------------------------------------------------ pixels


def test_pixel_coordinates_scale_and_keep_the_corner() -> None:
    found = pixel_coordinates([[0.0, 0.0], [10.0, 5.0]], microns_per_pixel=0.5)
    np.testing.assert_allclose(found, [[0, 0], [20, 10]])


@settings(max_examples=80, deadline=None)
@given(
    column=st.floats(-40, 90), row=st.floats(-40, 80), size=st.sampled_from([3, 4, 8])
)
def test_a_cell_is_pasted_at_its_pixel(column: float, row: float, size: int) -> None:
    patch = np.arange(1, 2 * size**2 + 1, dtype=np.float32).reshape(1, 2, size, size)
    found = tissue_image(patch, [[column, row]], shape=(40, 50))
    assert found.shape == (2, 40, 50)
    expected = np.zeros((2, 40, 50), dtype=np.float32)
    top, left = (
        int(np.floor(row - size / 2 + 0.5)),
        int(np.floor(column - size / 2 + 0.5)),
    )
    for i in range(size):
        for j in range(size):
            if 0 <= top + i < 40 and 0 <= left + j < 50:
                expected[:, top + i, left + j] = patch[0, :, i, j]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_overlapping_cells_keep_the_brighter_pixel(order: list[int]) -> None:
    pictures = np.stack([np.full((1, 4, 4), 0.3), np.full((1, 4, 4), 0.8)])
    place = np.array([[4, 4], [6, 4]])
    found = tissue_image(pictures[order].astype(np.float32), place[order], (8, 10))[0]
    assert (found[2:6, 2:4] == np.float32(0.3)).all()
    assert (found[2:6, 4:8] == np.float32(0.8)).all()
    assert found.sum() == pytest.approx(8 * 0.3 + 16 * 0.8)


def test_nuclei_are_where_the_cells_are() -> None:
    tissue = gradient_tissue(200, 150, seed=0)
    pictures = cell_images(tissue.cells["level"], seed=1).images
    pixels = pixel_coordinates(tissue.positions, 0.75)
    whole = tissue_image(pictures, pixels, (200, 267))
    inside = (pixels > 16).all(axis=1) & (pixels < [251, 184]).all(axis=1)
    column, row = np.floor(pixels[inside]).astype(int).T
    assert (whole[0, row, column] > 0.15).all()
    assert np.median(whole[0]) < 0.12


# ------------------------------------------------------------------------ errors


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="width must be at least one spacing"):
        gradient_tissue(10, 200, seed=0)
    with pytest.raises(ValueError, match=r"jitter must be a number from 0 to 0\.15"):
        gradient_tissue(200, 200, seed=0, jitter=0.4)
    with pytest.raises(ValueError, match="length must be above 0"):
        gradient_tissue(200, 200, seed=0, length=0)
    with pytest.raises(ValueError, match="zones must name 2 zones"):
        gradient_tissue(200, 200, seed=0, thresholds=[0.5])
    with pytest.raises(ValueError, match="thresholds must descend"):
        gradient_tissue(200, 200, seed=0, thresholds=[0.2, 0.5])
    with pytest.raises(ValueError, match="levels must name at least one zone"):
        zoned_tissue(200, 200, {}, seed=0)
    with pytest.raises(ValueError, match="levels must hold finite numbers from 0"):
        zoned_tissue(200, 200, {"a": -1.0}, seed=0)
    with pytest.raises(ValueError, match="distance must hold finite numbers from 0"):
        morphogen_level([-1.0], 5)
    with pytest.raises(ValueError, match="decay must be above 0"):
        decay_length(1.0, 0.0)
    with pytest.raises(ValueError, match="diameter must be at most the pitch"):
        lay_spots(gradient_tissue(200, 200, seed=0), diameter=120)
    with pytest.raises(ValueError, match="positions must have 2 columns"):
        pixel_coordinates([[1.0, 2.0, 3.0]], 1.0)
    with pytest.raises(ValueError, match=r"pixels must have shape \(1, 2\)"):
        tissue_image(np.zeros((1, 2, 4, 4), np.float32), np.zeros((2, 2)), (9, 9))
