"""The battery of classical classifiers that any sequence model must beat.

All are scikit-learn estimators on sequences ``(batch, time, feature)`` without missing
values, with the settings that their authors or scikit-learn give; none is tuned.
Inputs should be on one scale: only features of different kinds are standardised here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

Floats = NDArray[np.float64]

N_TREES = 100
MINIROCKET_STEPS = 9  # fewer are refused by aeon: a kernel of MiniRocket has 9 weights
BATTERY = (
    "majority",
    "logistic, last time",
    "logistic, all times",
    "logistic, summaries",
    "linear SVM",
    "RBF SVM",
    "random forest",
    "nearest neighbour, time warping",
    "MiniRocket",
)
RANDOM = ("random forest", "MiniRocket")  # these depend on the seed


def last_value(x: ArrayLike) -> Floats:
    """Return the last step of ``(batch, time, feature)``, as ``(batch, feature)``."""
    return _sequences(x)[:, -1]


def flattened(x: ArrayLike) -> Floats:
    """Return all steps side by side: ``(batch, time * feature)``, step after step."""
    sequences = _sequences(x)
    return sequences.reshape(len(sequences), -1)


def summaries(x: ArrayLike, times: ArrayLike | None = None) -> Floats:
    """Return mean, slope and maximum of each feature: ``(batch, 3 * feature)``.

    The slope is that of the least-squares line against ``times``, ``(time,)``; without
    times the steps count as 0, 1, 2, …
    """
    sequences = _sequences(x)
    n_steps = sequences.shape[1]
    when = np.arange(n_steps) if times is None else np.asarray(times)
    if when.shape != (n_steps,):
        raise ValueError(f"times must have shape ({n_steps},), got {when.shape}")
    centred = when - when.mean()
    if not centred.any():
        raise ValueError("a slope needs two different times")
    slope = np.einsum("t,btf->bf", centred / (centred @ centred), sequences)
    mean, highest = sequences.mean(axis=1), sequences.max(axis=1)
    found: Floats = np.concatenate([mean, slope, highest], axis=1)
    return found


def channels_first(x: ArrayLike) -> Floats:
    """Return ``(batch, feature, time)``, as aeon wants it."""
    return np.ascontiguousarray(_sequences(x).transpose(0, 2, 1))


def padded_channels(x: ArrayLike) -> Floats:
    """Return ``(batch, feature, time)`` with nine steps or more.

    Shorter series begin with their first value repeated: nothing has happened yet.
    """
    channels = channels_first(x)
    n_missing = max(0, MINIROCKET_STEPS - channels.shape[2])
    padded: Floats = np.pad(channels, ((0, 0), (0, 0), (n_missing, 0)), mode="edge")
    return padded


def make_baseline(
    name: str, *, seed: int = 0, times: ArrayLike | None = None
) -> Pipeline:
    """Return one classifier of the battery, not fitted.

    Parameters
    ----------
    name
        One of ``BATTERY``.
    seed
        For the random forest and MiniRocket.
    times
        ``(time,)``, for the slopes of the summaries.

    Notes
    -----
    Time warping: one neighbour by dynamic time warping of all features together,
    without a window. MiniRocket (Dempster et al. 2021, doi:10.1145/3447548.3467231):
    10,000 kernels and a ridge classifier. Both come from aeon, which needs Python 3.11.
    """
    if name not in BATTERY:
        raise ValueError(f"name must be one of {list(BATTERY)}, got {name!r}")
    if name == "nearest neighbour, time warping":
        return _time_warping()
    if name == "MiniRocket":
        return _minirocket(seed)
    flat = FunctionTransformer(flattened)
    if name == "majority":
        return make_pipeline(flat, DummyClassifier(strategy="prior"))
    if name == "logistic, last time":
        last = FunctionTransformer(last_value)
        return make_pipeline(last, LogisticRegression(max_iter=1000))
    if name == "logistic, all times":
        return make_pipeline(flat, LogisticRegression(max_iter=1000))
    if name == "logistic, summaries":
        summary = FunctionTransformer(summaries, kw_args={"times": times})
        # a mean, a slope and a maximum are not on one scale
        return make_pipeline(
            summary, StandardScaler(), LogisticRegression(max_iter=1000)
        )
    if name == "random forest":
        return make_pipeline(flat, RandomForestClassifier(N_TREES, random_state=seed))
    return make_pipeline(flat, SVC(kernel="linear" if name == "linear SVM" else "rbf"))


def class_scores(model: Pipeline, x: ArrayLike) -> Floats:
    """Return how strongly a fitted model of two classes speaks for the second one.

    The decision function if there is one, else the probability; ``(batch,)``.
    """
    if len(model.classes_) != 2:
        raise ValueError(f"two classes are needed, the model has {model.classes_}")
    if hasattr(model, "decision_function"):
        scores: Floats = np.asarray(model.decision_function(x), dtype=float)
        return scores
    probabilities: Floats = np.asarray(model.predict_proba(x), dtype=float)
    return probabilities[:, 1]


def _time_warping() -> Pipeline:
    from aeon.classification.distance_based import (  # type: ignore[import-untyped]
        KNeighborsTimeSeriesClassifier,
    )

    nearest = KNeighborsTimeSeriesClassifier(distance="dtw", n_neighbors=1)
    return make_pipeline(FunctionTransformer(channels_first), nearest)


def _minirocket(seed: int) -> Pipeline:
    from aeon.transformations.collection.convolution_based import (  # type: ignore[import-untyped]
        MiniRocket,
    )

    return make_pipeline(
        FunctionTransformer(padded_channels),
        MiniRocket(random_state=seed, n_jobs=1),
        StandardScaler(),
        RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)),  # as the authors advise
    )


def _sequences(x: Any) -> Floats:
    sequences: Floats = np.asarray(x, dtype=float)
    if sequences.ndim != 3:
        raise ValueError(f"x must be (batch, time, feature), got {sequences.shape}")
    if not np.isfinite(sequences).all():
        raise ValueError("x has missing or infinite values: fill them before this step")
    return sequences
