"""Chapter 14's cases: simulated tasks at an angle, and influenza's auxiliary tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from genex_helpers import influenza, influenza_tasks, related_tasks
from genex_helpers.datasets import load
from genex_helpers.models import RecurrentClassifier
from genex_helpers.stacked_tasks import with_heads

# ---------------------------------------------------------------- simulated tasks


@pytest.mark.parametrize("cosine", related_tasks.COSINES)
def test_the_tasks_have_their_angle_and_the_main_task_stays(cosine: float) -> None:
    x, y, x_test, y_test = related_tasks.related_set(0, cosine)
    other = related_tasks.related_set(0, 0.5)
    assert np.array_equal(x, other[0]) and np.array_equal(y[:, 0], other[1][:, 0])
    s, both = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    fitted = np.linalg.lstsq(related_tasks.leaky_sum(s), both, rcond=None)[0].T
    main, auxiliary = fitted / np.linalg.norm(fitted, axis=1, keepdims=True)
    assert main @ auxiliary == pytest.approx(cosine, abs=0.06)
    assert both.var(axis=0) == pytest.approx(1 + related_tasks.NOISE**2, abs=0.2)


def test_a_leaky_sum_is_a_loop_and_has_variance_one() -> None:
    x = np.random.default_rng(0).normal(size=(20_000, 10, 1))
    state = np.zeros(20_000)
    for step in range(10):
        state = related_tasks.LEAK * state + x[:, step, 0]
    found = related_tasks.leaky_sum(x)[:, 0]
    assert np.corrcoef(found, state)[0, 1] == pytest.approx(1)
    assert found.var() == pytest.approx(1, abs=0.03)


def test_skill_of_the_truth_is_the_ceiling_and_of_zero_is_zero() -> None:
    _, _, _, y = related_tasks.related_set(1, 1.0)
    every = np.concatenate([related_tasks.related_set(k, 1.0)[3] for k in range(8)])
    assert related_tasks.skill(np.zeros(len(y)), y[:, 0]) == 0
    assert related_tasks.skill(y[:, 0], y[:, 0]) == 1
    # two tasks with one direction differ by both their noises
    twice = related_tasks.skill(every[:, 1], every[:, 0])
    assert twice == pytest.approx(2 * related_tasks.CEILING - 1, abs=0.05)


def test_an_auxiliary_weight_of_zero_is_one_head(monkeypatch: Any) -> None:
    monkeypatch.setattr(related_tasks, "N_TEST", 60)
    one = related_tasks.net_skills([0, 1], 16, 4, None, n_epochs=40)
    two = related_tasks.net_skills([0, 1], 16, 4, 0.5, weights=(1.0, 0.0), n_epochs=40)
    assert np.allclose(one["skill"], two["skill"], atol=1e-4)
    assert one["epoch"].tolist() == two["epoch"].tolist()
    assert one["conflict"].isna().all()


def test_more_heads_begin_with_the_same_encoder_and_first_head() -> None:
    one = RecurrentClassifier(4, 3)
    more = with_heads(one, 3)
    assert (more.recurrent.weight_hh_l0 == one.recurrent.weight_hh_l0).all()
    assert (more.head.weight[:1] == one.head.weight).all()
    assert more.head.out_features == 3


def test_ridge_gains_from_a_prediction_of_the_same_task() -> None:
    alone = related_tasks.ridge_skills(range(4), 16, None)["skill"]
    helped = related_tasks.ridge_skills(range(4), 16, 1.0)["skill"]
    assert (helped > alone).all() and helped.max() < related_tasks.CEILING + 0.05


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: related_tasks.related_set(0, 1.2), "cosine must lie from -1"),
        (lambda: related_tasks.leaky_sum(np.zeros((3, 4))), "x must be"),
        (lambda: related_tasks.loss_weights("series", 16), "counted must be one of"),
        (lambda: related_tasks.unit_skills([0], "pcgrad", 1.0), "weighted must be"),
        (lambda: influenza_tasks.arm_answers(None, "dose"), "arm must be one of"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_weights_by_label() -> None:
    assert related_tasks.loss_weights("tasks", 16) == (1.0, 1.0)
    assert related_tasks.loss_weights("labels", 96) == (0.25, 1.0)


# -------------------------------------------------------------------- influenza

CASE = influenza_tasks.influenza_case(29.0, n_folds=2)


def test_labels_are_those_of_the_table() -> None:
    obs = load("influenza_challenge").obs
    people = obs.groupby("subject", observed=True).first()
    assert CASE.z.shape == (2, 17, 5, influenza.N_COMPONENTS)
    assert CASE.labels["hour"][3].tolist() == [0, 5, 12, 21, 29]
    for name, right in (
        ("age", people["age"]), ("sex", people["sex"] == "female"),
        (influenza_tasks.MAIN, people["symptomatic"]),
    ):  # fmt: skip
        values = CASE.labels[name]
        assert np.isnan(values[:, :-1]).all()
        assert values[:, -1].tolist() == right.astype(float).tolist()


def test_the_later_score_is_of_the_hours_that_are_not_seen() -> None:
    whole, _, sequences = influenza.series_and_labels(108.0)
    genes = np.isin(sequences.genes, influenza.interferon_genes())
    right = whole[:, sequences.times > 29][:, :, genes].mean(axis=(1, 2), dtype=float)
    found = CASE.labels["interferon later"][:, -1]
    assert np.allclose(found, right, rtol=1e-6)


def test_training_labels_are_standardised_by_the_training_people() -> None:
    train, pair = CASE.folds[0]
    names = ("hour", "age")
    found = influenza_tasks.fold_labels(CASE, 0, names, False, 0)
    assert found.shape == (len(train), 5, 3)
    age = CASE.labels["age"][train, -1]
    assert np.allclose(found[:, -1, 2], (age - age.mean()) / age.std())
    assert found[:, :, 1].mean() == pytest.approx(0, abs=1e-12)
    assert not set(train) & set(pair)


def test_permuted_labels_keep_the_main_task_and_their_values() -> None:
    names = influenza_tasks.AUXILIARY
    true = influenza_tasks.fold_labels(CASE, 1, names, False, 0)
    mixed = influenza_tasks.fold_labels(CASE, 1, names, True, 0)
    assert np.array_equal(true[..., 0], mixed[..., 0], equal_nan=True)
    for k in range(1, 5):
        assert not np.array_equal(true[..., k], mixed[..., k], equal_nan=True)
        both = [np.sort(labels[..., k].ravel()) for labels in (true, mixed)]
        assert np.allclose(*both, equal_nan=True)


def test_alone_is_the_net_of_chapter_9() -> None:
    found = influenza_tasks.arm_answers(CASE, "alone", seeds=(3,))
    y = CASE.labels[influenza_tasks.MAIN][:, -1].astype(int)
    for fold, (train, pair) in enumerate(CASE.folds):
        right = influenza.recurrent_scores("gru", CASE.z[fold], y, train, pair, seed=3)
        own = found[found["fold"] == fold]["answer"]
        assert np.allclose(own, right, atol=1e-4)


def test_tables_average_over_seeds() -> None:
    columns = ["arm", "seed", "fold", "subject", "task", "label", "answer"]
    answers = pd.DataFrame(
        [("a", seed, 0, s, task, label, sign * label + seed)
         for seed, sign in ((0, 1.0), (1, -1.0)) for s, label in ((4, 1.0), (7, 0.0))
         for task in ("illness", "sex")], columns=columns,
    )  # fmt: skip
    pairs = influenza_tasks.pair_table(answers)
    assert pairs.to_dict("list") == {"arm": ["a"], "ill": [4], "well": [7],
                                     "win": [0.5]}  # fmt: skip
    other = influenza_tasks.auxiliary_table(answers)
    assert other["answer"].tolist() == [0.5, 0.5] and set(other["task"]) == {"sex"}


def test_the_baselines_are_those_of_chapter_9() -> None:
    found = influenza_tasks.baseline_answers(CASE)
    own = found[found["arm"] == "interferon score"]
    assert np.allclose(own["answer"], CASE.interferon[own["subject"]])
    assert set(found["arm"]) == {"interferon score", "logistic, all times"}
