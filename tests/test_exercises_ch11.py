"""The checks of chapter 11: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered
from torch import nn
from torch.nn.functional import dropout

from genex_helpers.exercises import grade

NOTEBOOK = "11_regularisation.ipynb"
NAMES = {
    "11.1": "gap_of_losses",
    "11.2": "two_layers_with_dropout",
    "11.3": "drop_series",
    "11.4": "first_step",
    "11.5": "stopping",
    "11.6": "honest_and_hindsight",
}
SIGN = np.sign


def dropped(
    x: Any, rate: float, rng: Any, shape: Any, scale: float | None = None
) -> Any:
    size = [n if wanted else 1 for n, wanted in zip(x.shape, shape, strict=True)]
    mask = rng.random(size) >= rate
    return x * mask / (1 - rate if scale is None else scale)


def by_hand(states: Any, rate: float, time: bool = True) -> Any:
    """Drop with a mask that is not PyTorch's dropout; one for all steps unless time."""
    mask = states.new_ones(states.shape if time else states[:1].shape)
    return states * mask.mul_(1 - rate).bernoulli() / (1 - rate)


def stopped(losses: Any, patience: int, way: str = "") -> tuple[int, int]:
    best, kept, waited, epoch = np.inf, 0, 0, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best or (way == "equal" and loss <= best):
            best, kept, waited = loss, epoch, 0
        else:
            waited += 1
        if waited >= patience + (way == "late") - (way == "soon"):
            break
    return (epoch if way == "last" else kept), epoch


def nats(p: Any, y: Any) -> Any:
    return -np.log(np.where(y == 1, p, 1 - p))


def right_share(p: Any, y: Any) -> Any:
    return ((p > 0.5) == y).mean()


def picked(inner: Any, test: Any, choose: Any) -> Any:
    return test[np.arange(len(test)), choose(inner, axis=1)].mean()


