"""The simulated moments and the people of chapter 15."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from genex_helpers import attention_people as people
from genex_helpers import attention_race as race
from genex_helpers.models import count_parameters


@pytest.mark.parametrize("task", race.TASKS)
def test_the_moment_decides(task: str) -> None:
    x, y, block = race.draw_series(task, 4000, np.random.default_rng(0))
    assert x.shape == (4000, 12, 8) and set(y) == {0, 1}
    cells = race.drivers(task, block)
    n_genes = 3 if task == "moving" else 2
    assert (cells.sum((1, 2)) == 2 * n_genes).all()
    assert (cells.any(1).sum(1) == n_genes).all() and (cells.any(2).sum(1) == 2).all()
    readout = np.where(cells, x, 0)[:, :, list(race.READOUT)].sum((1, 2)) / 4
    assert np.allclose(readout[y == 1].mean(), race.READOUT_HEIGHT, atol=0.05)
    assert np.allclose(readout[y == 0].mean(), -race.READOUT_HEIGHT, atol=0.05)
    outside = np.where(cells, 0, x)[:, :, list(race.READOUT)].sum((1, 2))
    assert abs(outside[y == 1].mean() - outside[y == 0].mean()) < 0.5
    marker = x[:, :, race.MARKER][cells[:, :, race.READOUT[0]]].mean()
    height = race.MARKER_HEIGHT if task == "moving" else 0
    assert abs(marker - height) < 0.1
    assert len(set(block)) == (race.N_BLOCKS if task == "moving" else 1)


@pytest.mark.parametrize("task", race.TASKS)
def test_bayes_rule_is_the_sum_over_all_levels(task: str) -> None:
    """Against a likelihood of every sign of every block, written out."""
    x, _, _ = race.draw_series(task, 6, np.random.default_rng(1))
    blocks = range(race.N_BLOCKS) if task == "moving" else [race.FIXED_BLOCK]
    levels = np.array(np.meshgrid(*[[-1, 1]] * race.N_BLOCKS)).reshape(6, -1).T
    total = {0: [], 1: []}  # type: ignore[var-annotated]
    for own in levels:
        for block in blocks:
            mean = np.zeros((12, 8))
            mean[:, 1:3] = race.READOUT_HEIGHT * np.repeat(own, 2)[:, None]
            if task == "moving":
                mean[2 * block : 2 * block + 2, 0] = race.MARKER_HEIGHT
            label = int(own[block] > 0)
            total[label].append(-0.5 * ((x - mean) ** 2).sum((1, 2)))
    one, zero = (logsumexp(total[k], axis=0) for k in (1, 0))
    expected = 1 / (1 + np.exp(zero - one))
    assert np.allclose(race.best_probability(task, x), expected, atol=1e-6)


def test_bayes_rule_is_ahead_where_it_must_be() -> None:
    x, y, _ = race.draw_series("moving", 4000, np.random.default_rng(2))
    best = ((race.best_probability("moving", x) > 0.5) == y).mean()
    always = ((x[:, :, 1:3].sum((1, 2)) > 0) == y).mean()
    assert best > always + 0.2


def test_all_nets_have_nearly_one_number_of_parameters() -> None:
    counts = {name: sum(p.numel() for p in race.new_net(name, 0).parameters())
              for name in race.NETS}  # fmt: skip
    reference = counts[race.LAST]
    assert all(abs(n / reference - 1) < 0.14 for n in counts.values()), counts
    frozen = race.new_net(race.FROZEN, 0)
    assert count_parameters(frozen) < counts[race.FROZEN]
    with pytest.raises(ValueError, match="name must be one of"):
        race.new_net("none", 0)


def test_precisions_of_perfect_and_worst_scores() -> None:
    _, _, block = race.draw_series("moving", 20, np.random.default_rng(3))
    truth = race.drivers("moving", block)
    perfect = race.precisions(race.levels_of(truth.astype(float)), truth)
    assert perfect == {"time": 1.0, "gene": 1.0, "pair": 1.0}
    worst = race.precisions(race.levels_of(1.0 - truth), truth)
    assert all(v < 0.4 for v in worst.values())


def test_a_trained_net_gives_maps_that_add_up() -> None:
    x, y, _ = race.draw_series("moving", 64, np.random.default_rng(4))
    found = race.maps(race.trained(race.CELLS, x, y, 0, n_epochs=2), x)
    assert np.allclose(found["pair"].sum((1, 2)), 1, atol=1e-6)
    logit = (found["time"] * found["pulls"]).sum(1)
    assert np.allclose(logit, found["output"], atol=1e-5)


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="task must be one of"):
        race.draw_series("still", 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="name must be one of"):
        race.baseline("net", np.zeros((2, 12, 8), np.float32), np.array([0, 1]))


def test_modules_are_genes_that_go_together() -> None:
    rng = np.random.default_rng(0)
    programs = rng.normal(size=(10, 7, people.N_MODULES))
    member = np.repeat(np.arange(people.N_MODULES), 5)
    x = programs[:, :, member] + 0.01 * rng.normal(size=(10, 7, len(member)))
    found = people.gene_modules(x.astype(np.float32))
    assert all(len(set(found[member == k])) == 1 for k in range(people.N_MODULES))
    means = people.module_means(x.astype(np.float32), found)
    assert np.allclose(means[:, :, found[0]], x[:, :, :5].mean(2), atol=1e-5)


def test_labels_are_permuted_once_for_all() -> None:
    y = np.repeat([1, 0], [9, 8])
    true, *dealt = people.labellings(y)
    assert (true == y).all() and len(dealt) == people.N_PERMUTED
    assert all(sorted(d) == sorted(y) and (d != y).any() for d in dealt)
    assert all((a == b).all() for a, b in zip(dealt, people.labellings(y)[1:],
                                              strict=True))  # fmt: skip
