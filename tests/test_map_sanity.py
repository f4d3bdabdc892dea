"""Randomised nets against trained ones, on a small set."""

from __future__ import annotations

import pytest

from genex_helpers import driver_waves as waves
from genex_helpers import map_sanity as ms


def test_one_small_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waves, "SIZES", (20, 30, 40))
    monkeypatch.setattr(waves, "N_VALIDATION", 20)
    monkeypatch.setattr(waves, "N_TEST", 10)
    monkeypatch.setattr(waves, "N_EXPLAINED", 3)
    monkeypatch.setattr(waves, "N_EPOCHS", 2)
    monkeypatch.setattr(ms, "METHODS", ("saliency", "occlusion"))
    table = ms.compared_set(5)
    assert len(table) == 8
    assert set(table["against"]) == {"another seed", *ms.LAYERS, "labels"}
    assert table[["sizes", "signed"]].abs().max().max() <= 1
    assert table["cell"].between(0, 1).all()


def test_methods_and_judged_are_known() -> None:
    assert set(ms.METHODS) <= set(waves.methods(waves.wave_set(0)))
    assert set(ms.JUDGED) <= {*ms.LAYERS, "labels"}
