"""How far a model's probabilities can be believed: losses, bins, temperature.

``probabilities`` are ``(row, class)``, ``y`` are ``(row,)`` numbers of classes. A
model's *confidence* in a row is the probability of the class that it predicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from .evaluation import win_matrix

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
BINNINGS = ("width", "mass")
LOG_TEMPERATURES = (-4.0, 4.0)  # between which the best one is looked for


def softmax(logits: ArrayLike) -> Floats:
    """Return probabilities of ``logits``, over the last axis."""
    values = np.asarray(logits, dtype=float)
    shares: Floats = np.exp(values - values.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares


def log_losses(y: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Return minus the log probability of the true class, ``(row,)``, in nats.

    A probability of 0 counts as the smallest number above 0, so that one row cannot
    make a mean infinite.
    """
    p, labels = _checked(y, probabilities)
    chosen = p[np.arange(len(p)), labels]
    losses: Floats = -np.log(np.maximum(chosen, np.finfo(float).tiny))
    return losses


def brier_scores(y: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Return the squared distance from the true class, summed over classes, ``(row,)``.

    Source: Brier 1950 (doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2).
    """
    p, labels = _checked(y, probabilities)
    scores: Floats = ((p - np.eye(p.shape[1])[labels]) ** 2).sum(axis=1)
    return scores


def confidence_and_hits(
    y: ArrayLike, probabilities: ArrayLike
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each row's confidence, and whether its prediction is right."""
    p, labels = _checked(y, probabilities)
    return p.max(axis=1), p.argmax(axis=1) == labels


def reliability_table(
    confidence: ArrayLike, right: ArrayLike, *, n_bins: int = 10, bins: str = "width"
) -> pd.DataFrame:
    """Sort rows by confidence into bins, and compare confidence with accuracy.

    Parameters
    ----------
    confidence
        ``(row,)`` from 0 to 1.
    right
        ``(row,)`` whether the prediction was right.
    bins
        ``"width"``: ``n_bins`` equal pieces of the line from 0 to 1; a value on an edge
        belongs to the upper one. ``"mass"``: as many rows in each, as far as possible;
        rows of equal confidence may be parted.

    Returns
    -------
    pandas.DataFrame
        ``n``, ``confidence`` and ``accuracy`` (means) of the bins that hold a row.
    """
    import pandas as pd

    if bins not in BINNINGS:
        raise ValueError(f"bins must be one of {BINNINGS}, got {bins!r}")
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    c, hits = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if c.ndim != 1 or c.shape != hits.shape or len(c) == 0:
        raise ValueError(
            "confidence and right must be one number a row each, got shapes "
            f"{c.shape} and {hits.shape}"
        )
    if not ((c >= 0) & (c <= 1)).all():
        raise ValueError("confidence must lie from 0 to 1")
    if bins == "width":
        number = np.minimum((c * n_bins).astype(int), n_bins - 1)
    else:
        number = np.empty(len(c), dtype=int)
        number[np.argsort(c, kind="stable")] = np.arange(len(c)) * n_bins // len(c)
    table = pd.DataFrame({"bin": number, "confidence": c, "accuracy": hits})
    groups = table.groupby("bin")
    found = groups.mean()
    found.insert(0, "n", groups.size())
    return found.reset_index(drop=True)


def calibration_error(
    confidence: ArrayLike, right: ArrayLike, *, n_bins: int = 10, bins: str = "width"
) -> float:
    """Return the expected calibration error (ECE): the mean gap over bins.

    The gap of a bin is the distance of its mean confidence from its accuracy, and bins
    weigh as many rows as they hold. With few rows it is above 0 for a model whose
    probabilities are perfect.

    Source: Guo et al. 2017 (arXiv:1706.04599, equation 3).
    """
    table = reliability_table(confidence, right, n_bins=n_bins, bins=bins)
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["n"]).sum() / table["n"].sum())


def error_detection(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the AUROC with which confidence tells right predictions from wrong ones.

    Raises
    ------
    ValueError
        If all predictions are right, or all are wrong.
    """
    c, hits = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    if hits.all() or not hits.any():
        raise ValueError("right must hold both right and wrong predictions")
    return float(win_matrix(c[hits], c[~hits]).mean())


def best_temperature(y: ArrayLike, logits: ArrayLike) -> float:
    """Return the number by which to divide ``logits`` for the lowest log loss.

    To be fitted on rows that the model was not trained on. Above 1 the model was too
    sure, below 1 not sure enough; the predicted classes stay as they are.

    Source: Guo et al. 2017 (arXiv:1706.04599, section 4.2).
    """
    values = np.asarray(logits, dtype=float)
    _checked(y, softmax(values))

    def loss(log_temperature: float) -> float:
        p = softmax(values / np.exp(log_temperature))
        return float(log_losses(y, p).mean())

    found = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))


def _checked(
    y: ArrayLike, probabilities: ArrayLike
) -> tuple[Floats, NDArray[np.int64]]:
    p, labels = np.asarray(probabilities, dtype=float), np.asarray(y)
    if p.ndim != 2 or labels.shape != p.shape[:1] or len(p) == 0:
        raise ValueError(
            "probabilities must be (row, class) and y (row,), got shapes "
            f"{p.shape} and {labels.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= p.shape[1]:
        raise ValueError(
            f"y must be whole numbers from 0 to {p.shape[1] - 1}, the classes, got "
            f"{labels.dtype} from {labels.min()} to {labels.max()}"
        )
    if not np.isfinite(p).all() or (p < 0).any() or np.abs(p.sum(1) - 1).max() > 1e-4:
        raise ValueError("each row of probabilities must be at least 0 and sum to 1")
    return p, labels.astype(np.int64)
