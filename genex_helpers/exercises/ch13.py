"""Checks of chapter 13: transfer learning."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]


def _small_net(seed: int = 0, n_outputs: int = 2) -> Any:
    """Return a net with gradients, whose parts have names that begin alike."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.ModuleDict({
            "recurrent": nn.GRU(2, 3, batch_first=True),
            "head": nn.Linear(3, n_outputs),
            "head_of_time": nn.Linear(3, 4),
        })  # fmt: skip
    for weight in net.parameters():
        weight.grad = torch.ones_like(weight)
    return net


def check_freeze_all_but(answer: Answer) -> str:
    """``answer(net, part)`` freezes the rest; returns how much is still trained."""
    net = _small_net()
    found = one_number(call(answer, net, "head"))
    trained = {n for n, w in net.named_parameters() if w.requires_grad}
    right = {n for n, _ in net.named_parameters() if n.startswith("head.")}
    everything = {n for n, _ in net.named_parameters()}
    if trained == everything:
        raise WrongAnswer(
            "Nothing is frozen: set `requires_grad_(False)` on the weights themselves."
        )
    if trained == everything - right:
        raise WrongAnswer("The other way round: the named part is the one that learns.")
    if trained == {n for n in everything if n.startswith("head")}:
        raise WrongAnswer(
            "`head_of_time` begins with `head` too, and is another part: compare with "
            'the dot, `part + "."`.'
        )
    if trained != right:
        raise WrongAnswer(f"Still trained: {sorted(trained)}, of the part `head`.")
    if any(w.grad is not None for w in net.parameters() if not w.requires_grad):
        raise WrongAnswer(
            "A frozen weight still holds its old gradient, and an optimiser would go "
            "on moving it: set `weight.grad = None`."
        )
    if any(w.grad is None for w in net.parameters() if w.requires_grad):
        raise WrongAnswer(
            "The part that learns has lost its gradients: leave it alone."
        )
    if found == len(right):
        raise WrongAnswer("Count numbers, `weight.numel()`, not tensors.")
    if found != 3 * 2 + 2:
        raise WrongAnswer(f"The head of our net has 8 numbers to train, not {found:g}.")
    return "Right: frozen, and without a gradient that could still move it."


def check_transplant(answer: Answer) -> str:
    """``answer(own, source, part)`` returns a new state dict."""
    import torch

    own, source = _small_net(1).state_dict(), _small_net(2).state_dict()
    kept = [{n: v.clone() for n, v in state.items()} for state in (own, source)]
    found = call(answer, own, source, "recurrent")
    for state, before, name in zip((own, source), kept, ("own", "source"), strict=True):
        if any(not torch.equal(state[n], before[n]) for n in before):
            raise WrongAnswer(f"`{name}` itself has changed: build a new dict.")
    if not isinstance(found, dict) or set(found) != set(own):
        raise WrongAnswer("Return a dict with every name of `own`.")
    from_source = {n for n in own if torch.equal(found[n], source[n])}
    part = {n for n in own if n.startswith("recurrent.")}
    if from_source == set(own):
        raise WrongAnswer("Everything came from the source, the head included.")
    if not from_source:
        raise WrongAnswer("Nothing came from the source.")
    if from_source == set(own) - part:
        raise WrongAnswer("The wrong way round: the part comes from the source.")
    if from_source != part:
        raise WrongAnswer(f"From the source came {sorted(from_source)}.")
    head = answer(own, source, "head")
    if torch.equal(head["head_of_time.weight"], source["head_of_time.weight"]):
        raise WrongAnswer(
            "`head_of_time` begins with `head` too, and is another part: compare with "
            'the dot, `part + "."`.'
        )
    other = _small_net(3, n_outputs=7).state_dict()
    try:
        whole = answer(own, other, "recurrent")  # its head has another shape, and stays
    except Exception:
        raise WrongAnswer(
            "The heads differ in shape, and the part asked for is `recurrent`, which "
            "fits: only shapes within the part matter."
        ) from None
    if whole["head.weight"].shape != own["head.weight"].shape:
        raise WrongAnswer("A head of another shape was carried over with the part.")
    try:
        answer(own, other, "head")
    except ValueError:
        return "Right: one part, copied whole or refused."
    except Exception as error:
        raise WrongAnswer(
            f"Where a shape does not fit, raise a ValueError that says so; yours "
            f"stopped with {type(error).__name__}."
        ) from None
    raise WrongAnswer(
        "A weight of the part has another shape in the source, and nothing was said: "
        "raise a ValueError, or a net that was never filled goes on as if it were."
    )


