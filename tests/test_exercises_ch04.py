"""The checks of chapter 4: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genex_helpers.exercises import grade

BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}


def bias_for(steps: float) -> Any:
    keep = 0.5 ** (1 / steps)
    return np.log(keep / (1 - keep))


def count(cell: str, n: int, h: int, biases: int = 2, **changed: int) -> int:
    return (BLOCKS | changed)[cell] * h * (n + h + biases)


def coupled(x: Any, h: Any, c: Any, w: Any, u: Any, b: Any, slip: str = "") -> Any:
    f, g, o = (x @ w.T + h @ u.T + b).chunk(3, dim=1)
    keep = f if slip == "raw" else f.sigmoid()
    new = g.sigmoid() if slip == "sigmoid" else g.tanh()
    write = 1.0 if slip == "all" else 1 - keep
    fresh = keep * c + write * new
    if slip == "turned":
        fresh = (1 - keep) * c + keep * new
    if slip == "late":
        return o.sigmoid() * c.tanh(), fresh
    if slip == "bare":
        return o.sigmoid() * fresh, fresh
    if slip == "no gate":
        return fresh.tanh(), fresh
    state = o.sigmoid() * fresh.tanh()
    return (fresh, state) if slip == "order" else (state, fresh)


def to_torch(*weights: Any, order: str = "rzn", slip: str = "") -> Any:
    done = []
    for number, w in enumerate(weights):
        z, r, n = w.chunk(3)
        parts = {"z": -z, "r": r, "n": n}
        if slip == "old z" or (slip == "biases" and number > 1):
            parts["z"] = z
        if slip == "r":
            parts |= {"z": z, "r": -r}
        if slip == "one minus":
            parts["z"] = 1 - z
        done.append(torch.cat([parts[name] for name in order]))
    return tuple(done)


def last(out: Any, lengths: Any) -> Any:
    return out[torch.arange(len(out)), lengths - 1]


def chrono(lstm: Any, steps: Any, slip: str = "") -> Any:
    size, log = lstm.hidden_size, torch.log(steps)
    i, f = slice(0, size), slice(size, 2 * size)
    if slip == "turned":
        i, f = f, i
    with torch.no_grad():
        lstm.bias_ih_l0[f] = log
        if slip != "forget only":
            lstm.bias_ih_l0[i] = -log
        lstm.bias_hh_l0[: 2 * size] = 0.0
        if slip == "one vector":
            lstm.bias_hh_l0[: 2 * size] = 0.3
        if slip == "both":
            lstm.bias_hh_l0[: 2 * size] = lstm.bias_ih_l0[: 2 * size]
        if slip == "all zero":
            lstm.bias_hh_l0[:] = 0.0
    return lstm


RIGHT = {
    "04.1": bias_for,
    "04.2": count,
    "04.3": coupled,
    "04.4": to_torch,
    "04.5": last,
    "04.6": chrono,
}
WRONG = [
    ("04.1", lambda s: bias_for(s) + 1, "one half at 0"),
    ("04.1", lambda s: -bias_for(s), "sign is turned"),
    ("04.1", lambda s: np.log(s), "bias of chrono"),
    ("04.1", lambda s: 0.0 if s == 1 else 0.5 ** (1 / s), "part kept"),
    ("04.1", lambda s: 2 * bias_for(s), "we expected"),
    ("04.2", lambda c, n, h: count(c, n, h, 1), "*two* bias vectors"),
    ("04.2", lambda c, n, h: count(c, n, h, 0), "biases are missing"),
    ("04.2", lambda c, n, h: count(c, n, h, gru=2), "two gates and a candidate"),
    ("04.2", lambda c, n, h: count(c, n, h, lstm=3), "three gates and a candidate"),
    ("04.2", lambda c, n, h: count(c, 10, 32), "for no others"),
    ("04.2", lambda c, n, h: 7, "was expected"),
    ("04.3", lambda *a: coupled(*a)[0], "two tensors"),
    ("04.3", lambda *a: coupled(*a, slip="order"), "h comes first"),
    ("04.3", lambda *a: coupled(*a, slip="all"), "not kept"),
    ("04.3", lambda *a: coupled(*a, slip="turned"), "weighs the old"),
    ("04.3", lambda *a: coupled(*a, slip="raw"), "through the sigmoid"),
    ("04.3", lambda *a: coupled(*a, slip="sigmoid"), "candidate, not a gate"),
    ("04.3", lambda *a: coupled(*a, slip="late"), "one step late"),
    ("04.3", lambda *a: coupled(*a, slip="bare"), "times tanh of c"),
    ("04.3", lambda *a: coupled(*a, slip="no gate"), "h is not"),
    ("04.3", lambda x, h, c, *w: (h, c), "cell state differs"),
    ("04.4", lambda *w: to_torch(*w)[:2], "four tensors"),
    ("04.4", lambda *w: to_torch(*w, slip="old z"), "still weighs the new"),
    ("04.4", lambda *w: to_torch(*w, order="zrn"), "order is r, z, n"),
    ("04.4", lambda *w: to_torch(*w, slip="biases"), "same sum"),
    ("04.4", lambda *w: to_torch(*w, slip="r"), "sign of r"),
    ("04.4", lambda *w: to_torch(*w, slip="one minus"), "after the sigmoid"),
    ("04.4", lambda *w: w, "Not yet"),
    (
        "04.4",
        lambda *w: (*to_torch(*w)[:1], w[1], *to_torch(*w)[2:]),
        "so far: w_ih, b",
    ),
    ("04.5", lambda out, n: out[:, -1], "padding"),
    ("04.5", lambda out, n: out[:, n - 1], "every row with every length"),
    ("04.5", lambda out, n: out, "(4, 2)"),
    (
        "04.5",
        lambda out, n: out[torch.arange(len(out)), n.clamp(max=4)],
        "One step too late",
    ),
    ("04.5", lambda out, n: out[:, 0], "right shape"),
    ("04.6", lambda m, u: u, "Return the LSTM"),
    ("04.6", lambda m, u: m, "the second block"),
    ("04.6", lambda m, u: chrono(m, u, "both"), "Twice too much"),
    ("04.6", lambda m, u: chrono(m, u, "turned"), "Turned round"),
    ("04.6", lambda m, u: chrono(m, u, "one vector"), "random number"),
    ("04.6", lambda m, u: chrono(m, u, "forget only"), "input gate"),
    ("04.6", lambda m, u: chrono(m, u, "all zero"), "something else changed"),
]


@pytest.mark.parametrize("exercise", RIGHT)
def test_right_answers_pass(exercise: str) -> None:
    assert grade(exercise, RIGHT[exercise])[0] == "passed"


@pytest.mark.parametrize("exercise", RIGHT)
def test_stubs_are_unanswered(exercise: str) -> None:
    assert grade(exercise, lambda *arguments: ...)[0] == "unanswered"
    assert grade(exercise, ...)[0] == "unanswered"
