"""How much does each leak flatter? Correct against leaky scores, labels true or dealt.

    python experiments/leaks.py

Chapter 8 plots the tables that this writes and recomputes slices of them: `leaks` has
one row for each leak and labelling (0 is the true one), `leaks_true_labels` the scores
with true labels and their intervals, `leaks_tuning` those of the best of many settings.
The comparisons are listed below and were fixed, with δ, before the first run: a leak
that sees labels, or near-copies of test rows, was expected to flatter by more than δ
under permuted labels, one that sees no label to stay within ±δ.
Takes about three minutes on one core; a run that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers.evaluation import Interval
from genex_helpers.leak_cases import (
    CASES,
    CENTRING,
    TRIALS,
    TUNING,
    ZeroSum,
    tuning,
    volunteers,
    zero_sum,
)
from genex_helpers.leaks import PENALTY, Outcome, compare_scores, outcome_interval
from genex_helpers.resampling import bootstrap_groups

NAME = "leaks"
N_LABELLINGS = 100
N_TUNED = 30
N_TRIALS_SHOWN = 100  # the row of the tuning leak in the summary
DELTA = 0.05
EXPECTED = {name: "superiority" for name in [*CASES, TUNING, CENTRING]} | {
    "scaling on everyone": "equivalence",
    "components on everyone": "equivalence",
}
MODULES = ("baselines", "datasets", "evaluation", "influenza", "leak_cases", "leaks",
           "preprocessing", "resampling", "sequences", "splits", "times")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = [f"data/{name}.h5ad" for name in ("influenza_challenge", "bladder_batches",
        "lymphoblastoid_counts", "yeast_cell_cycle")]  # fmt: skip
DATA.append("data/interferon_genes.csv")
HOW: dict[str, Any] = {
    "labellings": N_LABELLINGS,
    "tuned_labellings": N_TUNED,
    "trials": list(TRIALS),
    "trials_shown": N_TRIALS_SHOWN,
    "penalty": PENALTY,
    "delta": DELTA,
    "comparisons": EXPECTED,
}
KEY = hashlib.sha256(json.dumps([HOW, sources_now(CODE, DATA)]).encode()).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def part(name: str, make: Any) -> pd.DataFrame:
    """Return a stored part, or make and store it."""
    file = PARTS / f"{name.replace(' ', '-')}.csv"
    if not file.exists():
        write_whole(file, pd.DataFrame(make()).to_csv(index=False))
    return pd.read_csv(file)


def score_case(name: str) -> list[dict[str, Any]]:
    """Return correct and leaky scores of one leak for every labelling."""
    case, rows = CASES[name](), []
    for number in tqdm(range(N_LABELLINGS + 1), desc=name):
        labels = case.labelling(number)
        correct, leaky = case.correct(labels), case.leaky(labels)
        row = {"leak": name, "labelling": number, "correct": correct.auroc,
               "leaky": leaky.auroc}  # fmt: skip
        if number == 0:
            found = [outcome_interval(correct), outcome_interval(leaky),
                     outcome_interval(leaky, correct)]  # fmt: skip
            row |= ends(found)
        rows.append(row)
    return rows


def score_centring() -> list[dict[str, Any]]:
    """Return the same for the centring of yeast, where the score is a skill."""
    rows = []
    for number in range(N_LABELLINGS + 1):
        correct, leaky = zero_sum(number, True), zero_sum(number, False)
        row = {"leak": CENTRING, "labelling": number, "correct": correct.skill,
               "leaky": leaky.skill}  # fmt: skip
        if number == 0:
            row |= ends([over_clusters(correct), over_clusters(leaky),
                         over_clusters(leaky, correct)])  # fmt: skip
        rows.append(row)
    return rows


def over_clusters(first: ZeroSum, second: ZeroSum | None = None) -> Interval:
    """Return a skill, or the difference of two, over clusters of genes."""
    other = first.reference if second is None else second.error
    return bootstrap_groups(other - first.error, first.reference)


def score_tuning() -> list[dict[str, Any]]:
    """Return the best and the nested score for every labelling and number of trials."""
    _, y = volunteers()
    rows = []
    for number in tqdm(range(N_TUNED + 1), desc=TUNING):
        labels = y
        if number > 0:
            labels = np.random.default_rng([number, len(y)]).permutation(y)
        for n_trials, pair in zip(TRIALS, tuning(labels), strict=True):
            leaky, correct = (as_outcome(wins, labels) for wins in pair)
            row = {"leak": TUNING, "labelling": number, "n_trials": n_trials,
                   "correct": correct.auroc, "leaky": leaky.auroc}  # fmt: skip
            if number == 0:
                row |= ends([outcome_interval(correct), outcome_interval(leaky),
                             outcome_interval(leaky, correct)])  # fmt: skip
            rows.append(row)
    return rows


def as_outcome(wins: Any, labels: Any) -> Outcome:
    """Return wins of pairs as a matrix in which all pairs count."""
    shape = compare_scores(np.zeros(len(labels)), labels)
    return Outcome(wins.reshape(shape.wins.shape), shape.counted)


def ends(found: list[Interval]) -> dict[str, float]:
    """Return the ends of three intervals as columns."""
    names = ("correct", "leaky", "difference")
    return {
        f"{name}_{end}": getattr(interval, end)
        for name, interval in zip(names, found, strict=True)
        for end in ("low", "high")
    }


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    parts = [part(name, lambda name=name: score_case(name)) for name in CASES]
    parts.append(part(CENTRING, score_centring))
    tuned = part(TUNING, score_tuning)
    parts.append(tuned[tuned["n_trials"] == N_TRIALS_SHOWN].drop(columns="n_trials"))
    table = pd.concat(parts, ignore_index=True)
    columns = ["leak", "labelling", "correct", "leaky"]
    true = table[table["labelling"] == 0].drop(columns="labelling")
    command = f"python experiments/{NAME}.py"
    tuned_columns = ["labelling", "n_trials", "correct", "leaky"]
    for name, result in (
        (NAME, table[columns]),
        (f"{NAME}_true_labels", true),
        (f"{NAME}_tuning", tuned[tuned_columns]),
    ):
        save(name, result, command=command, settings=HOW, code=CODE, data=DATA)
        print(f"{name}: {len(result)} rows")


if __name__ == "__main__":
    main()
