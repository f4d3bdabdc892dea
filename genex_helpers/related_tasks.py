"""Two tasks on the same series, more or less related: chapter 14's simulated case.

Series are white noise. A task is a leaky sum of the genes over time, weighed by a unit
vector, plus noise; the cosine of two such vectors says how related two tasks are. The
main task has few labels, the auxiliary task has one for every series. A GRU with one
head for the main task is compared with the same GRU, begun with the same weights, with
a second head: the same number of steps, both stopped at an epoch that the same
validation labels choose. Two weights for the main task's loss: 1, so that the tasks
count alike, and labels over series, so that the labels do.

The difficulty, the learning rates and the two weights were chosen after a look at sets
100 to 107; the claims are about sets from 0 on, were fixed before the run, and speak of
8 hidden units unless they say so. Skill is 1 - squared error / variance on test series.

- same task, 16 labels: two heads have a higher skill than one if labels count alike;
- and if tasks count alike;
- same task, 16 labels, labels count alike: ridge with a ridge prediction of the
  auxiliary task as one more input has a higher skill than two heads;
- opposite tasks, 64 labels, labels count alike: as with the same task (equivalence);
- unrelated tasks, 256 labels, tasks count alike: two heads as one (equivalence);
- unrelated tasks, 16 labels, labels count alike: one head has the higher skill;
- unrelated tasks, 256 labels, tasks count alike, 1 hidden unit: so has it there.

In ``UNIT_CASE``, tasks count alike, auxiliary labels of 24 times their size:

- fixed weights have a lower skill than with labels of variance 1;
- uncertainty weights, and gradient norms, have a higher one there than fixed weights;
- labels of variance 1 under fixed weights have a higher one than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from .models import RecurrentClassifier
from .seeds import seed_everything
from .stacked_tasks import StackedTasks, with_heads

Floats = NDArray[np.float64]

N_GENES, N_STEPS, LEAK = 8, 10, 0.8
NOISE = 0.5  # standard deviation, of a task with variance 1
COSINES = (1.0, 0.9, 0.5, 0.0, -1.0)
N_LABELS = (16, 64, 256)  # of the main task; a quarter as many, 16 at least, validate
N_SERIES, N_TEST = 384, 500  # all series have a label of the auxiliary task
HIDDEN_SIZES = (1, 8)
N_SETS = 16
N_EPOCHS = 300
EPOCHS_KEPT = (10, 20, 40, 60, 80, 120, 160, 200, 250, N_EPOCHS)
LEARNING_RATE = 0.02
PENALTIES = (0.1, 1.0, 10.0, 100.0)  # of ridge

COUNTED = ("tasks", "labels")  # what counts alike in the sum of the losses

UNITS = (1 / 24, 1.0, 24.0)  # what the auxiliary labels are multiplied by
UNIT_CASE: dict[str, Any] = {"cosine": 0.5, "n_labels": 64, "hidden_size": 8}
WEIGHT_RATE = 0.1
VARIANCE = "fixed, by variance"  # the auxiliary loss divided by its labels' variance
WEIGHTED = ("fixed", VARIANCE, "uncertainty", "gradient norm")

DELTA = 0.05  # of a skill
SETTINGS: dict[str, Any] = {
    "series": [N_GENES, N_STEPS, LEAK, NOISE, N_SERIES, N_TEST],
    "cosines": list(COSINES),
    "n_labels": list(N_LABELS),
    "hidden_sizes": list(HIDDEN_SIZES),
    "counted": list(COUNTED),
    "weighted": list(WEIGHTED),
    "n_sets": N_SETS,
    "training": [N_EPOCHS, list(EPOCHS_KEPT), LEARNING_RATE, WEIGHT_RATE],
    "penalties": list(PENALTIES),
    "units": list(UNITS),
    "unit_case": UNIT_CASE,
    "delta": DELTA,
}
CEILING = 1 / (1 + NOISE**2)  # the skill of who knows the weights


def leaky_sum(x: Floats) -> Floats:
    """Return the genes' leaky sums over time, ``(batch, gene)``, of variance 1.

    ``x`` is ``(batch, time, gene)``; a step weighs ``LEAK`` times the next one.
    """
    if x.ndim != 3:
        raise ValueError(f"x must be (batch, time, gene), got shape {x.shape}")
    weight = LEAK ** np.arange(x.shape[1])[::-1]
    weight = weight / np.sqrt((weight**2).sum())
    found: Floats = np.einsum("t,btg->bg", weight, x)
    return found


def related_set(number: int, cosine: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Return series and labels of both tasks, for training and for testing.

    Series and main task depend on ``number`` alone, the auxiliary task on ``cosine``
    too. Labels are ``(batch, task)``, the main task first.
    """
    if not -1 <= cosine <= 1:
        raise ValueError(f"cosine must lie from -1 to 1, got {cosine}")
    rng = np.random.default_rng([14, number])
    x = rng.normal(size=(N_SERIES + N_TEST, N_STEPS, N_GENES))
    directions, _ = np.linalg.qr(rng.normal(size=(N_GENES, 2)))
    noise = NOISE * rng.normal(size=(len(x), 2))
    main, other = directions.T
    auxiliary = cosine * main + np.sqrt(1 - cosine**2) * other
    y = leaky_sum(x) @ np.stack([main, auxiliary], axis=1) + noise
    return x[:N_SERIES], y[:N_SERIES], x[N_SERIES:], y[N_SERIES:]


