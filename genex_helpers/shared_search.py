"""One search by several processes that meet in a journal file.

Chapter 10b shows it. No server is needed, only a disk that all workers see.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

Objective = Callable[[Any], float]


def search_together(
    objective: Objective, file: str | Path, *, n_trials: int, n_workers: int = 2
) -> Any:
    """Minimise ``objective`` with several processes; return the Optuna study.

    Each worker looks at the count when its trial ends, so there may be up to
    ``n_workers - 1`` trials more than ``n_trials``. If the file holds a search already,
    it goes on.

    Parameters
    ----------
    objective
        A function of an Optuna trial, importable by other processes: from a module, not
        from a notebook.
    file
        The journal; see ``optuna.storages.journal.JournalFileBackend``.

    Raises
    ------
    ValueError
        If a number is below 1.
    """
    import optuna

    for name, number in (("n_trials", n_trials), ("n_workers", n_workers)):
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    study = optuna.create_study(
        study_name="shared", storage=_journal(file), load_if_exists=True
    )
    # fresh processes: a forked one would share this one's open file and threads
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        work = [
            pool.submit(_work, objective, str(file), n_trials) for _ in range(n_workers)
        ]
        for task in work:
            task.result()
    return study


def distance_from_a_third(trial: Any) -> float:
    """Return a loss whose best setting is known, to try a search on."""
    x: float = trial.suggest_float("x", 0, 1)
    return (x - 1 / 3) ** 2


def _work(objective: Objective, file: str, n_trials: int) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(study_name="shared", storage=_journal(file))
    stop = optuna.study.MaxTrialsCallback(n_trials, states=None)
    study.optimize(objective, callbacks=[stop])


def _journal(file: str | Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(file)))
