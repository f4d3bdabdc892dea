"""Checkpoints: safe to open, whole or not there, and a resumed run is the same run."""

from __future__ import annotations

import pickle
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW
from torch.optim import lr_scheduler as schedules

from genex_helpers import checkpoints
from genex_helpers.checkpoints import load_checkpoint, save_checkpoint
from genex_helpers.models import RecurrentClassifier
from genex_helpers.seeds import seed_everything
from genex_helpers.training import fit

MSE = nn.functional.mse_loss


class Dropped(nn.Module):
    """A net that draws random numbers as it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.dropout = RecurrentClassifier(3, 4), nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop inputs, then run the net."""
        output: torch.Tensor = self.net(self.dropout(x))
        return output


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 5, 3)).astype(np.float32)
    return x, x[:, :, :1].sum(axis=1) + rng.normal(size=(12, 1)).astype(np.float32)


def warm_up_then_cosine(optimiser: torch.optim.Optimizer) -> schedules.LRScheduler:
    up = schedules.LinearLR(optimiser, 0.1, total_iters=3)
    down = schedules.CosineAnnealingLR(optimiser, 9)
    return schedules.SequentialLR(optimiser, [up, down], [3])


HOW: dict[str, dict[str, Any]] = {
    "plain": {},
    "early stopping": {"patience": 3, "learning_rate": 0.1},
    "plateau": {"scheduler": partial(schedules.ReduceLROnPlateau, patience=0)},
    "one cycle": {
        "scheduler": partial(schedules.OneCycleLR, max_lr=0.1, total_steps=48),
        "schedule_per": "batch",
        "clip_norm": 0.1,
    },
    "warm-up": {"scheduler": warm_up_then_cosine, "optimiser": AdamW},
    "milestones": {
        "scheduler": partial(schedules.MultiStepLR, milestones=[2, 6, 6]),
        "optimiser": partial(SGD, momentum=0.9),
    },
    "lambda": {
        "scheduler": partial(schedules.LambdaLR, lr_lambda=lambda k: 1 / (1 + k))
    },
}


@pytest.mark.parametrize("how", HOW)
def test_a_resumed_run_equals_an_uninterrupted_one(how: str, tmp_path: Path) -> None:
    x, y = data()
    settings = {"loss": MSE, "batch_size": 3, "seed": 5, "validation": (x[:5], -y[:5])}
    settings |= {"learning_rate": 0.01} | HOW[how]
    found = []
    for stops in ([12], [4, 9, 12]):
        seed_everything(1)
        net = Dropped()
        file = tmp_path / f"{len(stops)}.pt"
        for last in stops:
            history = fit(net, x, y, n_epochs=last, checkpoint=file, **settings)
            # after a break, the program has drawn other numbers and made another net
            if last != stops[-1]:
                torch.rand(100)
                net = Dropped()
        found.append((history, net.state_dict(), torch.rand(3)))
    (history, weights, drawn), (other, other_weights, other_drawn) = found
    assert history.equals(other)
    for name, value in weights.items():
        torch.testing.assert_close(other_weights[name], value, rtol=0, atol=0)
    torch.testing.assert_close(drawn, other_drawn, rtol=0, atol=0)


def test_a_checkpoint_changes_no_number(tmp_path: Path) -> None:
    x, y = data()
    histories = []
    for file in (None, tmp_path / "a.pt"):
        seed_everything(1)
        histories.append(
            fit(Dropped(), x, y, loss=MSE, n_epochs=4, checkpoint=file,
                checkpoint_every=1)
        )  # fmt: skip
    assert histories[0].equals(histories[1])


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    x, y = data()
    file = tmp_path / "run.pt"
    calls = 0

    def pulled_plug(prediction: Any, target: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 6:  # the first call is the check before training
            raise KeyboardInterrupt
        return MSE(prediction, target)

    seed_everything(0)
    first = {"n_epochs": 8, "checkpoint": file, "checkpoint_every": 2}
    net = RecurrentClassifier(3, 4)
    with pytest.raises(KeyboardInterrupt):
        fit(net, x, y, loss=pulled_plug, **first)
    assert len(load_checkpoint(file)["history"]) == 4
    history = fit(RecurrentClassifier(3, 4), x, y, loss=pulled_plug, **first)
    seed_everything(0)
    whole = fit(RecurrentClassifier(3, 4), x, y, loss=MSE, n_epochs=8)
    assert history.equals(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"learning_rate": 0.5}, "optimiser"),
        ({"seed": 9}, "seed"),
        ({"batch_size": 2}, "batch_size"),
        ({"clip_norm": 1.0}, "clip_norm"),
        ({"loss": nn.functional.l1_loss}, "loss"),
        ({"scheduler": partial(schedules.StepLR, step_size=2)}, "scheduler"),
        ({"y_train": np.zeros((12, 1), np.float32)}, "data"),
        ({"model": RecurrentClassifier(3, 5)}, "weights"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    other: dict[str, Any], named: str, tmp_path: Path
) -> None:
    x, y = data()
    call: dict[str, Any] = {"model": RecurrentClassifier(3, 4), "x_train": x}
    call |= {"y_train": y, "loss": MSE, "n_epochs": 2, "checkpoint": tmp_path / "a"}
    fit(**call)
    with pytest.raises(ValueError, match=rf"was made with {named}="):
        fit(**(call | other))
    with pytest.raises(ValueError, match=r"n_epochs is 1, but .* holds 2 epochs"):
        fit(**(call | {"n_epochs": 1}))


def test_a_file_that_would_run_code_is_not_opened(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "was here",))

    torch.save({"model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="was not opened"):
        load_checkpoint(tmp_path / "evil.pt")
    (tmp_path / "pickled").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="damaged or no checkpoint"):
        load_checkpoint(tmp_path / "pickled")
    assert not (tmp_path / "was here").exists()


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*none\.pt"):
        load_checkpoint(tmp_path / "none.pt")
    file = tmp_path / "a.pt"
    save_checkpoint(file, {"weights": torch.arange(5000.0)})
    whole = file.read_bytes()
    rng = random.Random(0)
    for _ in range(20):
        file.write_bytes(whole[: rng.randrange(len(whole))])
        with pytest.raises(ValueError, match=r"a\.pt is damaged"):
            load_checkpoint(file)
    torch.save([1, 2], file)
    with pytest.raises(ValueError, match="must hold a dict, got list"):
        load_checkpoint(file)


def test_what_could_not_be_opened_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    save_checkpoint(file, {"epoch": 1})
    with pytest.raises(TypeError, match="tensors and plain values only"):
        save_checkpoint(file, {"epoch": 2, "rng": random.Random(0)})
    assert load_checkpoint(file) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_failing_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.pt"
    save_checkpoint(file, {"epoch": 1})

    def full_disk(state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(checkpoints.torch, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(file, {"epoch": 2})
    monkeypatch.undo()
    assert load_checkpoint(file) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
