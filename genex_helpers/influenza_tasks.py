"""More questions to the same blood series: chapter 14's influenza case.

The main task is that of :mod:`genex_helpers.influenza`: who falls ill? The auxiliary
tasks are the hour of each sample, sex, age, and what the interferon genes of the same
person do after the hours seen. The last is known for training people only, as are all
labels; at test a net reads the hours seen and nothing else. Net, steps and learning
rate are those of chapter 9 whatever the heads; every loss has the weight 1.

The claims, fixed before the run, are about AUROCs at 45 hours, leave-pair-out:

- with each auxiliary task, and with all four, the AUROC is higher than without any;
- with the interferon genes' future it is higher than with that future permuted among
  the training people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import influenza
from .datasets import load
from .evaluation import pair_wins
from .models import RecurrentClassifier
from .seeds import seed_everything
from .splits import LeavePairOut
from .stacked_tasks import StackedTasks, with_heads

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

HOURS_SEEN = (29.0, 45.0)
MAIN = "illness"
AUXILIARY = ("hour", "sex", "age", "interferon later")
KINDS = {
    MAIN: "binary", "hour": "regression", "sex": "binary", "age": "regression",
    "interferon later": "regression",
}  # fmt: skip
# name of an arm: its auxiliary tasks, and whether their labels are permuted
ARMS: dict[str, tuple[tuple[str, ...], bool]] = {
    "alone": ((), False),
    **{name: ((name,), False) for name in AUXILIARY},
    "all four": (AUXILIARY, False),
    "interferon later, permuted": (("interferon later",), True),
    "all four, permuted": (AUXILIARY, True),
}
SEEDS = (0, 1, 2, 3, 4)
DELTA = influenza.DELTA
SETTINGS: dict[str, Any] = {
    "hours_seen": list(HOURS_SEEN),
    "arms": {name: [list(tasks), permuted] for name, (tasks, permuted) in ARMS.items()},
    "kinds": KINDS,
    "seeds": list(SEEDS),
    "training": [influenza.N_EPOCHS, influenza.LEARNING_RATE, influenza.HIDDEN_SIZE],
    "delta": DELTA,
}


class Case(NamedTuple):
    """Features of each fold and labels of all people.

    Attributes
    ----------
    z
        ``(fold, 17, time, component)``, axes fitted on the fold's training people.
    labels
        Name to labels, ``(17, time)``: of every step for the hour, else of the last.
    folds
        ``(train, test)``; ``test`` is (ill, well).
    interferon
        ``(17,)`` the interferon score over the hours seen.
    """

    z: NDArray[np.float32]
    labels: dict[str, Floats]
    folds: list[tuple[Indices, Indices]]
    interferon: Floats


def influenza_case(hours_seen: float, n_folds: int | None = None) -> Case:
    """Return the case at ``hours_seen``; of the first ``n_folds`` pairs, if given."""
    x, y, sequences = influenza.series_and_labels(hours_seen)
    whole, _, _ = influenza.series_and_labels(float(sequences.times[-1]))
    times = sequences.times[sequences.times <= hours_seen]
    people = load("influenza_challenge").obs.astype({"subject": str})
    people = people.groupby("subject")[["sex", "age"]].first().loc[sequences.subjects]
    later = whole[:, sequences.times > hours_seen]
    # interferon_score leaves out the first time, which is everyone's own zero
    padded = np.concatenate([whole[:, :1], later], axis=1)
    genes = np.asarray(sequences.genes)
    last = {
        MAIN: y.astype(float), "sex": (people["sex"] == "female").to_numpy(float),
        "age": people["age"].to_numpy(float),
        "interferon later": influenza.interferon_score(padded, genes),
    }  # fmt: skip
    labels = {"hour": np.tile(times, (len(y), 1))}
    for name, values in last.items():
        labels[name] = np.full((len(y), len(times)), np.nan)
        labels[name][:, -1] = values
    folds = list(LeavePairOut().split(x, y))[:n_folds]
    z = np.stack([influenza.held_out_features(x, train) for train, _ in folds])
    return Case(z, labels, folds, influenza.interferon_score(x, genes))


def fold_labels(
    case: Case, fold: int, tasks: Sequence[str], permuted: bool, seed: int
) -> Floats:
    """Return the training people's labels, ``(batch, time, task)``, the main one first.

    Numbers are standardised by the training people's. ``permuted`` auxiliary labels
    are dealt out anew among them, all of a person's together; the hours, alike for all,
    get another order.
    """
    train, _ = case.folds[fold]
    rng = np.random.default_rng([14, seed, fold])
    given_to = rng.permutation(len(train))
    found = []
    for name in (MAIN, *tasks):
        values = case.labels[name][train]
        if KINDS[name] == "regression":
            spread = np.nanstd(values)
            values = (values - np.nanmean(values)) / (spread if spread > 0 else 1.0)
        if permuted and name == "hour":  # alike for all people: permute the hours
            values = values[:, rng.permutation(values.shape[1])]
        elif permuted and name != MAIN:
            values = values[given_to]
        found.append(values)
    return np.stack(found, axis=-1)


def arm_answers(case: Case, arm: str, seeds: Sequence[int] = SEEDS) -> pd.DataFrame:
    """Train the nets of an arm; return what they say of the two people of each pair.

    Returns
    -------
    pandas.DataFrame
        ``arm``, ``seed``, ``fold``, ``subject``, ``task``, ``label`` and ``answer``
        (of the last step).
    """
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {list(ARMS)}, got {arm!r}")
    tasks, permuted = ARMS[arm]
    names = (MAIN, *tasks)
    jobs = [(fold, seed) for seed in seeds for fold in range(len(case.folds))]
    models = []
    for _, seed in jobs:
        seed_everything(seed)
        one = RecurrentClassifier(case.z.shape[-1], influenza.HIDDEN_SIZE)
        models.append(with_heads(one, len(names)))
    stack = StackedTasks(
        models,
        np.stack([case.z[k][case.folds[k][0]] for k, _ in jobs]),
        np.stack([fold_labels(case, k, tasks, permuted, s) for k, s in jobs]).astype(
            np.float32
        ),
        [KINDS[name] for name in names],
        learning_rate=influenza.LEARNING_RATE,
    )
    for _ in range(influenza.N_EPOCHS):
        stack.step()
    pairs = np.stack([case.z[k][case.folds[k][1]] for k, _ in jobs])
    said = stack.answers(pairs)[:, :, 0]  # (job, 2, task)
    rows = []
    for (k, seed), answers in zip(jobs, said, strict=True):
        for place, subject in enumerate(case.folds[k][1]):
            for j, name in enumerate(names):
                rows.append((arm, seed, k, int(subject), name,
                             float(case.labels[name][subject, -1]),
                             float(answers[place, j])))  # fmt: skip
    columns = ["arm", "seed", "fold", "subject", "task", "label", "answer"]
    return pd.DataFrame(rows, columns=columns)


def baseline_answers(case: Case) -> pd.DataFrame:
    """Return the same table for the interferon score and logistic regression."""
    y = case.labels[MAIN][:, -1].astype(np.int64)
    rows = []
    for k, (train, pair) in enumerate(case.folds):
        fitted = influenza.logistic_scores("logistic, all times", case.z[k], y, train,
                                           pair)  # fmt: skip
        for name, said in (("interferon score", case.interferon[pair]),
                           ("logistic, all times", fitted)):  # fmt: skip
            rows += [(name, 0, k, int(s), MAIN, float(y[s]), float(a))
                     for s, a in zip(pair, said, strict=True)]  # fmt: skip
    columns = ["arm", "seed", "fold", "subject", "task", "label", "answer"]
    return pd.DataFrame(rows, columns=columns)


def pair_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Return ``arm``, ``ill``, ``well`` and ``win``, averaged over seeds."""
    main = answers[answers["task"] == MAIN]
    keys = ["arm", "seed", "fold"]
    ill = main[main["label"] == 1].set_index(keys)
    well = main[main["label"] == 0].set_index(keys).loc[ill.index]
    won = pd.DataFrame(
        {"ill": ill["subject"], "well": well["subject"],
         "win": pair_wins(ill["answer"], well["answer"])}
    )  # fmt: skip
    return won.groupby(["arm", "ill", "well"])["win"].mean().reset_index()


def auxiliary_table(answers: pd.DataFrame) -> pd.DataFrame:
    """Return ``arm``, ``task``, ``subject``, ``label`` and the mean held-out answer."""
    other = answers[answers["task"] != MAIN]
    keys = ["arm", "task", "subject", "label"]
    return other.groupby(keys)["answer"].mean().reset_index()