def check_safe_rows(answer: Answer) -> str:
    """``answer(gene, cluster, test_genes)`` marks the rows that may train."""
    genes = np.array(["a", "b", "c", "d", "e"])
    groups = np.array([0, 0, 1, 2, 2])
    study_of = np.repeat(["old", "older", "new"], len(genes))
    gene, cluster = np.tile(genes, 3), np.tile(groups, 3)
    test_genes = ["b", "c"]
    found = np.asarray(call(answer, gene, cluster, test_genes))
    if found.shape != gene.shape or found.dtype != bool:
        raise WrongAnswer(
            f"One True or False a row was expected, {gene.shape}; yours is "
            f"{found.dtype} {found.shape}."
        )
    tested = np.isin(gene, test_genes)
    right = ~np.isin(cluster, cluster[tested])
    mistakes: list[tuple[NDArray[np.bool_], str]] = [
        (~right, "The other way round: True stands for a row that may be trained on."),
        (~tested, "Gene `a` rises and falls with `b`, which is tested: leave out whole "
                  "clusters."),
        (tested, "Those are the rows to test on."),
        (~(tested & (study_of == "new")), "The test genes of the old studies are still "
                                          "there."),
        (np.ones(len(gene), bool), "Nothing is left out."),
    ]  # fmt: skip
    if np.array_equal(found, right):
        return "Right: no test gene, and no relative of one, from any study."
    for wrong, message in mistakes:
        if np.array_equal(found, wrong):
            raise WrongAnswer(message)
    raise WrongAnswer(
        f"Of the genes a to e, with b and c tested, only d and e may train; you keep "
        f"{sorted(set(gene[found].tolist()))}."
    )


def check_luck(answer: Answer) -> str:
    """``answer(n_high, n_low, auroc, n_tries)`` returns a probability."""
    for n_high, n_low, auroc, n_tries in ((4, 3, 0.75, 3), (3, 2, 5 / 6, 1),
                                          (2, 4, 1.0, 5)):  # fmt: skip
        case = (n_high, n_low, auroc, n_tries)
        found = one_number(call(answer, *case))
        share = _share_of_orders(n_high, n_low, auroc)
        above = _share_of_orders(n_high, n_low, auroc + 1e-6)
        mistakes = {
            1 - (1 - above) ** n_tries: "An AUROC of just that value counts too: at "
            "least, not more than.",
            share: "That is one try. At least one of several: one minus the chance "
            "that all of them fail.",
            share * n_tries: "Chances of several tries do not add up, since two may "
            "succeed at once: take one minus the chance that all fail.",
            share**n_tries: "That is the chance that all tries reach it.",
            (1 - share) ** n_tries: "That is the chance that none reaches it.",
        }
        right = 1 - (1 - share) ** n_tries
        if np.isclose(found, right, atol=1e-9):
            continue
        for value, message in mistakes.items():
            if np.isclose(found, value, atol=1e-9):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"With {n_high} high and {n_low} low responders, {n_tries} tries and "
            f"an AUROC of {auroc:.3g}, the chance is {right:.4f}; yours is {found:.4f}."
        )
    return "Right. Now ask it about the table of the vaccine studies."


def _share_of_orders(n_high: int, n_low: int, auroc: float) -> float:
    """Return the share of all orders of people whose AUROC is at least that high."""
    places = range(n_high + n_low)
    reached = []
    for high in combinations(places, n_high):
        low = [p for p in places if p not in high]
        wins = sum(h > o for h in high for o in low)
        reached.append(wins / (n_high * n_low) >= auroc - 1e-9)
    return float(np.mean(reached))


def check_warm_head(answer: Answer) -> str:
    """``answer(net, x, y)`` gives the net the head of a logistic regression."""
    import torch
    from sklearn.linear_model import LogisticRegression

    from ..models import RecurrentClassifier
    from ..transfer import last_states

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        net = RecurrentClassifier(2, 3, "gru", 4)
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 5, 2)).astype(np.float32)
    y = np.arange(60) % 4
    states = last_states(net, x)
    before = {n: v.clone() for n, v in net.state_dict().items()}
    result = call(answer, net, x, y)
    if not isinstance(result, RecurrentClassifier):
        raise WrongAnswer(f"Return the net; yours is a {type(result).__name__}.")
    after = result.state_dict()
    if any(after[n].dtype != v.dtype for n, v in before.items()):
        raise WrongAnswer(
            "The head is of another dtype than the net now, so the net cannot run: "
            "`copy_` into the weights that are there."
        )
    if any(not torch.equal(after[n], v) for n, v in before.items() if "rec" in n):
        raise WrongAnswer("The recurrent part has changed: only the head is filled.")
    if all(torch.equal(after[n], v) for n, v in before.items()):
        raise WrongAnswer("The head is as it was: copy `coef_` and `intercept_` to it.")
    if not all(w.requires_grad for w in result.parameters()):
        raise WrongAnswer("The head, or more, is frozen now; fine-tuning comes next.")
    right = LogisticRegression(max_iter=2000).fit(states, y)
    weight, bias = (after[f"head.{n}"].numpy() for n in ("weight", "bias"))
    if np.allclose(weight, right.coef_, atol=2e-3):
        if np.allclose(bias, right.intercept_, atol=2e-3):
            return (
                "Right. Fine-tune it now, and compare with a head that began at random."
            )
        raise WrongAnswer("The weights are right; `intercept_` belongs into the bias.")
    raise WrongAnswer(
        "The head is not that of `LogisticRegression(max_iter=2000)` on "
        "`last_states(net, x)`: fit it to what the head reads, in the order of classes."
    )


CHECKS = {
    "13.1": check_freeze_all_but,
    "13.2": check_transplant,
    "13.3": check_safe_rows,
    "13.4": check_luck,
    "13.5": check_warm_head,
}
