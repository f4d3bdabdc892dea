"""Checks of chapter 4: LSTM and GRU, gate by gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call

Answer = Callable[..., Any]


def check_bias_for(answer: Answer) -> str:
    """``answer(steps)`` returns the bias of a forget gate with that half-life."""
    if not np.isclose(call(answer, 1), 0.0):
        raise WrongAnswer(
            "A half-life of one step keeps one half each time, and the sigmoid is one "
            f"half at 0. Yours for one step: {float(call(answer, 1)):.3g}."
        )
    keep = 0.5 ** (1 / 7)
    expected = float(np.log(keep / (1 - keep)))
    found = float(call(answer, 7))
    if np.isclose(found, -expected):
        raise WrongAnswer("The sign is turned round: to keep more, the bias must rise.")
    if np.isclose(found, np.log(7)):
        raise WrongAnswer(
            "That is the bias of chrono, ln u: it keeps u / (1 + u) each time, and "
            "after u steps a little more than a third is left, not one half."
        )
    if np.isclose(found, keep):
        raise WrongAnswer(
            "That is the part kept each step. The bias is what the sigmoid turns into "
            "it: apply the sigmoid backwards."
        )
    if not np.isclose(found, expected):
        raise WrongAnswer(
            f"For seven steps we expected {expected:.3f}, yours is {found:.3f}. The "
            "part kept each step, to the power of the steps, must be one half."
        )
    return "Right: half-life to part kept, and the sigmoid backwards."


def check_parameters_of(answer: Answer) -> str:
    """``answer(cell, n_inputs, hidden_size)`` counts the parameters of a layer."""
    blocks = {"rnn": 1, "gru": 3, "lstm": 4}
    for cell, times in blocks.items():
        expected = times * 32 * (10 + 32 + 2)
        found = call(answer, cell, 10, 32)
        if found == expected:
            continue
        if found == times * 32 * (10 + 32 + 1):
            raise WrongAnswer(
                "Close: PyTorch has *two* bias vectors, one with each matrix."
            )
        if found == times * 32 * (10 + 32):
            raise WrongAnswer("The biases are missing: two vectors for each block.")
        if cell == "gru" and found == 2 * 32 * (10 + 32 + 2):
            raise WrongAnswer("A GRU has two gates and a candidate: three blocks.")
        if cell == "lstm" and found == 3 * 32 * (10 + 32 + 2):
            raise WrongAnswer("An LSTM has three gates and a candidate: four blocks.")
        raise WrongAnswer(
            f"For {cell} with 10 inputs and 32 hidden units {expected:,} was expected, "
            f"yours is {found:,}."
        )
    if call(answer, "gru", 3, 5) != 3 * 5 * (3 + 5 + 2):
        raise WrongAnswer("Right for 10 inputs and 32 hidden units, but for no others.")
    return "Right: one, three or four blocks of H × (I + H + 2)."


def _weights(blocks: int, seed: int, hidden: int = 4, n_inputs: int = 3) -> list[Any]:
    """Return w_ih, w_hh, b_ih, b_hh with some stacked blocks, in double precision."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    rows = blocks * hidden
    shapes = [(rows, n_inputs), (rows, hidden), (rows,), (rows,)]
    return [
        torch.randn(s, generator=generator, dtype=torch.float64) / 2 for s in shapes
    ]


def _close(a: Any, b: Any) -> bool:
    import torch

    return a.shape == b.shape and bool(torch.allclose(a, b, atol=1e-10))


def check_coupled_step(answer: Answer) -> str:
    """``answer(x_t, h, c, w_ih, w_hh, bias)`` is one step with coupled gates."""
    import torch

    w_ih, w_hh, bias, _ = _weights(3, seed=1)
    x_t, h, c = (w_ih[:5], w_hh[:5], w_hh[5:10])  # some numbers of the right shapes
    found = call(answer, x_t, h, c, w_ih, w_hh, bias)
    if not (isinstance(found, tuple) and len(found) == 2):
        raise WrongAnswer("Return two tensors: the new h and the new c.")
    f, g, o = (x_t @ w_ih.T + h @ w_hh.T + bias).chunk(3, dim=1)
    keep, new, show = f.sigmoid(), g.tanh(), o.sigmoid()
    expected_c = keep * c + (1 - keep) * new
    expected_h = show * expected_c.tanh()
    if _close(found[0], expected_h) and _close(found[1], expected_c):
        return "Right: a GRU's way of keeping, in an LSTM with an output gate."
    if _close(found[0], expected_c) and _close(found[1], expected_h):
        raise WrongAnswer("Both are right, but h comes first, then c.")
    if _close(found[1], keep * c + new):
        raise WrongAnswer("What is written must be weighed by what is not kept, 1 − f.")
    if _close(found[1], (1 - keep) * c + keep * new):
        raise WrongAnswer("f weighs the old here: keep f of c, write 1 − f of g.")
    if _close(found[1], f * c + (1 - f) * new):
        raise WrongAnswer("f is not a gate before it has gone through the sigmoid.")
    if _close(found[1], keep * c + (1 - keep) * torch.sigmoid(g)):
        raise WrongAnswer("g is a candidate, not a gate: its function is the tanh.")
    if _close(found[1], expected_c) and _close(found[0], show * c.tanh()):
        raise WrongAnswer("h is one step late: it shows the *new* cell state.")
    if _close(found[1], expected_c) and _close(found[0], show * expected_c):
        raise WrongAnswer("c is right; h is the output gate times tanh of c.")
    if _close(found[1], expected_c):
        raise WrongAnswer("c is right, h is not: the output gate times tanh of c.")
    raise WrongAnswer("The new cell state differs. The blocks are f, g, o, in order.")


