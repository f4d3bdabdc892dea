"""Chapter 12's race: parts that do not touch, a fair choice, and the nets of `fit`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from genex_helpers import optimiser_race as race
from genex_helpers.memory_tasks import TASKS as MEMORY_TASKS
from genex_helpers.training import fit
from genex_helpers.yeast import gene_folds, phase_case


def test_no_cluster_is_in_two_parts() -> None:
    whole = phase_case()
    tested = []
    for case, (train, test) in zip(race.cases("yeast"), gene_folds(whole), strict=True):
        sizes = {part: len(y) for part, y in case.y.items()}
        assert sizes["train"] + sizes["validation"] == len(train)
        assert sizes["test"] == len(test) == len(case.units)
        assert case.x["train"].std() == pytest.approx(1, abs=1e-5)
        parts = [_clusters(case.x[p], whole) for p in ("train", "validation", "test")]
        assert all(parts)
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        tested.extend(np.unique(case.units))
    assert len(tested) == len(set(tested))  # a cluster is tested in one fold


def _clusters(x: np.ndarray, whole: object) -> set[int]:  # type: ignore[type-arg]
    """The clusters of series, found again by their courses, whatever the scale."""

    def shape(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        flat = values[..., 0] - values[..., 0].mean(axis=1, keepdims=True)
        return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))

    courses = whole.courses["alpha"]  # type: ignore[attr-defined]
    nearest = (shape(x) @ shape(courses).T).argmax(axis=1)
    return set(whole.clusters[nearest].tolist())  # type: ignore[attr-defined]


def test_simulated_sets_are_new_series() -> None:
    found = race.cases("adding")
    assert len(found) == race.N_SETS
    series = np.concatenate([x for case in found for x in case.x.values()])
    assert len(np.unique(series.reshape(len(series), -1), axis=0)) == len(series)
    for part, n in race.N_SERIES.items():
        assert found[0].x[part].shape == (n, race.N_STEPS, 2)
    with pytest.raises(ValueError, match="task must be one of"):
        race.cases("recall")


@pytest.mark.parametrize("name", race.SCHEDULES)
def test_schedules_are_their_formulas(name: str) -> None:
    schedule = race.SCHEDULES[name]
    if schedule is None or name == "plateau":
        return
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.2, momentum=0.9)
    scheduler = schedule(optimiser)
    t, n, rise = np.arange(race.N_EPOCHS), race.N_EPOCHS, race.N_EPOCHS // 10
    line = np.minimum(1, 0.1 + 0.9 * t / rise)
    expected = {
        "warm-up": line,
        "cosine": 0.5 * (1 + np.cos(np.pi * t / n)),
        "warm-up, cosine": np.where(
            t < rise, line, 0.5 * (1 + np.cos(np.pi * (t - rise) / (n - rise)))
        ),
    }
    found = []
    for _ in t:
        found.append(optimiser.param_groups[0]["lr"] / 0.2)
        optimiser.step()
        scheduler.step()
    if name in expected:
        np.testing.assert_allclose(found, expected[name], atol=1e-12)
    assert max(found) == pytest.approx(1)


def test_the_test_series_have_no_say() -> None:
    rng = np.random.default_rng(0)
    grid = pd.MultiIndex.from_product(
        [["adding"], ["Adam", "SGD"], range(3), race.RATES, (0, 1), range(2)],
        names=["task", "method", "case", "rate", "seed", "unit"],
    )
    scores = pd.DataFrame({"score": rng.normal(size=len(grid))}, grid).reset_index()
    keys = ["method", "case", "rate", "seed"]
    losses = scores[keys].drop_duplicates()
    losses["validation_loss"] = rng.normal(size=len(losses))
    scores = scores.merge(losses, on=keys)
    found = race.chosen(scores)
    for (method, case), rows in found.groupby(["method", "case"]):
        own = losses[(losses["method"] == method) & (losses["case"] == case)]
        best = own.groupby("rate")["validation_loss"].mean().idxmin()
        assert rows["rate"].unique().tolist() == [best]
        assert len(rows) == 4  # two seeds, two units
    again = race.chosen(scores.assign(score=-scores["score"]))
    assert (again["rate"] == found["rate"]).all()


def test_a_race_trains_the_nets_of_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "N_EPOCHS", 2)
    case = race.cases("yeast")[1]
    scores, curves = race.race("yeast", "SGD, momentum", among=[case], rates=(0.1, 0.3),
                               seeds=(5,))  # fmt: skip
    net = race.new_net("yeast", 5)
    history = fit(
        net, case.x["train"], case.y["train"], loss=torch.nn.functional.cross_entropy,
        n_epochs=2, learning_rate=0.3, batch_size=race.BATCH_SIZE, seed=5,
        optimiser=race.OPTIMISERS["SGD, momentum"], clip_norm=race.CLIP_NORM,
        validation=(case.x["validation"], case.y["validation"]),
    )  # fmt: skip
    own = scores[scores["rate"] == 0.3]
    last = history["validation_loss"].iloc[-1]
    assert own["validation_loss"].unique() == pytest.approx([last], rel=1e-4)
    assert own["n_series"].sum() == len(case.y["test"])
    assert own["score"].sum() == pytest.approx(race.scores_of("yeast", net, case).sum())
    assert set(own["unit"]) == set(case.units)
    assert len(curves) == 4


def test_a_score_of_adding_is_a_skill() -> None:
    case = race.cases("adding")[0]
    net = race.new_net("adding", 0)
    with torch.no_grad():
        for weight in net.head.parameters():
            weight.zero_()
    zero = race.scores_of("adding", net, case)  # the best constant answer
    guess = MEMORY_TASKS["adding"].guess
    np.testing.assert_allclose(zero, 1 - case.y["test"][:, 0] ** 2 / guess, atol=1e-5)
    assert zero.mean() == pytest.approx(0, abs=0.1)
