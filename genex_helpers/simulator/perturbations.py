"""What is done to a network: genes switched off or up, doses and pulses of inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from genex_helpers.simulator.networks import Network


@dataclass(frozen=True)
class GeneChange:
    """A gene made at ``factor`` times its rate, from ``start`` until ``stop``."""

    gene: str
    factor: float
    start: float = -np.inf
    stop: float = np.inf
    series: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check_window(f"change of gene {self.gene!r}", self.start, self.stop)
        if not (np.isfinite(self.factor) and self.factor >= 0):
            raise ValueError(
                f"factor of gene {self.gene!r} is {self.factor}; expected a finite "
                "number, not negative"
            )

    @property
    def name(self) -> str:
        """The change in words."""
        if self.factor == 0:
            return f"knock-out {self.gene}"
        return f"{self.gene} × {self.factor:g}"


@dataclass(frozen=True)
class InputChange:
    """``level`` added to an input, from ``start`` until ``stop``."""

    input: str
    level: float
    start: float
    stop: float = np.inf
    series: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check_window(f"dose of {self.input!r}", self.start, self.stop)
        if not np.isfinite(self.level):
            raise ValueError(
                f"level of {self.input!r} is {self.level}; expected a finite number"
            )

    @property
    def name(self) -> str:
        """The change in words."""
        return f"{self.input} + {self.level:g}"


Perturbation = GeneChange | InputChange


def knock_out(
    gene: str,
    *,
    start: float = -np.inf,
    stop: float = np.inf,
    series: Iterable[int] | None = None,
) -> GeneChange:
    """Return a perturbation that stops the making of ``gene``; what is there decays.

    ``series`` are the numbers of the series it happens to (``None``: all).
    """
    return GeneChange(gene, 0.0, start, stop, _numbers(series))


def over_express(
    gene: str,
    factor: float,
    *,
    start: float = -np.inf,
    stop: float = np.inf,
    series: Iterable[int] | None = None,
) -> GeneChange:
    """Return a perturbation that multiplies the making of ``gene`` by ``factor``.

    A factor below 1 is a knock-down.
    """
    return GeneChange(gene, float(factor), start, stop, _numbers(series))


def dose(
    input: str,
    level: float,
    *,
    start: float,
    stop: float = np.inf,
    series: Iterable[int] | None = None,
) -> InputChange:
    """Return a perturbation that adds ``level`` to an input from ``start`` on."""
    return InputChange(input, float(level), start, stop, _numbers(series))


def pulse(
    input: str,
    level: float,
    *,
    at: float,
    width: float,
    series: Iterable[int] | None = None,
) -> InputChange:
    """Return a dose that begins at ``at`` and ends ``width`` later."""
    return InputChange(input, float(level), at, at + width, _numbers(series))


def perturbation_table(
    perturbations: Sequence[Perturbation], n_series: int
) -> pd.DataFrame:
    """Return one row a perturbation: kind, target, value, start, stop, n_series."""
    rows = []
    for change in perturbations:
        of_gene = isinstance(change, GeneChange)
        rows.append(
            (
                "gene" if of_gene else "input",
                change.gene if isinstance(change, GeneChange) else change.input,
                change.factor if isinstance(change, GeneChange) else change.level,
                change.start,
                change.stop,
                n_series if change.series is None else len(change.series),
            )
        )
    names = ["kind", "target", "value", "start", "stop", "n_series"]
    return pd.DataFrame(rows, columns=names)


def perturbed_names(
    perturbations: Sequence[Perturbation], n_series: int
) -> NDArray[np.str_]:
    """Return ``(batch,)`` what is done to each series, in words, or ``"none"``."""
    words: list[list[str]] = [[] for _ in range(n_series)]
    for change in perturbations:
        for i in np.flatnonzero(affected(change, n_series)):
            words[i].append(change.name)
    return np.array([", ".join(word) or "none" for word in words], dtype=np.str_)


def affected(change: Perturbation, n_series: int) -> NDArray[np.bool_]:
    """Return ``(batch,)`` which series a perturbation happens to."""
    if change.series is None:
        return np.ones(n_series, dtype=bool)
    chosen = np.asarray(change.series, dtype=int)
    if len(chosen) == 0 or chosen.min() < 0 or chosen.max() >= n_series:
        raise ValueError(
            f"series of {change.name!r} is {list(change.series)[:8]}; expected numbers "
            f"from 0 to {n_series - 1}"
        )
    mask = np.zeros(n_series, dtype=bool)
    mask[chosen] = True
    return mask


def active_share(
    starts: NDArray[np.float64], width: float, change: Perturbation
) -> NDArray[np.float64]:
    """Return which part of each interval ``[start, start + width)`` a change covers.

    With ``width`` 0 it is 1 where the change is on at that instant, 0 elsewhere.
    """
    if width == 0:
        return ((starts >= change.start) & (starts < change.stop)).astype(float)
    stops = starts + width
    covered = np.minimum(stops, change.stop) - np.maximum(starts, change.start)
    share: NDArray[np.float64] = np.clip(covered / width, 0.0, 1.0)
    share[(starts >= change.start) & (stops <= change.stop)] = 1.0  # without rounding
    return share


class InputLevels:
    """Levels of the inputs of each series at any time.

    Parameters
    ----------
    network
        Whose inputs they are.
    given
        For each input one number, ``(batch,)`` numbers that do not change, or
        ``(batch, time)`` numbers at ``times`` with straight lines between them; before
        the first time and after the last a level stays. An input that is not given
        is 0.
    perturbations
        Doses are added; changes of genes are ignored here.
    times
        ``(time,)`` ascending.
    n_series
        Number of series.
    """

    def __init__(
        self,
        network: Network,
        given: Mapping[str, ArrayLike],
        perturbations: Sequence[Perturbation],
        times: NDArray[np.float64],
        n_series: int,
    ) -> None:
        for name in given:
            network.input_index(name)
        self._times, self._n_series = times, n_series
        self._curves = {
            name: self._curve(name, given.get(name, 0.0)) for name in network.inputs
        }
        self._doses = [x for x in perturbations if isinstance(x, InputChange)]
        for change in self._doses:
            network.input_index(change.input)

    def _curve(self, name: str, levels: ArrayLike) -> NDArray[np.float64]:
        """Return ``(batch, time)`` or, if it does not change, ``(batch, 1)``."""
        curve = np.asarray(levels, dtype=float)
        shape = curve.shape
        if curve.ndim < 2:
            curve = curve.reshape(-1, 1)
        fits = curve.ndim == 2 and curve.shape[0] in (1, self._n_series)
        if not fits or curve.shape[1] not in (1, len(self._times)):
            raise ValueError(
                f"input {name!r} has shape {shape}; expected one number, "
                f"({self._n_series},) for the series, or "
                f"({self._n_series}, {len(self._times)}) for series and times"
            )
        if not np.isfinite(curve).all():
            raise ValueError(f"input {name!r} has levels that are not finite")
        return np.broadcast_to(curve, (self._n_series, curve.shape[1]))

    def mean_over(
        self,
        name: str,
        starts: NDArray[np.float64],
        width: float,
        series: slice = slice(None),
    ) -> NDArray[np.float64]:
        """Return ``(interval, series)`` mean levels in ``[start, start + width)``.

        A curve is taken at the middle of the interval. Levels below 0 become 0.
        """
        curve = self._curves[name][series]
        levels = np.empty((len(starts), len(curve)))
        if curve.shape[1] == 1:
            levels[:] = curve[:, 0]
        else:
            middle = np.clip(starts + width / 2, self._times[0], self._times[-1])
            left = np.searchsorted(self._times, middle, side="right") - 1
            left = np.clip(left, 0, len(self._times) - 2)
            gap = self._times[left + 1] - self._times[left]
            part = ((middle - self._times[left]) / gap)[:, None]
            levels[:] = curve[:, left].T * (1 - part) + curve[:, left + 1].T * part
        for change in self._doses:
            if change.input == name:
                share = active_share(starts, width, change)[:, None]
                hit = affected(change, self._n_series)[series]
                levels += change.level * share * hit
        return np.maximum(levels, 0.0, out=levels)


def _check_window(what: str, start: float, stop: float) -> None:
    if not start < stop:
        raise ValueError(f"{what}: start {start} must come before stop {stop}")


def _numbers(series: Iterable[int] | None) -> tuple[int, ...] | None:
    return None if series is None else tuple(int(i) for i in series)
