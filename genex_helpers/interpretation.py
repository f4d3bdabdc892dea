"""Which inputs made a net say what it said: gradients, paths and deletions.

Every function takes a trained net and series ``(batch, time, gene)``, and returns an
:class:`Attribution`: one number a cell (a gene at a time), and how far the sum of these
numbers is from what they should explain, the net's output less that at a baseline.
They run where the net is, in evaluation mode, with cuDNN off, since its recurrent
layers have no gradient in that mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .training_data import dtype_of

Floats = NDArray[np.float64]
Method = Callable[[nn.Module, Any], "Attribution"]
BASELINES = ("zero", "training mean", "own first", "own mean")


@dataclass(frozen=True)
class Attribution:
    """What a method says about each cell of some series.

    Attributes
    ----------
    values
        ``(batch, time, gene)``.
    method
        Its name.
    explained
        ``(batch,)`` the output less that at the baseline: what the values should add
        up to.
    """

    values: Floats
    method: str
    explained: Floats

    @property
    def gap(self) -> Floats:
        """The sum of the values less what they should add up to, ``(batch,)``."""
        difference: Floats = self.values.sum(axis=(1, 2)) - self.explained
        return difference

    @property
    def relative_gap(self) -> float:
        """The mean size of the gap over the mean size of what should be explained."""
        return float(np.abs(self.gap).mean() / np.abs(self.explained).mean())

    def by_gene(self) -> Floats:
        """Return sizes summed over time, ``(batch, gene)``."""
        sizes: Floats = np.abs(self.values).sum(axis=1)
        return sizes

    def by_time(self) -> Floats:
        """Return sizes summed over genes, ``(batch, time)``."""
        sizes: Floats = np.abs(self.values).sum(axis=2)
        return sizes


@contextmanager
def explainable(model: nn.Module) -> Iterator[nn.Module]:
    """Put a net into the mode in which it is explained, and back afterwards.

    Evaluation mode, so that dropout is off; and cuDNN off, because on a GPU its
    recurrent layers refuse a backward pass in that mode.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.backends.cudnn.flags(enabled=False):
            yield model
    finally:
        for module, mode in modes.items():
            module.training = mode


