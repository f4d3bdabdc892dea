"""Survival with censoring: Cox's partial likelihood, concordance, Kaplan–Meier.

A person has a time and a flag: they died then (``event`` is True), or were last seen
alive then (False: censored). A risk is a number that is higher for those who are
expected to die sooner.

Sources: Cox 1972 (doi:10.1111/j.2517-6161.1972.tb00899.x); ties by Breslow 1974
(doi:10.2307/2529620) or Efron 1977 (doi:10.1080/01621459.1977.10480613); concordance as
in Harrell et al. 1982 (doi:10.1001/jama.1982.03320430047030).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .evaluation import Interval

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
TIES = ("efron", "breslow")


def cox_loss(risk: Tensor, time: Tensor, event: Tensor, ties: str = "efron") -> Tensor:
    """Return the negative log partial likelihood, divided by the number of events.

    At each time at which somebody dies, it asks how likely these of all who were still
    being followed were to be the ones; the censored are in the crowd until they leave.

    Parameters
    ----------
    risk
        ``(batch,)`` or ``(batch, 1)`` log hazards, up to a constant.
    time, event
        ``(batch,)``; ``event`` is above 0 for a death.
    ties
        What to do with deaths at the same time: ``"efron"`` or ``"breslow"``.

    Raises
    ------
    ValueError
        If sizes differ, nobody died, or ``ties`` is unknown.
    """
    import torch

    if ties not in TIES:
        raise ValueError(f"ties must be one of {TIES}, got {ties!r}")
    eta = risk.reshape(-1)
    if not len(eta) == len(time) == len(event):
        raise ValueError(
            f"risk, time and event must have as many entries, got {len(eta)}, "
            f"{len(time)} and {len(event)}"
        )
    died = event > 0
    if not bool(died.any()):
        raise ValueError("event: nobody died, so there is nothing to learn from")
    total = eta[died].sum()
    for when in torch.unique(time[died]):
        crowd = torch.logsumexp(eta[time >= when], dim=0)
        dying = eta[died & (time == when)]
        n = len(dying)
        if ties == "breslow" or n == 1:
            total = total - n * crowd
            continue
        # Efron: the k-th of n deaths sees the crowd less k/n of the dying
        share = torch.arange(n, dtype=eta.dtype, device=eta.device) / n
        own = torch.logsumexp(dying, dim=0)
        total = total - (crowd + torch.log1p(-share * torch.exp(own - crowd))).sum()
    return -total / died.sum()


class CoxRidge:
    """Cox's linear model with a ridge penalty, fitted by Newton's method.

    Minimises ``cox_loss + penalty / 2 * |coef|²``.

    Attributes
    ----------
    coef_
        ``(feature,)`` log hazard ratios.
    """

    def __init__(self, penalty: float = 0.1, ties: str = "efron") -> None:
        if penalty < 0:
            raise ValueError(f"penalty must not be negative, got {penalty!r}")
        self.penalty, self.ties = penalty, ties

    def fit(self, x: ArrayLike, time: ArrayLike, event: ArrayLike) -> CoxRidge:
        """Fit to ``x``, ``(person, feature)``."""
        import torch

        table = torch.as_tensor(np.asarray(x, dtype=np.float64))
        when, died = _as_survival(time, event)
        if table.ndim != 2 or len(table) != len(when):
            raise ValueError(
                f"x must be (person, feature) with {len(when)} people, got shape "
                f"{tuple(table.shape)}"
            )
        t, e = torch.as_tensor(when), torch.as_tensor(died)
        coef = torch.zeros(table.shape[1], dtype=torch.float64)

        def target(w: Tensor) -> Tensor:
            loss = cox_loss(table @ w, t, e, self.ties)
            return loss + 0.5 * self.penalty * (w @ w)

        for _ in range(100):
            w = coef.clone().requires_grad_(True)
            value = target(w)
            (slope,) = torch.autograd.grad(value, w)
            curve = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
                target, coef
            )
            step = torch.linalg.lstsq(curve, slope).solution
            size = 1.0
            while size > 1e-6 and target(coef - size * step) > value:
                size /= 2
            coef = coef - size * step
            if float(slope.abs().max()) < 1e-9:
                break
        self.coef_: Floats = coef.numpy()
        return self

    def predict(self, x: ArrayLike) -> Floats:
        """Return risks, ``(person,)``."""
        risks: Floats = np.asarray(x, dtype=np.float64) @ self.coef_
        return risks


def comparable(time: ArrayLike, event: ArrayLike) -> NDArray[np.bool_]:
    """Return ``(person, person)``: True if the first is known to have died sooner.

    The first died, and the second died later, or was last seen alive later or on the
    same day.
    """
    when, died = _as_survival(time, event)
    later = when[None, :] > when[:, None]
    outlived = (when[None, :] == when[:, None]) & ~died[None, :]
    found: NDArray[np.bool_] = died[:, None] & (later | outlived)
    return found


def concordance(time: ArrayLike, event: ArrayLike, risk: ArrayLike) -> float:
    """Return Harrell's index: the share of comparable pairs in the right order.

    Equal risks count one half; one half in all is chance.

    Raises
    ------
    ValueError
        If no two people can be compared.
    """
    pairs = comparable(time, event)
    if not pairs.any():
        raise ValueError("no two people can be compared: too few died, or too late")
    return float((_order(risk, len(pairs)) * pairs).sum() / pairs.sum())


def bootstrap_concordance(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    versus: ArrayLike | None = None,
    *,
    n_resamples: int = 5_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the concordance, or a difference of two, with an interval over people.

    Risks may be ``(repeat, person)``: concordances are averaged over repeats first.
    People are drawn with replacement; a person drawn twice is not compared with
    themselves. The models are not trained again.
    """
    pairs = comparable(time, event)
    if not pairs.any():
        raise ValueError("no two people can be compared: too few died, or too late")
    right = _mean_order(risk, pairs)
    if versus is not None:
        right = right - _mean_order(versus, pairs)
    rng = np.random.default_rng(seed)
    n = len(pairs)
    drawn = rng.multinomial(n, np.full(n, 1 / n), n_resamples).astype(float)
    share = np.einsum("bi,bi->b", drawn @ (right * pairs), drawn)
    count = np.einsum("bi,bi->b", drawn @ pairs.astype(float), drawn)
    values = share[count > 0] / count[count > 0]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    value = float((right * pairs).sum() / pairs.sum())
    return Interval(value, float(low), float(high))


