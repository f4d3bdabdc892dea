"""The training loop of chapter 9, once, for all chapters."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .checkpoints import check_same_run, fingerprint, load_checkpoint, save_checkpoint
from .models import resolve_device
from .training_data import (
    TrainingData,
    as_tensor,
    check_settings,
    check_together,
    dtype_of,
    likely_cause,
    training_data,
    validation_data,
)

Loss = Callable[..., Tensor]
Inputs = ArrayLike | tuple[ArrayLike, ...]


def fit(
    model: nn.Module,
    x_train: Inputs,
    y_train: ArrayLike,
    *,
    loss: Loss,
    n_epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int | None = None,
    weight_decay: float = 0.0,
    validation: tuple[Any, ...] | None = None,
    seed: int = 0,
    device: str = "cpu",
    mask: ArrayLike | None = None,
    optimiser: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    scheduler: Callable[[Any], LRScheduler] | None = None,
    schedule_per: str = "epoch",
    clip_norm: float | None = None,
    patience: int | None = None,
    mixed_precision: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 10,
    progress: bool = False,
) -> pd.DataFrame:
    """Train ``model`` in place, and return what happened in each epoch.

    Parameters
    ----------
    x_train, y_train
        ``(batch, time, gene)`` and whatever ``loss(model(x), y)`` takes. A tuple of
        arrays is a model's several inputs: ``model(*x_train)``.
    loss
        Function of prediction and target that gives a mean over the batch; with
        ``mask``, of prediction, target and mask (see :mod:`genex_helpers.masking`).
    batch_size
        Series a step; ``None`` means all of them.
    validation
        ``(x, y)``, or ``(x, y, mask)``, whose loss is recorded, never trained on.
    seed
        Seeds the order of the batches only; the weights are the caller's, and dropout
        draws from PyTorch's own generator.
    device
        ``"cpu"``, ``"cuda"``, ... or ``"auto"``. The model stays there.
    mask
        ``True`` where ``y_train`` was observed, in its shape or that of its first axes
        (``(batch, time)`` for padded series).
    optimiser
        Called as ``optimiser(weights, lr=learning_rate, weight_decay=weight_decay)``:
        a class of ``torch.optim``, or a ``functools.partial`` of one.
    scheduler
        Called with the optimiser; returns a scheduler of ``torch.optim.lr_scheduler``.
        ``ReduceLROnPlateau`` watches the validation loss if there is one, else the
        training loss.
    schedule_per
        ``"epoch"`` or ``"batch"``: when the scheduler takes a step.
    clip_norm
        The norm to which a longer gradient (of all weights together) is shortened.
    patience
        Stop after this many epochs in a row without a lower validation loss, and in any
        case return to the weights of the epoch with the lowest.
    mixed_precision
        Compute in float16 where it is safe, and scale the loss, on an NVIDIA GPU only:
        everywhere else it changes nothing. A step whose gradient overflows is skipped.
    checkpoint
        File to write the state of the run to, every ``checkpoint_every`` epochs and at
        the end. If it is there already, the run goes on from it, to the same numbers on
        a CPU as without the break; PyTorch's generator is then set as it was. The
        settings and the data must be the same, but for ``n_epochs`` and ``device``.
    progress
        Show a bar.

    Returns
    -------
    pandas.DataFrame
        One row an epoch: ``epoch``, ``train_loss``, ``validation_loss`` (if asked),
        ``learning_rate`` (of the first group of weights, as the epoch begins) and
        ``gradient_norm`` (if clipped: the largest of the epoch, before clipping).

    Raises
    ------
    ValueError
        If data or settings cannot be right, checked once, before the first step.
    FloatingPointError
        If a loss is not finite; names the epoch, the batch and the likely cause. On a
        GPU losses are read once an epoch, since reading one stops the queue.
    """
    check_settings(n_epochs, batch_size, learning_rate, clip_norm, patience,
                    schedule_per, checkpoint_every, validation)  # fmt: skip
    place = resolve_device(device)
    model.to(place)
    names = ("x_train", "y_train", "mask")
    data = training_data(x_train, y_train, mask, names=names, model=model, place=place)
    check_together(model, data, loss, names[:2])
    held_out = None
    if validation is not None:
        held_out = validation_data(validation, data, model, place)
        check_together(model, held_out, loss, ("validation[0]", "validation[1]"))
    run = _Run(
        model, loss, optimiser(model.parameters(), lr=float(learning_rate),
        weight_decay=float(weight_decay)), scheduler, schedule_per, clip_norm,
        mixed_precision, batch_size or len(data), int(seed),
    )  # fmt: skip
    settings = {} if checkpoint is None else run.settings(data, held_out, patience)
    if checkpoint is not None and Path(checkpoint).exists():
        stored = load_checkpoint(checkpoint)
        check_same_run(checkpoint, stored.get("settings", {}), settings)
        run.restore(stored)
        if len(run.rows) > n_epochs:
            raise ValueError(
                f"n_epochs is {n_epochs}, but the checkpoint {checkpoint} holds "
                f"{len(run.rows)} epochs already"
            )
    epochs = _epochs(len(run.rows) + 1, n_epochs, progress)
    for epoch in epochs:
        if run.has_waited(patience):
            break
        run.one_epoch(data, held_out, epoch, keep_best=patience is not None)
        if progress:
            epochs.set_postfix(run.rows[-1], refresh=False)
        if checkpoint is not None and epoch % checkpoint_every == 0:
            run.check_weights()
            save_checkpoint(checkpoint, run.state(settings))
    run.check_weights()
    if checkpoint is not None:
        save_checkpoint(checkpoint, run.state(settings))
    if run.best_weights is not None:
        model.load_state_dict(run.best_weights)
    return pd.DataFrame(run.rows)


class _Run:
    """A training run: what changes from one epoch to the next."""

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        optimiser: torch.optim.Optimizer,
        scheduler: Callable[[Any], LRScheduler] | None,
        schedule_per: str,
        clip_norm: float | None,
        mixed_precision: bool,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model, self.loss, self.optimiser = model, loss, optimiser
        self.scheduler = None if scheduler is None else scheduler(optimiser)
        if schedule_per == "batch" and isinstance(self.scheduler, ReduceLROnPlateau):
            raise ValueError("ReduceLROnPlateau needs schedule_per='epoch'")
        self.schedule_per, self.clip_norm = schedule_per, clip_norm
        self.batch_size, self.seed = batch_size, seed
        self.place = next(model.parameters()).device
        self.mixed = mixed_precision and self.place.type == "cuda"
        self.scaler = torch.amp.GradScaler(self.place.type, enabled=self.mixed)
        self.order = torch.Generator().manual_seed(seed)
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best_weights: dict[str, Tensor] | None = None

    def settings(
        self, data: TrainingData, held_out: TrainingData | None, patience: int | None
    ) -> dict[str, Any]:
        """Return what must be the same for a run to go on; asked before it begins."""
        plan = deepcopy(self.scheduler.state_dict()) if self.scheduler else None
        parts = [data] if held_out is None else [data, held_out]
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "loss": getattr(self.loss, "__qualname__", type(self.loss).__name__),
            "optimiser": [type(self.optimiser).__name__, self.optimiser.defaults],
            "scheduler": [type(self.scheduler).__name__, self.schedule_per, plan],
            "clip_norm": self.clip_norm,
            "patience": patience,
            "mixed_precision": self.mixed,
            "weights": {n: list(w.shape) for n, w in self.model.named_parameters()},
            "data": fingerprint(
                tensor for d in parts for tensor in (*d.inputs, d.targets, d.mask)
            ),
        }

    def one_epoch(
        self,
        data: TrainingData,
        held_out: TrainingData | None,
        epoch: int,
        keep_best: bool,
    ) -> None:
        """Train on all series once, and append a row to the history."""
        row: dict[str, float] = {"epoch": epoch}
        rate = float(self.optimiser.param_groups[0]["lr"])
        row["train_loss"], norms = self._batches(data, epoch)
        if held_out is not None:
            row["validation_loss"] = self._validate(held_out, epoch)
        row["learning_rate"] = rate
        if norms:
            row["gradient_norm"] = float(torch.stack(norms).max())
        self.rows.append(row)
        watched = row.get("validation_loss", row["train_loss"])
        if keep_best and watched < self._lowest():
            self.best_epoch = epoch
            self.best_weights = {
                name: value.detach().clone()
                for name, value in self.model.state_dict().items()
            }
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(watched)
        elif self.scheduler is not None and self.schedule_per == "epoch":
            self.scheduler.step()

    def _batches(self, data: TrainingData, epoch: int) -> tuple[float, list[Tensor]]:
        """Take one pass over shuffled batches; return the mean loss and the norms."""
        if not self.model.training:  # walking through all modules takes time
            self.model.train()
        losses: list[Any] = []
        norms: list[Tensor] = []
        on_cpu = self.place.type == "cpu"
        shuffled = torch.randperm(len(data), generator=self.order)
        batches = torch.split(shuffled.to(self.place), self.batch_size)
        for rows in batches:
            batch = data.take(rows)
            with self._precision():
                output = self.model(*batch.inputs)
                value = batch.loss(self.loss, output)
            losses.append(value.item() if on_cpu else value.detach())
            if on_cpu and not math.isfinite(losses[-1]):
                raise self._not_finite(losses, epoch, output)
            # here and not before: the message above reads the gradient of the last step
            self.optimiser.zero_grad()
            self.scaler.scale(value).backward()  # type: ignore[no-untyped-call]
            if self.clip_norm is not None:
                self.scaler.unscale_(self.optimiser)
                weights = self.model.parameters()
                norms.append(nn.utils.clip_grad_norm_(weights, self.clip_norm))
            self.scaler.step(self.optimiser)
            self.scaler.update()
            if self.scheduler is not None and self.schedule_per == "batch":
                self.scheduler.step()
        if not on_cpu:
            losses = torch.stack(losses).tolist()
            if not all(map(math.isfinite, losses)):
                raise self._not_finite(losses, epoch)
        counts = data.counts(batches)
        total = sum(v * n for v, n in zip(losses, counts, strict=True))
        return total / sum(counts), norms

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast("cuda") if self.mixed else nullcontext()

    @torch.no_grad()
    def _validate(self, held_out: TrainingData, epoch: int) -> float:
        self.model.eval()
        value = float(held_out.loss(self.loss, self.model(*held_out.inputs)))
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the validation loss is {value} after epoch {epoch}: "
                f"{likely_cause(self.model)}"
            )
        return value

    def _lowest(self) -> float:
        if self.best_epoch == 0:
            return math.inf
        return self.rows[self.best_epoch - 1]["validation_loss"]

    def has_waited(self, patience: int | None) -> bool:
        """Say whether ``patience`` epochs have brought nothing better."""
        return patience is not None and len(self.rows) - self.best_epoch >= patience

    def check_weights(self) -> None:
        """Refuse weights that the very last step has spoilt."""
        if not all(bool(torch.isfinite(w).all()) for w in self.model.parameters()):
            raise FloatingPointError(
                f"after the last batch of epoch {len(self.rows)}: "
                f"{likely_cause(self.model)}"
            )

    def _not_finite(
        self, losses: list[float], epoch: int, output: Tensor | None = None
    ) -> FloatingPointError:
        """Return the error for the first loss that is not finite."""
        number = next(i for i, v in enumerate(losses) if not math.isfinite(v))
        return FloatingPointError(
            f"the loss is {losses[number]} in epoch {epoch}, batch {number}: "
            f"{likely_cause(self.model, output)}"
        )

    def state(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return all that a run needs to go on."""
        on_gpu = self.place.type == "cuda"
        return {
            "settings": settings,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "scaler": self.scaler.state_dict(),
            "order": self.order.get_state(),
            "generator": torch.get_rng_state(),
            "gpu_generator": torch.cuda.get_rng_state(self.place) if on_gpu else None,
            "history": self.rows,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state that :meth:`state` returned."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.scaler.load_state_dict(state["scaler"])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["generator"])
        if self.place.type == "cuda" and state["gpu_generator"] is not None:
            torch.cuda.set_rng_state(state["gpu_generator"], self.place)
        self.rows = state["history"]
        self.best_epoch = state["best_epoch"]
        self.best_weights = state["best_weights"]


@torch.no_grad()
def evaluate(
    model: nn.Module,
    x: Inputs,
    y: ArrayLike,
    *,
    loss: Loss,
    mask: ArrayLike | None = None,
) -> float:
    """Return the loss of ``model`` on ``(x, y)`` without training on them."""
    place = next(model.parameters()).device
    names = ("x", "y", "mask")
    data = training_data(x, y, mask, names=names, model=model, place=place)
    model.eval()
    return float(data.loss(loss, model(*data.inputs)))


@torch.no_grad()
def predict(
    model: nn.Module, x: Inputs, *, batch_size: int | None = None
) -> NDArray[np.float32]:
    """Return the model's outputs for ``x``, as an array on the CPU.

    ``batch_size`` series at a time, all of them at once if it is ``None``.
    """
    model.eval()
    weight = next(model.parameters())
    parts = x if isinstance(x, tuple) else (x,)
    inputs = [as_tensor(part, "x", weight.device, dtype_of(model)) for part in parts]
    size = batch_size or max(1, len(inputs[0]))
    batches = zip(*(torch.split(part, size) for part in inputs), strict=True)
    outputs = [model(*batch).cpu() for batch in batches]
    return torch.cat(outputs).numpy() if len(outputs) > 1 else outputs[0].numpy()


def _epochs(first: int, last: int, progress: bool) -> Any:
    numbers = range(first, last + 1)
    if not progress:
        return numbers
    from tqdm import tqdm

    return tqdm(numbers, unit="epoch")
