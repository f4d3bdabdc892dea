"""The checks of chapter 16: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from exercise_cells import mistaken
from scipy.special import softmax

from genex_helpers.encoders import with_mask
from genex_helpers.exercises import ch16, grade

NOTEBOOK = "16_multimodal_fusion.ipynb"
NAMES = {
    "16.1": "code_snp",
    "16.2": "prepare_proteins",
    "16.3": "gated_mean",
    "16.4": "fuse_late",
    "16.5": "gain_over_single",
}
GIVEN = {"np": np}


def coded(dosage: Any, coding: str, way: str = "") -> Any:
    tables = {"additive": dosage, "dominant": dosage > 0, "recessive": dosage == 2}
    if way == "not recessive":
        tables["recessive"] = dosage > 0
    elif way == "swapped":
        tables["dominant"] = dosage == 0
    elif way == "doubled":
        tables["recessive"] = 2.0 * (dosage == 2)
    elif way == "odd":
        tables["additive"] = dosage + 1
    found = np.asarray(tables[coding], dtype=float)
    if way == "filled":
        return found
    if way == "too many holes":
        return np.where(np.isnan(dosage) | (dosage == 0), np.nan, found)
    return np.where(np.isnan(dosage), np.nan, found)


def prepared(train: Any, new: Any) -> Any:
    seen = ~np.isnan(new)
    scaled = (new - np.nanmean(train, axis=(0, 1))) / np.nanstd(train, axis=(0, 1))
    return np.concatenate([np.where(seen, scaled, 0.0), seen], axis=2)


def wrong_proteins(way: str) -> Any:
    return lambda train, new: ch16._prepared(train, new, way)


def gated(latents: Any, scores: Any, present: Any, way: str = "") -> Any:
    if way == "blind":
        present = np.ones_like(present)
    scores = np.where(present, scores, -np.inf)
    top = 0 if way == "overflow" else scores.max(axis=1, keepdims=True)
    raised = np.exp(scores - top)
    weights = raised / raised.sum(axis=1, keepdims=True)
    known = latents if way == "NaN" else np.where(present[:, :, None], latents, 0.0)
    mean = (weights[:, :, None] * known).sum(axis=1)
    return 2 * mean if way == "twice" else mean


def all_of_them(latents: Any, scores: Any, present: Any) -> Any:
    top = scores.max(axis=1, keepdims=True)
    weights = np.where(present, np.exp(scores - top), 0.0)
    known = np.where(present[:, :, None], latents, 0.0)
    return (weights[:, :, None] * known).sum(1) / weights.sum(1, keepdims=True)


def late(p: Any, prior: float, way: str = "") -> Any:
    base, own = np.log(prior / (1 - prior)), np.log(p / (1 - p))
    added = own - base
    n = np.maximum((~np.isnan(p)).sum(axis=1), 1)
    total = {
        "": base + np.nansum(added, axis=1),
        "NaN": base + added.sum(axis=1),
        "prior each": np.nansum(own, axis=1),
        "no prior": np.nansum(added, axis=1),
        "prior on top": base + np.nansum(own, axis=1),
        "three priors": np.nansum(own, axis=1) - 2 * base,
        "average": base + np.nansum(added, axis=1) / n,
        "log odds": base + np.nansum(added, axis=1),
    }.get(way)
    if way == "log odds":
        return total
    if way == "probabilities":
        return np.nansum(p, axis=1) / n
    return 1 / (1 + np.exp(-total))


def gains(table: Any, fused: str, singles: list[str], way: str = "") -> Any:
    own = table if way == "all" else table[table["method"].isin(singles)]
    groups = own.groupby("set")
    rows = groups["validation_loss"].idxmin()
    column = "score"
    if way == "test":
        rows = groups["score"].idxmax()
    elif way == "highest":
        rows = groups["validation_loss"].idxmax()
    elif way == "loss":
        column = "validation_loss"
    joint = table[table["method"] == fused].set_index("set")["score"]
    best = own.loc[rows].set_index("set")[column]
    if way == "one":
        name = own.groupby("method")["validation_loss"].mean().idxmin()
        best = own[own["method"] == name].set_index("set")["score"]
    elif way == "mean":
        best = groups["score"].mean()
    elif way == "single":
        return best
    elif way == "index":
        return (joint - best).reset_index(drop=True).iloc[:3]
    found = best - joint if way == "sign" else joint - best
    return found.to_dict() if way == "dict" else found


RIGHT: dict[str, Any] = {
    "16.1": coded, "16.2": prepared, "16.3": gated, "16.4": late, "16.5": gains,
}  # fmt: skip


def other_gates(way: str) -> Any:
    return lambda latents, scores, present: ch16._gated(latents, scores, present, way)


WRONG: list[tuple[str, Any, str]] = [
    ("16.1", mistaken(coded, "filled"), "must stay NaN"),
    ("16.1", mistaken(coded, "too many holes"), "became NaN"),
    ("16.1", mistaken(coded, "not recessive"), "you give the dominant one"),
    ("16.1", mistaken(coded, "swapped"), "swapped"),
    ("16.1", mistaken(coded, "doubled"), "only 0 and 1"),
    ("16.1", mistaken(coded, "odd"), "yours is"),
    ("16.1", lambda d, c: d[0], "The shape"),
    ("16.1", lambda d, c: "dominant", "An array of numbers"),
    ("16.2", lambda train, new: prepared(train, new)[:, :, :3], "mask is missing"),
    ("16.2", lambda train, new: prepared(train, new).sum(axis=0), "The shape"),
    ("16.2", lambda train, new: np.concatenate([new, ~np.isnan(new)], axis=2), "NaN"),
    ("16.2", wrong_proteins("own"), "must come from `train`"),
    ("16.2", wrong_proteins("zeros"), "count as zeros"),
    ("16.2", wrong_proteins("one"), "one mean and one spread"),
    ("16.2", wrong_proteins("times"), "each time by itself"),
    ("16.2", wrong_proteins("late"), "fill last"),
    ("16.2", wrong_proteins("unscaled"), "not standardised"),
    ("16.2", wrong_proteins("centred"), "divide by the spread"),
    ("16.2", wrong_proteins("order"), "Values first"),
    ("16.2", wrong_proteins("inverted"), "1 for holes"),
    ("16.2", lambda train, new: prepared(train, new) + 1, "yours is"),
    ("16.3", other_gates("everyone"), "do not add up to 1"),
    ("16.3", other_gates("mean"), "plain mean"),
    ("16.3", other_gates("largest"), "alone"),
    ("16.3", other_gates("linear"), "may be negative"),
    ("16.3", other_gates("people"), "over people"),
    ("16.3", mistaken(gated, "blind"), "as if they were present"),
    ("16.3", mistaken(gated, "twice"), "the mean is"),
    ("16.3", mistaken(gated, "overflow"), "overflows"),
    ("16.3", all_of_them, "largest of those *present*"),
    ("16.3", mistaken(gated, "NaN"), "0 times NaN"),
    ("16.4", mistaken(late, "NaN"), "`np.nansum`"),
    ("16.4", mistaken(late, "prior each"), "once for each modality"),
    ("16.4", mistaken(late, "no prior"), "never put back"),
    ("16.4", mistaken(late, "prior on top"), "holds it already"),
    ("16.4", mistaken(late, "three priors"), "for absent modalities too"),
    ("16.4", mistaken(late, "average"), "averages what"),
    ("16.4", lambda p, q: np.where(np.isnan(p).all(axis=1), q,
                                   late(p, q, "probabilities")),
     "averages probabilities"),
    ("16.4", mistaken(late, "log odds"), "turn them back"),
    ("16.4", lambda p, q: np.full(4, 0.123), "yours is 0.123"),
    ("16.5", mistaken(gains, "test"), "nobody could have chosen"),
    ("16.5", mistaken(gains, "highest"), "*highest*"),
    ("16.5", mistaken(gains, "all"), "only `singles`"),
    ("16.5", mistaken(gains, "one"), "one modality for all sets"),
    ("16.5", mistaken(gains, "mean"), "mean of the single"),
    ("16.5", mistaken(gains, "sign"), "turned round"),
    ("16.5", mistaken(gains, "single"), "subtract it from"),
    ("16.5", mistaken(gains, "loss"), "validation losses"),
    ("16.5", mistaken(gains, "index"), "set as index"),
    ("16.5", mistaken(gains, "dict"), "pandas.Series"),
    ("16.5", lambda *a: gains(*a) + 1, "yours are"),
]  # fmt: skip


def standardised(train: Any, new: Any) -> Any:
    n_proteins = train.shape[2]
    flat = pd.DataFrame(train.reshape(-1, n_proteins))
    scaled = (new - flat.mean().to_numpy()) / flat.std().to_numpy()  # divides by n - 1
    return with_mask(scaled)


def softmax_of_scipy(latents: Any, scores: Any, present: Any) -> Any:
    weights = softmax(np.where(present, scores, -np.inf), axis=1)
    return np.einsum("bm,bml->bl", weights, np.nan_to_num(latents))


def odds(p: Any, prior: float) -> Any:
    base = prior / (1 - prior)
    total = base * np.nanprod(p / (1 - p) / base, axis=1)
    return total / (1 + total)


def by_loop(table: Any, fused: str, singles: list[str]) -> Any:
    gain = {}
    for number, own in table.groupby("set"):
        own = own.set_index("method")
        best = own.loc[singles, "validation_loss"].idxmin()
        gain[number] = own.at[fused, "score"] - own.at[best, "score"]
    return pd.Series(gain)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [("16.2", standardised), ("16.3", softmax_of_scipy), ("16.4", odds),
     ("16.5", by_loop)],
)  # fmt: skip
def test_right_answers_in_another_style_pass(exercise: str, answer: Any) -> None:
    assert grade(exercise, answer)[0] == "passed"
