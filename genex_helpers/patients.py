"""Adrenocortical patients in several ways: the case of chapter 16b.

Risks of death, and late stage, predicted from RNA, microRNA, copy number and protein
with repeated cross-validation over patients. All that is fitted (scaling, principal
components, the strength of the penalty, the choice of the best single table) is fitted
on training patients. Comparisons and smallest differences were fixed before the run;
nothing was tuned on other patients, for there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from .datasets import load_multiomics
from .survival import CoxRidge, crowds

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

TABLES = ("rna", "mirna", "copy_number")
ALL_TABLES = (*TABLES, "protein")
N_COMPONENTS, N_FOLDS, N_INNER, N_REPEATS = 10, 5, 4, 10
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
LATE_STAGES = ("III", "IV")
SINGLE = "best single, chosen"
EARLY, LATE, GATED, WITH_PROTEIN = "early", "late", "gated", "gated, with protein"
CLINICAL, BOTH = "stage and age", "stage, age and all tables"
DELTA = 0.03  # of a concordance or an AUROC
OUTCOMES = ("survival", "late stage")
COMPARISONS = (
    ("survival", EARLY, SINGLE, "superiority"),
    ("survival", LATE, SINGLE, "superiority"),
    ("survival", GATED, EARLY, "superiority"),
    ("survival", BOTH, CLINICAL, "superiority"),
    ("late stage", EARLY, SINGLE, "superiority"),
    ("late stage", LATE, SINGLE, "superiority"),
)
DELTA_CIS, DELTA_PROTEIN = 0.05, 0.1  # of a correlation
SETTINGS: dict[str, Any] = {
    "tables": list(ALL_TABLES),
    "components": N_COMPONENTS,
    "folds": [N_FOLDS, N_INNER, N_REPEATS],
    "penalties": list(PENALTIES),
    "delta": [DELTA, DELTA_CIS, DELTA_PROTEIN],
    "claims": [
        *(" / ".join(c) for c in COMPARISONS),
        "copy number of a gene goes with its RNA more than that of its arm does",
        "copy number of a gene goes with its RNA more than that of other arms does",
        "a protein goes with the RNA of its gene more than with other genes' RNA",
    ],
}


@dataclass(frozen=True, eq=False)
class Patients:
    """Those who have RNA, microRNA and copy number, and whose outcome is known.

    Attributes
    ----------
    tables
        Table to values ``(patient, feature)``, logs where they are counts; protein has
        NaN for patients without.
    days, dead
        ``(patient,)`` last known day, and whether it was that of death.
    late
        ``(patient,)`` True for stage III or IV.
    clinical
        ``(patient, 2)`` stage from 1 to 4, and age.
    names
        Of the patients.
    """

    tables: dict[str, Floats]
    days: Floats
    dead: NDArray[np.bool_]
    late: NDArray[np.bool_]
    clinical: Floats
    names: list[str]


def load_patients() -> Patients:
    """Return the patients with three tables and a known stage."""
    data = load_multiomics("adrenocortical")
    obs = data.obs
    has = np.all([obs.index.isin(data[t].obs_names) for t in TABLES], axis=0)
    kept = obs.loc[has & obs["stage"].notna().to_numpy()]
    tables = {}
    for name in ALL_TABLES:
        values = data[name].to_df().reindex(kept.index).to_numpy(dtype=float)
        if name == "rna":
            values = np.log2(values + 1)
        elif name == "mirna":  # reads: per million of the patient's total
            values = np.log2(values / values.sum(axis=1, keepdims=True) * 1e6 + 1)
        tables[name] = values
    stage = kept["stage"].astype(str).map({"I": 1, "II": 2, "III": 3, "IV": 4})
    clinical = np.column_stack([stage.to_numpy(float), kept["age"].to_numpy(float)])
    return Patients(
        tables,
        kept["days"].to_numpy(dtype=float),
        (kept["vital_status"] == "dead").to_numpy(),
        kept["stage"].astype(str).isin(LATE_STAGES).to_numpy(),
        clinical,
        [str(name) for name in kept.index],
    )


def components(values: Floats, train: Rows, n_components: int = N_COMPONENTS) -> Floats:
    """Return ``(patient, component)`` of all, fitted on the training patients.

    Features are standardised and joined to principal components, each divided by the
    standard deviation of the first; patients with NaN get zeros, the mean.
    """
    known = train[~np.isnan(values[train]).any(axis=1)]
    middle, spread = values[known].mean(axis=0), values[known].std(axis=0)
    scaled = (values - middle) / np.where(spread > 0, spread, 1.0)
    absent = np.isnan(scaled).any(axis=1)
    scaled = np.where(absent[:, None], 0.0, scaled)
    n = min(n_components, len(known) - 1, values.shape[1])
    pca = PCA(n, svd_solver="full").fit(scaled[known])
    found: Floats = pca.transform(scaled) / np.sqrt(pca.explained_variance_[0])
    return np.where(absent[:, None], 0.0, found)


def inputs_of(
    patients: Patients, names: Sequence[str], train: Rows, clinical: bool = False
) -> Floats:
    """Return the components of some tables side by side, ``(patient, number)``.

    With ``clinical``, stage and age come first, standardised.
    """
    parts = [components(patients.tables[name], train) for name in names]
    if clinical:
        own = patients.clinical
        spread = own[train].std(axis=0)
        parts.insert(0, (own - own[train].mean(axis=0)) / spread)
    return np.concatenate(parts, axis=1)


def folds(patients: Patients, n: int, seed: int, rows: Rows | None = None) -> list[Any]:
    """Return ``(train, test)`` rows; deaths are spread evenly over the folds."""
    own = np.arange(len(patients.days)) if rows is None else rows
    splitter = StratifiedKFold(n, shuffle=True, random_state=seed)
    label = 2 * patients.dead[own] + patients.late[own]
    return [(own[a], own[b]) for a, b in splitter.split(own, label)]


def fitted(
    patients: Patients, outcome: str, x: Floats, train: Rows, penalty: float
) -> Floats:
    """Return risks ``(patient,)`` of all: log hazards, or log odds of a late stage.

    Raises
    ------
    ValueError
        If there is no such outcome.
    """
    if outcome == "survival":
        model = CoxRidge(penalty)
        model.fit(x[train], patients.days[train], patients.dead[train])
        return model.predict(x)
    if outcome != "late stage":
        raise ValueError(f"outcome must be one of {OUTCOMES}, got {outcome!r}")
    # C weighs the sum of losses: this is the same penalty on their mean
    logistic = LogisticRegression(C=1 / (penalty * len(train)), max_iter=2000)
    logistic.fit(x[train], patients.late[train])
    odds: Floats = logistic.decision_function(x)
    return odds


def held_out_loss(patients: Patients, outcome: str, risk: Floats, rows: Rows) -> float:
    """Return the loss of risks on some patients, in nats a death or a patient."""
    if outcome == "survival":
        w = crowds(patients.days[rows], patients.dead[rows])
        crowd = np.log((w * np.exp(risk[rows])).sum(axis=1)).mean()
        return float(crowd - risk[rows][patients.dead[rows]].mean())
    sign = np.where(patients.late[rows], -1.0, 1.0)
    return float(np.logaddexp(0, sign * risk[rows]).mean())


def tuned(
    patients: Patients,
    outcome: str,
    names: Sequence[str],
    train: Rows,
    seed: int,
    clinical: bool = False,
) -> tuple[Floats, float]:
    """Return risks of all and the lowest inner loss; the penalty is chosen inside."""
    losses = np.zeros(len(PENALTIES))
    for a, b in folds(patients, N_INNER, seed, train):
        x = inputs_of(patients, names, a, clinical)
        for i, penalty in enumerate(PENALTIES):
            risk = fitted(patients, outcome, x, a, penalty)
            losses[i] += held_out_loss(patients, outcome, risk, b) / N_INNER
    best = PENALTIES[int(losses.argmin())]
    x = inputs_of(patients, names, train, clinical)
    return fitted(patients, outcome, x, train, best), float(losses.min())


def linear_risks(
    patients: Patients, outcome: str, train: Rows, seed: int
) -> dict[str, Floats]:
    """Return the risks ``(patient,)`` of every linear method, fitted on ``train``."""
    found, singles = {}, {}
    for name in TABLES:
        found[name], loss = tuned(patients, outcome, [name], train, seed)
        singles[name] = loss
    found[SINGLE] = found[min(singles, key=singles.__getitem__)]
    found[LATE] = np.mean([found[name] for name in TABLES], axis=0)
    found[EARLY], _ = tuned(patients, outcome, TABLES, train, seed)
    if outcome == "survival":  # the stage is what the other outcome asks for
        found[CLINICAL], _ = tuned(patients, outcome, [], train, seed, clinical=True)
        found[BOTH], _ = tuned(patients, outcome, TABLES, train, seed, clinical=True)
    return found


def rank_within(risk: Floats, rows: Rows) -> Floats:
    """Return ranks from 0 to 1 among some patients: risks of one fold's model.

    Log hazards of two models have no common zero, so risks of different folds are
    compared by their ranks.
    """
    own = pd.Series(risk[rows]).rank().to_numpy(dtype=float)
    ranks: Floats = (own - 0.5) / len(rows)
    return ranks
