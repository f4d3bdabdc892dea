"""Many small recurrent nets, trained at once: one for each fold and seed.

A net of 8 inputs and 8 hidden units keeps a processor busy with overhead. Stacked along
a first axis, a hundred of them cost little more than one, and each ends with the
weights that :func:`genex_helpers.training.fit` gives it alone, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .models import RecurrentClassifier, resolve_device
from .stacked_training import Alike, Lots, Nets, Steps, Watch, losses_of, together
from .training_data import TrainingData, check_settings, check_together, training_data

ELEMENTWISE = (
    "SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad",
    "Adadelta",
)  # fmt: skip
COLUMNS = (
    "model", "epoch", "train_loss", "validation_loss", "learning_rate", "gradient_norm",
)  # fmt: skip


def fit_many(
    models: Sequence[RecurrentClassifier],
    x_train: Sequence[ArrayLike],
    y_train: Sequence[ArrayLike],
    *,
    loss: Callable[..., Tensor],
    n_epochs: int,
    learning_rate: float | Sequence[float] = 1e-3,
    batch_size: int | None = None,
    weight_decay: float | Sequence[float] = 0.0,
    validation: Sequence[tuple[ArrayLike, ArrayLike]] | None = None,
    optimiser: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    scheduler: Callable[[Any], LRScheduler] | None = None,
    schedule_per: str = "epoch",
    clip_norm: float | None = None,
    patience: int | None = None,
    seeds: int | Sequence[int] = 0,
    device: str = "cpu",
) -> pd.DataFrame:
    """Train each model on its own series, in place, all of them together.

    Model k ends as after ``fit(models[k], x_train[k], y_train[k], ...)`` with
    ``learning_rate[k]``, ``weight_decay[k]``, ``validation[k]`` and ``seeds[k]``, to
    rounding. What is not told here is as in :func:`genex_helpers.training.fit`.

    Parameters
    ----------
    models
        Nets of one cell and size, each with weights of its own.
    x_train, y_train
        For each model ``(batch, time, gene)``, and its targets. The number of series
        may differ from model to model, the times and genes may not.
    loss
        A function of ``torch.nn.functional`` whose mean is that of its values:
        ``binary_cross_entropy_with_logits``, ``cross_entropy``, ``mse_loss``.
    learning_rate, weight_decay, seeds
        One for all, or one for each model.
    batch_size
        Series a step and model, in an order of each model's own; ``None`` means all.
    validation
        For each model ``(x, y)``, as its training series.
    optimiser
        One of ``ELEMENTWISE``, or a ``functools.partial`` of one: those that change a
        weight by its own gradients alone.
    patience
        Each model stops for itself; the longest to wait decides how long it takes.

    Returns
    -------
    pandas.DataFrame
        One row a model and epoch: ``model`` (its place in ``models``), and the columns
        of ``fit``.

    Raises
    ------
    ValueError
        If models, data or settings do not fit together; names the model.
    FloatingPointError
        If a loss is not finite; names the model, the epoch and the batch.

    Notes
    -----
    What is saved is overhead, so the gain shrinks as a net's own work grows. With 20
    GRUs on one core of a CPU it is tenfold where series a batch times hidden units is
    below 200, 1.5- to 2.7-fold at 2,000, and a loss from 8,000 on: train those with
    ``fit``, one after the other. ``benchmarks/many.py`` measures it.
    """
    rates = _one_each(learning_rate, len(models), "learning_rate")
    decays = _one_each(weight_decay, len(models), "weight_decay")
    own_seeds = [int(s) for s in _one_each(seeds, len(models), "seeds")]
    for rate in rates:
        check_settings(n_epochs, batch_size, rate, clip_norm, patience,
                       schedule_per, 1, validation)  # fmt: skip
    place = resolve_device(device)
    data = _checked(models, x_train, y_train, loss, place)
    held_out = _checked_validation(models, validation, data, place)
    _check_optimiser(optimiser)
    # nets whose steps are alike stand together, so that each group is one tensor
    keys = _alike(data, batch_size, rates, decays, scheduler)
    order = sorted(range(len(models)), key=keys.__getitem__)
    nets = Nets([models[k] for k in order])
    alike = groupby(range(len(order)), key=lambda row: keys[order[row]])
    steps = [
        Steps(nets.flat, list(rows), key, optimiser, scheduler, schedule_per)
        for key, rows in alike
    ]
    lots = Lots(
        [len(data[k]) for k in order], batch_size, [own_seeds[k] for k in order]
    )
    x, y = together([data[k] for k in order])
    watch = Watch(nets, loss, [held_out[k] for k in order if held_out], patience, order)
    history = []
    for epoch in range(1, n_epochs + 1):
        losses, norms = [], []
        row = {"learning_rate": np.concatenate([step.rates() for step in steps])}
        for number, (rows, share) in enumerate(lots.draw(place, nets.flat.dtype)):
            some = (x, y) if rows is None else (_take(x, rows), _take(y, rows))
            value = losses_of(loss, nets.outputs(some[0]), some[1], share)  # (net,)
            (slope,) = torch.autograd.grad(value.sum(), nets.flat)
            if clip_norm is not None:
                slope, norm = _clipped(slope, clip_norm)
                norms.append(norm)
            for step in steps:
                step.take(slope, number)
            losses.append(value.detach())
        row["train_loss"] = watch.mean_loss(losses, lots, epoch)
        if norms:
            row["gradient_norm"] = torch.stack(norms).amax(0).double().cpu().numpy()
        row["trained"] = watch.alive.copy()
        if held_out:
            row["validation_loss"] = watch.validate(epoch)
        for step in steps:
            step.end_epoch(row.get("validation_loss", row["train_loss"]))
        history.append(row)
        if not watch.alive.any():
            break
    watch.check_weights(epoch)
    nets.write_back([models[k] for k in order], watch.best)
    return _table(history, order)


def _table(history: list[dict[str, NDArray[Any]]], order: list[int]) -> pd.DataFrame:
    """Return a row for each model and each epoch in which it was trained."""
    found = pd.DataFrame(
        {name: np.concatenate([row[name] for row in history]) for name in history[0]}
        | {
            "model": np.tile(order, len(history)),
            "epoch": np.repeat(np.arange(1, len(history) + 1), len(order)),
        }
    )
    found = found[found["trained"]].sort_values(["model", "epoch"], ignore_index=True)
    return found[[c for c in COLUMNS if c in found]]


def _clipped(slope: Tensor, clip_norm: float) -> tuple[Tensor, Tensor]:
    """Shorten each net's gradient, ``(net, weight)``; return it and the norms before.

    As ``torch.nn.utils.clip_grad_norm_`` does it for one net.
    """
    norm = slope.norm(dim=1)
    return slope * (clip_norm / (norm + 1e-6)).clamp(max=1.0)[:, None], norm


def _take(values: Tensor, rows: Tensor) -> Tensor:
    """Return ``values[k, rows[k]]`` for each net k."""
    nets = torch.arange(len(values), device=values.device)
    return values[nets[:, None], rows]


def _alike(
    data: list[TrainingData],
    batch_size: int | None,
    rates: list[float],
    decays: list[float],
    scheduler: Callable[[Any], LRScheduler] | None,
) -> list[Alike]:
    """Return a key for each net: those with one key can share an optimiser."""
    alone = scheduler is not None and isinstance(
        scheduler(torch.optim.SGD([torch.zeros(1)], lr=1.0)), ReduceLROnPlateau
    )
    sizes = [len(d) for d in data]
    counts = [-(-size // (batch_size or size)) for size in sizes]
    return [
        Alike(count, rate, decay, k if alone else 0)
        for k, (count, rate, decay) in enumerate(
            zip(counts, rates, decays, strict=True)
        )
    ]


def _check_optimiser(optimiser: Callable[..., torch.optim.Optimizer]) -> None:
    """Refuse one that would mix the nets, whose weights stand in one tensor."""
    name = type(optimiser([torch.zeros(1)], lr=1.0, weight_decay=0.0)).__name__
    if name not in ELEMENTWISE:
        raise ValueError(
            f"optimiser must be one of {', '.join(ELEMENTWISE)}, which treat every "
            f"weight alone, got {name}: train with fit"
        )


def _one_each(value: float | Sequence[float], n: int, name: str) -> list[float]:
    values = np.broadcast_to(np.asarray(value), (n,)) if np.ndim(value) == 0 else value
    found = [v.item() if isinstance(v, np.generic) else v for v in list(values)]  # type: ignore[arg-type]
    if len(found) != n:
        raise ValueError(f"{name} must be one number or one for each of {n} models, "
                         f"got {len(found)}")  # fmt: skip
    return found


def _checked(
    models: Sequence[RecurrentClassifier],
    x_train: Sequence[ArrayLike],
    y_train: Sequence[ArrayLike],
    loss: Callable[..., Tensor],
    place: torch.device,
) -> list[TrainingData]:
    """Return each model's data, all of one shape but for the number of series."""
    if not len(models) or len({len(models), len(x_train), len(y_train)}) > 1:
        raise ValueError(
            "models, x_train and y_train must be as many, and at least one, got "
            f"{len(models)}, {len(x_train)} and {len(y_train)}"
        )
    if len({id(model) for model in models}) < len(models):
        raise ValueError("each model must be a net of its own, one comes twice")
    data: list[TrainingData] = []
    for k, (model, x, y) in enumerate(zip(models, x_train, y_train, strict=True)):
        if type(model) is not RecurrentClassifier:
            raise ValueError(
                f"model {k} must be a RecurrentClassifier, got {type(model).__name__}"
            )
        if not all(w.requires_grad for w in model.parameters()):
            raise ValueError(f"model {k} has frozen weights: train it with fit")
        if _kind(model) != _kind(models[0]):
            raise ValueError(
                f"all models must be alike: model 0 is {_kind(models[0])}, "
                f"model {k} is {_kind(model)}"
            )
        model.to(place)
        names = (f"x_train[{k}]", f"y_train[{k}]", "mask")
        found = training_data(x, y, None, names=names, model=model, place=place)
        check_together(model, found, loss, names[:2])
        model.train()
        first = data[0] if data else found
        for name, part, other in (
            (names[0], found.inputs[0], first.inputs[0]),
            (names[1], found.targets, first.targets),
        ):
            _check_alike(name, part, other, "the first")
        data.append(found)
    return data


