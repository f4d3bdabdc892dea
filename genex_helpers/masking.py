"""Losses over observed values alone: missing targets, and series padded to one length.

A mask is ``True`` where a value was observed, as everywhere in the package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def masked(loss: Callable[..., Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return ``loss`` as a mean over observed values, for ``fit(..., mask=...)``.

    Every observed value weighs the same, so a series with more of them weighs more.

    Parameters
    ----------
    loss
        A function of prediction and target that takes ``reduction="none"``, such as
        ``torch.nn.functional.mse_loss``.

    Returns
    -------
    callable
        ``f(prediction, target, mask)``, a tensor with one number.

    Examples
    --------
    >>> from torch.nn.functional import mse_loss
    >>> prediction, target = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 99.0])
    >>> masked(mse_loss)(prediction, target, torch.tensor([True, False])).item()
    1.0
    """

    def mean_over_observed(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        if mask.shape != target.shape:
            raise ValueError(
                f"the mask must have the target's shape, {tuple(target.shape)}, "
                f"got {tuple(mask.shape)}"
            )
        # set to 0 first: what is hidden may be NaN, and 0 × NaN is a gradient of NaN
        each = loss(prediction, torch.where(mask, target, 0), reduction="none")
        return torch.where(mask, each, 0.0).sum() / mask.sum()

    return mean_over_observed


def padding_mask(lengths: Sequence[int] | Tensor, n_steps: int) -> Tensor:
    """Return ``(batch, time)``, ``True`` for the first ``lengths[k]`` steps of row k.

    Raises
    ------
    ValueError
        If a length does not lie from 1 to ``n_steps``.
    """
    counts = torch.as_tensor(lengths)
    if counts.ndim != 1 or counts.is_floating_point() or counts.dtype == torch.bool:
        raise ValueError(f"lengths must be whole numbers, one a series, got {lengths}")
    wrong = (counts < 1) | (counts > n_steps)
    if wrong.any():
        series = int(wrong.nonzero()[0])
        raise ValueError(
            f"lengths must lie from 1 to {n_steps}, got {int(counts[series])} for "
            f"series {series}"
        )
    return torch.arange(n_steps, device=counts.device) < counts[:, None]