def baseline_series(
    x: ArrayLike, kind: str, x_train: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Return what each series is compared with, ``(batch, time, gene)``.

    Parameters
    ----------
    x
        ``(batch, time, gene)`` the series that are explained.
    kind
        ``"zero"``; ``"training mean"``, each gene's at each time; ``"own first"`` or
        ``"own mean"``, the series' own first sample or mean, at all times.
    x_train
        ``(series, time, gene)``, for the training mean.
    """
    series = _series(x)
    start: NDArray[np.float32] = np.zeros_like(series)
    if kind == "zero":
        return start
    if kind == "training mean":
        if x_train is None:
            raise ValueError("x_train is needed for the training mean, got None")
        start += _series(x_train, "x_train").mean(axis=0)
        return start
    if kind == "own first":
        start += series[:, :1]
        return start
    if kind == "own mean":
        start += series.mean(axis=1, keepdims=True)
        return start
    raise ValueError(f"kind must be one of {BASELINES}, got {kind!r}")


def saliency(
    model: nn.Module, x: ArrayLike, baseline: ArrayLike | None = None, target: int = 0
) -> Attribution:
    """Return the size of the gradient at each cell (Simonyan et al. 2014, 1312.6034).

    Nothing makes these sizes add up to anything; their gap is told all the same.
    """
    series, start = _pair(x, baseline)
    values = np.abs(gradients(model, series, target))
    return Attribution(values, "saliency", explained(model, series, start, target))


def gradient_times_input(
    model: nn.Module, x: ArrayLike, baseline: ArrayLike | None = None, target: int = 0
) -> Attribution:
    """Return gradient times (input less baseline), exact for a linear model.

    Parameters
    ----------
    model
        Gives ``(batch, output)`` of ``(batch, time, gene)``.
    x
        ``(batch, time, gene)``.
    baseline
        In the shape of ``x`` or of its later axes; ``None`` is zero.
    target
        Which output is explained.
    """
    series, start = _pair(x, baseline)
    values = gradients(model, series, target) * (series - start)
    return Attribution(
        values, "gradient × input", explained(model, series, start, target)
    )


def smooth_gradient(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    target: int = 0,
    *,
    noise: float = 0.5,
    n_samples: int = 32,
    seed: int = 0,
) -> Attribution:
    """Return the size of the mean gradient of noisy copies (Smilkov 2017, 1706.03825).

    ``noise`` is the standard deviation added to each cell, in the inputs' unit.
    """
    _check_number(n_samples, "n_samples")
    if noise < 0:
        raise ValueError(f"noise must not be negative, got {noise}")
    series, start = _pair(x, baseline)
    rng = np.random.default_rng(seed)
    total = np.zeros(series.shape)
    for _ in range(n_samples):
        copy = series + noise * rng.normal(size=series.shape).astype(np.float32)
        total += gradients(model, copy, target)
    return Attribution(
        np.abs(total / n_samples),
        "smoothed gradient",
        explained(model, series, start, target),
    )


def integrated_gradients(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    target: int = 0,
    *,
    n_points: int = 32,
) -> Attribution:
    """Return gradients averaged on the line from baseline to input, times the distance.

    The integral is taken by Gauss and Legendre's rule, exact along a line on which the
    model is a polynomial of a degree of up to ``2 * n_points`` (Sundararajan et al.
    2017, 1703.01365).
    """
    _check_number(n_points, "n_points")
    series, start = _pair(x, baseline)
    places, weights = np.polynomial.legendre.leggauss(n_points)  # on -1 to 1
    mean = np.zeros(series.shape)
    for place, weight in zip(places, weights, strict=True):
        point = start + float(place + 1) / 2 * (series - start)
        mean += weight / 2 * gradients(model, point, target)
    return Attribution(
        mean * (series - start),
        "integrated gradients",
        explained(model, series, start, target),
    )


def expected_gradients(
    model: nn.Module,
    x: ArrayLike,
    background: ArrayLike,
    target: int = 0,
    *,
    n_samples: int = 200,
    seed: int = 0,
) -> Attribution:
    """Return integrated gradients averaged over baselines from a background.

    Each sample draws one of ``background``, ``(series, time, gene)``, and one place on
    the line to the input: what shap's GradientExplainer and captum's GradientShap
    (without its noise) estimate (Erion et al. 2021, doi:10.1038/s42256-021-00343-w).
    The values explain the output less the mean output of the background.
    """
    _check_number(n_samples, "n_samples")
    series, many = _series(x), _series(background, "background")
    rng = np.random.default_rng(seed)
    mean = np.zeros(series.shape)
    for _ in range(n_samples):
        start = many[rng.integers(0, len(many), len(series))]
        part = rng.random((len(series), 1, 1)).astype(np.float32)
        point = start + part * (series - start)
        mean += gradients(model, point, target) * (series - start) / n_samples
    difference = outputs(model, series, target) - outputs(model, many, target).mean()
    return Attribution(mean, "expected gradients", difference)


def occlusion(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    target: int = 0,
    *,
    window: int = 1,
) -> Attribution:
    """Return how the output falls when a window of one gene becomes the baseline.

    A cell gets the mean over the windows of ``window`` times that hold it, as in captum
    (Zeiler and Fergus 2014, 1311.2901).
    """
    series, start = _pair(x, baseline)
    n_steps, n_genes = series.shape[1:]
    if not 1 <= window <= n_steps:
        raise ValueError(f"window must be 1 to {n_steps} times, got {window}")
    whole = outputs(model, series, target)
    total, seen = np.zeros(series.shape), np.zeros((n_steps, 1))
    for first in range(n_steps - window + 1):
        cells = slice(first, first + window)
        seen[cells] += 1
        for gene in range(n_genes):
            copy = series.copy()
            copy[:, cells, gene] = start[:, cells, gene]
            fall = whole - outputs(model, copy, target)
            total[:, cells, gene] += fall[:, None]
    return Attribution(
        total / seen, "occlusion", explained(model, series, start, target)
    )


def gradients(model: nn.Module, x: ArrayLike, target: int = 0) -> Floats:
    """Return the gradient of one output at each cell, ``(batch, time, gene)``."""
    with explainable(model), torch.enable_grad():
        inputs = _on_model(model, _series(x)).requires_grad_()
        chosen = _output(model(inputs), target)
        (slope,) = torch.autograd.grad(chosen.sum(), inputs)
    found: Floats = slope.cpu().double().numpy()
    return found


def outputs(model: nn.Module, x: ArrayLike, target: int = 0) -> Floats:
    """Return one output of each series, ``(batch,)``."""
    with explainable(model), torch.no_grad():
        chosen = _output(model(_on_model(model, _series(x))), target)
    found: Floats = chosen.cpu().double().numpy()
    return found


def explained(
    model: nn.Module, x: ArrayLike, baseline: ArrayLike, target: int = 0
) -> Floats:
    """Return the output less that at the baseline, ``(batch,)``."""
    difference: Floats = outputs(model, x, target) - outputs(model, baseline, target)
    return difference


def _output(answer: Tensor, target: int) -> Tensor:
    if answer.ndim != 2:
        raise ValueError(
            f"model must give (batch, output), got shape {tuple(answer.shape)}"
        )
    if not 0 <= target < answer.shape[1]:
        raise ValueError(
            f"target must be one of the {answer.shape[1]} outputs, from 0; got {target}"
        )
    return answer[:, target]


def _on_model(model: nn.Module, x: NDArray[Any]) -> Tensor:
    weights = [*model.parameters(), *model.buffers()]
    place = weights[0].device if weights else torch.device("cpu")
    return torch.as_tensor(x, dtype=dtype_of(model), device=place)


def _series(x: ArrayLike, name: str = "x") -> NDArray[Any]:
    series = np.asarray(x)
    series = series.astype(np.float64 if series.dtype == np.float64 else np.float32)
    if series.ndim != 3 or 0 in series.shape:
        raise ValueError(f"{name} must be (batch, time, gene), got {series.shape}")
    if not np.isfinite(series).all():
        raise ValueError(f"{name} must be finite: fill what is missing first")
    return series


def _pair(x: ArrayLike, baseline: ArrayLike | None) -> tuple[Any, Any]:
    """Return the series and their baseline, in one shape."""
    series = _series(x)
    start = np.asarray(0.0 if baseline is None else baseline, dtype=series.dtype)
    try:
        start = np.broadcast_to(start, series.shape)
    except ValueError:
        raise ValueError(
            f"baseline must have the shape of x, {series.shape}, or of its later axes; "
            f"got {start.shape}"
        ) from None
    return series, start


def _check_number(number: int, name: str) -> None:
    if number < 1:
        raise ValueError(f"{name} must be 1 or more, got {number}")
