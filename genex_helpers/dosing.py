"""A drug as an input that changes over time: the simulated case of chapter 9b.

Each set is a random network of six genes, two of which a drug switches on. A model
reads the dose at each sample, and nothing else, and gives the expression of all genes.
Some nets learn from constant doses, with one dose held out between the others and one
beyond them; others from pulses of random height, time and width.
The genes, the noise and the updates to choose from were set on three other sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from torch import nn

from .forecast_nets import some_nets
from .simulator import pulse, random_network, simulate
from .stacked import Stack

Floats = NDArray[np.float64]

HOURS = np.arange(0.0, 49.0, 2.0)  # of the 25 samples; the drug may begin after hour 0
N_GENES, DENSITY, INPUT_SHARE = 6, 0.3, 0.34
NOISE = 0.1  # standard deviation of a measurement; a gene's highest level is about 1
SETTLE = 200.0  # hours without the drug before the first sample
DOSES = (0.0, 0.25, 0.5, 2.0)  # the input's half-effect is at 0.5
INSIDE, OUTSIDE = 1.0, 4.0  # held out: between the doses, and beyond them
N_REPLICATES = 10  # series of each dose
N_PULSES = (40, 160)  # training series with two pulses each
N_TEST = 100
HEIGHTS = (0.1, 2.0)  # log-uniform
WIDTHS = (2, 4, 6, 8)  # hours
HIDDEN_SIZE, LEARNING_RATE = 16, 0.01
UPDATES = (150, 300, 600, 1200)  # to choose from
N_SETS, N_SEEDS = 12, 3
ALPHAS = tuple(10.0**k for k in range(-3, 4))
DELTA = 1.0  # points of the share missed
SETTINGS: dict[str, Any] = {
    "hours": HOURS.tolist(), "network": [N_GENES, DENSITY, INPUT_SHARE],
    "noise": NOISE, "settle": SETTLE, "doses": [*DOSES, INSIDE, OUTSIDE],
    "replicates": N_REPLICATES, "pulses": [*N_PULSES, N_TEST],
    "heights": HEIGHTS, "widths": WIDTHS,
    "net": [HIDDEN_SIZE, LEARNING_RATE, UPDATES], "sets": N_SETS, "seeds": N_SEEDS,
    "delta": DELTA,
    "claims": [
        "between the doses the net misses less than a line between its neighbours",
        "beyond the doses the net misses less than the nearest dose does",
        "on pulses the net misses less than ridge, with 40 and with 160 series",
        "on pulses the net misses less than bent ridge, with 40 and with 160 series",
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Courses:
    """Doses over time, and what the genes did.

    Attributes
    ----------
    dose
        ``(batch, time)`` mean dose since the sample before.
    y
        ``(batch, time, gene)`` expression.
    """

    dose: Floats
    y: Floats


def constant_doses(levels: Sequence[float]) -> Floats:
    """Return ``(len(levels), time)``: none at hour 0, the level from then on."""
    course = np.repeat(np.asarray(levels, dtype=float)[:, None], len(HOURS), axis=1)
    course[:, 0] = 0.0
    return course


def random_pulses(n: int, rng: np.random.Generator) -> Floats:
    """Return ``(n, time)`` dose courses of two pulses, which may overlap and add up.

    Pulses begin and end at samples, so a course holds all that there is to know.
    """
    course = np.zeros((n, len(HOURS)))
    gap = HOURS[1] - HOURS[0]
    for row in course:
        for _ in range(2):
            height = np.exp(rng.uniform(*np.log(HEIGHTS)))
            steps = int(rng.choice(WIDTHS) / gap)
            begin = int(rng.integers(1, len(HOURS) - 4))
            row[begin : begin + steps] += height
    return course


def respond(number: int, dose: Floats, *, noise: float = NOISE) -> Floats:
    """Return the expression of set ``number`` under doses, ``(batch, time, gene)``.

    ``dose`` is ``(batch, time)``, as in :class:`Courses`. Without noise, series with
    one dose course are the same.
    """
    network = random_network(N_GENES, DENSITY, 900 + number, inputs=("drug",),
                             input_share=INPUT_SHARE, scale_spread=0.0)  # fmt: skip
    gap = HOURS[1] - HOURS[0]
    changes = [
        pulse("drug", dose[row, step], at=HOURS[step - 1], width=gap, series=[int(row)])
        for row, step in zip(*np.nonzero(dose), strict=True)
    ]
    found = simulate(network, HOURS, len(dose), seed=number, settle=SETTLE,
                     perturbations=changes).expression  # fmt: skip
    rng = np.random.default_rng([9, number, len(dose)])
    noisy: Floats = found + noise * rng.normal(size=found.shape)
    return noisy


def dosed(number: int, levels: Sequence[float], *, noise: float = NOISE) -> Courses:
    """Return series of set ``number`` under constant doses, one a level."""
    dose = constant_doses(levels)
    return Courses(dose, respond(number, dose, noise=noise))


def pulsed(number: int, n: int, *, test: bool = False) -> Courses:
    """Return ``n`` series of a set under random pulses; a test has no noise."""
    dose = random_pulses(n, np.random.default_rng([10, number, int(test)]))
    return Courses(dose, respond(number, dose, noise=0.0 if test else NOISE))


def share_missed(y: Floats, y_pred: Floats) -> float:
    """Return the percentage of the variance that a prediction misses.

    100 is as good as each gene's mean at each time over the series ``y``, 0 is perfect.
    Both are ``(batch, time, gene)``; genes weigh by their variance.
    """
    return 100 * float(((y - y_pred) ** 2).sum() / ((y - y.mean(axis=0)) ** 2).sum())


def distance(y: Floats, y_pred: Floats, control: Floats) -> float:
    """Return the squared error as a percentage of the whole response to the drug.

    ``control`` is the course without the drug, ``(time, gene)``.
    """
    return 100 * float(((y - y_pred) ** 2).sum() / ((y - control) ** 2).sum())


def line_between(train: Courses, level: float) -> Floats:
    """Return the mean course of the doses on either side, weighted; ``(time, gene)``.

    Beyond the last dose it is that dose's mean course.
    """
    levels = np.unique(train.dose[:, -1])
    means = np.stack([train.y[train.dose[:, -1] == v].mean(axis=0) for v in levels])
    above = int(np.clip(np.searchsorted(levels, level), 1, len(levels) - 1))
    low, high = levels[above - 1], levels[above]
    weight = min((level - low) / (high - low), 1.0)
    found: Floats = (1 - weight) * means[above - 1] + weight * means[above]
    return found


def lagged(dose: Floats) -> Floats:
    """Return the doses of the sample and of all before it, latest first; 0 before.

    ``(batch, time, lag)`` from ``(batch, time)``, as many lags as times.
    """
    n_series, n_steps = dose.shape
    found = np.zeros((n_series, n_steps, n_steps))
    for lag in range(n_steps):
        found[:, lag:, lag] = dose[:, : n_steps - lag]
    return found


def bent(dose: Floats) -> Floats:
    """Return a dose's effect as the network has it, ``d² / (0.5² + d²)``."""
    effect: Floats = dose**2 / (0.25 + dose**2)
    return effect