def check_to_torch(answer: Answer) -> str:
    """``answer(w_ih, w_hh, b_ih, b_hh)`` turns (z, r, n) with z new into nn.GRU's."""
    import torch

    theirs = _weights(3, seed=2)
    found = call(answer, *theirs)
    if not (isinstance(found, (tuple, list)) and len(found) == 4):
        raise WrongAnswer("Return four tensors: w_ih, w_hh, b_ih, b_hh.")

    def rebuilt(order: str, sign: int) -> list[Any]:
        done = []
        for w in theirs:
            z, r, n = w.chunk(3)
            parts = {"z": sign * z, "r": r, "n": n}
            done.append(torch.cat([parts[name] for name in order]))
        return done

    def same(others: list[Any]) -> bool:
        pairs = zip(found, others, strict=True)
        return all(_close(torch.as_tensor(a), b) for a, b in pairs)

    right = rebuilt("rzn", -1)
    if same(right):
        return "Right: another order, and another sign of z, biases included."
    if same(rebuilt("rzn", 1)):
        raise WrongAnswer(
            "The order is right, but your z still weighs the new state: "
            "1 − σ(a) = σ(−a)."
        )
    if same(rebuilt("zrn", -1)):
        raise WrongAnswer("The sign is right; PyTorch's order is r, z, n.")
    if same([*right[:2], *rebuilt("rzn", 1)[2:]]):
        raise WrongAnswer(
            "The matrices are right. The biases belong to the same sum, so those of z "
            "change their sign as well."
        )
    flipped = [
        torch.cat([-w.chunk(3)[1], w.chunk(3)[0], w.chunk(3)[2]]) for w in theirs
    ]
    if same(flipped):
        raise WrongAnswer("You have changed the sign of r; z is the one that differs.")
    ones = [
        torch.cat([w.chunk(3)[1], 1 - w.chunk(3)[0], w.chunk(3)[2]]) for w in theirs
    ]
    if same(ones):
        raise WrongAnswer(
            "1 − z holds for the gate, after the sigmoid. For its weights that means a "
            "change of sign."
        )
    names = ("w_ih", "w_hh", "b_ih", "b_hh")
    done = [
        name
        for name, a, b in zip(names, found, right, strict=True)
        if _close(torch.as_tensor(a), b)
    ]
    if done:
        raise WrongAnswer(
            f"Right so far: {', '.join(done)}. The others need the same two changes."
        )
    raise WrongAnswer("Not yet: split each into z, r, n, and put it together anew.")


def check_own_last_states(answer: Answer) -> str:
    """``answer(out, lengths)`` picks the state after each one's own last step."""
    import torch

    out = torch.arange(4 * 5 * 2, dtype=torch.float32).view(4, 5, 2)
    lengths = torch.tensor([3, 5, 1, 4])
    found = torch.as_tensor(call(answer, out, lengths))
    rows = torch.arange(4)
    if tuple(found.shape) == (4, 4, 2):
        raise WrongAnswer(
            "You got every row with every length. Index rows and steps together: "
            "`out[rows, steps]`, with one step a row."
        )
    if tuple(found.shape) != (4, 2):
        raise WrongAnswer(
            f"Expected (batch, hidden) = (4, 2), yours is {tuple(found.shape)}."
        )
    if torch.equal(found, out[rows, lengths - 1]):
        return "Right: what `h_n` holds after packing."
    if torch.equal(found, out[:, -1]):
        raise WrongAnswer(
            "That is the last step of the tensor, which is padding for all but the "
            "longest series."
        )
    if torch.equal(found, out[rows, lengths.clamp(max=4)]):
        raise WrongAnswer("One step too late: of three real steps the last is step 2.")
    raise WrongAnswer("The right shape, but not the states at each one's last step.")


def check_start_by_chrono(answer: Answer) -> str:
    """``answer(lstm, steps)`` sets the biases of f and i to ±ln u, in place."""
    import torch
    from torch import nn

    size = 5
    steps = torch.tensor([1.0, 2.0, 5.0, 20.0, 99.0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        lstm = nn.LSTM(3, size)
    before = [p.detach().clone() for p in lstm.parameters()]
    if not isinstance(call(answer, lstm, steps), nn.LSTM):
        raise WrongAnswer("Return the LSTM that you changed.")
    biases = [p.detach() for p in list(lstm.parameters())[2:]]
    total = biases[0] + biases[1]
    i, f = total[:size], total[size : 2 * size]
    log = steps.log()
    if torch.allclose(f, 2 * log) or torch.allclose(i, -2 * log):
        raise WrongAnswer(
            "Twice too much: the two bias vectors are added. Set one, and put zeros "
            "into the other."
        )
    if torch.allclose(i, log) and torch.allclose(f, -log):
        raise WrongAnswer("Turned round: the blocks are i, f, g, o, and f gets +ln u.")
    if not torch.allclose(f, log):
        raise WrongAnswer(
            "The sum of both bias vectors at the forget gate, the second block, must "
            "be ln u. Is there still a random number in the other vector?"
        )
    if not torch.allclose(i, -log):
        raise WrongAnswer(
            "The forget gate is right. The input gate, the first block, must start at "
            "−ln u, both vectors together."
        )
    same = [
        torch.equal(a, b.detach())
        for a, b in zip(before[:2], list(lstm.parameters())[:2], strict=True)
    ]
    old = before[2] + before[3]
    if not (all(same) and torch.allclose(total[2 * size :], old[2 * size :])):
        raise WrongAnswer("Both gates are right, but something else changed as well.")
    return "Right: keep for about u steps, and write little until told otherwise."


CHECKS = {
    "04.1": check_bias_for,
    "04.2": check_parameters_of,
    "04.3": check_coupled_step,
    "04.4": check_to_torch,
    "04.5": check_own_last_states,
    "04.6": check_start_by_chrono,
}
