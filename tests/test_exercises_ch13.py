"""The checks of chapter 13: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import torch
from exercise_cells import mistaken
from sklearn.linear_model import LogisticRegression

from genex_helpers.transfer import last_states

NOTEBOOK = "13_transfer_learning.ipynb"
NAMES = {
    "13.1": "freeze_all_but",
    "13.2": "transplant",
    "13.3": "safe_rows",
    "13.4": "luck",
    "13.5": "warm_head",
}
GIVEN = {"np": np, "torch": torch, "LogisticRegression": LogisticRegression,
         "last_states": last_states, "combinations": combinations}  # fmt: skip


def freezing(net: Any, part: str, way: str = "") -> Any:
    if way == "nothing":
        return sum(w.numel() for w in net.parameters())
    dot = "" if way == "no dot" else "."
    for name, weight in net.named_parameters():
        inside = name.startswith(part + dot)
        if way == "one":
            inside = name == "head.bias"
        if inside == (way == "reversed"):
            weight.requires_grad_(False)
            if way != "old gradient":
                weight.grad = None
        elif way == "all gradients":
            weight.grad = None
    left = [w for w in net.parameters() if w.requires_grad]
    if way == "tensors":
        return len(left)
    return 1 if way == "count" else sum(w.numel() for w in left)


def moved(own: Any, source: Any, part: str, way: str = "") -> Any:
    def inside(name: str) -> bool:
        found = {"all": True, "nothing": False, "half": name == "recurrent.bias_ih_l0",
                 "no dot": name.startswith(part)}  # fmt: skip
        return found.get(way, name.startswith(part + ".") != (way == "reversed"))

    if way in ("in place", "source in place"):
        state, other = (own, source) if way == "in place" else (source, own)
        for name, value in state.items():
            if inside(name):
                value.copy_(other[name])
        return dict(state)
    if way == "part only":
        return {n: v for n, v in source.items() if inside(n)}
    if way == "loose head" and part == "recurrent":
        # whatever of the source has another shape comes along
        return {n: source[n] if inside(n) or source[n].shape != v.shape else v
                for n, v in own.items()}  # fmt: skip
    for name, value in own.items():
        if way == "any shape" and source[name].shape != value.shape:
            raise ValueError(name)
        if inside(name) and source[name].shape != value.shape:
            if way == "silent":
                return dict(own)
            if way == "assert":
                raise AssertionError(name)
            raise ValueError(name)
    return {n: (source if inside(n) else own)[n].clone() for n in own}


def safe(gene: Any, cluster: Any, test_genes: Any, way: str = "") -> Any:
    tested = np.isin(gene, test_genes)
    found = ~np.isin(cluster, cluster[tested])
    new = np.arange(len(gene)) >= len(gene) * 2 // 3
    other = {"reversed": ~found, "genes": ~tested, "tested": tested,
             "new only": ~(tested & new), "all": found | True, "names": gene[found],
             "odd": gene == "a"}  # fmt: skip
    return other.get(way, found)


def luck(n_high: int, n_low: int, auroc: float, n_tries: int, way: str = "") -> float:
    places = set(range(n_high + n_low))
    wins = np.array([
        sum(h > o for h in high for o in places - set(high))
        for high in combinations(sorted(places), n_high)
    ]) / (n_high * n_low)  # fmt: skip
    share = (wins > auroc + 1e-9 if way == "more" else wins >= auroc - 1e-9).mean()
    other = {"one": share, "sum": share * n_tries, "every": share**n_tries,
             "none": (1 - share) ** n_tries, "half": 0.5}  # fmt: skip
    return float(other.get(way, 1 - (1 - share) ** n_tries))


def warm(net: Any, x: Any, y: Any, way: str = "") -> Any:
    head = LogisticRegression(max_iter=2000).fit(last_states(net, x), y)
    if way == "unchanged":
        return net
    with torch.no_grad():
        net.head.weight.copy_(torch.as_tensor(head.coef_))
        if way != "no bias":
            net.head.bias.copy_(torch.as_tensor(head.intercept_))
        if way == "dtype":
            net.head.weight = torch.nn.Parameter(torch.tensor(head.coef_).double())
        if way == "classes":
            net.head.weight.copy_(torch.as_tensor(head.coef_[::-1].copy()))
        if way == "encoder":
            net.recurrent.bias_ih_l0 += 1
    if way == "frozen":
        net.head.weight.requires_grad_(False)
    return head if way == "head" else net


RIGHT: dict[str, Any] = {
    "13.1": freezing, "13.2": moved, "13.3": safe, "13.4": luck, "13.5": warm,
}  # fmt: skip


WRONG: list[tuple[str, Any, str]] = [
    ("13.1", mistaken(freezing, "nothing"), "Nothing is frozen"),
    ("13.1", mistaken(freezing, "reversed"), "other way round"),
    ("13.1", mistaken(freezing, "no dot"), "begins with `head` too"),
    ("13.1", mistaken(freezing, "one"), "Still trained"),
    ("13.1", mistaken(freezing, "old gradient"), "still holds its old gradient"),
    ("13.1", mistaken(freezing, "all gradients"), "has lost its gradients"),
    ("13.1", mistaken(freezing, "tensors"), "not tensors"),
    ("13.1", mistaken(freezing, "count"), "8 numbers"),
    ("13.2", mistaken(moved, "in place"), "`own` itself has changed"),
    ("13.2", mistaken(moved, "source in place"), "`source` itself has changed"),
    ("13.2", mistaken(moved, "part only"), "every name"),
    ("13.2", mistaken(moved, "all"), "Everything came"),
    ("13.2", mistaken(moved, "nothing"), "Nothing came"),
    ("13.2", mistaken(moved, "reversed"), "wrong way round"),
    ("13.2", mistaken(moved, "half"), "From the source came"),
    ("13.2", mistaken(moved, "loose head"), "head of another shape"),
    ("13.2", mistaken(moved, "no dot"), "begins with `head` too"),
    ("13.2", mistaken(moved, "any shape"), "only shapes within the part"),
    ("13.2", mistaken(moved, "assert"), "AssertionError"),
    ("13.2", mistaken(moved, "silent"), "nothing was said"),
    ("13.3", mistaken(safe, "reversed"), "may be trained on"),
    ("13.3", mistaken(safe, "genes"), "whole clusters"),
    ("13.3", mistaken(safe, "tested"), "rows to test on"),
    ("13.3", mistaken(safe, "new only"), "old studies"),
    ("13.3", mistaken(safe, "all"), "Nothing is left out"),
    ("13.3", mistaken(safe, "names"), "True or False a row"),
    ("13.3", mistaken(safe, "odd"), "only d and e"),
    ("13.4", mistaken(luck, "more"), "at least, not more"),
    ("13.4", mistaken(luck, "one"), "That is one try"),
    ("13.4", mistaken(luck, "sum"), "do not add up"),
    ("13.4", mistaken(luck, "every"), "all tries reach it"),
    ("13.4", mistaken(luck, "none"), "none reaches it"),
    ("13.4", mistaken(luck, "half"), "yours is 0.5000"),
    ("13.5", mistaken(warm, "unchanged"), "as it was"),
    ("13.5", mistaken(warm, "no bias"), "intercept_"),
    ("13.5", mistaken(warm, "classes"), "order of classes"),
    ("13.5", mistaken(warm, "encoder"), "recurrent part has changed"),
    ("13.5", mistaken(warm, "frozen"), "is frozen now"),
    ("13.5", mistaken(warm, "dtype"), "another dtype"),
    ("13.5", mistaken(warm, "head"), "Return the net"),
]