def ridge_forecast(train: Courses, dose: Floats, *, bend: bool = False) -> Floats:
    """Return what ridge regression on the doses so far gives, ``(batch, time, gene)``.

    With ``bend`` the doses pass through the network's own curve first, which nobody
    would know for a real drug. The penalty is chosen by leave-one-out.
    """
    curve = bent if bend else np.asarray
    x = lagged(curve(train.dose)).reshape(-1, len(HOURS))
    model = RidgeCV(ALPHAS).fit(x, train.y.reshape(-1, train.y.shape[2]))
    found = model.predict(lagged(curve(dose)).reshape(-1, len(HOURS)))
    result: Floats = found.reshape(*dose.shape, -1)
    return result


def train_dose_nets(
    train: Sequence[Courses], seeds: Sequence[int], updates: Sequence[int] = UPDATES
) -> dict[int, Stack]:
    """Train one GRU for each set and seed, side by side; return copies of them.

    Adam on the mean squared error of all series at once; genes are not scaled, for
    they have one scale. Net ``k`` learns from ``train[k // len(seeds)]``; the copies
    are by the number of updates after which they were made.

    Raises
    ------
    FloatingPointError
        If the loss is not finite.
    """
    units: list[nn.Module] = []
    heads = []
    n_genes = train[0].y.shape[2]
    with torch.random.fork_rng(devices=[]):
        for _ in train:
            for seed in seeds:
                torch.manual_seed(seed)
                units.append(nn.GRU(1, HIDDEN_SIZE, batch_first=True))
                heads.append(nn.Linear(HIDDEN_SIZE, n_genes))
    nets = Stack("gru", units, heads)
    x = torch.stack([net_input(t.dose) for t in train for _ in seeds])
    y = torch.stack([torch.as_tensor(t.y).float() for t in train for _ in seeds])
    optimiser = torch.optim.Adam(nets.parameters(), lr=LEARNING_RATE)
    kept = {}
    for update in range(1, max(updates) + 1):
        optimiser.zero_grad()
        # a sum over nets of means over series: no net feels another
        loss = ((nets.answers(x, x.shape[2]) - y) ** 2).mean(dim=(1, 2, 3)).sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at update {update}")
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if update in updates:
            kept[update] = some_nets(nets, range(len(units)))
    return kept


def tuned_dose_forecasts(
    train: Sequence[Courses], doses: Sequence[Floats], seeds: Sequence[int]
) -> tuple[list[Floats], list[int]]:
    """Return each set's forecasts, ``(seed, batch, time, gene)``, and its updates.

    The number of updates is chosen for each set on every fourth training series, and
    the nets then learn from all of them.
    """
    part = [Courses(t.dose[held], t.y[held]) for t in train
            for held in [np.arange(len(t.dose)) % 4 > 0]]  # fmt: skip
    rest = [Courses(t.dose[::4], t.y[::4]) for t in train]
    errors = np.stack(
        [[((f - r.y) ** 2).mean() for f, r in
          zip(net_forecasts(nets, [r.dose for r in rest], len(seeds)), rest,
              strict=True)]
         for nets in train_dose_nets(part, seeds).values()]
    )  # (updates, set)  # fmt: skip
    chosen = [UPDATES[k] for k in errors.argmin(axis=0)]
    found = {u: net_forecasts(nets, doses, len(seeds))
             for u, nets in train_dose_nets(train, seeds).items()}  # fmt: skip
    return [found[u][k] for k, u in enumerate(chosen)], chosen


def net_input(dose: Floats) -> torch.Tensor:
    """Return ``(batch, time, 1)`` float32 of ``(batch, time)``."""
    return torch.as_tensor(dose, dtype=torch.float32)[..., None]


@torch.no_grad()
def net_forecasts(nets: Stack, doses: Sequence[Floats], n_seeds: int) -> list[Floats]:
    """Return ``(seed, batch, time, gene)`` for the doses of each set."""
    x = torch.stack([net_input(d) for d in doses for _ in range(n_seeds)])
    every = nets.answers(x, x.shape[2]).double().numpy()
    return list(every.reshape(len(doses), n_seeds, *every.shape[1:]))
