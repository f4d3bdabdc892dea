"""Cells in a simple flat tissue, and an input that depends on where a cell lies.

The cells stand on a hexagonal grid, each moved a little. A morphogen that is made at
the left edge, spreads and decays falls off exponentially; or zones have a level each.
The level is an input of `simulate`. Spots average the cells under them, and pixels
tell where a cell or a spot lies in an image of the tissue.

Not modelled: three dimensions, curved or layered tissue, cells that move, divide, or
signal to each other, a gradient that changes in time, and mRNA that leaks between
spots. All cells are equally large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from genex_helpers.simulator.arguments import (
    Floats,
    count,
    finite,
    generators,
    number,
    positive,
)

# with a step of at most 0.15, neighbours on the grid stay nearer than this, and the
# next ring (√3 spacings away) stays beyond it
LARGEST_JITTER = 0.15
NEIGHBOUR_DISTANCE = 1.4


@dataclass(frozen=True, eq=False)
class Tissue:
    """Where each cell lies, and what it receives: this is the truth.

    Attributes
    ----------
    cells
        One row a cell: cell (its name), x and y (µm from the upper left corner; y
        points down, as the rows of an image do), zone, level.
    width, height
        In µm.
    spacing
        µm between neighbours on the grid, before each is moved.
    input_name
        What the level is of, as the network calls its input.
    """

    cells: pd.DataFrame
    width: float
    height: float
    spacing: float
    input_name: str

    @property
    def positions(self) -> Floats:
        """``(cell, 2)``: x and y in µm."""
        return self.cells[["x", "y"]].to_numpy(dtype=np.float64)

    def inputs(self) -> dict[str, Floats]:
        """Return the level of each cell, ``(cell,)``, as `simulate` takes inputs."""
        return {self.input_name: self.cells["level"].to_numpy(dtype=np.float64)}


@dataclass(frozen=True, eq=False)
class Spots:
    """A grid of capture spots over a tissue.

    Attributes
    ----------
    table
        One row a spot: spot (its name), x and y of its centre (µm), n_cells.
    under
        ``(spot, cell)`` sparse, 1 where the cell's centre lies under the spot.
    diameter
        In µm.
    """

    table: pd.DataFrame
    under: Any  # scipy.sparse.csr_array has no type stubs here
    diameter: float

    def average(self, values: ArrayLike) -> Floats:
        """Return the mean over the cells under each spot.

        ``(cell, …)`` becomes ``(spot, …)``; a spot without cells gets NaN.
        """
        per_cell = np.asarray(values, dtype=np.float64)
        if per_cell.ndim == 0 or len(per_cell) != self.under.shape[1]:
            raise ValueError(
                f"values must have one row for each of {self.under.shape[1]} cells, "
                f"got shape {per_cell.shape}"
            )
        total = self.under @ per_cell.reshape(len(per_cell), -1)
        n_cells = self.table["n_cells"].to_numpy(dtype=np.float64)[:, None]
        mean = np.full(total.shape, np.nan)
        np.divide(total, n_cells, out=mean, where=n_cells > 0)
        return mean.reshape(len(mean), *per_cell.shape[1:])


def decay_length(diffusion: float, decay: float) -> float:
    """Return λ = sqrt(D / k), the distance over which a gradient falls by e.

    Parameters
    ----------
    diffusion
        D, in µm² per unit of time.
    decay
        k, the share lost per unit of time.
    """
    return float(np.sqrt(positive("diffusion", diffusion) / positive("decay", decay)))


def morphogen_level(
    distance: ArrayLike, length: float, *, at_source: float = 1.0
) -> Floats:
    """Return c(x) = c0 e^(-x / λ), the gradient that diffusion with decay settles to.

    It solves D c'' = k c with λ = sqrt(D / k), level c0 at the source and none far
    away. The tissue must be several λ long for its far edge not to matter.
    """
    x = np.asarray(distance, dtype=np.float64)
    finite("distance", x.ravel(), 1, low=0)
    source = number("at_source", at_source, 0)
    return np.asarray(source * np.exp(-x / positive("length", length)))


def gradient_tissue(
    width: float,
    height: float,
    *,
    seed: int,
    length: float = 100.0,
    at_source: float = 1.0,
    thresholds: Sequence[float] = (0.5, 0.2),
    zones: Sequence[str] = ("near", "middle", "far"),
    spacing: float = 18.0,
    jitter: float = 0.1,
    input_name: str = "morphogen",
) -> Tissue:
    """Return a tissue with a morphogen gradient that falls from left to right.

    Parameters
    ----------
    width, height
        In µm.
    length
        λ of the gradient in µm, see `decay_length`.
    thresholds, zones
        Levels at which one zone ends and the next begins, descending, and the zones'
        names, one more than thresholds: the French flag (Wolpert 1969, J. Theor.
        Biol. 25:1–47). A cell at a threshold belongs to the nearer zone.
    spacing
        µm between neighbouring cells.
    jitter
        How far a cell may lie from its place on the grid, in spacings: 0 to 0.15.
    """
    limits = finite("thresholds", thresholds, 1, 0)
    if len(zones) != len(limits) + 1:
        raise ValueError(
            f"zones must name {len(limits) + 1} zones, one more than there are "
            f"thresholds, got {list(zones)}"
        )
    if (np.diff(limits) >= 0).any():
        raise ValueError(f"thresholds must descend, got {list(thresholds)}")
    place = _jittered_grid(width, height, spacing, jitter, seed)
    level = morphogen_level(place[:, 0], length, at_source=at_source)
    zone = (level[:, None] < limits).sum(axis=1)  # how many thresholds it misses
    names = np.array(zones, dtype=str)[zone]
    cells = _cell_table(place, names, level)
    return Tissue(cells, float(width), float(height), float(spacing), input_name)


def zoned_tissue(
    width: float,
    height: float,
    levels: Mapping[str, float],
    *,
    seed: int,
    spacing: float = 18.0,
    jitter: float = 0.1,
    input_name: str = "morphogen",
) -> Tissue:
    """Return a tissue of equally wide zones from left to right, a level each.

    Parameters
    ----------
    levels
        Zone → level of the input, in the order from left to right.
    width, height, spacing, jitter
        See `gradient_tissue`.
    """
    if not levels:
        raise ValueError("levels must name at least one zone")
    names = np.array(list(levels), dtype=str)
    each = finite("levels", list(levels.values()), 1, 0)
    place = _jittered_grid(width, height, spacing, jitter, seed)
    band = (place[:, 0] / width * len(names)).astype(int)
    band = np.clip(band, 0, len(names) - 1)  # the right edge itself
    cells = _cell_table(place, names[band], each[band])
    return Tissue(cells, float(width), float(height), float(spacing), input_name)


def hexagonal_grid(width: float, height: float, spacing: float) -> Floats:
    """Return the places ``(place, 2)`` of a hexagonal grid, row by row.

    All lie within the rectangle, half a spacing or more from its borders.
    """
    gap = positive("spacing", spacing)
    for name, side in (("width", width), ("height", height)):
        if positive(name, side) < gap:
            raise ValueError(
                f"{name} must be at least one spacing ({gap}), got {side!r}"
            )
    tiny = 1e-9 * gap
    places = []
    for row, y in enumerate(
        np.arange(gap / 2, height - gap / 2 + tiny, gap * np.sqrt(3) / 2)
    ):
        first = gap / 2 + (row % 2) * gap / 2
        x = np.arange(first, width - gap / 2 + tiny, gap)
        places.append(np.column_stack([x, np.full(len(x), y)]))
    return np.concatenate(places)


def neighbours(tissue: Tissue) -> Any:
    """Return which cells touch: ``(cell, cell)`` sparse, symmetric, 1 for neighbours.

    Cells touch if they are within 1.4 spacings: a cell inside the tissue has six
    neighbours, its ring on the grid.
    """
    tree = cKDTree(tissue.positions)
    pairs = tree.query_pairs(NEIGHBOUR_DISTANCE * tissue.spacing, output_type="ndarray")
    n_cells = len(tissue.cells)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    ones = np.ones(len(both), dtype=np.int8)
    return sparse.csr_array((ones, (both[:, 0], both[:, 1])), shape=(n_cells, n_cells))


def lay_spots(tissue: Tissue, *, diameter: float = 55.0, pitch: float = 100.0) -> Spots:
    """Lay a hexagonal grid of round spots over a tissue.

    The defaults are those of a Visium slide: spots of 55 µm, 100 µm from centre to
    centre (https://lmweber.org/OSTA/pages/seq-introduction.html).
    A cell counts where its centre lies; cells between spots are not measured, and a
    spot without cells stays, with n_cells = 0.
    """
    if positive("diameter", diameter) > positive("pitch", pitch):
        raise ValueError(f"diameter must be at most the pitch, {pitch}, got {diameter}")
    centres = hexagonal_grid(tissue.width, tissue.height, pitch)
    found = cKDTree(tissue.positions).query_ball_point(
        centres, diameter / 2, return_sorted=True
    )
    n_cells = np.array([len(cells) for cells in found], dtype=np.int64)
    spot = np.repeat(np.arange(len(centres)), n_cells)
    cell = np.concatenate([np.asarray(cells, dtype=np.int64) for cells in found])
    shape = (len(centres), len(tissue.cells))
    under = sparse.csr_array((np.ones(len(spot)), (spot, cell)), shape=shape)
    table = pd.DataFrame(
        {
            "spot": [f"spot{i + 1}" for i in range(len(centres))],
            "x": centres[:, 0],
            "y": centres[:, 1],
            "n_cells": n_cells,
        }
    )
    return Spots(table, under, float(diameter))


def pixel_coordinates(positions: ArrayLike, microns_per_pixel: float) -> Floats:
    """Return ``(place, 2)``: column and row in an image whose corner is the tissue's.

    Pixel 0 reaches from 0 to 1, so its centre is at 0.5; round down for its number.
    """
    place = finite("positions", positions, 2)
    if place.shape[1] != 2:
        raise ValueError(f"positions must have 2 columns, x and y, got {place.shape}")
    return np.asarray(place / positive("microns_per_pixel", microns_per_pixel))


def tissue_image(
    images: NDArray[np.float32], pixels: ArrayLike, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Paste the images of single cells into one image of the tissue.

    Where two overlap, the brighter pixel stays; where there is no cell, it is 0; what
    leaves the image is cut off.

    Parameters
    ----------
    images
        ``(cell, channel, size, size)``, as `cell_images` makes them.
    pixels
        ``(cell, 2)``: column and row of each cell's centre.
    shape
        Rows and columns of the image.

    Returns
    -------
    ``(channel, row, column)``.
    """
    n_cells, n_channels, size = images.shape[:3]
    centre = finite("pixels", pixels, 2)
    if centre.shape != (n_cells, 2):
        raise ValueError(f"pixels must have shape {(n_cells, 2)}, got {centre.shape}")
    n_rows, n_columns = (count("shape", side) for side in shape)
    # a border as wide as a cell's image takes what would stick out
    whole = np.zeros(
        (n_channels, n_rows + 2 * size, n_columns + 2 * size), dtype=np.float32
    )
    corner = np.floor(centre - size / 2 + 0.5).astype(int) + size
    outside = (corner < 0) | (corner > np.array([n_columns, n_rows]) + size)
    for i in np.flatnonzero(~outside.any(axis=1)):
        column, row = corner[i]
        patch = whole[:, row : row + size, column : column + size]
        np.maximum(patch, images[i], out=patch)
    return whole[:, size:-size, size:-size].copy()


def _cell_table(place: Floats, zone: NDArray[np.str_], level: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell": [f"cell{i + 1}" for i in range(len(place))],
            "x": place[:, 0],
            "y": place[:, 1],
            "zone": zone,
            "level": level,
        }
    )


def _jittered_grid(
    width: float, height: float, spacing: float, jitter: float, seed: int
) -> Floats:
    """Return ``(cell, 2)``: each place of the grid moved at random within a disc."""
    grid = hexagonal_grid(width, height, spacing)
    reach = spacing * number("jitter", jitter, 0, LARGEST_JITTER)
    far, turn = generators(seed, 2)
    # the square root spreads the cells evenly over the disc
    distance = reach * np.sqrt(far.random(len(grid)))
    angle = turn.uniform(0, 2 * np.pi, len(grid))
    step = np.column_stack([np.cos(angle), np.sin(angle)])
    return np.asarray(grid + distance[:, None] * step)
