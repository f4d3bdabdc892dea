"""The NCI-60 table, and that each defect of its card is really there."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from test_data_defects import card_text, says

from genex_helpers.datasets import load

NAME = "nci60"


@pytest.fixture(scope="module")
def lines() -> AnnData:
    return load(NAME)


@pytest.fixture(scope="module")
def alike(lines: AnnData) -> np.ndarray:
    """Correlation of each array with each other one; 64 × 64."""
    return np.array(np.corrcoef(lines.X.astype(float)))


def tumours(lines: AnnData) -> np.ndarray:
    return np.asarray(lines.obs["tumour"].astype(str))


def nearest(alike: np.ndarray, row: int) -> list[int]:
    """Other rows, the most alike first."""
    return [int(other) for other in np.argsort(-alike[row]) if other != row]


def test_labels_and_no_names(lines: AnnData) -> None:
    assert list(lines.obs.columns) == ["tumour"] and lines.var.shape[1] == 0
    counts = lines.obs["tumour"].value_counts()
    for tumour, number in counts.items():
        if number > 1:
            says(NAME, f"{tumour} {number}")
    alone = sorted(counts.index[counts == 1])
    assert len(alone) == 5 and "unknown" in alone
    for label in alone:
        assert label in card_text(NAME)
    assert counts["prostate"] == 2
    says(NAME, f"{round(lines.n_vars / lines.n_obs)} times as many")
    assert lines.obs_names[0] == "array_01" and lines.var_names[-1] == "column_6830"
    assert np.isfinite(lines.X).all()


@pytest.mark.parametrize(
    ("repeats", "tumour"),
    [
        (("K562A-repro", "K562B-repro"), "leukemia"),
        (("MCF7A-repro", "MCF7D-repro"), "breast"),
    ],
)
def test_repeats_are_copies_of_one_array(
    lines: AnnData, alike: np.ndarray, repeats: tuple[str, str], tumour: str
) -> None:
    labels = tumours(lines)
    original = set()
    for repeat in repeats:
        row = int(np.flatnonzero(labels == repeat)[0])
        same = [other for other in nearest(alike, row) if labels[other] == tumour]
        original.add(same[0])
        says(NAME, f"{alike[row, same[0]]:.2f}")
        assert alike[row, same[0]] > 0.8 > 0.5 > alike[row, same[1]]
    assert len(original) == 1
    says(
        NAME, f"{alike[np.triu_indices(64, 1)].mean():.2f} on average".replace("-", "")
    )


def test_the_unknown_array_is_nearly_an_ovarian_one(
    lines: AnnData, alike: np.ndarray
) -> None:
    labels = tumours(lines)
    row = int(np.flatnonzero(labels == "unknown")[0])
    best = nearest(alike, row)[0]
    assert labels[best] == "ovarian"
    says(NAME, f"{alike[row, best]:.2f}")
    assert alike[row, nearest(alike, row)[1]] < 0.5


def test_two_breast_arrays_look_like_melanoma(
    lines: AnnData, alike: np.ndarray
) -> None:
    labels = tumours(lines)
    for row, other in ((56, 57), (57, 56)):
        assert lines.obs_names[row] == f"array_{row + 1}" and labels[row] == "breast"
        first, *rest = nearest(alike, row)
        assert first == other
        assert {labels[each] for each in rest[:3]} == {"melanoma"}
    says(NAME, "57 and 58", f"{alike[56, 57]:.2f}")


def test_rows_and_columns_stand_in_the_order_of_a_clustering(
    lines: AnnData, alike: np.ndarray
) -> None:
    rows = np.diag(alike, 1).mean()
    says(NAME, f"{rows:.2f} (any two: {alike[np.triu_indices(64, 1)].mean():.2f}")
    z = lines.X.astype(float)
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    columns = (z[:, :-1] * z[:, 1:]).mean()
    n_genes = z.shape[1]
    # mean of all pairs: the square of the sum holds each pair twice, and n_genes ones
    every = ((z.sum(axis=1) ** 2).mean() - n_genes) / (n_genes * (n_genes - 1))
    says(NAME, f"{columns:.2f} (any two: {every:.2f}")


def test_the_table_was_centred_over_all_arrays(lines: AnnData) -> None:
    for axis in (0, 1):
        assert np.abs(np.median(lines.X, axis=axis)).max() < 1e-6
    # Centring inside half of the arrays gives other values, so this one leaks.
    half = lines.X[::2]
    assert np.abs(np.median(half, axis=0)).mean() > 0.04


def test_too_many_values_are_exactly_zero(lines: AnnData) -> None:
    zero = int((lines.X == 0).sum())
    says(NAME, f"{zero:,}", f"({100 * zero / lines.X.size:.1f} %)")
    says(NAME, f"{(np.round(lines.X, 3) == np.float32(0.01)).sum()} are 0.01")
