"""A corner of a mouse brain: RNA of 49 spots, and the picture under them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from archives import SQUIDPY
from PIL import Image
from scipy.sparse import issparse

from recipes.common import (
    FloatArray,
    Roots,
    gene_index,
    require,
    strings,
    table,
    titled,
)

FOLDER = "squidpy-1.8.3/tests/_data"
SECTION = "V1_Adult_Mouse_Brain"
SHRINK = 4  # pixels of the full picture that become one, along each side


def visium_spots(roots: Roots) -> ad.AnnData:
    """49 spots of a section, in the layout that scanpy uses for such data.

    `obsm["spatial"]` holds each spot's centre as x (to the right) and y (downwards)
    in pixels of the full picture; `uns["spatial"]` holds smaller pictures and the
    factors that lead from those pixels to theirs.
    """
    source = ad.read_h5ad(roots[SQUIDPY] / FOLDER / "test_data.h5ad")
    require(issparse(source.X), "squidpy: a sparse matrix")
    held = source.uns["spatial"][SECTION]
    full = np.asarray(Image.open(roots[SQUIDPY] / FOLDER / "test_img.jpg"))
    factors = {name: float(value) for name, value in held["scalefactors"].items()}
    small = held["images"]["lowres"]
    _check_pictures(full, small, factors["tissue_lowres_scalef"])
    factors["tissue_hires_scalef"] = 1 / SHRINK
    obs = pd.DataFrame(
        {"cluster": strings(source.obs["leiden"])},
        index=pd.Index(strings(source.obs_names), name="spot"),
    )
    var = pd.DataFrame(
        {"ensembl": strings(source.var["gene_ids"])},
        index=gene_index(source.var_names),
    )
    adata = table(source.X.toarray(), obs, var)
    adata = titled(
        adata, "Visium spots", "log(1 + scaled counts)", "spatial transcriptomics"
    )
    adata.obsm["spatial"] = np.asarray(source.obsm["spatial"], dtype="int64")
    adata.uns["spatial"] = {
        SECTION: {
            "images": {"hires": shrunk(full, SHRINK), "lowres": as_bytes(small)},
            "scalefactors": factors,
        }
    }
    return adata


def shrunk(picture: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    """Make each square of `factor` × `factor` pixels one; a last part row is left off.

    Args:
        picture: (height, width, colour).
        factor: the side of the square.
    """
    height, width = (size // factor for size in picture.shape[:2])
    cut = picture[: height * factor, : width * factor].astype(float)
    squares = cut.reshape(height, factor, width, factor, 3)
    small: npt.NDArray[np.uint8] = np.round(squares.mean(axis=(1, 3))).astype(np.uint8)
    return small


def as_bytes(picture: FloatArray) -> npt.NDArray[np.uint8]:
    """Return a picture with values from 0 to 1 as bytes from 0 to 255."""
    return np.round(picture * 255).astype(np.uint8)


def _check_pictures(
    full: npt.NDArray[np.uint8], small: FloatArray, factor: float
) -> None:
    """The package holds the two pictures apart; make sure that they show the same."""
    size = (small.shape[1], small.shape[0])
    require(
        np.allclose(np.array(full.shape[:2]) * factor, small.shape[:2], atol=1),
        "squidpy: the pictures differ in size",
    )
    again = np.asarray(Image.fromarray(full).resize(size, Image.Resampling.BOX))
    same = np.corrcoef(again[..., 1].ravel(), small[..., 1].ravel())[0, 1]
    require(bool(same > 0.98), "squidpy: the pictures show different places")
