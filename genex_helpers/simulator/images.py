"""Small images of stained cells, whose nucleus and texture depend on their state.

A cell has two stains: one for DNA (the nucleus) and one for the cytoplasm. Its state,
a number from 0 to 1, sets the size of the nucleus and how rough its chromatin looks;
everything else (place, form, brightness, grain, photons) varies without it.

Not modelled: division and death, cells that touch or overlap, focus and uneven light,
background debris, bleaching, and stains other than these two. Toolboxes for realistic
images exist (Svoboda et al. 2009, doi:10.1002/cyto.a.20714); these are for teaching.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from genex_helpers.simulator.arguments import Floats, count, finite, generators, number

CHANNELS = ("nucleus", "cytoplasm")
# lengths are given for an image of 32 pixels a side, and grow with it
REFERENCE_SIZE = 32
NUCLEUS_RADIUS = (4.0, 7.0)  # at state 0 and 1
TEXTURE_STRENGTH = (0.05, 0.40)  # at state 0 and 1
CELL_RADIUS = 12.5
EDGE = 0.45  # width of the blur at an edge
CHROMATIN_GRAIN = 1.1  # correlation length of the nucleus's texture
CYTOPLASM_GRAIN = 2.0
CYTOPLASM_TEXTURE = 0.18
OUTLINE_WAVES = (2, 3, 4, 5)
BACKGROUND = 0.04
NUCLEUS_BRIGHTNESS = 0.45
CYTOPLASM_BRIGHTNESS = 0.42
BATCH = 256  # images rendered at once: their arrays fit the cache of a processor

Images = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CellImages:
    """Images and what they were made from.

    Attributes
    ----------
    images
        ``(cell, channel, row, column)`` float32 from 0 to 1; the channels are
        `CHANNELS`.
    truth
        One row a cell: see `draw_cells`.
    """

    images: Images
    truth: pd.DataFrame


def cell_state(
    expression: ArrayLike, weights: ArrayLike, half_level: float = 1.0
) -> Floats:
    """Return a state from 0 to 1 for each cell, from the levels of its genes.

    With s the weighted sum of the levels, the state is s / (s + half_level): it does
    not depend on the other cells.

    Parameters
    ----------
    expression
        ``(cell, gene)``, not negative.
    weights
        ``(gene,)``, not negative.
    half_level
        The sum at which the state is one half.
    """
    levels = finite("expression", expression, 2, low=0)
    share = finite("weights", weights, 1, low=0)
    if len(share) != levels.shape[1]:
        raise ValueError(
            f"weights must have {levels.shape[1]} entries, one a gene, got {len(share)}"
        )
    if number("half_level", half_level, 0) == 0:
        raise ValueError("half_level must be above 0, got 0")
    total = levels @ share
    return np.asarray(total / (total + half_level))


def cell_images(
    state: ArrayLike, *, seed: int, size: int = 32, photons: float | None = 200.0
) -> CellImages:
    """Draw one image for each cell.

    Parameters
    ----------
    state
        ``(cell,)`` from 0 to 1.
    size
        Pixels a side.
    photons
        Photons that a pixel of intensity 1 catches: the fewer, the more shot noise.
        None leaves it out.
    """
    cells, grain = (int(g.integers(2**32)) for g in generators(seed, 2))
    truth = draw_cells(state, seed=cells, size=size)
    images = render_cells(truth, seed=grain, size=size, photons=photons)
    return CellImages(images, truth)


def draw_cells(state: ArrayLike, *, seed: int, size: int = 32) -> pd.DataFrame:
    """Draw the form of each cell, before there is an image.

    Returns
    -------
    One row a cell. Set by the state alone, each rising with it in a line:
    ``nucleus_radius`` (pixels; of the circle of equal area) and
    ``texture_strength`` (standard deviation of the log intensity in the nucleus).
    Without it: ``axis_ratio`` and ``angle`` (radians) of the nucleus's ellipse;
    ``row`` and ``column`` of its centre; ``nucleus_stain`` and ``cytoplasm_stain``
    (factors of brightness); ``outline_seed``, which fixes the cell's outline.
    """
    s = finite("state", state, 1, 0, 1)
    scale = count("size", size, 8) / REFERENCE_SIZE
    form, place, stain, outline = generators(seed, 4)
    n_cells, middle = len(s), (size - 1) / 2
    small, large = NUCLEUS_RADIUS
    smooth, rough = TEXTURE_STRENGTH
    return pd.DataFrame(
        {
            "state": s,
            "nucleus_radius": scale * (small + (large - small) * s),
            "texture_strength": smooth + (rough - smooth) * s,
            "axis_ratio": form.uniform(1.0, 1.5, n_cells),
            "angle": form.uniform(0, np.pi, n_cells),
            "row": middle + scale * place.uniform(-1, 1, n_cells),
            "column": middle + scale * place.uniform(-1, 1, n_cells),
            "nucleus_stain": np.exp(stain.normal(0, 0.08, n_cells)),
            "cytoplasm_stain": np.exp(stain.normal(0, 0.15, n_cells)),
            "outline_seed": outline.integers(2**32, size=n_cells),
        }
    )


def render_cells(
    cells: pd.DataFrame, *, seed: int, size: int = 32, photons: float | None = 200.0
) -> Images:
    """Make the images of cells that `draw_cells` described.

    The seed draws the grain of the stains and the shot noise, nothing else: equal
    rows give images that differ by these alone.

    Returns
    -------
    ``(cell, channel, row, column)`` float32 from 0 to 1; brighter pixels are cut off
    at 1, as a camera does.
    """
    count("size", size, 8)
    if photons is not None and number("photons", photons, 0) == 0:
        raise ValueError("photons must be above 0, got 0")
    chromatin, cytoplasm, shots = generators(seed, 3)
    images = np.empty((len(cells), 2, size, size), dtype=np.float32)
    for start in range(0, len(cells), BATCH):
        batch = cells.iloc[start : start + BATCH]
        inside, body = _nuclei(batch, size), _bodies(batch, size)
        strength = _column(batch, "texture_strength")
        grain = _log_normal(chromatin, len(batch), size, CHROMATIN_GRAIN, strength)
        stain = NUCLEUS_BRIGHTNESS * _column(batch, "nucleus_stain")
        part = images[start : start + BATCH]
        part[:, 0] = BACKGROUND + stain * inside * grain
        grain = _log_normal(
            cytoplasm, len(batch), size, CYTOPLASM_GRAIN, CYTOPLASM_TEXTURE
        )
        stain = CYTOPLASM_BRIGHTNESS * _column(batch, "cytoplasm_stain")
        # the stain stays outside the nucleus, but lies above and below it
        part[:, 1] = BACKGROUND + stain * body * (1 - 0.6 * inside) * grain
    if photons is not None:
        images = shots.poisson(images * photons).astype(np.float32) / np.float32(
            photons
        )
    return np.clip(images, 0, 1, out=images)


def _column(cells: pd.DataFrame, name: str) -> Images:
    """Return one column as ``(cell, 1, 1)``."""
    return cells[name].to_numpy(dtype=np.float32)[:, None, None]


def _offsets(cells: pd.DataFrame, size: int) -> tuple[Images, Images]:
    """Return how far each pixel lies below and right of the nucleus's centre."""
    pixel = np.arange(size, dtype=np.float32)
    down = pixel[None, :, None] - _column(cells, "row")  # (cell, row, 1)
    right = pixel[None, None, :] - _column(cells, "column")  # (cell, 1, column)
    return down, right


