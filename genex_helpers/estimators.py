"""Recurrent nets as scikit-learn estimators, for pipelines and comparisons.

Inputs are sequences ``(batch, time, gene)``, so scikit-learn's own scalers do not fit
in front of them; :class:`genex_helpers.preprocessing.SequenceComponents` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

Floats = NDArray[np.float64]


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

    def _train(self, x: ArrayLike, y: NDArray[Any], n_outputs: int, loss: Any) -> None:
        """Train a new net; PyTorch's own generator is left as it was."""
        import torch

        from .models import RecurrentClassifier
        from .training import fit

        x = _sequences(x)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            net = RecurrentClassifier(
                x.shape[2], self.hidden_size, self.cell, n_outputs
            )
        self.history_ = fit(
            net,
            x,
            y,
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
            self._train(x, target, 1, binary_cross_entropy_with_logits)
        else:
            self._train(x, place, len(self.classes_), cross_entropy)
        return self

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
        from torch.nn.functional import mse_loss

        target = np.asarray(y, dtype=np.float32)
        if target.ndim not in (1, 2):
            raise ValueError(f"y must have one or two axes, got shape {target.shape}")
        self.one_number_ = target.ndim == 1
        target = target.reshape(len(target), -1)
        self._train(x, target, target.shape[1], mse_loss)
        return self

    def predict(self, x: ArrayLike) -> Floats:
        """Return predictions in the shape of the targets."""
        check_is_fitted(self, "net_")
        outputs = self._outputs(x)
        return outputs[:, 0] if self.one_number_ else outputs


def _sequences(x: ArrayLike) -> NDArray[Any]:
    values = np.asarray(x)
    if values.ndim != 3:
        raise ValueError(f"x must be (batch, time, gene), got shape {values.shape}")
    return values
