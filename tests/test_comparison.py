"""Folds × seeds × models in one table, and intervals over the right units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline

from genex_helpers.baselines import make_baseline
from genex_helpers.comparison import (
    hits,
    mean_squared_errors,
    paired_aurocs,
    paired_intervals,
    run_models,
)
from genex_helpers.estimators import (
    RecurrentNetClassifier,
    RecurrentNetRegressor,
    fit_at_once,
)
from genex_helpers.evaluation import bootstrap_mean, bootstrap_pairs, win_matrix
from genex_helpers.influenza import recurrent_scores
from genex_helpers.preprocessing import SequenceComponents
from genex_helpers.resampling import bootstrap_groups
from genex_helpers.splits import LeavePairOut, SubjectKFold

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = (X[:, 0] + 0.5 * RNG.normal(size=24) > 0).astype(int)
WHO = np.repeat(np.arange(8), 3)
LABELS = np.repeat([1, 0, 1, 1, 0, 0, 1, 0], 3)  # one a person
FOLDS = list(KFold(4).split(X))
SERIES = RNG.normal(size=(24, 5, 4))


class Noisy:
    """A model that answers at random, by its seed; it keeps what it was given."""

    seen: list[tuple[Any, Any]] = []  # noqa: RUF012

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, x: Any, y: Any) -> None:
        """Keep the data."""
        self.seen.append((x, y))

    def predict(self, x: Any) -> Any:
        """Draw a class a row."""
        return np.random.default_rng(self.seed).integers(0, 2, len(x))


MODELS = {"logistic": lambda seed: LogisticRegression(), "noise": Noisy}


def test_every_fold_seed_and_model_has_its_rows() -> None:
    Noisy.seen.clear()
    table = run_models(MODELS, X, Y, FOLDS, score=hits, seeds=[3, 5, 8],
                       fixed=["logistic"], units=WHO)  # fmt: skip
    assert len(table) == 24 * (1 + 3)
    counts = table.groupby(["model", "seed"]).size()
    assert counts.to_dict() == {("logistic", 3): 24, **{("noise", s): 24 for s in
                                (3, 5, 8)}}  # fmt: skip
    for (_, number, _seed), part in table.groupby(["model", "fold", "seed"]):
        rows = FOLDS[number][1]
        np.testing.assert_array_equal(part["row"], rows)
        np.testing.assert_array_equal(part["unit"], WHO[rows])
        np.testing.assert_array_equal(part["score"], part["y"] == part["prediction"])
    # trained on the training rows of the fold alone, with their own labels
    assert len(Noisy.seen) == 12
    for k, (x, y) in enumerate(Noisy.seen):
        train = FOLDS[k // 3][0]
        np.testing.assert_array_equal(x, X[train])
        np.testing.assert_array_equal(y, Y[train])


def test_the_scores_are_scikit_learns() -> None:
    table = run_models(MODELS, X, Y, KFold(4), score=hits, fixed=["logistic"])
    own = table[table["model"] == "logistic"].groupby("fold")["score"].mean()
    expected = cross_val_score(LogisticRegression(), X, Y, cv=KFold(4))
    np.testing.assert_allclose(own, expected)
    targets = np.stack([X[:, 0] * 2, X[:, 1]], axis=1)
    models = {"line": lambda seed: LinearRegression(), "mean": lambda seed:
              DummyRegressor()}  # fmt: skip
    table = run_models(models, X, targets, KFold(3), score=mean_squared_errors)
    assert (
        "prediction" not in table
        and table.query("model == 'line'")["score"].max() < 1e-20
    )
    means = table[table["model"] == "mean"].groupby("fold")["score"].mean()
    expected = -cross_val_score(
        DummyRegressor(), X, targets, cv=KFold(3), scoring="neg_mean_squared_error"
    )
    np.testing.assert_allclose(means, expected)


def test_intervals_average_seeds_and_resample_units() -> None:
    table = run_models(MODELS, X, Y, FOLDS, score=hits, seeds=range(6),
                       fixed=["logistic"], units=WHO)  # fmt: skip
    found = paired_intervals(table, [("logistic", "noise")], seed=4)
    assert found[["model", "versus"]].to_numpy().tolist() == [
        ["logistic", ""], ["noise", ""], ["logistic", "noise"]]  # fmt: skip
    by_hand = {
        name: np.array([part["score"][part["unit"] == who].mean() for who in range(8)])
        for name, part in table.groupby("model")
    }
    expected = bootstrap_mean(by_hand["logistic"] - by_hand["noise"], seed=4)
    row = found.iloc[2]
    assert row[["value", "low", "high"]].tolist() == pytest.approx(
        [expected.value, expected.low, expected.high]
    )
    assert (found["units"] == 8).all()
    # more seeds do not make it surer: only units are resampled
    more = pd.concat([table, table.assign(seed=table["seed"] + 100)])
    again = paired_intervals(more, [("logistic", "noise")], seed=4)
    pd.testing.assert_frame_equal(found, again)


def test_large_units_may_count_more() -> None:
    units = np.array([0] * 12 + [1] * 6 + [2] * 4 + [3] * 2)
    table = run_models(MODELS, X, Y, FOLDS, score=hits, units=units)
    found = paired_intervals(table, [("logistic", "noise")], weigh="row")
    wide = table.pivot(index=["unit", "row"], columns="model", values="score")
    difference = (wide["logistic"] - wide["noise"]).groupby("unit").sum()
    expected = bootstrap_groups(difference, [12, 6, 4, 2])
    assert found.iloc[2][["value", "low", "high"]].tolist() == pytest.approx(
        [expected.value, expected.low, expected.high]
    )
    with pytest.raises(ValueError, match="weigh must be 'unit' or 'row', got 'fold'"):
        paired_intervals(table, [], weigh="fold")


def test_aurocs_of_pairs() -> None:
    y = np.array([1, 0, 1, 0, 0, 1, 1, 0, 1])
    x = X[:9] + y[:, None]
    models = {
        "logistic": lambda seed: LogisticRegression(),
        "majority": lambda seed: DummyClassifier(),
    }
    table = run_models(models, x, y, LeavePairOut(), score=None, seeds=[0, 1],
                       fixed=["majority"], method="class_scores")  # fmt: skip
    found = paired_aurocs(table, [("logistic", "majority")], seed=2).set_index(
        ["model", "versus"]
    )
    wins = np.zeros((5, 4))
    ill, well = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    for a, i in enumerate(ill):
        for b, j in enumerate(well):
            train = np.setdiff1d(np.arange(9), [i, j])
            model = LogisticRegression().fit(x[train], y[train])
            scores = model.decision_function(x[[i, j]])
            wins[a, b] = win_matrix(scores[:1], scores[1:])[0, 0]
    for key, expected in {
        ("logistic", ""): bootstrap_pairs(wins, seed=2),
        ("majority", ""): bootstrap_pairs(np.full((5, 4), 0.5), seed=2),
        ("logistic", "majority"): bootstrap_pairs(wins - 0.5, seed=2),
    }.items():
        assert found.loc[key, ["value", "low", "high"]].tolist() == pytest.approx(
            [expected.value, expected.low, expected.high]
        )
    assert (found["units"] == 9).all()
    with pytest.raises(ValueError, match="label 5 must be that of the positive ones"):
        paired_aurocs(table, [], positive=5)


def test_permuted_labels_move_with_people() -> None:
    Noisy.seen.clear()
    table = run_models({"noise": Noisy}, X, LABELS, SubjectKFold(4), score=hits,
                       units=WHO, permutations=5)  # fmt: skip
    assert sorted(table["labelling"].unique()) == list(range(6))
    found = set()
    for labelling, part in table.groupby("labelling"):
        by_person = part.groupby("unit")["y"]
        assert (by_person.nunique() == 1).all() and by_person.first().sum() == 4
        found.add(tuple(by_person.first()))
        if labelling == 0:
            assert by_person.first().tolist() == LABELS[::3].tolist()
    assert len(found) > 3
    with pytest.raises(ValueError, match=r"one labelling, got \[0, 1, 2, 3, 4, 5\]"):
        paired_intervals(table, [])
    with pytest.raises(ValueError, match="y differs within a unit"):
        run_models({"noise": Noisy}, X, Y, FOLDS, score=hits, units=WHO,
                   permutations=1)  # fmt: skip


def test_bad_calls_are_refused_by_name() -> None:
    def refused(match: str, **changed: Any) -> None:
        call: dict[str, Any] = {"models": MODELS, "x": X, "y": Y, "folds": KFold(3)}
        with pytest.raises(ValueError, match=match):
            run_models(**(call | {"score": hits} | changed))

    refused("fold 1 trains and tests on row 4", folds=[([1], [2]), ([3, 4], [4])])
    refused("an iterator is used up", folds=KFold(3).split(X))
    refused("at least one fold", folds=[])
    refused("fixed names no model: ..svm", fixed=["svm"])
    refused("method must be one of", method="transform")
    refused("as many rows, got 24, 23", y=Y[:23])
    refused("at least one entry", seeds=[])
    refused(r"one number a row, shape \(8,\), got \(\)", score=lambda y, p: 0.5)
    refused("score of model 'logistic' is not finite", score=lambda y, p: y * np.nan)
    table = run_models(MODELS, X, Y, KFold(3), score=hits)
    with pytest.raises(ValueError, match=r"no model 'svm'; known: \['logistic', 'noi"):
        paired_intervals(table, [("svm", "noise")])
    lost = table.drop(index=table.index[table["model"] == "noise"][:2])
    with pytest.raises(ValueError, match="'noise' has no score for 2 rows"):
        paired_intervals(lost, [("logistic", "noise")])


# ------------------------------------------------------------------- nets as estimators


def test_the_classifier_is_the_net_of_the_book() -> None:
    y = LABELS
    train, test = np.arange(16), np.arange(16, 24)
    z = SERIES.astype(np.float32)
    expected = recurrent_scores("lstm", z, y, train, test, seed=7)
    before = torch.get_rng_state()
    model = RecurrentNetClassifier("lstm", seed=7).fit(z[train], y[train])
    np.testing.assert_array_equal(model.decision_function(z[test]), expected)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_allclose(
        model.predict_proba(z[test])[:, 1], 1 / (1 + np.exp(-expected))
    )
    assert (model.predict(z[test]) == (expected > 0)).all()


def test_classes_may_have_names_and_be_many() -> None:
    names = np.array(["G1", "M", "S"])[SERIES[:, -1, :3].argmax(axis=1)]
    model = RecurrentNetClassifier(n_epochs=150).fit(SERIES, names)
    assert model.classes_.tolist() == ["G1", "M", "S"]
    assert (model.predict(SERIES) == names).mean() > 0.9
    np.testing.assert_allclose(model.predict_proba(SERIES).sum(axis=1), 1)
    with pytest.raises(ValueError, match=r"two or more classes, .* \['G1'\]"):
        RecurrentNetClassifier().fit(SERIES[:4], ["G1"] * 4)


def test_the_regressor_keeps_the_targets_shape() -> None:
    y = SERIES[:, -1, :2]
    for target in (y, y[:, 0]):
        model = RecurrentNetRegressor(n_epochs=200, learning_rate=0.02)
        found = model.fit(SERIES, target).predict(SERIES)
        assert found.shape == target.shape
        assert ((found - target) ** 2).mean() < 0.3 * target.var()


def test_nets_follow_scikit_learn_as_far_as_sequences_do() -> None:
    # scikit-learn's own battery feeds tables (sample, feature), which are refused by
    # name; its rules about parameters are held here instead
    for kind in (RecurrentNetClassifier, RecurrentNetRegressor):
        model = kind("rnn", 3, n_epochs=2, seed=5)
        assert clone(model).get_params() == model.get_params()
        model.set_params(hidden_size=6)
        fitted = model.fit(SERIES, LABELS)
        assert fitted is model and model.net_.recurrent.hidden_size == 6
        assert len(model.history_) == 2
        with pytest.raises(ValueError, match=r"\(batch, time, gene\), got .*\(24, 3\)"):
            clone(model).fit(X, LABELS)
        with pytest.raises(Exception, match="not fitted yet"):
            clone(model).predict(SERIES)


def test_nets_and_baselines_share_a_table() -> None:
    models = {
        "majority": lambda seed: make_baseline("majority", seed=seed),
        "gru": lambda seed: make_pipeline(
            SequenceComponents(3), RecurrentNetClassifier(n_epochs=3, seed=seed)
        ),
    }
    table = run_models(models, SERIES, LABELS, SubjectKFold(4), score=hits,
                       seeds=[0, 1], fixed=["majority"], units=WHO)  # fmt: skip
    found = paired_intervals(table, [("gru", "majority")])
    assert len(found) == 3 and np.isfinite(found[["value", "low", "high"]]).all(None)


def _net(seed: int, **how: Any) -> Any:
    return make_pipeline(
        SequenceComponents(3),
        RecurrentNetClassifier("lstm", 4, n_epochs=5, batch_size=6, seed=seed, **how),
    )


@pytest.mark.parametrize("kind", ["two classes", "classes", "numbers"])
def test_at_once_is_as_one_by_one(kind: str) -> None:
    """With folds of different sizes, and permuted labels."""
    y: Any = np.repeat(np.arange(8) % 3, 3) if kind == "classes" else LABELS
    models: dict[str, Any] = {"net": _net, "majority": lambda s: DummyClassifier()}
    if kind == "numbers":
        y = y + 0.5
        models["net"] = lambda seed: RecurrentNetRegressor(n_epochs=4, seed=seed)
    how: dict[str, Any] = {
        "score": mean_squared_errors, "seeds": [0, 3], "units": WHO, "permutations": 1,
        "fixed": ["majority"],
    }  # fmt: skip
    if kind == "numbers":
        del models["majority"]
        how["fixed"] = []
    folds = SubjectKFold(3, stratify=False)
    alone = run_models(models, SERIES, y, folds, **how)
    together = run_models(models, SERIES, y, folds, at_once=["net"], **how)
    pd.testing.assert_frame_equal(alone, together, rtol=1e-4, atol=1e-5)


def test_at_once_keeps_what_a_fit_keeps() -> None:
    rates, x, y = [0.01, 0.1], [SERIES[:10], SERIES[5:]], [LABELS[:10], LABELS[5:]]
    alone = [
        _net(k, learning_rate=rate).fit(x[k], y[k]) for k, rate in enumerate(rates)
    ]
    together = [_net(k, learning_rate=rate) for k, rate in enumerate(rates)]
    fit_at_once(together, x, y)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(
            one.decision_function(SERIES), other.decision_function(SERIES), atol=1e-5
        )
        pd.testing.assert_frame_equal(one[-1].history_, other[-1].history_, atol=1e-5)


def test_what_cannot_be_fitted_at_once_is_named() -> None:
    x, y = [SERIES, SERIES], [LABELS, LABELS]
    with pytest.raises(ValueError, match=r"model 1 must be, or end with, .* got Logis"):
        fit_at_once([_net(0), LogisticRegression()], x, y)
    with pytest.raises(ValueError, match=r"model 1 .* got RecurrentNetRegressor"):
        fit_at_once([RecurrentNetClassifier(), RecurrentNetRegressor()], x, y)
    with pytest.raises(ValueError, match=r"hidden_size .* has 8, model 1 3"):
        nets = [RecurrentNetClassifier(), RecurrentNetClassifier(hidden_size=3)]
        fit_at_once(nets, x, y)
    with pytest.raises(ValueError, match=r"at_once names no model: \['gru'\]"):
        run_models({"net": _net}, SERIES, LABELS, FOLDS, score=hits, at_once=["gru"])
