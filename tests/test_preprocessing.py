"""Small steps that turn measured values into inputs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from genex_helpers.preprocessing import (
    SequenceComponents,
    counts_per_million,
    fill_forward,
    subtract_baseline,
)


def test_counts_per_million_on_paper() -> None:
    found = counts_per_million([[1, 3], [50, 50]])
    np.testing.assert_allclose(found, [[250_000, 750_000], [500_000, 500_000]])


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 2], "must be"),
        ([[1, -2]], "not negative"),
        ([[0, 0], [1, 1]], r"\[0\] have no counts"),
    ],
)
def test_counts_per_million_refuses(counts: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        counts_per_million(counts)  # type: ignore[arg-type]


def test_fill_forward_uses_the_past_only() -> None:
    values = np.array([[[1.0], [np.nan], [np.nan], [4.0]]], dtype=np.float32)
    filled = fill_forward(values, np.isfinite(values))
    assert filled[0, :, 0].tolist() == [1.0, 1.0, 1.0, 4.0]
    assert np.isnan(values[0, 1, 0]), "the input is left as it was"
    with pytest.raises(ValueError, match="begins with a missing value"):
        fill_forward(values[:, 1:], np.isfinite(values[:, 1:]))


def test_subtract_baseline() -> None:
    values = np.array([[[2.0], [5.0]], [[np.nan], [1.0]]], dtype=np.float32)
    assert subtract_baseline(values[:1], np.isfinite(values[:1]))[0, :, 0].tolist() == [
        0.0,
        3.0,
    ]
    with pytest.raises(ValueError, match=r"subjects \[1\]"):
        subtract_baseline(values, np.isfinite(values))


def test_components_equal_scikit_learns_up_to_one_scale() -> None:
    x = np.random.default_rng(0).normal(size=(5, 4, 9)).astype(np.float32)
    found = SequenceComponents(3).fit(x).transform(x).reshape(-1, 3)
    expected = PCA(3, svd_solver="full").fit_transform(x.reshape(-1, 9))
    np.testing.assert_allclose(found * expected[:, 0].std(), expected, atol=1e-4)
    assert found[:, 0].std() == pytest.approx(1.0, abs=1e-5)


def test_components_refuse_bad_shapes_and_gaps() -> None:
    x = np.zeros((2, 3, 4), dtype=np.float32)
    with pytest.raises(ValueError, match=r"\(batch, time, gene\)"):
        SequenceComponents(1).fit(x[0])
    x[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="missing values"):
        SequenceComponents(1).fit(x)
