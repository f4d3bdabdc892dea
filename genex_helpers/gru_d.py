"""GRU-D: a recurrent unit that is told what is missing, and for how long.

Source: Che et al. 2018 (doi:10.1038/s41598-018-24271-9).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn


def time_gaps(mask: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
    """Return, for each value, the time since that gene was last observed.

    The first step has gap 0. At every later step the gap is the time since the step
    before, plus the gap of that step if nothing was observed there. So a gene that was
    never observed counts from the first step.

    Parameters
    ----------
    mask
        ``(batch, time, gene)``, ``True`` where a value was observed.
    times
        ``(time,)``, the same for all, or ``(batch, time)``, ascending. NaN after the
        last sample of a shorter series gives gap 0 there.

    Returns
    -------
    gaps
        ``(batch, time, gene)``, in the unit of ``times``.

    Raises
    ------
    ValueError
        If shapes do not fit, a time is missing before the last sample, times do not
        ascend, or a value is marked as observed at a missing time.

    Notes
    -----
    Source: Che et al. 2018, the equation of the time interval.
    """
    seen = _mask(mask)
    clock = _clock(times, seen.shape)
    if seen[~np.isfinite(clock)].any():
        raise ValueError("mask marks a value as observed where times is missing")
    gaps = np.zeros(seen.shape)
    for step in range(1, seen.shape[1]):
        passed = np.nan_to_num(clock[:, step] - clock[:, step - 1])[:, None]
        gaps[:, step] = passed + np.where(seen[:, step - 1], 0.0, gaps[:, step - 1])
    gaps[~np.isfinite(clock)] = 0.0
    return gaps


def last_observed(
    values: ArrayLike, mask: ArrayLike, before: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Return each value, or the last one observed of that gene where it is missing.

    Parameters
    ----------
    values, mask
        ``(batch, time, gene)``; what ``values`` holds where ``mask`` is ``False`` is
        not looked at.
    before
        One number, or ``(gene,)``: stands before a gene's first observation. The mean
        of the training values is the usual choice.
    """
    x, seen = np.asarray(values, dtype=float), _mask(mask)
    if x.shape != seen.shape:
        raise ValueError(f"values have shape {x.shape}, mask has {seen.shape}")
    filled = np.empty(x.shape)
    carried = np.broadcast_to(np.asarray(before, dtype=float), x[:, 0].shape)
    for step in range(x.shape[1]):
        carried = np.where(seen[:, step], x[:, step], carried)
        filled[:, step] = carried
    return filled