def _kind(model: RecurrentClassifier) -> str:
    weight = model.recurrent.get_parameter("weight_ih_l0")
    return f"{model.recurrent}, {model.head}, {weight.dtype}"


def _checked_validation(
    models: Sequence[RecurrentClassifier],
    validation: Sequence[tuple[ArrayLike, ArrayLike]] | None,
    data: list[TrainingData],
    place: torch.device,
) -> list[TrainingData]:
    """Return each model's validation series, shaped as its training series."""
    if validation is None:
        return []
    if len(validation) != len(models):
        raise ValueError(
            f"validation must be one (x, y) for each of {len(models)} models, got "
            f"{len(validation)}"
        )
    found = []
    for k, (model, pair) in enumerate(zip(models, validation, strict=True)):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"validation[{k}] must be (x, y)")
        names = (f"validation[{k}][0]", f"validation[{k}][1]", "mask")
        own = training_data(*pair, None, names=names, model=model, place=place)
        for name, part, other in (
            (names[0], own.inputs[0], data[k].inputs[0]),
            (names[1], own.targets, data[k].targets),
        ):
            _check_alike(name, part, other, "the training series")
        found.append(own)
    return found


def _check_alike(name: str, part: Tensor, other: Tensor, what: str) -> None:
    if part.shape[1:] != other.shape[1:] or part.dtype != other.dtype:
        raise ValueError(
            f"{name} must be as {what} but for the number of series, "
            f"{tuple(other.shape)} {other.dtype}, got {tuple(part.shape)} {part.dtype}"
        )