def _soft(distance: Images, size: int) -> Images:
    """Return 1 inside (distance above 0), 0 outside, and a blurred edge between."""
    width = np.float32(EDGE * size / REFERENCE_SIZE)
    return np.asarray(0.5 * (1 + np.tanh(distance / (2 * width))))


def _nuclei(cells: pd.DataFrame, size: int) -> Images:
    """Return ``(cell, row, column)``: how much of each pixel the nucleus fills."""
    down, right = _offsets(cells, size)
    cosine, sine = np.cos(_column(cells, "angle")), np.sin(_column(cells, "angle"))
    stretch = np.sqrt(_column(cells, "axis_ratio"))
    along = (cosine * right + sine * down) / stretch
    across = (cosine * down - sine * right) * stretch
    radius = np.sqrt(along**2 + across**2)  # of a circle of the same area
    return _soft(_column(cells, "nucleus_radius") - radius, size)


def _bodies(cells: pd.DataFrame, size: int) -> Images:
    """Return ``(cell, row, column)``: the cell, wavy in outline, thin at the rim."""
    n_cells, middle = len(cells), (size - 1) / 2
    seeds = cells["outline_seed"].to_numpy(dtype=np.uint64)
    waves = np.array(
        [np.random.default_rng(int(s)).random((2, len(OUTLINE_WAVES))) for s in seeds],
        dtype=np.float32,
    ).reshape(n_cells, 2, len(OUTLINE_WAVES))
    pixel = np.arange(size, dtype=np.float32) - np.float32(middle)
    angle = np.arctan2(pixel[:, None], pixel[None, :])  # (row, column)
    distance = np.hypot(pixel[:, None], pixel[None, :])
    outline = np.ones((n_cells, size, size), dtype=np.float32)
    for i, wave in enumerate(OUTLINE_WAVES):
        height = 0.14 / wave * waves[:, 0, i, None, None]
        phase = 2 * np.pi * waves[:, 1, i, None, None]
        outline += height * np.cos(wave * angle + phase)
    outline *= np.float32(CELL_RADIUS * size / REFERENCE_SIZE)
    thickness = np.sqrt(np.clip(1 - 0.85 * (distance / outline) ** 2, 0.05, 1))
    return np.asarray(thickness * _soft(outline - distance, size), dtype=np.float32)


def _log_normal(
    random: np.random.Generator,
    n_cells: int,
    size: int,
    grain: float,
    strength: float | Images,
) -> Images:
    """Return ``(cell, row, column)`` of positive, correlated noise of mean 1.

    Its logarithm is a Gaussian field with standard deviation ``strength``, white
    noise smoothed by a Gaussian filter of width ``grain`` that wraps at the borders.
    """
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    width = grain * size / REFERENCE_SIZE
    passed = np.exp(-2 * (np.pi * width) ** 2 * (rows**2 + columns**2))
    # Parseval: the variance of the smoothed noise, over the whole spectrum
    whole = np.exp(-2 * (np.pi * width) ** 2 * (rows**2 + np.fft.fftfreq(size) ** 2))
    passed /= np.sqrt(np.mean(whole**2))
    white = random.standard_normal((n_cells, size, size), dtype=np.float32)
    smooth = np.fft.irfft2(np.fft.rfft2(white) * passed, s=(size, size))
    field = smooth.astype(np.float32)
    return np.asarray(np.exp(strength * field - 0.5 * np.square(strength)))
