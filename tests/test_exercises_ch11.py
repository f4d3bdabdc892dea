"""The checks of chapter 11: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered

from genex_helpers.exercises import grade

NOTEBOOK = "11_regularisation.ipynb"
NAMES = {
    "11.1": "drop",
    "11.2": "drop_series",
    "11.3": "first_step",
    "11.4": "stopping",
    "11.5": "mix_series",
    "11.6": "honest_and_hindsight",
}
SIGN = np.sign


def dropped(
    x: Any, rate: float, rng: Any, shape: Any, scale: float | None = None
) -> Any:
    size = [n if wanted else 1 for n, wanted in zip(x.shape, shape, strict=True)]
    mask = rng.random(size) >= rate
    return x * mask / (1 - rate if scale is None else scale)


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


def mixed(v: Any, own: float, partner: Any) -> Any:
    return own * v + (1 - own) * v[partner]


def picked(inner: Any, test: Any, choose: Any) -> Any:
    return test[np.arange(len(test)), choose(inner, axis=1)].mean()


WRONG = [
    ("11.1", lambda v, k, r: v * k, "the mean shrinks"),
    ("11.1", lambda v, k, r: v * k * (1 - r), "do not multiply"),
    ("11.1", lambda v, k, r: v * k / r, "that is *kept*"),
    ("11.1", lambda v, k, r: v * ~k / (1 - r), "True where a value stays"),
    ("11.1", lambda v, k, r: v * k / k.mean(), "not in each draw"),
    ("11.1", lambda v, k, r: v, "yours is 2"),
    ("11.1", lambda v, k, r: v[k] / (1 - r), "Five values"),
    ("11.2", lambda x, r, g: dropped(x, r, g, (1, 0, 1), 1.0), "The mask is right"),
    ("11.2", lambda x, r, g: dropped(x, r, g, (1, 1, 1)), "from step to step"),
    ("11.2", lambda x, r, g: dropped(x, r, g, (1, 0, 0)), "all its genes"),
    ("11.2", lambda x, r, g: dropped(x, r, g, (0, 0, 1)), "share one mask"),
    ("11.2", lambda x, r, g: dropped(x, 1 - r, g, (1, 0, 1), 1 - r), "kept a quarter"),
    ("11.2", lambda x, r, g: dropped(x, 0.5, g, (1, 0, 1), 1 - r), "; you drop 4"),
    ("11.2", lambda x, r, g: dropped(x, r, g, (1, 0, 1), r), "1 / 0.75"),
    ("11.2", lambda x, r, g: x, "Nothing was dropped"),
    ("11.2", lambda x, r, g: x[:, 0], "the series stays"),
    ("11.2", lambda x, r, g: dropped(x, r, np.random.default_rng(5), (1, 0, 1)),
     "draw from `rng`"),
    ("11.3", lambda w, g, r, d: w - r * SIGN(g + d * w), "L2 in Adam"),
    ("11.3", lambda w, g, r, d: w - r * SIGN(g), "without any decay"),
    ("11.3", lambda w, g, r, d: w * (1 - r * d) - r * g, "SGD"),
    ("11.3", lambda w, g, r, d: w * (1 - d) - r * SIGN(g), "multiplied by the rate"),
    ("11.3", lambda w, g, r, d: w * (1 - r * d) + r * SIGN(g), "against the grad"),
    ("11.3", lambda w, g, r, d: w * (1 + r * d) - r * SIGN(g), "is to shrink"),
    ("11.3", lambda w, g, r, d: w, "becomes 1.8"),
    ("11.3", lambda w, g, r, d: w[0], "Three weights"),
    ("11.4", lambda v, p: (stopped(v, p)[0] - 1, stopped(v, p)[1] - 1), "from 1"),
    ("11.4", lambda v, p: stopped(v, p)[::-1], "comes first"),
    ("11.4", lambda v, p: (int(np.argmin(v)) + 1, len(v)), "nobody sees"),
    ("11.4", lambda v, p: stopped(v, p, "last"), "not the last ones"),
    ("11.4", lambda v, p: stopped(v, p, "late"), "too long"),
    ("11.4", lambda v, p: stopped(v, p, "soon"), "too soon"),
    ("11.4", lambda v, p: stopped(v, p, "equal"), "no lower loss"),
    ("11.4", lambda v, p: 3, "Two numbers"),
    ("11.4", lambda v, p: (2, 2), "yours are 2, 2"),
    ("11.5", lambda x, y, o, p: (mixed(x, o, p), y), "labels have to be mixed"),
    ("11.5", lambda x, y, o, p: (x, mixed(y, o, p)), "the series are not"),
    ("11.5", lambda x, y, o, p: (mixed(x, 1 - o, p), mixed(y, 1 - o, p)), "not its p"),
    ("11.5", lambda x, y, o, p: (mixed(x, o, p), mixed(y, o, p).round()), "round"),
    ("11.5", lambda x, y, o, p: (o * x + (1 - o) * x.mean(0), y), "mean of all"),
    ("11.5", lambda x, y, o, p: (x, y), "label likewise"),
    ("11.5", lambda x, y, o, p: mixed(x, o, p), "two things"),
    ("11.5", lambda x, y, o, p: (mixed(x, o, p), y[:, 0]), "Shapes"),
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
        answer = answered(NOTEBOOK, tag, place, NAMES[exercise], np=np)
        assert grade(exercise, answer)[0] == status, grade(exercise, answer)
    assert grade(exercise, ...)[0] == "unanswered"


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