def kaplan_meier(time: ArrayLike, event: ArrayLike) -> tuple[Floats, Floats]:
    """Return times of death, ascending, and the share alive after each.

    Kaplan and Meier 1958 (doi:10.1080/01621459.1958.10501452): the product of the
    shares that survived each day of a death, among those who were still followed.
    """
    when, died = _as_survival(time, event)
    days = np.unique(when[died])
    at_risk = (when[None, :] >= days[:, None]).sum(axis=1)
    deaths = ((when[None, :] == days[:, None]) & died[None, :]).sum(axis=1)
    alive: Floats = np.cumprod(1 - deaths / at_risk)
    return days, alive


def _order(risk: ArrayLike, n: int) -> Floats:
    """Return ``(person, person)``: 1 if the first has the higher risk, ½ if equal."""
    r = np.asarray(risk, dtype=float)
    if r.shape != (n,) or not np.isfinite(r).all():
        raise ValueError(f"risk must be {n} finite numbers, got shape {r.shape}")
    order: Floats = (r[:, None] > r[None, :]) + 0.5 * (r[:, None] == r[None, :])
    return order


def _mean_order(risk: ArrayLike, pairs: NDArray[np.bool_]) -> Floats:
    repeats = np.atleast_2d(np.asarray(risk, dtype=float))
    mean: Floats = np.mean([_order(r, len(pairs)) for r in repeats], axis=0)
    return mean


def _as_survival(time: Any, event: Any) -> tuple[Floats, NDArray[np.bool_]]:
    when = np.asarray(time, dtype=np.float64)
    died = np.asarray(event)
    if when.ndim != 1 or when.shape != died.shape:
        raise ValueError(
            f"time and event must be one number a person, got shapes {when.shape} and "
            f"{died.shape}"
        )
    if not np.isfinite(when).all() or (when < 0).any():
        raise ValueError("time must be finite and not negative")
    if not np.isin(died, (0, 1)).all():
        raise ValueError("event must be True and False, or 1 and 0")
    return when, died.astype(bool)
