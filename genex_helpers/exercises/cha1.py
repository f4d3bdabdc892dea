"""Checks of primer A1: tensors and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import NotAnswered, WrongAnswer, call

Answer = Callable[..., Any]

SHAPES: dict[str, Any] = {
    "x[3]": (6, 500),
    "x[:, -1]": (20, 500),
    "x.mean(dim=1)": (20, 500),
    "x - x[:, :1]": (20, 6, 500),
    "x - x[:, 0]": "error",
    "x @ w": (20, 6, 8),
}
SHAPE_MISTAKES: dict[tuple[str, Any], str] = {
    ("x[3]", (1, 6, 500)): "A single index takes its axis away; `x[3:4]` would keep it "
    "with length one.",
    ("x[3]", (20, 6)): "The index stands in the first place, the people: the times and "
    "the genes of one person are left.",
    ("x[3]", (20, 500)): "The index stands in the first place, the people: the times "
    "and the genes of one person are left.",
    ("x[:, -1]", (20, 6)): "The index stands in the second place, which is time, so "
    "the last time of everybody is left, with all its genes.",
    ("x[:, -1]", (20, 1, 500)): "A single index takes its axis away; `x[:, -1:]` would "
    "keep it with length one.",
    ("x.mean(dim=1)", (6, 500)): "That is the mean over `dim=0`, the people. The axis "
    "that `dim` names is the one that goes.",
    ("x.mean(dim=1)", (20, 6)): "That is the mean over `dim=2`, the genes. The axis "
    "that `dim` names is the one that goes.",
    ("x.mean(dim=1)", (20, 1, 500)): "A mean takes its axis away, unless you ask for "
    "`keepdim=True`.",
    ("x - x[:, :1]", (20, 1, 500)): "The axis of length one is stretched to the other "
    "length; the longer one is not cut.",
    ("x - x[:, :1]", "error"): "A length of one fits anything: it is stretched.",
    ("x - x[:, 0]", (20, 6, 500)): "`x[:, 0]` has the shape (20, 500). Written flush "
    "right under (20, 6, 500), its 20 people stand under the 6 times.",
    ("x @ w", "error"): "The last axis of `x` and the first of `w` agree, 500, so the "
    "product exists; the other axes stay.",
    ("x @ w", (20, 6, 500, 8)): "The axis over which the product adds up, 500, goes.",
}


def check_shapes(answer: Any) -> str:
    """``answer`` gives the shape of each expression, or ``"error"``."""
    if not isinstance(answer, dict) or set(answer) != set(SHAPES):
        raise WrongAnswer("Keep the six expressions as keys, and change the values.")
    if any(value is ... or value is None for value in answer.values()):
        raise NotAnswered
    for expression, expected in SHAPES.items():
        value = answer[expression]
        if isinstance(value, str) and value.strip().lower() == "error":
            found: Any = "error"
        else:
            try:
                found = tuple(int(length) for length in value)
            except (TypeError, ValueError):
                raise WrongAnswer(
                    f"`{expression}`: write a tuple such as (20, 500), or "
                    f'"error"; yours is {value!r}.'
                ) from None
        if found == expected:
            continue
        reason = SHAPE_MISTAKES.get((expression, found), "Take it axis by axis.")
        raise WrongAnswer(f"`{expression}` is not {found}. {reason}")
    return "Right, the error included: it is the friendly outcome."


def check_masked_mean(answer: Answer) -> str:
    """``answer(values, mask)`` returns the mean over time of what was measured."""
    import torch

    mask = torch.tensor([[[1, 1], [0, 1], [1, 0]], [[0, 1], [0, 1], [0, 1]]]).bool()
    values = torch.tensor(
        [[[1.0, 2.0], [9.0, 4.0], [5.0, 9.0]], [[9.0, 3.0], [9.0, 3.0], [9.0, 6.0]]]
    )
    values[~mask] = 9.0
    values[0, 1, 0] = float("nan")  # a hole, and elsewhere numbers somebody filled in
    expected = np.array([[3.0, 3.0], [np.nan, 4.0]])
    result = call(answer, values.clone(), mask.clone())
    found = np.asarray(result, dtype=float)
    if found.shape != (2, 2):
        raise WrongAnswer(
            "Two people, three times and two genes give means of the shape (2, 2): "
            f"only time goes, with `dim=1`. Yours is {found.shape}."
        )
    if np.allclose(found, expected, equal_nan=True):
        return "Right: the hole is neither in the sum nor in the count."
    filled = torch.where(mask, values, 0.0).sum(dim=1)
    mistakes = {
        "A NaN behind the mask reached your sum: zero times NaN is NaN. Choose with "
        "`torch.where(mask, values, 0.0)`.": (values * mask).sum(dim=1)
        / mask.sum(dim=1),
        "The sum is right, but you divided by the number of times. Divide by the "
        "number of measured ones, `mask.sum(dim=1)`.": filled / 3,
        "That is the mean of everything that is not NaN. The mask decides what was "
        "measured: a filled-in number is none.": values.nanmean(dim=1),
        "That is the plain mean over time; the mask is not in it yet.": values.mean(
            dim=1
        ),
        "Where nothing was measured you return 0, which looks like a measurement. "
        "Return NaN there.": torch.nan_to_num(filled / mask.sum(dim=1)),
    }
    for message, wrong in mistakes.items():
        if np.allclose(found, wrong.numpy(), equal_nan=True):
            raise WrongAnswer(message)
    raise WrongAnswer(
        "Not the means that we find. Add up what was measured, and divide by how "
        "many that were, both over `dim=1`."
    )


def check_line_gradient(answer: Answer) -> str:
    """``answer(x, y, w, b)`` returns the two derivatives of the squared error."""
    import torch

    x, y = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([2.0, 1.0, 5.0])
    w = torch.tensor(0.5, requires_grad=True)
    b = torch.tensor(-1.0, requires_grad=True)
    loss = ((w * x + b - y) ** 2).mean()
    expected = np.array([part.item() for part in torch.autograd.grad(loss, (w, b))])
    result = call(answer, x, y, 0.5, -1.0)
    try:
        found = np.array([float(part) for part in result])
    except (TypeError, ValueError, RuntimeError):  # tensors of several numbers, too
        found = np.array([])
    if found.shape != (2,):
        raise WrongAnswer(
            "Return two numbers, the derivatives with respect to w and b; each is a "
            "mean over the samples."
        )
    error = 0.5 * x.numpy() - 1.0 - y.numpy()
    mistakes = {
        "The signs are turned: that direction lowers the loss, the gradient points "
        "where it rises. The error is prediction minus target.": -expected,
        "The factor 2 is missing: the derivative of a square is twice the "
        "error times the derivative of the error.": expected / 2,
        "That is the derivative of the sum; the loss is a mean.": expected * 3,
        "First w, then b: yours are the other way round.": expected[::-1],
        "The derivative with respect to w has the factor x inside the mean, sample by "
        "sample.": np.array([2 * error.mean(), 2 * error.mean()]),
        "The mean of a product is not the product of the means: multiply each "
        "error with its own x first.": np.array(
            [2 * error.mean() * x.numpy().mean(), 2 * error.mean()]
        ),
    }
    if np.allclose(found, expected, rtol=1e-4):
        return "Right, and equal to autograd."
    for message, wrong in mistakes.items():
        if np.allclose(found, wrong, rtol=1e-4):
            raise WrongAnswer(message)
    raise WrongAnswer(
        f"Autograd finds {expected[0]:.3g} and {expected[1]:.3g}, you "
        f"{found[0]:.3g} and {found[1]:.3g}. Write the loss for one sample first."
    )


def check_fit_line(answer: Answer) -> str:
    """``answer(x, y)`` trains a line and returns its slope and intercept."""
    import torch

    rng = np.random.default_rng(5)
    x = torch.from_numpy(rng.normal(2.0, 1.5, 60).astype(np.float32))
    noise = torch.from_numpy(rng.normal(0.0, 0.3, 60).astype(np.float32))
    y = 0.8 * x - 1.0 + noise
    slope, intercept = np.polyfit(x.numpy().astype(float), y.numpy().astype(float), 1)
    result = call(answer, x.clone(), y.clone())
    try:
        found = np.array([float(part) for part in result])
    except (TypeError, ValueError, RuntimeError):
        found = np.array([])
    if found.shape != (2,):
        raise WrongAnswer(
            "Return two plain numbers, `net.weight.item()` and `net.bias.item()`."
        )
    if not np.isfinite(found).all():
        raise WrongAnswer(
            "The training ran away: the learning rate lies above its limit. Here the "
            "mean of x² is larger than in the primer, so the limit is smaller."
        )
    if np.allclose(found, [slope, intercept], atol=0.02):
        return "Right: the line of least squares, found by going downhill."
    if np.allclose(found, [0.0, float(y.mean())], atol=0.02):
        raise WrongAnswer(
            "The slope is zero and the intercept the mean of y: every prediction was "
            "compared with every target. Give x *and* y the shape (sample, 1)."
        )
    if np.allclose(found, [intercept, slope], atol=0.02):
        raise WrongAnswer("First the slope, then the intercept: yours are swapped.")
    raise WrongAnswer(
        f"Least squares has slope {slope:.2f} and intercept {intercept:.2f}, you have "
        f"{found[0]:.2f} and {found[1]:.2f}. Not settled: are the gradients cleared "
        "before each step, and are there enough steps?"
    )


CHECKS: dict[str, Callable[[Any], str]] = {
    "a1.1": check_shapes,
    "a1.2": check_masked_mean,
    "a1.3": check_line_gradient,
    "a1.4": check_fit_line,
}
