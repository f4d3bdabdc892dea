"""Simulated sets with known group differences and known batches, at any balance.

Values are on a logarithmic scale, in units of a gene's spread between people. Each
person is a mixture of a few programmes that many genes share, and noise of each gene's
own; a batch shifts each gene and stretches what varies. That is the model of ComBat
but for the programmes, so ComBat meets friendly conditions here: what fails on these
sets has no excuse, and what succeeds need not succeed on real arrays.

The settings, the arms, the smallest differences that matter and the comparisons stand
here, fixed before the run of ``experiments/combat_and_prediction.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .batches import group_difference
from .combat import ComBat

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

PER_BATCH = 20  # people in each of two batches
N_NEW = 200  # people of the same two batches, groups in balance, for a fair test
N_GENES = 400
SHARE_WITH_EFFECT = 0.1
EFFECT = 0.5  # standard deviations between people
N_PROGRAMMES = 5
SHIFT_SPREAD = 0.7
SCALE_SPREAD = 0.2
PENALTY = 0.01  # C of the logistic regression; not tuned
N_SPLITS = 5
MIXES = (10, 12, 14, 16, 18)  # of 20 in batch 0, in group 1; in batch 1 the others
SETS = range(30)
DELTA = 0.05  # of an AUROC, or of a share of genes
SLOPE_DELTA = 0.25  # of a true difference


@dataclass(frozen=True)
class BatchSet:
    """A study of two groups in two batches, and new people of the same batches.

    Attributes
    ----------
    values, new_values
        ``(sample, gene)``.
    group, new_group, batch, new_batch
        ``(sample,)`` 0 or 1.
    effect
        ``(gene,)`` true difference, group 1 minus group 0.
    """

    values: Floats
    group: Labels
    batch: Labels
    new_values: Floats
    new_group: Labels
    new_batch: Labels
    effect: Floats


def draw_batch_set(mix: int, seed: int, effect: float = EFFECT) -> BatchSet:
    """Draw a study in which ``mix`` of the 20 people in batch 0 are in group 1.

    Sets of one seed share people, shifts and effects; only who is in which group
    differs, so that mixes can be compared within a set.

    Raises
    ------
    ValueError
        If ``mix`` is not between 1 and 19: otherwise group and batch are the same.
    """
    if not 0 < mix < PER_BATCH:
        raise ValueError(
            f"mix must be between 1 and {PER_BATCH - 1}, got {mix}: batch and group "
            "would be the same, and nothing could be learned"
        )
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], N_GENES)
    true = effect * signs * (np.arange(N_GENES) < SHARE_WITH_EFFECT * N_GENES)
    loadings = rng.normal(size=(N_PROGRAMMES, N_GENES)) / np.sqrt(2 * N_PROGRAMMES)
    shift = SHIFT_SPREAD * rng.normal(size=(2, N_GENES))
    scale = np.exp(SCALE_SPREAD * rng.normal(size=(2, N_GENES)))

    def measured(group: Labels, batch: Labels) -> Floats:
        programmes = rng.normal(size=(len(group), N_PROGRAMMES)) @ loadings
        own = rng.normal(size=(len(group), N_GENES)) / np.sqrt(2)
        found: Floats = group[:, None] * true + shift[batch]
        found += scale[batch] * (programmes + own)
        return found

    batch = np.repeat([0, 1], PER_BATCH)
    place = np.tile(np.arange(PER_BATCH), 2)
    group = np.where(batch == 0, place < mix, place >= mix).astype(np.int64)
    new_batch, new_group = np.repeat([0, 1], N_NEW // 2), np.arange(N_NEW) % 2
    return BatchSet(
        measured(group, batch),
        group,
        batch,
        measured(new_group, new_batch),
        new_group,
        new_batch,
        true,
    )


@dataclass(frozen=True)
class Comparison:
    """A question that is fixed before the run, with our guess at the verdict.

    ``quantity`` names what is asked, of ``arm``; ``other`` is what it is compared with,
    an arm or a number.
    """

    statement: str
    quantity: str
    arm: str
    other: str | float
    mix: int
    effect: bool
    guess: str
    kind: str = "superiority"
    delta: float = DELTA


ESTIMATES = ("as measured", "ComBat", "ComBat with label", "batch in the model")
"""How a group difference is estimated; the last corrects no values."""


def estimate_rows(data: BatchSet) -> list[dict[str, Any]]:
    """Return, for each of ``ESTIMATES``, how well it finds the true differences.

    ``error`` is the root mean squared error over genes, ``slope`` how much of a true
    difference is found on average (1 is all), ``false`` the share of genes without a
    difference at p < 0.05, ``ranking`` the AUROC of |t| for genes with one (missing if
    there are none).
    """
    rows = []
    for name in ESTIMATES:
        covariates = data.group.astype(str) if name.endswith("label") else None
        values = data.values
        if name.startswith("ComBat"):
            values = ComBat().fit_transform(
                values, batch=data.batch, covariates=covariates
            )
        beside = data.batch if name == "batch in the model" else None
        found = group_difference(values, data.group, beside)
        real = data.effect != 0
        row = {
            "arm": name,
            "error": float(np.sqrt(np.mean((found.value - data.effect) ** 2))),
            "false": float((found.p[~real] < 0.05).mean()),
        }
        if real.any():
            steepness = abs(found.value / found.error)
            row["slope"] = float(
                found.value[real] @ data.effect[real] / (data.effect[real] ** 2).sum()
            )
            row["ranking"] = float(roc_auc_score(real, steepness))
        rows.append(row)
    return rows


ARMS = (
    "as measured",
    "ComBat inside the fold",
    "ComBat on everything",
    "ComBat on everything, with labels",
    "shift beside the label, inside",
)
"""What is done before a classifier is trained. The last one estimates each batch's
shift together with the labels of the training samples, and needs no label of a tested
one: the model with batch and group, used for prediction."""

UNSHRUNK = "ComBat inside the fold, shifts not shrunk"
"""No arm of the comparisons: shows what the shrinking of shifts leaves behind."""


def cross_validated(data: BatchSet, arm: str, seed: int) -> float:
    """Return the AUROC within the study, the mean over folds of held-out people."""
    values, everywhere = data.values, data.values
    if arm.startswith("ComBat on everything"):
        labels = data.group.astype(str) if arm.endswith("labels") else None
        everywhere = ComBat().fit_transform(values, batch=data.batch, covariates=labels)
    fold = _folds(data, seed)
    scores = []
    for number in range(N_SPLITS):
        train, test = fold != number, fold == number
        if "inside" in arm:
            x_train, x_test = _inside(
                arm, values[train], data.batch[train], data.group[train],
                values[test], data.batch[test],
            )  # fmt: skip
        else:
            x_train, x_test = everywhere[train], everywhere[test]
        scores.append(_auroc(x_train, data.group[train], x_test, data.group[test]))
    return float(np.mean(scores))


def on_new_people(data: BatchSet, arm: str) -> float:
    """Return the AUROC on new people of the same batches, groups in balance.

    New people have no labels and were not there when the correction was learned, so
    only what works inside a fold can be used on them.
    """
    x_train, x_test = data.values, data.new_values
    if "inside" in arm:
        x_train, x_test = _inside(
            arm, x_train, data.batch, data.group, x_test, data.new_batch
        )
    elif arm != "as measured":
        raise ValueError(f"arm {arm!r} cannot be used on new people")
    return _auroc(x_train, data.group, x_test, data.new_group)


def _folds(data: BatchSet, seed: int) -> Labels:
    """Return the fold of each sample; batch and group are spread over all of them."""
    chance = np.random.default_rng(seed).random(len(data.group))
    fold = np.empty(len(data.group), dtype=np.int64)
    fold[np.lexsort((chance, data.group, data.batch))] = np.arange(len(fold)) % N_SPLITS
    return fold


def _inside(
    arm: str,
    x_train: Floats,
    batch: Labels,
    group: Labels,
    x_test: Floats,
    test_batch: Labels,
) -> tuple[Floats, Floats]:
    """Learn a correction from training samples alone, and apply it to both."""
    if arm == "shift beside the label, inside":
        shift = _shifts(x_train, batch, group)
        return x_train - shift[batch], x_test - shift[test_batch]
    combat = ComBat().fit(x_train, batch=batch)
    if arm == UNSHRUNK:
        combat.shift_ = combat.shift_raw_
    return (
        combat.transform(x_train, batch=batch),
        combat.transform(x_test, batch=test_batch),
    )


def _shifts(x: Floats, batch: Labels, group: Labels) -> Floats:
    """Return the shift of two batches beside a group, ``(batch, gene)``, not shrunk.

    ``ComBat(mean_only=True)`` will not do: as sva it shrinks each shift as if the batch
    had one sample, and takes out only a quarter of the shifts of these sets.
    """
    design = np.column_stack([batch == 0, batch == 1, group]).astype(float)
    shift = np.linalg.lstsq(design, x, rcond=None)[0][:2]
    centred: Floats = shift - shift.mean(axis=0)
    return centred


def _auroc(x_train: Floats, y_train: Labels, x_test: Floats, y_test: Labels) -> float:
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000)
    )
    scores = model.fit(x_train, y_train).decision_function(x_test)
    return float(roc_auc_score(y_test, scores))


def comparisons() -> list[Comparison]:
    """Return all questions that chapter 7 asks of these sets, in order.

    A pilot on six other sets (numbers from 1000), at these settings, stands behind the
    guesses.
    """
    plain, combat, everything, labels, beside = ARMS
    found = [
        Comparison(
            "ComBat inside the fold improves the prediction of new people",
            "new people",
            combat,
            plain,
            mix,
            True,
            guess,
        )
        for mix, guess in ((10, "refuted"), (14, "supported"), (18, "supported"))
    ]
    found.append(
        Comparison(
            "Shifts estimated beside the label improve the prediction of new people",
            "new people",
            beside,
            plain,
            18,
            True,
            "refuted",
        )
    )
    for arm, honest, guess in (
        (plain, plain, "supported"),
        (combat, combat, "undecided"),
        (everything, combat, "refuted"),
        (labels, combat, "supported"),
    ):
        found += [
            Comparison(
                f"Cross-validation within the study promises too much: {arm}",
                "within the study minus new people",
                arm,
                honest,
                mix,
                True,
                guess,
            )
            for mix in (14, 18)
        ]
    for arm, guess in (
        (plain, "supported"),
        (combat, "refuted"),
        (everything, "refuted"),
        (labels, "supported"),
    ):
        found += [
            Comparison(
                f'Labels that mean nothing are "predicted" within the study: {arm}',
                "within the study",
                arm,
                0.5,
                mix,
                False,
                guess,
            )
            for mix in (14, 18)
        ]
    found += [
        Comparison(
            "Too many genes without a difference are called: ComBat with label",
            "false", "ComBat with label", 0.05, 18, True, "supported",
        ),
        Comparison(
            "As many genes without a difference are called as promised: "
            "batch in the model",
            "false", "batch in the model", 0.05, 18, True, "supported", "equivalence",
        ),
        Comparison(
            "ComBat without the label keeps the size of a true difference",
            "slope", "ComBat", 1.0, 18, True, "refuted", "equivalence", SLOPE_DELTA,
        ),
    ]  # fmt: skip
    return found


def differences(table: Any, question: Comparison) -> Floats:
    """Return one number a simulated set, ``(set,)``, for one question.

    ``table`` is that of the experiment: set, mix, effect, arm, quantity and value.
    """
    rows = table[(table["mix"] == question.mix) & (table["effect"] == question.effect)]
    values = rows.set_index(["quantity", "arm", "set"])["value"].sort_index()
    if question.quantity == "within the study minus new people":
        one = values["within the study", question.arm]
        return np.asarray(one - values["new people", question.other])
    one = values[question.quantity, question.arm]
    if isinstance(question.other, str):
        return np.asarray(one - values[question.quantity, question.other])
    return np.asarray(one - question.other)
