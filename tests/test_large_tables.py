"""Series on disk: the same numbers as in memory, in a fraction of it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix
from torch.utils.data import DataLoader

from genex_helpers.large_tables import (
    SeriesOnDisk,
    h5ad_to_series,
    megabytes,
    series_moments,
    write_series,
)
from genex_helpers.sequences import to_sequences


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Return a file and what is in it, with a gap and a gene that does not vary."""
    values = np.random.default_rng(0).normal(5, 2, (12, 4, 6)).astype(np.float32)
    values[3, 2] = np.nan
    values[5, 1, 0] = np.nan
    values[:, :, 5] = 7.0
    path = tmp_path / "series.npy"
    write_series(path, values, values.shape)  # type: ignore[arg-type]
    return path, values


def test_megabytes_count_the_full_size() -> None:
    assert megabytes((100, 10, 20_000)) == 80.0
    assert megabytes((100, 10, 20_000), "float64") == 160.0
    assert megabytes((100, 10, 20_000), "bool") == 20.0
    assert megabytes((100_000, 1000, 20_000)) == 8e6  # no overflow


def test_the_file_holds_what_was_written(small: tuple[Path, np.ndarray]) -> None:
    path, values = small
    assert np.array_equal(np.load(path), values, equal_nan=True)
    assert np.load(path, mmap_mode="r").dtype == np.float32
    assert [p.name for p in path.parent.iterdir()] == ["series.npy"]


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ([np.ones((4, 6))] * 2, "shape says 3 series, got 2"),
        ([np.ones((4, 6))] * 4, "more series"),
        ([np.ones((4, 6)), np.ones((6, 4))], "series 1 must be"),
    ],
)
def test_a_failed_write_leaves_nothing(
    tmp_path: Path, series: list[np.ndarray], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_series(tmp_path / "bad.npy", series, (3, 4, 6))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_moments_equal_numpy(small: tuple[Path, np.ndarray], batch_size: int) -> None:
    path, values = small
    rows = [0, 2, 3, 5, 7, 11]
    mean, sd = series_moments(path, rows, batch_size)
    flat = values[rows].reshape(-1, 6).astype(float)
    assert np.allclose(mean, np.nanmean(flat, axis=0), atol=1e-12)
    assert np.allclose(sd, np.nanstd(flat, axis=0), atol=1e-12)


def test_moments_stay_exact_far_from_zero(tmp_path: Path) -> None:
    """The textbook formula, mean of squares minus square of mean, fails here."""
    values = 1e6 + np.random.default_rng(0).integers(0, 9, (20, 5, 3))
    write_series(tmp_path / "far.npy", values, (20, 5, 3))
    _, sd = series_moments(tmp_path / "far.npy", range(20), batch_size=3)
    assert np.allclose(sd, values.reshape(-1, 3).std(axis=0), rtol=1e-9)


def test_moments_refuse_a_gene_without_values(tmp_path: Path) -> None:
    values = np.ones((2, 2, 3))
    values[:, :, 1] = np.nan
    write_series(tmp_path / "gap.npy", values, (2, 2, 3))
    with pytest.raises(ValueError, match=r"genes \[1\]"):
        series_moments(tmp_path / "gap.npy", [0, 1])


def test_batches_equal_scaling_in_memory(small: tuple[Path, np.ndarray]) -> None:
    path, values = small
    rows = np.array([9, 1, 3, 5, 0])
    mean, sd = series_moments(path, rows)
    y = np.arange(12)
    data = SeriesOnDisk(path, y, rows, mean, sd)
    x = torch.cat([x for x, _ in DataLoader(data, batch_size=2)])
    targets = torch.cat([t for _, t in DataLoader(data, batch_size=2)])
    expected = (values[rows] - mean) / np.where(sd == 0, 1, sd)
    assert x.dtype == torch.float32 and targets.tolist() == [9, 1, 3, 5, 0]
    assert np.allclose(x.numpy(), np.nan_to_num(expected), atol=1e-5)
    assert torch.equal(data[2][0], x[2]) and len(data) == 5


def test_the_file_is_never_changed(small: tuple[Path, np.ndarray]) -> None:
    path, values = small
    data = SeriesOnDisk(path, np.zeros(12), mean=values[0, 0])
    data.batch([0, 1])[0].zero_()
    assert np.array_equal(np.load(path), values, equal_nan=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": np.zeros(3)}, "3 targets for 12"),
        ({"rows": [12]}, "rows must lie"),
        ({"rows": [-1]}, "rows must lie"),
        ({"mean": np.zeros(5)}, "mean must be"),
        ({"sd": np.ones((4, 6))}, "sd must be"),
    ],
)
def test_what_does_not_fit_is_refused(
    small: tuple[Path, np.ndarray], changed: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SeriesOnDisk(small[0], **({"y": np.zeros(12)} | changed))  # type: ignore[arg-type]


def test_memory_of_an_epoch_is_that_of_batches(tmp_path: Path) -> None:
    shape = (60, 10, 500)  # 1.2 MB
    rng = np.random.default_rng(0)
    write_series(tmp_path / "x.npy", (rng.normal(size=shape[1:]) for _ in range(60)),
                 shape)  # fmt: skip
    data = SeriesOnDisk(tmp_path / "x.npy", np.zeros(60))
    tracemalloc.start()
    for start in range(0, 60, 6):
        x, _ = data.batch(np.arange(start, start + 6))
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    assert x.shape == (6, 10, 500)
    assert peak < 4 * megabytes((6, 10, 500)) < megabytes(shape)


@pytest.mark.parametrize("sparse", [False, True])
def test_h5ad_on_disk_equals_to_sequences(tmp_path: Path, sparse: bool) -> None:
    """Rows of three people, mixed; the second has no sample at 12 hours."""
    who, hours = list("bcabcaca"), [0.0, 0, 0, 5, 5, 5, 12, 12]
    x = np.random.default_rng(0).poisson(3, size=(8, 6)).astype(np.float32)
    obs = pd.DataFrame({"subject": who, "hours": hours}, index=list("stuvwxyz"))
    expected = to_sequences(AnnData(x, obs=obs), subject="subject", time="hours")
    AnnData(csr_matrix(x) if sparse else x, obs=obs).write_h5ad(tmp_path / "x.h5ad")
    found = h5ad_to_series(
        tmp_path / "x.h5ad", tmp_path / "series.npy", "subject", "hours"
    )
    on_disk = np.load(tmp_path / "series.npy")
    assert on_disk.shape == (3, 3, 6) and np.isnan(on_disk[1, 2]).all()
    assert np.array_equal(on_disk, expected.values, equal_nan=True)
    for name in ("subjects", "times", "genes", "samples"):
        assert np.array_equal(found[name], getattr(expected, name)), name
