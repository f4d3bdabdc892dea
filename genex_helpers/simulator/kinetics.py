"""Expression over time: the kinetics of a network, integrated for many series.

Each gene follows ``dx/dt = basal + max_rate * f - decay * x`` (see `Network` for f).
A step integrates the decay exactly and the production by a predictor and a corrector:
exponential time differencing, ETD2RK of Cox and Matthews 2002
(doi:10.1006/jcph.2002.6995). It is of second order, and a level that begins at 0 or
above stays there at any step.

Intrinsic noise is the chemical Langevin equation (Gillespie 2000,
doi:10.1063/1.481811) of making and decay as two reactions: with ``system_size``
molecules per unit of expression, its variance per time is
``(production + decay * x) / system_size``. For a gene that is made at a constant rate
the step keeps the exact stationary mean and variance, mean / system_size. A level that
noise would carry below 0 is set to 0, which raises the mean of a gene with fewer than
three molecules or so: the equation is not meant for these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genex_helpers.simulator.arguments import count, number
from genex_helpers.simulator.networks import Network
from genex_helpers.simulator.perturbations import (
    GeneChange,
    InputLevels,
    Perturbation,
    active_share,
    affected,
    perturbation_table,
    perturbed_names,
)
from genex_helpers.simulator.regulation import Regulation
from genex_helpers.simulator.simulation import Simulation, SimulationTruth

__all__ = ["Simulation", "SimulationTruth", "simulate"]

Floats = NDArray[np.float64]
BLOCK = 128  # series integrated together: their arrays stay in the processor's cache
NOISE_STEPS = 32  # steps for which random numbers are drawn at once
SPREAD, NOISE = 0, 1  # the pieces that draw random numbers, each from its own stream


def simulate(
    network: Network,
    times: ArrayLike,
    n_series: int,
    *,
    seed: int,
    system_size: float | None = None,
    initial: ArrayLike | None = None,
    inputs: Mapping[str, ArrayLike] | None = None,
    perturbations: Sequence[Perturbation] = (),
    subject_spread: float = 0.0,
    rate_factors: ArrayLike | None = None,
    settle: float = 0.0,
    step: float | None = None,
) -> Simulation:
    """Simulate ``n_series`` series of a network.

    Series i has random numbers of its own: it is the same whatever ``n_series`` is.

    Parameters
    ----------
    network
        Who regulates whom.
    times
        ``(time,)`` at which expression is returned, ascending.
    n_series
        How many series, each of a subject of its own.
    seed
        Whole number from 0; the same seed gives the same bytes.
    system_size
        Molecules per unit of expression; ``None`` switches the noise off.
    initial
        Levels at the start: ``(gene,)`` or ``(n_series, gene)``; ``None`` is 0.
        Before the start, delayed regulators are seen at these levels.
    inputs
        For each input one number, ``(n_series,)`` constant levels, or
        ``(n_series, time)`` levels at ``times``, with straight lines between them.
        What is not given is 0.
    perturbations
        Genes switched off or up, doses and pulses.
    subject_spread
        Standard deviation of the natural logarithm of each subject's own factors on
        ``max_rate``, one a gene, drawn once.
    rate_factors
        ``(n_series, gene)`` given factors on ``max_rate``: a genotype.
    settle
        Time simulated before ``times[0]`` and not returned, so that series begin near
        their resting state; inputs stay at their first level. Perturbations count by
        the clock.
    step
        Largest step; the one used divides regular times evenly. By default a tenth of
        the shortest lifetime, ``0.1 / max(decay)``. A time between two steps is
        interpolated by a straight line.

    Raises
    ------
    ValueError
        If an argument is out of range or of the wrong shape, or a gene or an input is
        not in the network; the message names it.
    """
    count("seed", seed, least=0)
    count("n_series", n_series)
    number("subject_spread", subject_spread, 0.0)
    number("settle", settle, 0.0)
    when = _checked_times(times)
    size = np.inf if system_size is None else number("system_size", system_size)
    if size <= 0:
        raise ValueError(f"system_size must be above 0, got {system_size!r}")
    factors = _rate_factors(network, n_series, rate_factors, subject_spread, seed)
    for change in perturbations:
        affected(change, n_series)
        if isinstance(change, GeneChange):
            network.index(change.gene)
    levels = InputLevels(network, inputs or {}, perturbations, when, n_series)
    grid = _grid(network, when, settle, step)
    plan = _Plan(
        network, grid, levels, perturbations, factors, size, seed,
        _levels_at_start(network, n_series, initial),
    )  # fmt: skip
    expression = np.empty((n_series, len(when), network.n_genes))
    with np.errstate(over="ignore"):  # (x/K)^n may be infinite: then 1 / (1 + it) is 0
        for first in range(0, n_series, BLOCK):
            block = slice(first, min(first + BLOCK, n_series))
            _integrate(plan, block, expression[block])
    return Simulation(
        expression=expression,
        times=when,
        inputs=_inputs_at(levels, network, when, n_series),
        subjects=_subject_names(n_series),
        perturbed=perturbed_names(perturbations, n_series),
        network=network,
        truth=SimulationTruth(
            edges=network.edges.copy(),
            rate_factors=factors,
            perturbations=perturbation_table(perturbations, n_series),
            step=grid.step,
            system_size=size,
        ),
    )


@dataclass(frozen=True)
class _Grid:
    """Equal steps that cover all times, and where each asked time lies on them."""

    start: float
    step: float
    n_steps: int
    place: Floats  # (time,) in steps from the start

    def starts(self) -> Floats:
        """Return ``(step,)`` when each step begins."""
        return self.start + self.step * np.arange(self.n_steps, dtype=np.float64)


@dataclass(frozen=True)
class _Plan:
    """All that the integration of a block of series needs."""

    network: Network
    grid: _Grid
    levels: InputLevels
    perturbations: Sequence[Perturbation]
    rate_factors: Floats
    system_size: float
    seed: int
    start: Floats  # (batch, gene)


def _integrate(plan: _Plan, block: slice, out: Floats) -> None:
    """Fill ``out`` ``(series, time, gene)`` with the series of a block."""
    network, grid = plan.network, plan.grid
    n_genes, n_series = network.n_genes, out.shape[0]
    regulation = Regulation(network, grid.step, n_series)
    ring = np.zeros((regulation.n_slots, regulation.n_rows, n_series))
    ring[:, :n_genes] = plan.start[block].T
    production = _Production(plan, block, regulation, ring)
    given = _input_rows(plan, block, regulation)
    noise = _Noise(plan, block, n_series)
    keep, early, late = _etd2(network.decay, grid.step)
    asked = iter(enumerate(grid.place))
    t, place = next(asked)
    for k in range(grid.n_steps + 1):
        now = ring[k % regulation.n_slots]
        while place <= k:  # times between the last step and this one
            part = max(k - place, 0.0)
            before = ring[(k - 1) % regulation.n_slots, :n_genes]
            seen = now[:n_genes] if part == 0 else _blend(now[:n_genes], before, part)
            out[:, t] = seen.T
            t, place = next(asked, (0, np.inf))
        if k == grid.n_steps:
            break
        after = ring[(k + 1) % regulation.n_slots]
        now[n_genes:] = after[n_genes:] = given[:, k]
        first = production(k, k)
        x, new = now[:n_genes], after[:n_genes]
        spread = noise.deviation(first, x)
        np.multiply(x, keep, out=new)
        new += (early + late) * first  # the predictor
        new += late * (production(k, k + 1) - first)
        noise.add(k, spread, new)


def _blend(now: Floats, before: Floats, part: float) -> Floats:
    return now + part * (before - now)


def _etd2(decay: Floats, step: float) -> tuple[Floats, Floats, Floats]:
    """Return what a step keeps of x, and the weights of early and late production."""
    z = -decay[:, None] * step
    grown = np.expm1(z)
    late = step * (grown - z) / z**2
    return 1.0 + grown, step * grown / z - late, late


class _Noise:
    """Langevin noise: each series draws its own numbers, steps ahead of their use."""

    def __init__(self, plan: _Plan, block: slice, n_series: int) -> None:
        self._size = plan.system_size
        if np.isinf(self._size):
            return
        decay, step = plan.network.decay[:, None], plan.grid.step
        # the variance that a step adds, per variance in unit time, with decay
        self._gain = -np.expm1(-2 * decay * step) / (2 * decay * self._size)
        self._decay = decay
        numbers = range(block.start, block.stop)
        self._streams = [_stream(plan.seed, NOISE, i) for i in numbers]
        self._drawn = np.empty((n_series, NOISE_STEPS, plan.network.n_genes))

    def deviation(self, production: Floats, x: Floats) -> Floats | None:
        """Return the standard deviation ``(gene, series)`` that this step adds."""
        if np.isinf(self._size):
            return None
        spread = self._decay * x
        spread += production
        spread *= self._gain
        return np.sqrt(spread, out=spread)

    def add(self, k: int, spread: Floats | None, x: Floats) -> None:
        """Add the noise of step ``k`` to ``x``, and keep it from going below 0."""
        if spread is None:
            return
        if k % NOISE_STEPS == 0:
            for stream, numbers in zip(self._streams, self._drawn, strict=True):
                stream.standard_normal(out=numbers)
        spread *= self._drawn[:, k % NOISE_STEPS].T
        x += spread
        np.maximum(x, 0.0, out=x)


class _Production:
    """Production ``(gene, series)`` with factors of subjects and perturbations."""

    def __init__(
        self, plan: _Plan, block: slice, regulation: Regulation, ring: Floats
    ) -> None:
        network, grid = plan.network, plan.grid
        self._regulation, self._ring = regulation, ring
        self._basal = network.basal[:, None]
        self._rate = network.max_rate[:, None] * plan.rate_factors[block].T
        starts = grid.starts()
        n_series = len(plan.rate_factors)
        self._changes = []
        for change in plan.perturbations:
            members = affected(change, n_series)[block]
            if isinstance(change, GeneChange) and members.any():
                share = active_share(starts, grid.step, change) * (change.factor - 1)
                gene = network.index(change.gene)
                self._changes.append((gene, share, members.astype(float)))

    def __call__(self, step: int, now: int) -> Floats:
        """Return production in ``step``, from the state of step ``now``."""
        made = self._regulation.fraction(self._ring, now)
        made *= self._rate
        made += self._basal
        for gene, share, members in self._changes:
            if share[step] != 0:
                made[gene] *= 1.0 + share[step] * members
        return made


def _input_rows(plan: _Plan, block: slice, regulation: Regulation) -> Floats:
    """Return ``(row, step, series)``: each input's mean level in each step, delayed."""
    grid = plan.grid
    starts = grid.starts()
    n_series = block.stop - block.start
    rows = np.empty((len(regulation.input_rows), grid.n_steps, n_series))
    for row, (name, delay) in zip(rows, regulation.input_rows, strict=True):
        row[:] = plan.levels.mean_over(name, starts - delay, grid.step, block)
    return rows


