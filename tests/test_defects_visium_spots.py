"""The Visium spots: how they join pixels, and that each defect is really there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from test_data_defects import says

from genex_helpers.datasets import load

NAME = "visium_spots"
SECTION = "V1_Adult_Mouse_Brain"


@pytest.fixture(scope="module")
def spots() -> AnnData:
    return load(NAME)


@pytest.fixture(scope="module")
def section(spots: AnnData) -> dict[str, Any]:
    assert list(spots.uns["spatial"]) == [SECTION]
    held: dict[str, Any] = spots.uns["spatial"][SECTION]
    return held


@pytest.fixture(scope="module")
def apart(spots: AnnData) -> np.ndarray:
    """Distance of each spot from each other one, in pixels of the photograph."""
    place = spots.obsm["spatial"].astype(float)
    distance: np.ndarray = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    return distance


def colours(
    spots: AnnData, section: dict[str, Any], name: str, shift: int = 0
) -> np.ndarray:
    """Mean colour of the pixels under each spot, spots × 3."""
    picture = section["images"][name].astype(float)
    scale = section["scalefactors"][f"tissue_{name}_scalef"]
    radius = section["scalefactors"]["spot_diameter_fullres"] * scale / 2
    row, column = np.indices(picture.shape[:2]) + 0.5  # centres of pixels
    found = []
    for x, y in (spots.obsm["spatial"] + shift) * scale:
        under = (column - x) ** 2 + (row - y) ** 2 <= radius**2
        found.append(picture[under].mean(axis=0))
    return np.array(found)


def counts(spots: AnnData) -> np.ndarray:
    """Counts before the division, in units of each spot's smallest value."""
    scaled = np.expm1(spots.X.astype(float))
    smallest = np.where(scaled > 0, scaled, np.inf).min(axis=1, keepdims=True)
    return np.asarray(scaled / smallest)


def test_layout_is_that_of_scanpy(spots: AnnData, section: dict[str, Any]) -> None:
    assert list(spots.obs.columns) == ["cluster"]
    assert spots.var["ensembl"].astype(str).str.fullmatch(r"ENSMUSG\d{11}").all()
    sizes = {name: image.shape for name, image in section["images"].items()}
    assert sizes == {"hires": (429, 237, 3), "lowres": (88, 49, 3)}
    says(NAME, "(429 × 237)", "(88 × 49)")
    assert all(image.dtype == np.uint8 for image in section["images"].values())
    factors = section["scalefactors"]
    assert factors["tissue_hires_scalef"] == 0.25
    says(NAME, f"({factors['tissue_lowres_scalef']:.3f})")
    width, height = spots.obsm["spatial"].max(axis=0) * factors["tissue_hires_scalef"]
    assert height < 429 and width < 237  # x comes first


def test_spots_meet_the_same_tissue_in_both_pictures(
    spots: AnnData, section: dict[str, Any]
) -> None:
    large, small = (colours(spots, section, name) for name in ("hires", "lowres"))
    for colour in range(3):
        assert np.corrcoef(large[:, colour], small[:, colour])[0, 1] > 0.9
    # A spot's width away the two no longer agree: places matter.
    moved = colours(spots, section, "hires", shift=90)
    assert np.corrcoef(moved[:, 1], small[:, 1])[0, 1] < 0.7


def test_spots_lie_on_tissue(spots: AnnData, section: dict[str, Any]) -> None:
    glass = section["images"]["hires"][200:230, 2:8].reshape(-1, 3).mean(axis=0)
    # Stained tissue takes green away.
    assert (colours(spots, section, "hires")[:, 1] < glass[1] - 15).all()


def test_few_spots_on_a_narrow_strip(spots: AnnData) -> None:
    width, height = np.ptp(spots.obsm["spatial"], axis=0)
    says(NAME, f"{spots.n_obs} spots", f"{width} × {height} pixels")


def test_spots_are_few_pixels_wide(section: dict[str, Any]) -> None:
    factors = section["scalefactors"]
    for name in ("hires", "lowres"):
        wide = factors["spot_diameter_fullres"] * factors[f"tissue_{name}_scalef"]
        says(NAME, f"{wide:.1f}")


def test_circles_are_wider_than_spots(
    section: dict[str, Any], apart: np.ndarray
) -> None:
    step = np.median(apart.min(axis=1))
    share = section["scalefactors"]["spot_diameter_fullres"] / step
    says(NAME, f"{step:.0f} pixels or 100", f"{share:.2f} of that distance")
    # One spot a cell of the hexagonal grid; the maker says 55 of 100 micrometres.
    for part in (share, 0.55):
        says(NAME, f"{100 * np.pi / 4 * part**2 / (np.sqrt(3) / 2):.0f} %")


def test_counts_come_back_from_the_logarithms(spots: AnnData) -> None:
    found = counts(spots)
    assert np.abs(found - np.round(found)).max() < 0.002
    totals = np.round(found).sum(axis=1)
    says(NAME, f"{totals.min():.0f} to {totals.max():.0f} counted molecules")


def test_expression_belongs_to_its_spot_and_its_gene(
    spots: AnnData, apart: np.ndarray
) -> None:
    frame = spots.to_df().astype(float)
    # Two genes of the same haemoglobin chain, and the partner chain.
    blood = frame[["Hba-a1", "Hba-a2", "Hbb-bs"]].corr().to_numpy()
    assert blood.min() > 0.85
    assert spots.var.loc["Mobp", "ensembl"] == "ENSMUSG00000032517"
    alike = np.corrcoef(frame.to_numpy())
    near = apart < 1.3 * np.median(apart.min(axis=1))

    def excess(order: np.ndarray) -> float:
        found = alike[np.ix_(order, order)]
        return float(found[near].mean() - found[~near & np.isfinite(apart)].mean())

    rng = np.random.default_rng(0)
    chance = [excess(rng.permutation(len(alike))) for _ in range(500)]
    assert (np.array(chance) >= excess(np.arange(len(alike)))).mean() < 0.02


def test_clusters_were_made_from_expression(spots: AnnData) -> None:
    cluster = spots.obs["cluster"].astype(str).to_numpy()
    frame = pd.DataFrame(spots.X[np.isin(cluster, ["0", "2"])])
    truth = cluster[np.isin(cluster, ["0", "2"])]
    right = 0
    for row in frame.index:
        means = frame.drop(row).groupby(np.delete(truth, row)).mean()
        right += means.sub(frame.loc[row]).pow(2).sum(axis=1).idxmin() == truth[row]
    assert right > 0.9 * len(truth)


def test_many_genes_are_silent_here(spots: AnnData) -> None:
    silent = int((spots.X.sum(axis=0) == 0).sum())
    says(NAME, f"{silent} of the {spots.n_vars}")


def test_neighbours_share_clusters(spots: AnnData, apart: np.ndarray) -> None:
    cluster = spots.obs["cluster"].astype(str).to_numpy()
    sizes = spots.obs["cluster"].value_counts()
    assert (sizes == 1).sum() == 3 and len(sizes) == 5
    says(NAME, f"0 {sizes['0']}", f"2 {sizes['2']}")
    first, second = np.nonzero(apart < 1.3 * np.median(apart.min(axis=1)))
    same = (cluster[first] == cluster[second]).mean()
    says(NAME, f"{same:.0%}".replace("%", " %"))
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(cluster) for _ in range(1000)]
    chance = np.array([(each[first] == each[second]).mean() for each in shuffled])
    says(NAME, f"{chance.mean():.0%}".replace("%", " %"))
    assert (chance >= same).mean() < 0.01