WRONG = [
    ("11.1", lambda p, y, q, z: nats(p, y).mean() - nats(q, z).mean(), "minus tr"),
    ("11.1", lambda p, y, q, z: nats(q, z).sum() - nats(p, y).sum(), "not the sum"),
    ("11.1", lambda p, y, q, z: (nats(q, z).mean() - nats(p, y).mean()) / np.log(2),
     "bits"),
    ("11.1", lambda p, y, q, z: np.log(p).mean() - np.log(q).mean(), "`1 - p`"),
    ("11.1", lambda p, y, q, z: (y * np.log(p)).mean() - (z * np.log(q)).mean(),
     "class 0 have"),
    ("11.1", lambda p, y, q, z: nats(q, z).mean(), "alone"),
    ("11.1", lambda p, y, q, z: right_share(p, y) - right_share(q, z), "accuracies"),
    ("11.1", lambda p, y, q, z: right_share(q, z) - right_share(p, y), "accuracies"),
    ("11.1", lambda p, y, q, z: 7.0, "yours is 7.000"),
    ("11.2", lambda a, b, x, r: b(a(x)[0])[0], "Nothing is dropped"),
    ("11.2", lambda a, b, x, r: b(a(dropout(x, r))[0])[0], "inputs of the lower"),
    ("11.2", lambda a, b, x, r: dropout(b(a(x)[0])[0], r), "upper layer returns"),
    ("11.2", lambda a, b, x, r: dropout(b(dropout(a(x)[0], r))[0], r), "Between the"),
    ("11.2", lambda a, b, x, r: dropout(a(x)[0], r), "still has to read"),
    ("11.2", lambda a, b, x, r: a(x)[0], "Where is the upper"),
    ("11.2", lambda a, b, x, r: b(dropout(a(x)[0], r)), "first of the pair"),
    ("11.2", lambda a, b, x, r: b(dropout(a(x)[0], 1 - r / 2))[0], "once, on the st"),
    ("11.2", lambda a, b, x, r: b(by_hand(a(x)[0], 1 - r / 2))[0], "once, on the st"),
    ("11.2", lambda a, b, x, r: b(by_hand(a(x)[0], r, time=False))[0], "once, on the"),
    ("11.3", lambda x, r, g: x * g.random(x.shape), "1 / 0.75"),
    ("11.3", lambda x, r, g: dropped(x, r, np.random.default_rng(), (1, 0, 1)),
     "same generator"),
    ("11.3", lambda x, r, g: dropped(x, r, g, (1, 0, 1), 1.0), "The mask is right"),
    ("11.3", lambda x, r, g: dropped(x, r, g, (1, 1, 1)), "from step to step"),
    ("11.3", lambda x, r, g: dropped(x, r, g, (1, 0, 0)), "all its genes"),
    ("11.3", lambda x, r, g: dropped(x, r, g, (0, 0, 1)), "share one mask"),
    ("11.3", lambda x, r, g: dropped(x, 1 - r, g, (1, 0, 1), 1 - r), "kept a quarter"),
    ("11.3", lambda x, r, g: dropped(x, 0.5, g, (1, 0, 1), 1 - r), "; you drop 4"),
    ("11.3", lambda x, r, g: dropped(x, r, g, (1, 0, 1), r), "1 / 0.75"),
    ("11.3", lambda x, r, g: x, "Nothing was dropped"),
    ("11.3", lambda x, r, g: x[:, 0], "the series stays"),
    ("11.3", lambda x, r, g: dropped(x, r, np.random.default_rng(5), (1, 0, 1)),
     "draw from `rng`"),
    ("11.4", lambda w, g, r, d: w - r * SIGN(g + d * w), "L2 in Adam"),
    ("11.4", lambda w, g, r, d: w - r * SIGN(g), "without any decay"),
    ("11.4", lambda w, g, r, d: w * (1 - r * d) - r * g, "SGD"),
    ("11.4", lambda w, g, r, d: w * (1 - d) - r * SIGN(g), "multiplied by the rate"),
    ("11.4", lambda w, g, r, d: w * (1 - r * d) + r * SIGN(g), "against the grad"),
    ("11.4", lambda w, g, r, d: w * (1 + r * d) - r * SIGN(g), "is to shrink"),
    ("11.4", lambda w, g, r, d: w, "becomes 1.8"),
    ("11.4", lambda w, g, r, d: w[0], "Three weights"),
    ("11.5", lambda v, p: (stopped(v, p)[0] - 1, stopped(v, p)[1] - 1), "from 1"),
    ("11.5", lambda v, p: stopped(v, p)[::-1], "comes first"),
    ("11.5", lambda v, p: (int(np.argmin(v)) + 1, len(v)), "nobody sees"),
    ("11.5", lambda v, p: stopped(v, p, "last"), "not the last ones"),
    ("11.5", lambda v, p: stopped(v, p, "late"), "too long"),
    ("11.5", lambda v, p: stopped(v, p, "soon"), "too soon"),
    ("11.5", lambda v, p: stopped(v, p, "equal"), "no lower loss"),
    ("11.5", lambda v, p: 3, "Two numbers"),
    ("11.5", lambda v, p: (2, 2), "yours are 2, 2"),
    ("11.6", lambda i, t: (t.max(1).mean(), picked(i, t, np.argmin)), "comes first"),
    ("11.6", lambda i, t: (picked(i, t, np.argmax), t.max(1).mean()), "`argmin`"),
    ("11.6", lambda i, t: (t[:, i.mean(0).argmin()].mean(), t.max(1).mean()),
     "for itself"),
    ("11.6", lambda i, t: (t.max(1).mean(), t.max(1).mean()), "must not look"),
    ("11.6", lambda i, t: (picked(i, t, np.argmin), t.mean(0).max()), "each row"),
    ("11.6", lambda i, t: (picked(i, t, np.argmin), 0.99), "hindsight one is not"),
    ("11.6", lambda i, t: (0.123, 0.99), "should be"),
    ("11.6", lambda i, t: 0.7, "Two numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "exercise"), list(enumerate(NAMES)))
def test_solutions_pass_and_stubs_are_unanswered(place: int, exercise: str) -> None:
    for tag, status in (("solution", "passed"), ("exercise", "unanswered")):
        answer = answered(NOTEBOOK, tag, place, NAMES[exercise], np=np, nn=nn)
        assert grade(exercise, answer)[0] == status, grade(exercise, answer)
    assert grade(exercise, ...)[0] == "unanswered"


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, b, x, r: b(nn.Dropout(r)(a(x)[0]))[0],
        lambda a, b, x, r: b(by_hand(a(x)[0], r))[0],
    ],
)
def test_dropout_may_be_drawn_in_other_ways(answer: Any) -> None:
    assert grade("11.2", answer)[0] == "passed"


def test_the_rule_of_the_exercise_is_that_of_fit() -> None:
    """``fit`` keeps the weights of the same epoch, and ends after the same one."""
    torch = pytest.importorskip("torch")
    from genex_helpers.training import fit, predict

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4)).astype("f4"), rng.normal(size=(12, 1)).astype("f4")
    held = rng.normal(size=(9, 4)).astype("f4"), rng.normal(size=(9, 1)).astype("f4")
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 1)
    history = fit(net, x, y, loss=torch.nn.functional.mse_loss, n_epochs=200,
                  learning_rate=0.1, validation=held, patience=5)  # fmt: skip
    losses = history["validation_loss"].tolist()
    kept, last = stopped([*losses, -1.0], 5)
    assert last == len(losses) < 200
    final = ((predict(net, held[0]) - held[1]) ** 2).mean()
    assert final == pytest.approx(losses[kept - 1], rel=1e-5)