def _inputs_at(
    levels: InputLevels, network: Network, times: Floats, n_series: int
) -> Floats:
    """Return ``(batch, time, input)`` levels at the asked times."""
    given = np.empty((n_series, len(times), len(network.inputs)))
    for j, name in enumerate(network.inputs):
        given[:, :, j] = levels.mean_over(name, times, 0.0).T
    return given


def _grid(network: Network, times: Floats, settle: float, step: float | None) -> _Grid:
    largest = 0.1 / network.decay.max() if step is None else number("step", step)
    if largest <= 0:
        raise ValueError(f"step must be above 0, got {step!r}")
    gaps = np.diff(times)
    if len(gaps) and gaps.min() >= largest:
        largest = gaps.min() / np.ceil(gaps.min() / largest - 1e-9)
    before = int(np.ceil(settle / largest - 1e-9))
    offset = (times - times[0]) / largest + before
    nearest = np.round(offset)
    place: Floats = np.where(np.abs(offset - nearest) < 1e-6, nearest, offset)
    start = float(times[0] - before * largest)
    return _Grid(start, float(largest), int(np.ceil(place[-1])), place)


def _checked_times(times: ArrayLike) -> Floats:
    when = np.asarray(times, dtype=float)
    if when.ndim != 1 or len(when) == 0 or not np.isfinite(when).all():
        raise ValueError(f"times must be a row of finite numbers, got {times!r}")
    if (np.diff(when) <= 0).any():
        i = int(np.argmax(np.diff(when) <= 0))
        raise ValueError(f"times must ascend; got {when[i]:g} before {when[i + 1]:g}")
    return when.copy()


