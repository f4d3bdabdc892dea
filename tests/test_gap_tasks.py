"""The tasks and nets of chapter 6's comparison of GRU-D with filling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from genex_helpers import gap_nets
from genex_helpers import gap_tasks as tasks
from genex_helpers.gap_nets import (
    held_out_logits,
    hidden_size_for,
    inner_set,
    new_net,
)
from genex_helpers.models import count_parameters


@pytest.fixture(scope="module")
def data() -> tasks.GapSet:
    return tasks.simulated_set(50, "by value")


@pytest.fixture(scope="module")
def yeast() -> tuple[list[tasks.GapSet], np.ndarray]:
    return tasks.yeast_sets()


@pytest.mark.parametrize("pattern", tasks.PATTERNS)
def test_the_same_share_is_lost_in_every_pattern(pattern: str) -> None:
    mask = tasks.simulated_set(50, pattern).mask
    assert abs(1 - mask.mean() - tasks.LOST) < 0.02


def test_what_the_patterns_tell() -> None:
    x, _, score = tasks.simulated_series(50)
    masks = {p: tasks.lose(x, score, p, seed=1) for p in tasks.PATTERNS}
    level = x[..., 1].ravel()
    for pattern, low, high in [("at random", -0.03, 0.03), ("by value", -1, -0.3)]:
        found = np.corrcoef(level, masks[pattern][..., 1].ravel())[0, 1]
        assert low < found < high
    visits = masks["by visit"]
    assert (visits == visits[..., :1]).all()  # whole samples
    assert np.corrcoef(score, visits[..., 0].mean(axis=1))[0, 1] > 0.5
    with pytest.raises(ValueError, match="pattern must be one of"):
        tasks.lose(x, score, "by chance", seed=1)


def test_sets_of_one_number_differ_in_their_gaps_only() -> None:
    one, other = (tasks.simulated_set(50, p) for p in tasks.PATTERNS[:2])
    assert (one.y == other.y).all() and not np.array_equal(one.mask, other.mask)
    assert not set(one.train) & set(one.test)


def test_scaling_knows_the_training_rows_only(data: tasks.GapSet) -> None:
    known = data.values[data.train].reshape(-1, 3)
    assert np.allclose(np.nanmean(known, axis=0), 0)
    assert np.allclose(np.nanstd(known, axis=0), 1)


@pytest.mark.parametrize("contestant", tasks.CONTESTANTS)
def test_inputs_keep_what_was_observed(contestant: str, data: tasks.GapSet) -> None:
    x = tasks.inputs_of(contestant, data)
    assert np.isfinite(x).all()
    shown = data.values[data.mask].astype(np.float32)
    assert np.array_equal(x[..., :3][data.mask], shown)
    if x.shape[2] > 3:
        assert np.array_equal(x[..., 3:6] == 1, data.mask)
    assert new_net(contestant, 3, 2, 4)(torch.as_tensor(x[:5])).shape == (5, 2)


def test_lines_join_neighbours() -> None:
    values = np.array([[[np.nan], [0.0], [np.nan], [3.0]], [[np.nan]] * 4])
    filled = tasks.line_filled(
        values, np.isfinite(values), np.array([0.0, 1.0, 2.0, 4.0])
    )
    assert filled[..., 0].tolist() == [[0, 0, 1, 3], [0, 0, 0, 0]]


@pytest.mark.parametrize("contestant", tasks.CONTESTANTS)
def test_sizes_are_nearly_equal(contestant: str) -> None:
    def count(name: str) -> int:
        return count_parameters(new_net(name, 3, 2, hidden_size_for(name, 3, 2)))

    assert abs(count(contestant) / count("mean fill") - 1) < 0.08


@pytest.mark.parametrize("contestant", ["forward fill, mask", "GRU-D"])
def test_many_nets_are_as_one(contestant: str, data: tasks.GapSet) -> None:
    """Stacked nets take the same steps as one net trained by torch.optim."""
    found = held_out_logits(contestant, [data, data], [4, 3], 0.01, n_updates=3)
    size = hidden_size_for(contestant, 3, 2)
    torch.manual_seed(3)
    net = new_net(contestant, 3, 2, size)
    x = torch.as_tensor(tasks.inputs_of(contestant, data))
    y = torch.as_tensor(data.y)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    stream = np.random.default_rng([3, 3])
    for _ in range(3):
        rows = stream.choice(data.train, tasks.BATCH_SIZE, replace=False)
        optimiser.zero_grad()
        cross_entropy(net(x[rows]), y[rows]).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), tasks.CLIP)
        optimiser.step()
    with torch.no_grad():
        expected = net(x[data.test]).numpy()
    assert np.allclose(found[1], expected, atol=1e-4)
    assert not np.allclose(found[0], expected, atol=1e-4)


def test_each_net_is_clipped_by_its_own_gradient() -> None:
    one, two = torch.zeros(2, 3), torch.zeros(2, 1, 2)  # two weights of two nets
    one.grad = torch.tensor([[6.0, 0.0, 0.0], [0.3, 0.0, 0.0]])
    two.grad = torch.tensor([[[0.0, 8.0]], [[0.0, 0.4]]])
    gap_nets._clip([one, two])  # norms 10 and 0.5
    assert torch.allclose(one.grad[0], torch.tensor([0.6, 0.0, 0.0]))
    assert torch.allclose(two.grad[0], torch.tensor([[0.0, 0.8]]))
    assert torch.equal(one.grad[1], torch.tensor([0.3, 0.0, 0.0]))
    assert torch.equal(two.grad[1], torch.tensor([[0.0, 0.4]]))


def test_training_helps(data: tasks.GapSet) -> None:
    logits = held_out_logits("forward fill, mask", [data], [0], 0.01, n_updates=100)[0]
    right = logits.argmax(axis=1) == data.y[data.test]
    assert right.mean() > 0.7


def test_yeast_keeps_clusters_apart(yeast: tuple[list, np.ndarray]) -> None:
    sets, clusters = yeast
    tested = np.concatenate([s.test for s in sets])
    assert sorted(tested) == list(range(len(clusters)))
    for data in sets:
        assert not set(clusters[data.train]) & set(clusters[data.test])
        assert data.mask.any(axis=(1, 2)).all()
        inner = inner_set(data, clusters)
        used = {*inner.train, *inner.test}
        assert used == set(data.train)
        assert not set(clusters[inner.train]) & set(clusters[inner.test])


def test_yeast_is_centred_on_what_is_left(yeast: tuple[list, np.ndarray]) -> None:
    data = yeast[0][0]
    assert np.ptp(np.nanmean(data.values[..., 0], axis=1)) < 1e-9
    assert 0.4 < data.mask.mean() < 0.5
    assert len(np.unique(np.diff(data.times))) == 2  # two kinds of step


def test_wrong_names_are_refused(data: tasks.GapSet) -> None:
    with pytest.raises(ValueError, match="contestant must be one of"):
        tasks.inputs_of("GRU", data)
    with pytest.raises(ValueError, match="baseline must be one of"):
        tasks.baseline_scores("logistic", data)


@pytest.mark.parametrize("baseline", tasks.BASELINES)
def test_baselines_score_the_test_rows(baseline: str, data: tasks.GapSet) -> None:
    assert tasks.baseline_scores(baseline, data).shape == (len(data.test),)
