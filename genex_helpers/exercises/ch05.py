"""Checks of chapter 5: from raw measurements to a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]


def _array(found: Any, shape: tuple[int, ...]) -> Any:
    values = np.asarray(found, dtype=float)
    if values.shape != shape:
        raise WrongAnswer(
            f"An array of the shape {shape} was expected, yours is {values.shape}."
        )
    return values


def check_robust_score(answer: Answer) -> str:
    """``answer(values)`` returns 0.6745 (x - median) / MAD."""
    x = np.array([1.0, 2, 2.5, 3, 7, 30])
    found = _array(call(answer, x.copy()), x.shape)
    centre = np.median(x)
    mad = np.median(np.abs(x - centre))
    right = 0.6745 * (x - centre) / mad
    if np.allclose(found, right, rtol=1e-3):  # 1 / 1.4826 is 0.6745, rounded
        return "Right: neither the centre nor the ruler is moved by the wild value."
    if np.allclose(found, right / 0.6745):
        raise WrongAnswer("Close: the factor 0.6745 is missing.")
    if np.allclose(found, np.abs(right)):
        raise WrongAnswer(
            "The size is right, but the sign is lost: only the MAD is made of absolute "
            "values."
        )
    if np.allclose(found, 0.6745 * (x - x.mean()) / mad):
        raise WrongAnswer("Subtract the median: the mean follows the wild value.")
    from_mean = np.median(np.abs(x - x.mean()))
    if np.allclose(found, 0.6745 * (x - centre) / from_mean):
        raise WrongAnswer("The deviations within the MAD are from the median, too.")
    if np.allclose(found, 0.6745 * (x - centre) / np.abs(x - centre).mean()):
        raise WrongAnswer("The MAD is a *median* of absolute deviations, not a mean.")
    if any(np.allclose(found, (x - x.mean()) / x.std(ddof=d)) for d in (0, 1)):
        raise WrongAnswer("That is the usual z-score, which the wild value hides in.")
    raise WrongAnswer("Not yet: 0.6745 times (value minus median), divided by the MAD.")


def check_tpm(answer: Answer) -> str:
    """``answer(counts, lengths)`` returns transcripts per million."""
    counts = np.array([[10.0, 40, 50], [300, 20, 80]])
    lengths = np.array([500.0, 2000, 1000])
    found = _array(call(answer, counts.copy(), lengths.copy()), counts.shape)
    rate = counts / lengths
    right = 1e6 * rate / rate.sum(axis=1, keepdims=True)
    cpm = 1e6 * counts / counts.sum(axis=1, keepdims=True)
    if np.allclose(found, right):
        return "Right: length first, then each sample's own sum."
    if np.allclose(found, cpm / lengths * 1000) or np.allclose(found, cpm / lengths):
        raise WrongAnswer(
            "That is RPKM, or nearly: the sum was taken before the length. Its samples "
            "have different sums; those of TPM have a million each."
        )
    if np.allclose(found, cpm):
        raise WrongAnswer("That is CPM: the lengths have had no part in it.")
    if np.allclose(found, 1e6 * rate / rate.sum()):
        raise WrongAnswer("You divided by the sum over all samples; each has its own.")
    if np.allclose(found, 1e6 * rate / rate.sum(axis=0)):
        raise WrongAnswer("The sum goes over genes (`axis=1`), not over samples.")
    if np.allclose(found, right / 1e6):
        raise WrongAnswer("Shares they are; now per *million*.")
    times = counts * lengths
    if np.allclose(found, 1e6 * times / times.sum(axis=1, keepdims=True)):
        raise WrongAnswer("Divide by the length: a long RNA leaves more reads.")
    raise WrongAnswer("Not yet: counts by length, divided by their sum in the sample.")


def check_effect_within(answer: Answer) -> str:
    """``answer(values, line, treated)`` returns mean and sd of paired changes."""
    line = np.array(["b", "a", "c", "a", "b", "c"])
    treated = np.array([True, False, False, True, False, True])
    values = np.array([7.0, 3.0, 5.5, 4.5, 6.5, 5.2])
    found = call(answer, values, line, treated)
    if not (isinstance(found, (tuple, list, np.ndarray)) and np.size(found) == 2):
        raise WrongAnswer("Return two numbers: the mean, and the standard deviation.")
    mean, sd = one_number(found[0]), one_number(found[1])
    names = ("a", "b", "c")
    within = [
        values[(line == n) & treated][0] - values[(line == n) & ~treated][0]
        for n in names
    ]
    expected = float(np.mean(within))
    if np.isclose(mean, -expected):
        raise WrongAnswer("The sign is turned round: treated minus untreated.")
    if not np.isclose(mean, expected):
        raise WrongAnswer(
            f"The mean should be {expected:.3f}, yours is {mean:.3f}. The rows are not "
            "sorted: look for each line's own two samples."
        )
    if np.isclose(sd, np.std(within, ddof=1)):
        return "Right: the spread of the effect, which the mean alone would hide."
    if np.isclose(sd, np.std(within)):
        raise WrongAnswer("Both are right but for the divisor: `ddof=1`, n minus one.")
    if any(np.isclose(sd, values[treated].std(ddof=d)) for d in (0, 1)):
        raise WrongAnswer(
            "That is how much the treated samples differ; it holds the differences "
            "between lines, which the pairs were made to remove."
        )
    if np.isclose(sd, np.std(within, ddof=1) / np.sqrt(3)):
        raise WrongAnswer("That is the standard error of the mean, not the spread.")
    raise WrongAnswer("The mean is right. Now the standard deviation of the changes.")


def check_new_size_factor(answer: Answer) -> str:
    """``answer(train, new)`` measures a new sample against the training reference."""
    # five usable genes: of an even number, a median of logarithms would differ
    train = np.array([[10.0, 20, 0, 80, 7, 1000, 30], [20, 30, 5, 200, 11, 500, 60]])
    new = np.array([45.0, 70, 9, 600, 0, 1500, 99])
    found = one_number(call(answer, train.copy(), new.copy()))
    usable = (train > 0).all(axis=0) & (new > 0)
    reference = np.exp(np.log(train[:, usable]).mean(axis=0))
    right = float(np.median(new[usable] / reference))
    both = np.vstack([train, new])[:, usable]
    joint = np.exp(np.log(both).mean(axis=0))
    if np.isclose(found, right):
        return "Right: the training reference has learned nothing from the new sample."
    if np.isclose(found, float(np.median(new[usable] / joint))):
        raise WrongAnswer(
            "The new sample is part of your reference: a held-out sample must not be."
        )
    if np.isclose(found, float(np.median(new[usable] / train[:, usable].mean(axis=0)))):
        raise WrongAnswer("The reference is a geometric mean: average logarithms.")
    if np.isclose(found, float(np.mean(new[usable] / reference))):
        raise WrongAnswer("A mean follows a giant gene; take the median over genes.")
    if np.isclose(found, float(new.sum() / train.sum(axis=1).mean())):
        raise WrongAnswer("That compares library sizes, which a giant gene decides.")
    if np.isclose(found, 1 / right):
        raise WrongAnswer("Turned round: the new sample divided by the reference.")
    if not np.isfinite(found):
        raise WrongAnswer("A zero has got in: leave out genes with a zero somewhere.")
    raise WrongAnswer(
        f"We expected {right:.4f}, yours is {found:.4f}. Are genes with a zero, in "
        "training or in the new sample, left out?"
    )


def check_selecting_classifier(answer: Answer) -> str:
    """``answer(k)`` returns an unfitted pipeline that selects inside ``fit``."""
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    made = call(answer, 3)
    if not isinstance(made, Pipeline):
        raise WrongAnswer("Return a pipeline: `make_pipeline(step, step, step)`.")
    steps = [step for _, step in made.steps]
    chosen = [step for step in steps if isinstance(step, SelectKBest)]
    if not chosen:
        raise WrongAnswer("No step chooses genes: `SelectKBest(f_classif, k=k)`.")
    if chosen[0].k != 3:
        raise WrongAnswer(f"For k=3 your pipeline keeps {chosen[0].k} genes.")
    if not any(isinstance(step, StandardScaler) for step in steps):
        raise WrongAnswer("The genes are not standardised: `StandardScaler()`.")
    if any(hasattr(step, "n_features_in_") for step in steps):
        raise WrongAnswer("It is fitted already: return it unfitted.")
    if not isinstance(steps[-1], LogisticRegression):
        raise WrongAnswer("The last step must predict: `LogisticRegression()`.")
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 10)
    x = rng.normal(size=(20, 30))
    x[:, 7] += 4 * y
    made.fit(x, y)
    if not chosen[0].get_support()[7] or chosen[0].get_support().sum() != 3:
        raise WrongAnswer("Of thirty genes it does not find the one that differs.")
    return "Right: cross-validation fits all three steps anew in each fold."


def check_with_gaps(answer: Answer) -> str:
    """``answer(values, times)`` appends the time since the sample before."""
    values = np.arange(12.0).reshape(2, 3, 2)
    values[1, 2] = np.nan  # no third sample in the second series
    times = np.array([[0.0, 2, 7], [1, 4, np.nan]])
    found = call(answer, values.copy(), times.copy())
    found = _array(found, (2, 3, 3))
    own = found[..., :2]
    if not np.array_equal(np.isnan(own), np.isnan(values)):
        raise WrongAnswer(
            "A missing value has been filled: only the gaps may become 0 where there "
            "is no sample."
        )
    if not np.array_equal(own, values, equal_nan=True):
        raise WrongAnswer("The values must come first and stay as they are.")
    gaps, right = found[..., 2], np.array([[0.0, 2, 5], [0, 3, 0]])
    if np.array_equal(gaps, right):
        return "Right: the pace of each series, where a net can read it."
    if np.isnan(gaps).any():
        raise WrongAnswer("A NaN is left among the gaps: 0 where there is no sample.")
    if np.array_equal(gaps, np.nan_to_num(times)):
        raise WrongAnswer("Those are the times; a gap is since the sample before.")
    if np.array_equal(gaps, [[2, 5, 0], [3, 0, 0]]):
        raise WrongAnswer("One step early: at a step stands the gap *before* it.")
    if np.array_equal(gaps, [[0, 2, 5], [1, 3, 0]]):
        raise WrongAnswer("At the first step the gap is 0, whatever the clock says.")
    raise WrongAnswer(f"Expected gaps {right.tolist()}, yours are {gaps.tolist()}.")


CHECKS = {
    "05.1": check_robust_score,
    "05.2": check_tpm,
    "05.3": check_effect_within,
    "05.4": check_new_size_factor,
    "05.5": check_selecting_classifier,
    "05.6": check_with_gaps,
}
