"""The gated net of chapter 16b, with a Cox head or a logit, and one whole repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from . import patients as case
from .fusion import GatedFusion, Unpacked
from .seeds import seed_everything
from .survival import cox_loss
from .training import fit, predict

LATENT_SIZE, HIDDEN_SIZE, DROPOUT = 4, 8, 0.3
N_EPOCHS, LEARNING_RATE, WEIGHT_DECAY, SEEDS = 60, 0.01, 0.1, (0, 1, 2)


def cox_target_loss(risk: Tensor, target: Tensor) -> Tensor:
    """Return Cox's loss for a target ``(batch, 2)``: days, and 1 for a death."""
    return cox_loss(risk, target[:, 0], target[:, 1])


def logit_target_loss(logit: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy for a target ``(batch, 2)`` whose second column is 1."""
    loss: Tensor = nn.functional.binary_cross_entropy_with_logits(
        logit[:, 0], target[:, 1]
    )
    return loss


def gated_risk(
    patients: case.Patients,
    outcome: str,
    train: NDArray[np.int64],
    names: Sequence[str],
    *,
    seeds: Sequence[int] = SEEDS,
    n_epochs: int = N_EPOCHS,
) -> NDArray[np.float64]:
    """Return the mean risk ``(patient,)`` of gated nets of some seeds.

    The nets read the components of each table; a patient without a protein table has
    none, and modality dropout withholds others. Settings are fixed: with so few deaths
    there is nobody to choose by.
    """
    tables = [case.components(patients.tables[name], train) for name in names]
    present = np.stack(
        [~np.isnan(patients.tables[name]).any(axis=1) for name in names], axis=1
    )
    arrays: tuple[Any, ...] = (
        *(t.astype(np.float32) for t in tables),
        present.astype(np.float32),
    )
    second = patients.dead if outcome == "survival" else patients.late
    target = np.column_stack([patients.days, second]).astype(np.float32)
    loss = cox_target_loss if outcome == "survival" else logit_target_loss
    found = []
    for seed in seeds:
        seed_everything(seed)
        encoders = {
            name: nn.Sequential(nn.Linear(t.shape[1], LATENT_SIZE), nn.Tanh())
            for name, t in zip(names, tables, strict=True)
        }
        net = Unpacked(
            GatedFusion(
                encoders,
                LATENT_SIZE,
                hidden_size=HIDDEN_SIZE,
                modality_dropout=DROPOUT,
            )
        )
        fit(
            net,
            tuple(a[train] for a in arrays),
            target[train],
            loss=loss,
            n_epochs=n_epochs,
            learning_rate=LEARNING_RATE,
            weight_decay=WEIGHT_DECAY,
            optimiser=torch.optim.AdamW,
        )
        found.append(predict(net, arrays)[:, 0])
    mean: NDArray[np.float64] = np.mean(found, axis=0).astype(float)
    return mean


def run_repeat(patients: case.Patients, outcome: str, repeat: int) -> pd.DataFrame:
    """Return held-out ranks of all methods: columns patient, method, risk.

    One repeat is one division of the patients into folds.
    """
    parts = []
    for train, test in case.folds(patients, case.N_FOLDS, repeat):
        risks = case.linear_risks(patients, outcome, train, repeat)
        risks[case.GATED] = gated_risk(patients, outcome, train, case.TABLES)
        risks[case.WITH_PROTEIN] = gated_risk(patients, outcome, train, case.ALL_TABLES)
        for method, risk in risks.items():
            ranks = case.rank_within(risk, test)
            parts.append(
                pd.DataFrame({"patient": test, "method": method, "risk": ranks})
            )
    return pd.concat(parts).assign(outcome=outcome, repeat=repeat)