class GRUD(nn.Module):
    """One layer of GRU-D, from the equations of the paper.

    It differs from ``nn.GRU`` in four ways. A missing value is replaced by the last one
    observed, which decays towards the training mean; the hidden state decays before it
    is used; both decays grow with the gap, by weights that are learned. The mask is an
    input of its own. The reset gate acts before the matrix, and the update gate weighs
    the new state, as in the paper and not as in PyTorch. There is one bias vector.

    Parameters
    ----------
    n_inputs
        Genes.
    hidden_size
        Size of the state.
    mean
        ``(n_inputs,)`` means of the observed training values; 0 if not given, which is
        right for standardised inputs.

    Attributes
    ----------
    weight_x, weight_h, weight_m
        ``(3 * hidden, n_inputs)``, ``(3 * hidden, hidden)`` and
        ``(3 * hidden, n_inputs)``, of the value, the state and the mask; blocks stacked
        as reset, update, candidate.
    bias
        ``(3 * hidden,)``.
    decay_x, decay_x_bias
        ``(n_inputs,)``: each gene decays by its own gap.
    decay_h, decay_h_bias
        ``(hidden, n_inputs)`` and ``(hidden,)``.

    Notes
    -----
    All weights start uniformly in ±1/√hidden, as PyTorch's, and the decays at the
    absolute value of such a draw: below 0 they would be off and get no gradient. Both
    are our choice.
    """

    mean: Tensor

    def __init__(
        self, n_inputs: int, hidden_size: int, mean: ArrayLike | None = None
    ) -> None:
        super().__init__()
        self.n_inputs, self.hidden_size = n_inputs, hidden_size
        start = np.zeros(n_inputs) if mean is None else np.asarray(mean, dtype=float)
        if start.shape != (n_inputs,) or not np.isfinite(start).all():
            raise ValueError(
                f"mean must be {n_inputs} finite numbers, got shape {start.shape}"
            )
        self.register_buffer("mean", torch.as_tensor(start, dtype=torch.float32))
        reach = hidden_size**-0.5

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-reach, reach))

        self.weight_x = weight(3 * hidden_size, n_inputs)
        self.weight_h = weight(3 * hidden_size, hidden_size)
        self.weight_m = weight(3 * hidden_size, n_inputs)
        self.bias = weight(3 * hidden_size)
        self.decay_x = nn.Parameter(weight(n_inputs).detach().abs())
        self.decay_x_bias = nn.Parameter(torch.zeros(n_inputs))
        self.decay_h = nn.Parameter(weight(hidden_size, n_inputs).detach().abs())
        self.decay_h_bias = nn.Parameter(torch.zeros(hidden_size))

    def forward(self, values: Tensor, mask: Tensor, gaps: Tensor) -> Tensor:
        """Return the states ``(batch, time, hidden)``.

        Parameters
        ----------
        values, mask, gaps
            ``(batch, time, n_inputs)``; ``values`` may hold NaN where ``mask`` is
            ``False``, and are not looked at there. ``gaps`` as :func:`time_gaps` gives
            them, in a unit in which a usual gap is of order one.
        """
        seen = mask.bool()
        x = torch.where(seen, values, torch.zeros_like(values))
        keep_x = torch.exp(-torch.relu(gaps * self.decay_x + self.decay_x_bias))
        keep_h = torch.exp(-torch.relu(gaps @ self.decay_h.T + self.decay_h_bias))
        from_mask = seen.to(x.dtype) @ self.weight_m.T + self.bias  # (b, t, 3 h)
        h = x.new_zeros(x.shape[0], self.hidden_size)
        last = self.mean.to(x.dtype).expand(x.shape[0], -1)  # (batch, input)
        states = []
        for step in range(x.shape[1]):
            faded = keep_x[:, step] * last + (1 - keep_x[:, step]) * self.mean
            now = torch.where(seen[:, step], x[:, step], faded)  # (batch, input)
            last = torch.where(seen[:, step], x[:, step], last)
            driven = now @ self.weight_x.T + from_mask[:, step]  # (batch, 3 * hidden)
            h = self._step(driven, keep_h[:, step] * h)
            states.append(h)
        return torch.stack(states, dim=1)

    def _step(self, driven: Tensor, old: Tensor) -> Tensor:
        """Return the next state from what the inputs give and the faded old state."""
        u_r, u_z, u_n = self.weight_h.chunk(3)
        from_r, from_z, from_n = driven.chunk(3, dim=1)
        r = torch.sigmoid(from_r + old @ u_r.T)
        z = torch.sigmoid(from_z + old @ u_z.T)
        candidate = torch.tanh(from_n + (r * old) @ u_n.T)
        return (1 - z) * old + z * candidate


class GRUDClassifier(nn.Module):
    """GRU-D whose last state feeds one linear layer.

    Takes one tensor, ``(batch, time, 3 * n_inputs)``: values, mask (1 or 0) and gaps
    side by side, without NaN, so that it fits where any other classifier of the book
    does.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_size: int,
        n_outputs: int = 1,
        mean: ArrayLike | None = None,
    ) -> None:
        super().__init__()
        self.recurrent = GRUD(n_inputs, hidden_size, mean)
        self.head = nn.Linear(hidden_size, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, n_outputs)`` logits."""
        values, mask, gaps = x.chunk(3, dim=-1)
        states: Tensor = self.recurrent(values, mask, gaps)
        logits: Tensor = self.head(states[:, -1])
        return logits


def _mask(mask: ArrayLike) -> NDArray[np.bool_]:
    seen = np.asarray(mask)
    if seen.ndim != 3 or seen.dtype != bool:
        raise ValueError(
            f"mask must be boolean (batch, time, gene), got {seen.dtype} {seen.shape}"
        )
    return seen


def _clock(times: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return ``(batch, time)`` times, checked; NaN after the end of a series."""
    given = np.asarray(times, dtype=float)
    if given.shape not in (shape[1:2], shape[:2]):
        raise ValueError(
            f"times must be (time,) = {shape[1:2]} or (batch, time) = {shape[:2]}, "
            f"got {given.shape}"
        )
    clock = np.broadcast_to(given, shape[:2])
    there = np.isfinite(clock)
    if (there[:, 1:] & ~there[:, :-1]).any() or np.isinf(clock).any():
        rows = np.flatnonzero((there[:, 1:] & ~there[:, :-1]).any(axis=1))[:5].tolist()
        raise ValueError(f"times may be missing at the end only; not so in rows {rows}")
    back = np.diff(clock, axis=1) < 0
    if back.any():
        rows = np.flatnonzero(back.any(axis=1))[:5].tolist()
        raise ValueError(f"times must ascend; rows {rows} go back in time")
    return clock
