"""The case of chapter 18: designs of equal cost, motifs, and a trial's table."""

from __future__ import annotations

import numpy as np
import pytest

from genex_helpers import network_motifs as motifs
from genex_helpers import network_trials as case
from genex_helpers.network_scores import edge_density, true_edges


def test_designs_cost_the_same_but_for_the_first() -> None:
    costs = {name: np.prod(shape) for name, shape in case.DESIGNS.items()}
    assert costs.pop("few") == 105
    assert set(costs.values()) == {420}


def test_networks_have_the_density_asked_for() -> None:
    for n_genes, density in case.DENSITY.items():
        truth = true_edges(case.network_of(n_genes, 3))[:n_genes]
        assert edge_density(truth) == pytest.approx(density, abs=0.01)
        assert not np.diag(truth).any()


@pytest.mark.parametrize("n_genes", [10, 100])
def test_each_gene_is_changed_once_each_way(n_genes: int) -> None:
    network = case.network_of(n_genes, 1)
    courses = case.series_of(network, "perturbed", 1)
    assert courses.free is not None
    until = courses.times < case.CHANGED
    changed = ~courses.free[:, 0]  # (series, gene)
    assert np.array_equal(~courses.free[:, until], np.repeat(
        changed[:, None], until.sum(), axis=1))  # fmt: skip
    assert courses.free[:, ~until].all()
    assert (changed.sum(axis=0) == 2).all()
    assert (changed.sum(axis=1) == n_genes // 10).all()
    late = courses.levels[:, until][:, -1]  # when the change has acted for long
    out, over = np.argmax(changed[:10], axis=0), np.argmax(changed[10:], axis=0) + 10
    genes = np.arange(n_genes)
    assert (late[out, genes] < 0.5 * late[over, genes]).mean() > 0.9


def test_series_are_the_same_for_the_same_numbers_and_tests_are_new() -> None:
    network = case.network_of(10, 2)
    one, two = (case.series_of(network, "few", 2) for _ in range(2))
    assert np.array_equal(one.levels, two.levels)
    test = case.new_series_of(network, "few", 2, perturbed=False)
    assert test.levels.shape == (case.N_TEST, 21, 10)
    assert not np.array_equal(one.levels[0], test.levels[0])
    assert test.free is not None and test.free.all()
    knocked = case.new_series_of(network, "few", 2, perturbed=True)
    assert knocked.free is not None
    assert ((~knocked.free[:, 0]).sum(axis=1) == 2).all()


def test_a_trial_has_a_row_a_method_and_seed() -> None:
    table = case.trial(10, 0, "few")
    counts = table["method"].value_counts()
    assert set(counts.index) == {*case.METHODS, case.TOGETHER}
    nets = (case.JACOBIAN, case.ATTRIBUTION, case.WEIGHTS)
    assert all(counts[m] == (2 if m in nets else 1) for m in counts.index)
    assert table["precision"].between(0, 1).all()
    forecast = table.groupby("method")["skill"].count()
    assert all(forecast[m] > 0 for m in case.FORECASTERS)
    assert forecast[case.CORRELATION] == 0


@pytest.mark.parametrize("name", motifs.CASES)
def test_motifs_have_what_they_promise(name: str) -> None:
    motif = motifs.CASES[name](5)
    assert motif.courses.regulators.shape[2] == len(motif.names) == len(motif.truth)
    assert motif.courses.levels.shape[2] == motif.truth.shape[1]
    edges = {(motif.names[i], motif.names[j]) for i, j in np.argwhere(motif.truth)}
    expected = {
        "chain": {("s", "x"), ("x", "y"), ("y", "z")},
        "feed-forward loop": {("s", "x"), ("x", "y"), ("y", "z"), ("x", "z")},
        "fan, signal measured": {("s", "x"), ("s", "y")},
        "fan, signal hidden": set(),
        "repressilator, mRNA only": {("lacI", "tetR"), ("tetR", "cI"), ("cI", "lacI")},
    }
    if name in expected:
        assert edges == expected[name]
    elif name.startswith("toggle"):
        assert {("a", "b"), ("b", "a")} <= edges and ("a", "c") not in edges
    else:
        assert {("lacI_protein", "tetR"), ("lacI", "lacI_protein")} <= edges


def test_a_toggle_at_rest_does_not_move_and_a_pushed_one_flips() -> None:
    rest, pushed = (
        motifs.CASES[f"toggle, {how}"](3).courses.levels
        for how in ("at rest", "pushed")
    )
    assert rest[:, :, 0].min() > rest[:, :, 1].max()
    assert (pushed[:, -1, 1] > pushed[:, -1, 0]).mean() > 0.5


def test_a_motif_trial_scores_every_possible_edge() -> None:
    table = case.motif_trial("fan, signal hidden", 2)
    assert len(table) == 5 * 2 and not table["edge"].any()
    assert (table.groupby("method")["score"].max() == 1).all()


def test_agreement_counts_pairs() -> None:
    skill = {"a": 0.3, "b": 0.2, "c": 0.1}
    assert case.agreement(skill, {"a": 3, "b": 2, "c": 1}) == 1
    assert case.agreement(skill, {"a": 1, "b": 2, "c": 3}) == 0
    assert case.agreement(skill, {"a": 1, "b": 1, "c": 0}) == pytest.approx(5 / 6)
    with pytest.raises(ValueError, match="same two or more"):
        case.agreement(skill, {"a": 1.0})


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="name must be one of"):
        case.estimator("oracle", 10)
