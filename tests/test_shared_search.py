"""Several processes share one search, and no trial is lost or counted twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genex_helpers.shared_search import distance_from_a_third, search_together


def test_two_workers_share_a_journal(tmp_path: Path) -> None:
    file = tmp_path / "journal.log"
    study = search_together(distance_from_a_third, file, n_trials=12, n_workers=2)
    numbers = sorted(trial.number for trial in study.trials)
    assert numbers == list(range(len(numbers))) and 12 <= len(numbers) <= 13
    assert study.best_value == min(trial.value for trial in study.trials)
    longer = search_together(distance_from_a_third, file, n_trials=15, n_workers=1)
    assert len(longer.trials) == 15  # it went on


@pytest.mark.parametrize("how", [{"n_trials": 0}, {"n_trials": 5, "n_workers": 0}])
def test_what_cannot_be(tmp_path: Path, how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be at least 1, got 0"):
        search_together(distance_from_a_third, tmp_path / "j.log", **how)
