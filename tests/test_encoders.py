"""Encoders: masks, codings, invariances, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from genex_helpers.encoders import (
    GenotypeEncoder,
    ImageEncoder,
    ProteinEncoder,
    SeriesEncoder,
    with_mask,
)


def test_with_mask_puts_zeros_and_flags() -> None:
    joined = with_mask([[1.5, np.nan], [np.nan, -2.0]])
    assert joined.tolist() == [[1.5, 0, 1, 0], [0, -2, 0, 1]]
    assert joined.dtype == np.float32
    assert with_mask(np.zeros((3, 2, 4))).shape == (3, 2, 8)


@pytest.mark.parametrize("values", [3.0, [1.0, np.inf]])
def test_with_mask_refuses(values: object) -> None:
    with pytest.raises(ValueError, match="values"):
        with_mask(values)  # type: ignore[arg-type]


def test_series_is_the_last_state_through_a_linear_map() -> None:
    torch.manual_seed(0)
    encoder, x = SeriesEncoder(3, 4, 5), torch.randn(2, 6, 3)
    _, h_n = encoder.recurrent(x)
    torch.testing.assert_close(encoder(x), encoder.out(h_n[0]))


def test_genotypes_that_only_the_coding_tells_apart() -> None:
    encoder = GenotypeEncoder(1, 2)
    first = encoder.layers[0]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.weight[:, 0] = 0  # read the dominant coding alone
    out = encoder(torch.tensor([[0.0], [1.0], [2.0]]))
    torch.testing.assert_close(out[1], out[2])
    assert not torch.allclose(out[0], out[1])


def test_proteins_behind_the_mask_are_not_read() -> None:
    torch.manual_seed(0)
    encoder = ProteinEncoder(2, 3, 4)
    values, seen = torch.randn(5, 2, 3), (torch.rand(5, 2, 3) < 0.5).float()
    garbage = torch.where(seen > 0, values, torch.tensor(torch.nan))
    one = encoder(torch.cat([values, seen], dim=2))
    other = encoder(torch.cat([garbage, seen], dim=2))
    torch.testing.assert_close(one, other)
    other.sum().backward()
    assert all(bool(torch.isfinite(w.grad).all()) for w in encoder.parameters()
               if w.grad is not None)  # fmt: skip


def test_an_image_may_be_moved_by_a_stride() -> None:
    """Both convolutions together step by 4 pixels, so such a shift changes nothing."""
    torch.manual_seed(0)
    encoder = ImageEncoder(2, 3)
    image = torch.zeros(1, 2, 32, 32)
    image[:, :, 10:18, 10:18] = torch.rand(1, 2, 8, 8)
    moved = torch.roll(image, (4, -4), dims=(2, 3))
    torch.testing.assert_close(encoder(image), encoder(moved))


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [
        (SeriesEncoder(3, 2), (4, 5, 2)),
        (SeriesEncoder(3, 2), (4, 3)),
        (GenotypeEncoder(3, 2), (4, 2)),
        (ProteinEncoder(2, 3, 2), (4, 2, 3)),
        (ImageEncoder(2, 2), (4, 3, 8, 8)),
        (ImageEncoder(2, 2), (4, 2, 8)),
    ],
)
def test_shapes_that_do_not_fit(encoder: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must have"):
        encoder(torch.zeros(shape))


def test_an_unknown_cell() -> None:
    with pytest.raises(ValueError, match="cell"):
        SeriesEncoder(3, 2, cell="brain")
