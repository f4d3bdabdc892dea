"""Score matrices from series: against closed forms, scikit-learn, and counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import average_precision_score

from genex_helpers import simulator as sim
from genex_helpers.network_scores import (
    average_precision,
    candidate_edges,
    edge_density,
    forecast_skill,
    true_edges,
)
from genex_helpers.networks_from_series import (
    Courses,
    DecayForest,
    LaggedCorrelation,
    LinearRates,
    decay_rates,
    steps_of,
)


def linear_courses(n_series: int = 6, n_times: int = 12) -> tuple[Courses, np.ndarray]:
    """Series of ``x(t + dt) = x(t) + dt (A^T x + b u)``, exactly; A is returned."""
    rng = np.random.default_rng(0)
    weights = np.array(
        [[-0.5, 0.3, 0.0], [0.0, -0.4, -0.2], [0.1, 0.0, -0.3], [0.7, 0.0, 0.0]]
    )  # (regulator, gene): three genes and an input
    times = np.cumsum(rng.uniform(0.5, 1.0, n_times))
    inputs = rng.random((n_series, n_times, 1))
    levels = np.empty((n_series, n_times, 3))
    levels[:, 0] = rng.random((n_series, 3)) * 3
    for k in range(n_times - 1):
        now = np.concatenate([levels[:, k], inputs[:, k]], axis=1)
        levels[:, k + 1] = levels[:, k] + (times[k + 1] - times[k]) * (now @ weights)
    return Courses(levels, times, inputs), weights


# ------------------------------------------------------------------------- courses


def test_steps_are_cut_series_after_series() -> None:
    levels = np.arange(12.0).reshape(2, 3, 2) ** 2
    free = np.ones((2, 3, 2), bool)
    free[1, 0, 1] = False
    steps = steps_of(Courses(levels, np.array([0.0, 1.0, 3.0]), None, free))
    assert steps.now.tolist() == [[0, 1], [4, 9], [36, 49], [64, 81]]
    assert steps.rate.tolist() == [[4, 8], [6, 8], [28, 32], [18, 20]]
    assert steps.length.tolist() == [1, 2, 1, 2]
    assert np.argwhere(~steps.free).tolist() == [[2, 1]]


def test_regulators_are_genes_then_inputs_and_series_can_be_taken() -> None:
    courses, _ = linear_courses()
    assert courses.regulators.shape == (6, 12, 4)
    some = courses.take([4, 1])
    assert np.array_equal(some.regulators, courses.regulators[[4, 1]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"levels": np.zeros((2, 3))}, "levels must be"),
        ({"levels": np.zeros((2, 1, 3))}, "two or more times"),
        ({"times": np.array([0.0, 2.0, 1.0])}, "ascending"),
        ({"times": np.arange(4.0)}, "times must be 3"),
        ({"inputs": np.zeros((2, 3))}, "inputs must be"),
        ({"free": np.ones((2, 3, 2))}, "free must be booleans"),
        ({"free": np.ones((2, 3, 1), bool)}, "free must be booleans"),
        ({"levels": np.full((2, 3, 2), np.nan)}, "levels has values"),
        ({"inputs": np.full((2, 3, 1), np.inf)}, "inputs has values"),
    ],
)
def test_courses_that_do_not_fit_are_refused(change: dict, words: str) -> None:
    parts = {"levels": np.zeros((2, 3, 2)), "times": np.arange(3.0)}
    with pytest.raises(ValueError, match=words):
        Courses(**{**parts, **change})


# ---------------------------------------------------------------------- estimators


def test_lagged_correlation_is_numpys() -> None:
    courses, _ = linear_courses()
    scores = LaggedCorrelation().fit(courses).scores_
    before = courses.regulators[:, :-1].reshape(-1, 4)
    after = courses.levels[:, 1:].reshape(-1, 3)
    both = np.corrcoef(before.T, after.T)[:4, 4:]
    assert np.allclose(scores, np.abs(both))


def test_lagged_correlation_of_what_does_not_vary_is_0() -> None:
    levels = np.ones((1, 5, 2))
    levels[0, :, 1] = np.arange(5.0)
    scores = LaggedCorrelation().fit(Courses(levels, np.arange(5.0))).scores_
    assert scores.tolist() == [[0, 0], [0, pytest.approx(1)]]


def test_least_squares_recovers_a_linear_network_exactly() -> None:
    courses, weights = linear_courses()
    model = LinearRates("none").fit(courses)
    assert np.allclose(model.weights_, weights, atol=1e-10)
    assert np.allclose(model.forecast(courses), courses.levels[:, 1:])
    assert forecast_skill(courses, model.forecast(courses)) == pytest.approx(1)


def test_ridge_nearly_recovers_it_and_ranks_all_edges_first() -> None:
    courses, weights = linear_courses()
    model = LinearRates("ridge").fit(courses)
    assert np.allclose(model.weights_, weights, atol=0.01)
    assert average_precision(model.scores_, weights != 0) == 1


def test_ridge_is_its_closed_form() -> None:
    courses, _ = linear_courses()
    steps = steps_of(courses)
    model = LinearRates("ridge").fit(courses)
    x = (steps.now - steps.now.mean(axis=0)) / steps.now.std(axis=0)
    y = steps.rate[:, 0] - steps.rate[:, 0].mean()
    found = [
        np.linalg.solve(x.T @ x + a * np.eye(4), x.T @ y) / steps.rate[:, 0].std()
        for a in np.logspace(-1, 5, 13)
    ]
    assert any(np.allclose(np.abs(w), model.scores_[:, 0]) for w in found)


def test_lasso_on_orthogonal_regulators_is_a_soft_threshold() -> None:
    """With unit spread and no correlation it is sign(w) max(|w| - alpha, 0)."""
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T  # (8, 3)
    change = signs @ np.array([[0.9, 0, 0], [0.4, 0, 0], [0.05, 0, 0]])
    change[:, 1:] = signs[:, 1:]
    levels = np.stack([signs, signs + change], axis=1).repeat(3, axis=0)
    model = LinearRates("lasso").fit(Courses(levels, np.array([0.0, 1.0])))
    plain = np.array([0.9, 0.4, 0.05]) / change[:, 0].std()
    found = model.scores_[:, 0]
    taken = plain - found
    assert np.allclose(taken[found > 0], taken[0], atol=1e-4)
    assert (plain[found == 0] <= taken[0] + 1e-4).all()


def test_manipulated_steps_are_not_learned_from() -> None:
    courses, weights = linear_courses()
    levels = courses.levels.copy()
    levels[2, 6:, 1] += 100.0  # somebody pushed gene 1 between times 5 and 6
    free = np.ones(levels.shape, bool)
    free[2, 5:, :] = False
    told = Courses(levels, courses.times, courses.inputs, free)
    assert np.allclose(LinearRates("none").fit(told).weights_, weights, atol=1e-8)
    silent = Courses(levels, courses.times, courses.inputs)
    assert not np.allclose(LinearRates("none").fit(silent).weights_, weights, atol=0.1)


def test_decay_rates_of_an_exponential_fall() -> None:
    times = np.linspace(0, 4, 9)
    falls = 5 * np.exp(-0.7 * times)
    levels = np.stack([falls, np.full(9, 1e-9), np.full(9, 2.0)], axis=1)[None]
    rates = decay_rates(levels, times)
    assert rates[0] == pytest.approx(0.7, rel=1e-4)
    assert rates[1:].tolist() == [0, 0]  # flat genes: no guess


def test_the_fastest_series_decides() -> None:
    times = np.linspace(0, 4, 9)
    levels = np.stack([np.exp(-a * times) for a in (0.3, 0.9)])[..., None]
    levels = np.concatenate([levels, np.full_like(levels, 1e-9)], axis=2)
    assert decay_rates(levels, times)[0] == pytest.approx(0.9, rel=1e-3)


def test_the_forest_is_scikit_learns_on_the_published_sample() -> None:
    courses, _ = linear_courses()
    forest = DecayForest(20, seed=3, decay=[0.5, 0.4, 0.3]).fit(courses)
    steps = steps_of(courses)
    x = (steps.now - steps.now.mean(axis=0)) / steps.now.std(axis=0)
    for gene, decay in enumerate((0.5, 0.4, 0.3)):
        made = steps.rate[:, gene] + decay * steps.now[:, gene]
        theirs = RandomForestRegressor(20, max_features="sqrt", random_state=3 + gene)
        expected = theirs.fit(x, made).feature_importances_
        expected[gene] = 0
        assert np.allclose(forest.scores_[:, gene], expected / expected.sum())
    steps_on = courses.levels[:, :-1].reshape(-1, 3)
    first = steps_on[:, 0] + steps.length * (
        forest.forests_[0].predict(x) - 0.5 * steps_on[:, 0]
    )
    assert np.allclose(forest.forecast(courses)[..., 0].reshape(-1), first)


def test_estimators_refuse_settings_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="penalty must be one of"):
        LinearRates("ridges")
    with pytest.raises(ValueError, match="n_trees must be at least 1, got 0"):
        DecayForest(0)


# -------------------------------------------------------------------------- scores


def test_true_edges_have_a_row_for_each_gene_and_input() -> None:
    edges = true_edges(sim.feed_forward_loop())
    assert edges.tolist() == [[False, True], [False, False], [True, True]]


def test_average_precision_on_paper() -> None:
    scores = [[9.0, 0.8, 0.6], [0.9, 9.0, 0.1], [0.7, 0.2, 9.0]]
    truth = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0]], bool)
    # 0.9 true, 0.8 true, 0.7 true, 0.6, 0.2, 0.1 not: 1
    assert average_precision(scores, truth) == 1
    truth = np.array([[0, 1, 0], [0, 0, 0], [1, 0, 0]], bool)
    # 0.9 not, 0.8 true (1/2), 0.7 true (2/3)
    assert average_precision(scores, truth) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert edge_density(truth) == pytest.approx(2 / 6)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(0, 2), st.integers(0, 1000))
def test_average_precision_is_scikit_learns_without_the_diagonal(
    n_genes: int, n_inputs: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((n_genes + n_inputs, n_genes))
    truth = rng.random(scores.shape) < 0.5
    truth[1, 0] = True
    kept = ~np.eye(n_genes + n_inputs, n_genes, dtype=bool)
    expected = average_precision_score(truth[kept], scores[kept])
    assert average_precision(scores, truth) == pytest.approx(expected)
    assert edge_density(truth) == pytest.approx(truth[kept].mean())
    moved = scores.copy()
    np.fill_diagonal(moved, 99.0)
    assert average_precision(moved, truth) == average_precision(scores, truth)


def test_equal_scores_give_chance() -> None:
    truth = np.random.default_rng(1).random((8, 8)) < 0.3
    found = average_precision(np.ones((8, 8)), truth)
    assert found == pytest.approx(edge_density(truth))


def test_scores_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="with a row for each gene"):
        candidate_edges(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="got shapes"):
        candidate_edges(np.zeros((3, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="not finite"):
        candidate_edges(np.full((2, 2), np.nan), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="no edge"):
        average_precision(np.zeros((2, 2)), np.eye(2, dtype=bool))


def test_forecast_skill_by_hand() -> None:
    levels = np.array([[[0.0, 5.0], [2.0, 5.0], [2.0, 9.0]]])
    courses = Courses(levels, np.arange(3.0))
    assert forecast_skill(courses, levels[:, :-1]) == 0
    assert forecast_skill(courses, levels[:, 1:]) == 1
    half = levels[:, :-1].copy()
    half[0, 0, 0] = 1.0  # of a change of 2: a quarter of the squared error is left
    assert forecast_skill(courses, half, genes=[0]) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="forecast must be"):
        forecast_skill(courses, levels)


def test_skill_leaves_manipulated_steps_out() -> None:
    levels = np.array([[[0.0], [2.0], [3.0]]])
    free = np.array([[[False], [True], [True]]])
    courses = Courses(levels, np.arange(3.0), None, free)
    wild = levels[:, 1:].copy()
    wild[0, 0] = 99.0
    assert forecast_skill(courses, wild) == 1