def labelled(n_labels: int) -> tuple[slice, slice]:
    """Return the series whose main labels train, and those whose labels validate."""
    n_validation = max(16, n_labels // 4)
    return slice(0, n_labels), slice(n_labels, n_labels + n_validation)


def skill(predicted: Floats, y: Floats) -> Floats:
    """Return 1 less the squared error over the labels' variance, along the last axis.

    0 is the skill of a constant, the true mean 0.
    """
    found: Floats = 1 - ((predicted - y) ** 2).mean(-1) / (y**2).mean(-1)
    return found


def net_skills(
    sets: Sequence[int],
    n_labels: int,
    hidden_size: int,
    cosine: float | None,
    *,
    unit: float = 1.0,
    weighting: str = "fixed",
    weights: Sequence[float] | None = None,
    n_epochs: int = N_EPOCHS,
) -> pd.DataFrame:
    """Train one net a set; return its skill at the main task where it was stopped.

    Parameters
    ----------
    cosine
        Of the two tasks; ``None`` means one head, for the main task alone.
    unit
        What the auxiliary labels are multiplied by.

    Returns
    -------
    pandas.DataFrame
        ``unit`` (the set's number), ``skill``, ``epoch`` (where it was stopped) and
        ``conflict`` (the cosine of the two gradients of the encoder, the mean over the
        epochs looked at until then; NaN with one head).
    """
    data = [related_set(number, 1.0 if cosine is None else cosine) for number in sets]
    train, validation = labelled(n_labels)
    n_tasks = 1 if cosine is None else 2
    labels = np.full((len(data), N_SERIES, 1, n_tasks), np.nan)
    for k, (_, y, _, _) in enumerate(data):
        labels[k, train, 0, 0] = y[train, 0]
        if cosine is not None:
            labels[k, :, 0, 1] = unit * y[:, 1]
    x = np.stack([x for x, *_ in data])
    if cosine is None:  # the other series have no label, and would only cost time
        x, labels = x[:, train], labels[:, train]
    models = []
    for number in sets:
        seed_everything(number)  # two heads begin with the weights of one
        one = RecurrentClassifier(N_GENES, hidden_size)
        models.append(with_heads(one, n_tasks))
    stack = StackedTasks(
        models, x.astype(np.float32), labels.astype(np.float32),
        ["regression"] * n_tasks, learning_rate=LEARNING_RATE, weighting=weighting,
        weights=None if weights is None else np.array(weights),
        weight_rate=WEIGHT_RATE,
    )  # fmt: skip
    x_held = np.stack([x[validation] for x, *_ in data]).astype(np.float32)
    y_held = np.stack([y[validation, 0] for _, y, *_ in data])
    x_test = np.stack([d[2] for d in data]).astype(np.float32)
    y_test = np.stack([d[3][:, 0] for d in data])
    rows = []
    for epoch in range(1, n_epochs + 1):
        stack.step()
        if epoch in EPOCHS_KEPT:
            error = ((stack.answers(x_held)[:, :, 0, 0] - y_held) ** 2).mean(1)
            now = skill(stack.answers(x_test)[:, :, 0, 0].astype(float), y_test)
            conflict = np.full(len(data), np.nan) if n_tasks == 1 else stack.cosines()
            look = {"unit": list(sets), "epoch": epoch, "skill": now, "error": error}
            rows.append(pd.DataFrame(look | {"conflict": conflict}))
    return _stopped(pd.concat(rows, ignore_index=True))


def _stopped(looks: pd.DataFrame) -> pd.DataFrame:
    """Return each set's row at the epoch with the lowest validation error."""
    best = looks.loc[looks.groupby("unit")["error"].idxmin()].set_index("unit")
    until = looks.merge(best["epoch"].rename("stop"), left_on="unit", right_index=True)
    until = until[until["epoch"] <= until["stop"]]
    best["conflict"] = until.groupby("unit")["conflict"].mean()
    return best.reset_index()[["unit", "skill", "epoch", "conflict"]]


def loss_weights(counted: str, n_labels: int) -> tuple[float, float]:
    """Return the losses' weights if ``"tasks"`` or ``"labels"`` count alike."""
    if counted not in COUNTED:
        raise ValueError(f"counted must be one of {COUNTED}, got {counted!r}")
    return (1.0 if counted == "tasks" else n_labels / N_SERIES), 1.0


def unit_skills(sets: Sequence[int], weighted: str, unit: float) -> pd.DataFrame:
    """Return the skills in ``UNIT_CASE`` under a weighting of ``WEIGHTED``."""
    if weighted not in WEIGHTED:
        raise ValueError(f"weighted must be one of {WEIGHTED}, got {weighted!r}")
    by_variance = weighted == VARIANCE
    return net_skills(
        sets, **UNIT_CASE, unit=unit, weighting="fixed" if by_variance else weighted,
        weights=(1.0, unit**-2) if by_variance else None,
    )  # fmt: skip


def ridge_skills(
    sets: Sequence[int], n_labels: int, cosine: float | None
) -> pd.DataFrame:
    """Return the skill of ridge on the flattened series, ``unit`` and ``skill``.

    With a ``cosine``, a second ridge is fitted to the auxiliary labels, and what it
    predicts is one more input of the first. Validation labels choose the penalties.
    """
    train, validation = labelled(n_labels)
    rows = []
    for number in sets:
        x, y, x_test, y_test = related_set(number, 1.0 if cosine is None else cosine)
        flat, flat_test = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1)
        if cosine is not None:
            helper = Ridge(10.0).fit(flat, y[:, 1])
            scale = np.sqrt(flat.shape[1])  # so that the penalty hardly holds it back
            extra = [scale * helper.predict(f)[:, None] for f in (flat, flat_test)]
            flat, flat_test = (
                np.hstack([flat, extra[0]]),
                np.hstack([flat_test, extra[1]]),
            )
        fits = [Ridge(a).fit(flat[train], y[train, 0]) for a in PENALTIES]
        errors = [
            ((f.predict(flat[validation]) - y[validation, 0]) ** 2).mean() for f in fits
        ]
        said = fits[int(np.argmin(errors))].predict(flat_test)
        rows.append({"unit": number, "skill": float(skill(said, y_test[:, 0]))})
    return pd.DataFrame(rows)
