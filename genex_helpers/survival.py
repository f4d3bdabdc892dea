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
    weights = crowds(time.cpu().numpy(), (event > 0).cpu().numpy(), ties)
    w = torch.as_tensor(weights, dtype=eta.dtype, device=eta.device)
    # the log of 0 takes out those who are in no crowd
    crowd = torch.logsumexp(torch.log(w) + eta[None, :], dim=1)  # (death,)
    return (crowd.sum() - eta[event > 0].sum()) / len(w)


def crowds(time: ArrayLike, event: ArrayLike, ties: str = "efron") -> Floats:
    """Return how much each person counts in the crowd of each death.

    ``(death, person)``: 1 for those who were still followed, 0 else. By Efron's rule,
    the k-th of n deaths on one day (from 0) counts each of these n as 1 - k/n.

    Raises
    ------
    ValueError
        If nobody died.
    """
    when, died = _as_survival(time, event)
    if not died.any():
        raise ValueError("event: nobody died, so there is nothing to learn from")
    days = when[died]  # (death,)
    weights = (when[None, :] >= days[:, None]).astype(float)
    if ties == "efron":
        same = days[None, :] == days[:, None]  # (death, death)
        share = np.tril(same, -1).sum(axis=1) / same.sum(axis=1)
        dying = died[None, :] & (when[None, :] == days[:, None])
        weights -= share[:, None] * dying
    return weights


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
        if ties not in TIES:
            raise ValueError(f"ties must be one of {TIES}, got {ties!r}")
        self.penalty, self.ties = penalty, ties

    def fit(self, x: ArrayLike, time: ArrayLike, event: ArrayLike) -> CoxRidge:
        """Fit to ``x``, ``(person, feature)``."""
        table = np.asarray(x, dtype=np.float64)
        when, died = _as_survival(time, event)
        if table.ndim != 2 or len(table) != len(when):
            raise ValueError(
                f"x must be (person, feature) with {len(when)} people, got shape "
                f"{table.shape}"
            )
        weights = crowds(when, died, self.ties)  # (death, person)
        dying, n = table[died].sum(axis=0), len(weights)
        ridge = self.penalty * np.eye(table.shape[1])

        def look(w: Floats) -> tuple[float, Floats]:
            """Return the penalised loss, and everybody's share in each crowd."""
            eta = table @ w
            raised = weights * np.exp(eta - eta.max())
            crowd = raised.sum(axis=1)  # (death,)
            loss = (np.log(crowd).sum() + n * eta.max() - dying @ w) / n
            return loss + 0.5 * self.penalty * (w @ w), raised / crowd[:, None]

        coef = np.zeros(table.shape[1])
        value, share = look(coef)
        for _ in range(100):
            mean = share @ table  # (death, feature)
            slope = (mean.sum(axis=0) - dying) / n + self.penalty * coef
            if np.abs(slope).max() < 1e-10:
                break
            spread = (table * share.sum(axis=0)[:, None]).T @ table - mean.T @ mean
            step = np.linalg.lstsq(spread / n + ridge, slope, rcond=None)[0]
            size = 1.0
            while look(coef - size * step)[0] > value + 1e-14 and size > 1e-8:
                size /= 2
            coef = coef - size * step
            value, share = look(coef)
        self.coef_: Floats = coef
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