def _levels_at_start(
    network: Network, n_series: int, initial: ArrayLike | None
) -> Floats:
    shape = (n_series, network.n_genes)
    levels = np.asarray(0.0 if initial is None else initial, dtype=float)
    if levels.shape not in ((), (network.n_genes,), shape):
        raise ValueError(
            f"initial has shape {levels.shape}; "
            f"expected ({network.n_genes},) or {shape}"
        )
    if not np.isfinite(levels).all() or (levels < 0).any():
        raise ValueError("initial must hold finite numbers, not negative")
    return np.broadcast_to(levels, shape)


def _rate_factors(
    network: Network,
    n_series: int,
    given: ArrayLike | None,
    spread: float,
    seed: int,
) -> Floats:
    shape = (n_series, network.n_genes)
    factors = np.ones(shape) if given is None else np.array(given, dtype=float)
    if factors.shape != shape:
        raise ValueError(f"rate_factors has shape {factors.shape}; expected {shape}")
    if not np.isfinite(factors).all() or (factors < 0).any():
        raise ValueError("rate_factors must hold finite numbers, not negative")
    if spread > 0:
        for i, row in enumerate(factors):
            row *= np.exp(
                spread * _stream(seed, SPREAD, i).standard_normal(network.n_genes)
            )
    return factors


def _stream(seed: int, piece: int, series: int) -> np.random.Generator:
    """Return the random numbers of one piece and one series."""
    key = np.random.SeedSequence(seed, spawn_key=(piece, series))
    return np.random.Generator(np.random.PCG64(key))


def _subject_names(n_series: int) -> NDArray[np.str_]:
    digits = max(4, len(str(n_series - 1)))
    return np.array([f"s{i:0{digits}d}" for i in range(n_series)])
