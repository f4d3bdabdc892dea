"""Checks of chapter 16: SNP codings, gates, log odds, a fair comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import WrongAnswer, call

Answer = Callable[..., Any]


def _array(result: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    try:
        found = np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        raise WrongAnswer(f"An array of numbers was expected; yours is a "
                          f"{type(result).__name__}.") from None  # fmt: skip
    if found.shape != shape:
        raise WrongAnswer(
            f"The shape {shape} was expected; yours has the shape {found.shape}."
        )
    return found


def check_code_snp(answer: Answer) -> str:
    """``answer(dosage, coding)`` returns the coded dosages."""
    dosage = np.array([[0.0, 1.0, 2.0], [2.0, np.nan, 0.0]])
    coded = {
        "additive": dosage,
        "dominant": np.where(np.isnan(dosage), np.nan, dosage > 0),
        "recessive": np.where(np.isnan(dosage), np.nan, dosage == 2),
    }
    for coding, right in coded.items():
        found = _array(call(answer, dosage.copy(), coding), right.shape)
        if np.array_equal(found, right, equal_nan=True):
            continue
        if not np.isnan(found[1, 1]):
            raise WrongAnswer(
                f"In the {coding} coding the missing dosage became {found[1, 1]:g}. "
                "Nobody knows it, so it must stay NaN: a comparison with NaN is False, "
                "which looks like a dosage of 0."
            )
        if np.isnan(found).sum() > 1:
            raise WrongAnswer("Some dosages that were known became NaN.")
        for other, values in coded.items():
            if np.array_equal(found, values, equal_nan=True):
                raise WrongAnswer(f"Asked for the {coding} coding, you give the "
                                  f"{other} one.")  # fmt: skip
        if np.nanmax(found) == 2:
            raise WrongAnswer(f"In the {coding} coding there are only 0 and 1.")
        if np.array_equal(found, 1 - right, equal_nan=True):
            raise WrongAnswer(f"In the {coding} coding your 0 and 1 are swapped.")
        raise WrongAnswer(
            f"The {coding} coding of 0, 1, 2 is {right[0].tolist()}; yours is "
            f"{found[0].tolist()}."
        )
    return "Right: three statements about biology, and one honest hole."


def _gated(
    latents: NDArray[Any], scores: NDArray[Any], present: NDArray[Any], way: str = ""
) -> NDArray[np.float64]:
    known = np.where(present[:, :, None], latents, 0.0)
    if way == "everyone":
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        weights = np.where(present, weights, 0.0)
    elif way == "mean":
        weights = present / present.sum(axis=1, keepdims=True)
    elif way == "largest":
        top = np.where(present, scores, -np.inf).argmax(axis=1)
        weights = np.eye(scores.shape[1])[top]
    elif way == "linear":
        weights = np.where(present, scores, 0.0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    else:
        masked = np.where(present, scores, -np.inf)
        axis = 0 if way == "people" else 1
        weights = np.exp(masked - masked.max(axis=1, keepdims=True))
        weights = weights / weights.sum(axis=axis, keepdims=True)
    mean: NDArray[np.float64] = (weights[:, :, None] * known).sum(axis=1)
    return mean


def check_gated_mean(answer: Answer) -> str:
    """``answer(latents, scores, present)`` returns the weighted mean."""
    rng = np.random.default_rng(1)
    latents, scores = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 3))
    present = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1], [1, 1, 0]], bool)
    right = _gated(latents, scores, present)
    found = _array(call(answer, latents.copy(), scores.copy(), present.copy()),
                   right.shape)  # fmt: skip
    if not np.allclose(found, right, atol=1e-8):
        mistakes = {
            "everyone": "The weights of those present do not add up to 1: put "
            "`-np.inf` where a modality is absent *before* the softmax.",
            "mean": "That is the plain mean of those present: use the scores.",
            "largest": "That takes the modality with the largest score alone.",
            "linear": "That weighs by the scores themselves, which may be negative: "
            "take `np.exp` of them.",
            "people": "Your weights add up to 1 over people; they should over the "
            "modalities of each person, `axis=1`.",
        }
        for way, message in mistakes.items():
            if np.allclose(found, _gated(latents, scores, present, way), atol=1e-8):
                raise WrongAnswer(message)
        whole = np.ones_like(present)
        if np.allclose(found, _gated(latents, scores, whole), atol=1e-8):
            raise WrongAnswer("Absent modalities are read as if they were present.")
        raise WrongAnswer(
            f"For the first person the mean is {right[0].round(3)}; yours is "
            f"{found[0].round(3)}."
        )
    top = np.where(present, scores, -np.inf).max(axis=1, keepdims=True)
    large = 1000 * np.where(present, scores, top - 1)  # the largest is one present
    loud = np.where(present, scores, 1e6)
    with np.errstate(all="ignore"):
        big = call(answer, latents.copy(), large.copy(), present.copy())
        deaf = call(answer, latents.copy(), loud.copy(), present.copy())
    if not np.allclose(big, _gated(latents, large, present)):
        raise WrongAnswer(
            "With scores in the thousands `np.exp` overflows: subtract the largest "
            "score of each row first, which changes no weight."
        )
    if not np.allclose(deaf, right):
        raise WrongAnswer(
            "With an absent modality's score far above the others the weights are "
            "lost: the score that you subtract must be the largest of those *present*."
        )
    holes = np.where(present[:, :, None], latents, np.nan)
    if not np.allclose(call(answer, holes, scores.copy(), present.copy()), right):
        raise WrongAnswer(
            "Right while absent latent vectors are numbers. If they are NaN, 0 times "
            "NaN is NaN: replace them first."
        )
    return "Right, for large scores and for holes as well."


def check_fuse_late(answer: Answer) -> str:
    """``answer(probabilities, prior)`` returns the joint probability."""
    p = np.array([[0.9, 0.7, 0.2], [0.6, np.nan, 0.6], [np.nan, 0.3, np.nan],
                  [np.nan] * 3])  # fmt: skip
    prior = 0.3

    def log_odds(q: Any) -> Any:
        return np.log(q / (1 - q))

    def back(total: Any) -> Any:
        return 1 / (1 + np.exp(-total))

    base, own = log_odds(prior), log_odds(p)
    right = back(base + np.nansum(own - base, axis=1))
    found = _array(call(answer, p.copy(), prior), right.shape)
    if np.allclose(found, right, atol=1e-9):
        return "Right: evidence adds up, and the prior counts once."
    if np.isnan(found).any():
        raise WrongAnswer(
            "Somebody who lacks a modality got NaN: `np.nansum` leaves out what is "
            "absent."
        )
    n = (~np.isnan(p)).sum(axis=1)
    mistakes = {
        "The prior counts once for each modality here: subtract its log odds from each "
        "before you add, and add it once at the end.": np.nansum(own, axis=1),
        "The prior is taken out of each modality, but never put back: somebody "
        "without any modality should get the prior.": np.nansum(own - base, axis=1),
        "The prior is added on top, but each probability holds it already.": base
        + np.nansum(own, axis=1),
        "That takes out the prior for absent modalities too.": base
        + np.nansum(own, axis=1)
        - 3 * base,
        "That averages what the modalities add: evidence from independent sources adds "
        "up.": base + np.nansum(own - base, axis=1) / np.maximum(n, 1),
    }
    for message, total in mistakes.items():
        if np.allclose(found, back(total), atol=1e-9):
            raise WrongAnswer(message)
    if np.allclose(found[:3], np.nansum(p[:3], axis=1) / n[:3]):
        raise WrongAnswer("That averages probabilities: two witnesses who are both 90 "
                          "% sure make us surer than 90 %.")  # fmt: skip
    if np.allclose(found, base + np.nansum(own - base, axis=1), atol=1e-9):
        raise WrongAnswer("Those are log odds: turn them back into probabilities.")
    raise WrongAnswer(f"For {p[0]} and a prior of {prior} the probability is "
                      f"{right[0]:.3f}; yours is {found[0]:.3f}.")  # fmt: skip


def check_gain_over_single(answer: Answer) -> str:
    """``answer(table, fused, singles)`` returns the paired gains."""
    import pandas as pd

    rng = np.random.default_rng(4)
    singles, methods = ["a", "b", "c"], ["a", "b", "c", "joint", "other"]
    grid = pd.MultiIndex.from_product([range(6), methods], names=["set", "method"])
    values = rng.uniform(size=(len(grid), 2))
    table = pd.DataFrame(values, grid, ["score", "validation_loss"]).reset_index()
    table.loc[table["method"] == "other", "validation_loss"] = 0.0
    table = table.sample(frac=1, random_state=2)
    result = call(answer, table.copy(), "joint", list(singles))
    if not isinstance(result, pd.Series):
        raise WrongAnswer("A pandas.Series was expected, with the sets as its index; "
                          f"yours is a {type(result).__name__}.")  # fmt: skip
    if set(result.index) != set(range(6)) or len(result) != 6:
        raise WrongAnswer(
            "One number for each set was expected, with the set as index; yours has "
            f"the index {list(result.index)[:8]}."
        )
    found = result.sort_index().to_numpy(dtype=float)
    scores = table.pivot(index="set", columns="method", values="score")
    losses = table.pivot(index="set", columns="method", values="validation_loss")
    joint = scores["joint"].to_numpy()

    def picked(columns: Any) -> NDArray[np.float64]:
        return np.array([scores.loc[s, c] for s, c in zip(scores.index, columns,
                                                          strict=True)])  # fmt: skip

    own = losses[singles]
    right = joint - picked(own.idxmin(axis=1))
    if np.allclose(found, right):
        return "Right: the single modality was chosen without a look at the test."
    mistakes = {
        "That chooses the single modality by its test score, which favours it: nobody "
        "could have chosen so.": joint - picked(scores[singles].idxmax(axis=1)),
        "That takes the modality with the *highest* validation loss.": joint
        - picked(own.idxmax(axis=1)),
        "That chooses among all methods: only `singles` are candidates.": joint
        - picked(losses.idxmin(axis=1)),
        "That takes one modality for all sets: each set chooses for itself.": joint
        - scores[own.mean().idxmin()].to_numpy(),
        "That subtracts the mean of the single modalities.": joint
        - scores[singles].mean(axis=1).to_numpy(),
        "The sign is turned round: the fused score comes first.": -right,
        "That is the score of the single modality: subtract it from the fused "
        "one.": joint - right,
        "That subtracts validation losses, not scores.": joint
        - own.min(axis=1).to_numpy(),
    }
    for message, values in mistakes.items():
        if np.allclose(found, values):
            raise WrongAnswer(message)
    raise WrongAnswer(f"On our table the gains are {right.round(2)}, yours are "
                      f"{found.round(2)}.")  # fmt: skip


def _prepared(train: Any, new: Any, way: str = "") -> NDArray[np.float64]:
    """Return values and mask, or a common mistake."""
    source = new if way == "own" else np.nan_to_num(train) if way == "zeros" else train
    axes: Any = None if way == "one" else (0,) if way == "times" else (0, 1)
    less = 1 if way == "n - 1" else 0
    middle = np.nanmean(source, axis=axes)
    spread = np.nanstd(source, axis=axes, ddof=less)
    seen = ~np.isnan(new)
    if way == "late":
        values = (np.where(seen, new, 0.0) - middle) / spread
    elif way == "unscaled":
        values = np.where(seen, new, 0.0)
    elif way == "centred":
        values = np.where(seen, new - middle, 0.0)
    else:
        values = np.where(seen, (new - middle) / spread, 0.0)
    parts = [values, ~seen if way == "inverted" else seen]
    joined: NDArray[np.float64] = np.concatenate(
        parts[::-1] if way == "order" else parts, axis=2
    ).astype(float)
    return joined


def check_prepare_proteins(answer: Answer) -> str:
    """``answer(train, new)`` returns standardised values and their mask."""
    rng = np.random.default_rng(3)
    train = rng.normal([3, -1, 0], [1, 2, 0.5], size=(12, 4, 3))
    train += np.arange(4)[None, :, None]  # proteins rise with time
    new = rng.normal([4, 0, 1], [1, 3, 0.5], size=(5, 4, 3))
    train[rng.random(train.shape) < 0.2] = np.nan
    new[rng.random(new.shape) < 0.3] = np.nan
    right = _prepared(train, new)
    result = np.asarray(call(answer, train.copy(), new.copy()))
    if result.shape == new.shape:
        raise WrongAnswer("The mask is missing: the last axis holds all values, then "
                          "all flags, `2 * protein` in all.")  # fmt: skip
    found = _array(result, right.shape)
    # a standard deviation may divide by n or by n - 1
    if np.allclose(found, right) or np.allclose(found, _prepared(train, new, "n - 1")):
        return "Right: fitted on training people, filled with their mean, and flagged."
    if np.isnan(found).any():
        raise WrongAnswer(
            "There is NaN in your result: `np.nanmean` and `np.nanstd` leave holes "
            "out, and the holes of `new` become 0 at the end."
        )
    mistakes = {
        "own": "You standardised `new` by its own mean and spread: they must come from "
        "`train`, or a person's input depends on who else is tested.",
        "zeros": "The holes of `train` count as zeros in your mean and spread.",
        "one": "That uses one mean and one spread for all proteins: `axis=(0, 1)` "
        "gives one for each.",
        "times": "That standardises each time by itself, and hides how proteins "
        "change: take mean and spread over people *and* times.",
        "late": "You filled the holes before you standardised, so a hole is not the "
        "mean any more: fill last.",
        "unscaled": "The values are not standardised.",
        "centred": "Subtracting the mean is half of it: divide by the spread.",
        "order": "Values first, then the mask.",
        "inverted": "Your mask is 1 for holes: it should be 1 where a value was "
        "measured.",
    }
    for way, message in mistakes.items():
        if np.allclose(found, _prepared(train, new, way)):
            raise WrongAnswer(message)
    raise WrongAnswer(
        "For the first person's first time the right row is "
        f"{right[0, 0].round(2)}; yours is {found[0, 0].round(2)}."
    )


CHECKS = {
    "16.1": check_code_snp,
    "16.2": check_prepare_proteins,
    "16.3": check_gated_mean,
    "16.4": check_fuse_late,
    "16.5": check_gain_over_single,
}
