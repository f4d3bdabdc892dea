"""A recurrent net that forecasts each gene's rate of change, and what it says of edges.

`NetRates` is an estimator as those of `networks_from_series`. Its scores are read from
the trained net in one of three ways; none looks at the true network.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from .masking import masked
from .networks_from_series import Courses, Floats, steps_of
from .training import fit

READINGS = ("jacobian", "attribution", "weights")


class RateNet(nn.Module):
    """A GRU whose state, at every step, feeds one linear layer: the rates of change.

    Parameters
    ----------
    n_regulators
        Genes and inputs.
    n_genes
        Genes, which are the first of the regulators.
    hidden_size
        Size of the state.
    """

    def __init__(self, n_regulators: int, n_genes: int, hidden_size: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(n_regulators, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, n_genes)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, time, gene)`` of ``x``, ``(batch, time, regulator)``."""
        states, _ = self.recurrent(x)  # (batch, time, hidden)
        rates: Tensor = self.head(states)
        return rates


def gru_step(recurrent: nn.GRU, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Return a GRU's next state and its derivative with respect to the input.

    Parameters
    ----------
    recurrent
        One layer, one direction.
    x
        ``(row, regulator)`` inputs.
    h
        ``(row, hidden)`` the states before, held fixed.

    Returns
    -------
    state, derivative
        ``(row, hidden)`` and ``(row, hidden, regulator)``, from the equations of
        ``nn.GRU``: ``h' = (1 - z) n + z h``, with ``n = tanh(W_n x + b + r (U_n h +
        c))``.
    """
    w = recurrent.get_parameter("weight_ih_l0")
    given = x @ w.T + recurrent.get_parameter("bias_ih_l0")
    kept = h @ recurrent.get_parameter("weight_hh_l0").T
    kept = kept + recurrent.get_parameter("bias_hh_l0")
    w_r, w_z, w_n = w.chunk(3)  # (hidden, regulator) each
    (g_r, g_z, g_n), (k_r, k_z, k_n) = given.chunk(3, 1), kept.chunk(3, 1)
    r, z = torch.sigmoid(g_r + k_r), torch.sigmoid(g_z + k_z)
    n = torch.tanh(g_n + r * k_n)
    of_n = (1 - z) * (1 - n**2)  # (row, hidden): how the state follows n's argument
    of_r = of_n * k_n * r * (1 - r)
    of_z = (h - n) * z * (1 - z)
    derivative = of_n[..., None] * w_n + of_r[..., None] * w_r + of_z[..., None] * w_z
    return (1 - z) * n + z * h, derivative


def states_before(net: RateNet, x: Tensor) -> Tensor:
    """Return the state before each step, ``(batch, time, hidden)``; the first is 0."""
    states, _ = net.recurrent(x)
    return torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)


@torch.no_grad()
def net_jacobian(net: RateNet, x: Tensor) -> Tensor:
    """Return ``(batch, time, gene, regulator)``: how each rate follows each level now.

    The derivative of the output at a step with respect to the input at that step, the
    state before it held fixed.
    """
    flat = x.reshape(-1, x.shape[2])
    before = states_before(net, x).reshape(len(flat), -1)
    _, derivative = gru_step(net.recurrent, flat, before)
    slopes = torch.einsum("gh,bhr->bgr", net.head.weight, derivative)
    return slopes.reshape(*x.shape[:2], *slopes.shape[1:])


@torch.no_grad()
def net_attribution(net: RateNet, x: Tensor, n_points: int = 8) -> Tensor:
    """Return integrated gradients of each step, ``(batch, time, gene, regulator)``.

    From an input of 0 (the mean, after scaling) to the input itself along a straight
    line, the state before held fixed; by Gauss-Legendre quadrature. Summed over the
    regulators it is the difference of the two outputs, but for the quadrature
    (Sundararajan et al. 2017, doi:10.48550/arXiv.1703.01365).
    """
    if n_points < 1:
        raise ValueError(f"n_points must be at least 1, got {n_points}")
    flat = x.reshape(-1, x.shape[2])
    before = states_before(net, x).reshape(len(flat), -1)
    places, shares = np.polynomial.legendre.leggauss(n_points)
    mean = sum(
        share / 2 * gru_step(net.recurrent, flat * (place + 1) / 2, before)[1]
        for place, share in zip(places.tolist(), shares.tolist(), strict=True)
    )
    slopes = torch.einsum("gh,bhr->bgr", net.head.weight, mean)
    return (slopes * flat[:, None]).reshape(*x.shape[:2], *slopes.shape[1:])


def weight_product(net: RateNet) -> Tensor:
    """Return ``(gene, regulator)``: |head| times |input weights|, gates added up."""
    weights = net.recurrent.get_parameter("weight_ih_l0").detach().abs()
    return net.head.weight.detach().abs() @ sum(weights.chunk(3))


class NetRates:
    """A `RateNet` trained on series; its scores say which level moves which rate.

    Levels and inputs are scaled to mean 0 and standard deviation 1, rates to standard
    deviation 1. Every fourth series is kept for early stopping.

    Parameters
    ----------
    hidden_size, n_epochs, learning_rate, weight_decay, patience
        Of the net and its training (AdamW, all series at once).
    seed
        Of the weights.
    reading
        Where ``scores_`` comes from: ``"jacobian"``, ``"attribution"`` (means of
        absolute values over all steps) or ``"weights"``.
    device
        Where to train.

    Attributes
    ----------
    readings_
        Each reading's scores, ``(regulator, gene)``.
    net_, history_
        The trained net; what `training.fit` returned.
    """

    scores_: Floats

    def __init__(
        self,
        hidden_size: int = 32,
        *,
        n_epochs: int = 400,
        learning_rate: float = 0.01,
        weight_decay: float = 0.1,
        patience: int = 50,
        seed: int = 0,
        reading: str = "jacobian",
        device: str = "cpu",
    ) -> None:
        if reading not in READINGS:
            raise ValueError(f"reading must be one of {READINGS}, got {reading!r}")
        self.hidden_size, self.n_epochs, self.patience = hidden_size, n_epochs, patience
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.seed, self.reading, self.device = seed, reading, device

    def fit(self, courses: Courses) -> NetRates:
        """Train on the steps at which each gene was left alone.

        Raises
        ------
        ValueError
            If there are fewer than four series: one of four is held back.
        """
        if len(courses.levels) < 4:
            raise ValueError(
                "courses must have four or more series, one of which is held back; got "
                f"{len(courses.levels)}"
            )
        steps = steps_of(courses)
        self._mean, spread = steps.now.mean(axis=0), steps.now.std(axis=0)
        self._spread = np.where(spread > 1e-12, spread, 1.0)
        pace = steps.rate.std(axis=0)
        self._pace = np.where(pace > 1e-12, pace, 1.0)
        x = self._scaled(courses)
        shape = (*x.shape[:2], -1)
        y = (steps.rate / self._pace).reshape(shape).astype(np.float32)
        free = steps.free.reshape(shape)
        held = np.arange(len(x)) % 4 == 3
        torch.manual_seed(self.seed)
        self.net_ = RateNet(x.shape[2], y.shape[2], self.hidden_size)
        self.history_ = fit(
            self.net_, x[~held], y[~held], mask=free[~held], loss=masked(mse_loss),
            validation=(x[held], y[held], free[held]), n_epochs=self.n_epochs,
            learning_rate=self.learning_rate, weight_decay=self.weight_decay,
            optimiser=torch.optim.AdamW, patience=self.patience, seed=self.seed,
            device=self.device,
        )  # fmt: skip
        self.net_.to("cpu")
        self.readings_ = self._read(torch.as_tensor(x))
        self.scores_ = self.readings_[self.reading]
        return self

    def _scaled(self, courses: Courses) -> NDArray[np.float32]:
        x = (courses.regulators[:, :-1] - self._mean) / self._spread
        scaled: NDArray[np.float32] = x.astype(np.float32)
        return scaled

    def _read(self, x: Tensor) -> dict[str, Floats]:
        means: dict[str, Any] = {
            "jacobian": net_jacobian(self.net_, x).abs().mean((0, 1)),
            "attribution": net_attribution(self.net_, x).abs().mean((0, 1)),
            "weights": weight_product(self.net_),
        }
        return {name: m.double().numpy().T for name, m in means.items()}

    @torch.no_grad()
    def forecast(self, courses: Courses) -> Floats:
        """Return ``(batch, time - 1, gene)``: from each level but the last the next."""
        self.net_.eval()
        rate = self.net_(torch.as_tensor(self._scaled(courses))).double().numpy()
        length = np.diff(courses.times)[:, None]
        changed: Floats = courses.levels[:, :-1] + rate * self._pace * length
        return changed
