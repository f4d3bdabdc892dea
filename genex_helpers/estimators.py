"""Recurrent nets as scikit-learn estimators, for pipelines and comparisons.

Inputs are sequences ``(batch, time, gene)``, so scikit-learn's own scalers do not fit
in front of them; :class:`genex_helpers.preprocessing.SequenceComponents` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from .models import RecurrentClassifier

Floats = NDArray[np.float64]
SIZES = ("cell", "hidden_size")
SHARED = (*SIZES, "n_epochs", "batch_size", "clip_norm", "device")  # when fit at once


class _Recurrent(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share: the settings and the training."""

    def __init__(
        self,
        cell: str = "gru",
        hidden_size: int = 8,
        *,
        n_epochs: int = 40,
        learning_rate: float = 0.01,
        batch_size: int | None = None,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.seed = seed
        self.device = device

    def _task(self, y: ArrayLike) -> tuple[NDArray[Any], int, Any]:
        """Return the targets as the loss takes them, the net's outputs, the loss."""
        raise NotImplementedError

    def _new_net(self, n_inputs: int, n_outputs: int) -> RecurrentClassifier:
        """Return an untrained net; PyTorch's own generator is left as it was."""
        import torch

        from .models import RecurrentClassifier

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return RecurrentClassifier(n_inputs, self.hidden_size, self.cell, n_outputs)

    def _train(self, x: ArrayLike, y: ArrayLike) -> None:
        from .training import fit

        x = _sequences(x)
        target, n_outputs, loss = self._task(y)
        net = self._new_net(x.shape[2], n_outputs)
        self.history_ = fit(
            net,
            x,
            target,
            loss=loss,
            n_epochs=self.n_epochs,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            seed=self.seed,
            device=self.device,
        )
        self.net_ = net

    def _outputs(self, x: ArrayLike) -> Floats:
        """Return ``(batch, output)``."""
        from .training import predict

        return predict(self.net_, _sequences(x)).astype(float)


class RecurrentNetClassifier(ClassifierMixin, _Recurrent):  # type: ignore[misc]
    """A recurrent net for classes, by cross-entropy.

    Parameters
    ----------
    cell
        ``"rnn"``, ``"lstm"`` or ``"gru"``.
    hidden_size
        Size of the recurrent state.
    n_epochs, learning_rate, batch_size, weight_decay, clip_norm, device
        As in :func:`genex_helpers.training.fit`.
    seed
        Seeds the weights and the order of batches.

    Attributes
    ----------
    classes_
        ``(class,)`` sorted labels.
    net_, history_
        The trained module and the record of its training.
    """

    def fit(self, x: ArrayLike, y: ArrayLike) -> RecurrentNetClassifier:
        """Train on ``x``, ``(batch, time, gene)``, and labels ``y``, ``(batch,)``."""
        self._train(x, y)
        return self

    def _task(self, y: ArrayLike) -> tuple[NDArray[Any], int, Any]:
        from torch.nn.functional import (
            binary_cross_entropy_with_logits,
            cross_entropy,
        )

        self.classes_, place = np.unique(np.asarray(y), return_inverse=True)
        if np.ndim(y) != 1 or len(self.classes_) < 2:
            raise ValueError(
                "y must be one label a series, of two or more classes, got shape "
                f"{np.shape(y)} and classes {self.classes_.tolist()}"
            )
        if len(self.classes_) == 2:
            target = place[:, None].astype(np.float32)
            return target, 1, binary_cross_entropy_with_logits
        return place, len(self.classes_), cross_entropy

    def decision_function(self, x: ArrayLike) -> Floats:
        """Return ``(batch,)`` logits of the second of two classes, or one a class."""
        check_is_fitted(self, "net_")
        outputs = self._outputs(x)
        return outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, x: ArrayLike) -> Floats:
        """Return ``(batch, class)`` probabilities."""
        logits = self.decision_function(x)
        if logits.ndim == 1:
            logits = np.stack([np.zeros_like(logits), logits], axis=1)
        shares: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return ``(batch,)`` the likeliest class of each series."""
        places = self.predict_proba(x).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[places]
        return labels


class RecurrentNetRegressor(RegressorMixin, _Recurrent):  # type: ignore[misc]
    """A recurrent net for numbers, by mean squared error.

    The parameters are those of :class:`RecurrentNetClassifier`. Targets are not scaled:
    they should be of the order of one.

    Attributes
    ----------
    net_, history_
        The trained module and the record of its training.
    """

    def fit(self, x: ArrayLike, y: ArrayLike) -> RecurrentNetRegressor:
        """Train on ``x``, ``(batch, time, gene)``, and ``y``, ``(batch[, output])``."""
        self._train(x, y)
        return self

    def _task(self, y: ArrayLike) -> tuple[NDArray[Any], int, Any]:
        from torch.nn.functional import mse_loss

        target = np.asarray(y, dtype=np.float32)
        if target.ndim not in (1, 2):
            raise ValueError(f"y must have one or two axes, got shape {target.shape}")
        self.one_number_ = target.ndim == 1
        target = target.reshape(len(target), -1)
        return target, target.shape[1], mse_loss

    def predict(self, x: ArrayLike) -> Floats:
        """Return predictions in the shape of the targets."""
        check_is_fitted(self, "net_")
        outputs = self._outputs(x)
        return outputs[:, 0] if self.one_number_ else outputs


def fit_at_once(
    models: Sequence[Any], x: Sequence[ArrayLike], y: Sequence[ArrayLike]
) -> None:
    """Fit each model to its own series, all nets together: ``fit_many`` for estimators.

    Model k ends as after ``models[k].fit(x[k], y[k])``, to rounding, and much sooner.

    Parameters
    ----------
    models
        Recurrent estimators of one class, or pipelines that end with one. They may
        differ in ``seed``, ``learning_rate`` and ``weight_decay``.
    x, y
        For each model what its ``fit`` takes; see
        :func:`genex_helpers.many.fit_many` for what they must have in common.

    Raises
    ------
    ValueError
        If a model is none of these, or another setting differs; names the model.
    """
    from .many import fit_many

    nets = [m[-1] if isinstance(m, Pipeline) else m for m in models]
    _check_alike(nets)
    series, targets, loss = [], [], None
    for model, net, own_x, own_y in zip(models, nets, x, y, strict=True):
        if isinstance(model, Pipeline) and len(model) > 1:
            own_x = model[:-1].fit_transform(own_x, own_y)
        series.append(_sequences(own_x))
        target, n_outputs, loss = net._task(own_y)
        targets.append(target)
        net.net_ = net._new_net(series[-1].shape[2], n_outputs)
    history = fit_many(
        [net.net_ for net in nets],
        series,
        targets,
        loss=loss,  # type: ignore[arg-type]
        learning_rate=[net.learning_rate for net in nets],
        weight_decay=[net.weight_decay for net in nets],
        seeds=[net.seed for net in nets],
        **{name: getattr(nets[0], name) for name in SHARED if name not in SIZES},
    )
    for net, (_, rows) in zip(nets, history.groupby("model"), strict=True):
        net.history_ = rows.drop(columns="model").reset_index(drop=True)


def _check_alike(nets: Sequence[Any]) -> None:
    """Refuse nets that cannot be trained together."""
    for k, net in enumerate(nets):
        if not isinstance(net, _Recurrent) or type(net) is not type(nets[0]):
            raise ValueError(
                f"model {k} must be, or end with, a recurrent estimator of the class "
                f"of model 0, got {type(net).__name__}"
            )
        for name in SHARED:
            first, own = getattr(nets[0], name), getattr(net, name)
            if first != own:
                raise ValueError(
                    f"{name} must be the same for all models: model 0 has {first!r}, "
                    f"model {k} {own!r}"
                )


def _sequences(x: ArrayLike) -> NDArray[Any]:
    values = np.asarray(x)
    if values.ndim != 3:
        raise ValueError(f"x must be (batch, time, gene), got shape {values.shape}")
    return values
