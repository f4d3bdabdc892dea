"""Weights carried over and held still; and what chapter 13 carries them between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from genex_helpers import transfer, transfer_sets
from genex_helpers import transfer_trials as trials
from genex_helpers.models import RecurrentClassifier
from genex_helpers.transfer_sets import GRID, N_POINTS, SCALES, TARGETS, YeastStudies
from genex_helpers.yeast import PHASES


def net(seed: int = 0, n_outputs: int = 3, hidden: int = 4) -> RecurrentClassifier:
    torch.manual_seed(seed)
    return RecurrentClassifier(2, hidden, "gru", n_outputs)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {n: w.detach().clone() for n, w in model.named_parameters()}


def one_step(model: RecurrentClassifier, optimiser: torch.optim.Optimizer) -> None:
    x = torch.linspace(-1, 1, 24).reshape(4, 3, 2)
    optimiser.zero_grad()
    nn.functional.cross_entropy(model(x), torch.tensor([0, 1, 2, 0])).backward()
    optimiser.step()


def test_a_part_is_copied_and_nothing_else() -> None:
    old, new = net(0), net(1, n_outputs=5)
    before = weights(new)
    names = transfer.copy_part(new, old.state_dict(), "recurrent")
    assert names == [n for n in before if n.startswith("recurrent.")]
    for name, weight in new.named_parameters():
        same = old.state_dict()[name] if name in names else before[name]
        assert torch.equal(weight, same)
    new.recurrent.weight_ih_l0.data.zero_()  # no memory is shared
    assert old.recurrent.weight_ih_l0.abs().sum() > 0


def test_a_part_that_does_not_fit_is_refused_whole() -> None:
    new = net(1, n_outputs=5)
    before = weights(new)
    with pytest.raises(ValueError, match=r"head.weight must have the shape \(5, 4\)"):
        transfer.copy_part(new, net(0).state_dict(), "head")
    with pytest.raises(ValueError, match=r"state has no 'head.weight'"):
        transfer.copy_part(new, {}, "head")
    with pytest.raises(ValueError, match="part must be one of"):
        transfer.copy_part(new, net(0).state_dict(), "encoder")
    with pytest.raises(ValueError, match="got 'rec'"):  # not any beginning of a name
        transfer.part_of(new, "rec")
    assert all(torch.equal(w, before[n]) for n, w in new.named_parameters())


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_a_frozen_part_does_not_move(kind: Any) -> None:
    model = net()
    optimiser = kind(model.parameters(), lr=0.1, weight_decay=0.5)
    one_step(model, optimiser)  # moments and gradients are there
    before = weights(model)
    assert transfer.freeze(model, "recurrent") == 3 * 4 + 3
    optimiser.step()  # with what is left of the gradients
    one_step(model, optimiser)
    for name, weight in model.named_parameters():
        frozen = name.startswith("recurrent.")
        assert torch.equal(weight, before[name]) == frozen
        assert (weight.grad is None) == frozen


def test_rates_by_part() -> None:
    model = net()
    groups = transfer.rate_groups(model, {"recurrent": 0.001, "head": 0.01})
    optimiser = torch.optim.SGD(groups, lr=1.0)
    before = weights(model)
    one_step(model, optimiser)
    for name, weight in model.named_parameters():
        rate = 0.01 if name.startswith("head") else 0.001
        assert weight.grad is not None
        assert torch.allclose(weight, before[name] - rate * weight.grad, atol=1e-8)
    with pytest.raises(ValueError, match=r"head\.bias is in none"):
        transfer.rate_groups(model, {"recurrent": 0.1})
    with pytest.raises(ValueError, match=r"head\.bias is in two"):
        transfer.rate_groups(model, {"recurrent": 1, "head": 1, "head.bias": 1})
    transfer.freeze(model, "recurrent")
    assert len(transfer.rate_groups(model, {"head": 0.1})[0]["params"]) == 2


def test_last_states_are_what_the_head_reads() -> None:
    model, x = net(), np.random.default_rng(0).normal(size=(5, 7, 2))
    states = torch.as_tensor(transfer.last_states(model, x))
    _, h_n = model.recurrent(torch.as_tensor(x, dtype=torch.float32))
    assert torch.equal(states, h_n[0])
    found = model(torch.as_tensor(x, dtype=torch.float32))
    assert torch.allclose(model.head(states), found, atol=1e-6)


@given(st.integers(1, 60), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_pulses_repeat_and_are_whole(n_series: int, seed: int) -> None:
    x, y = transfer_sets.draw_pulses(n_series, seed)
    assert x.shape == (n_series, transfer_sets.N_STEPS, 2) and np.isfinite(x).all()
    assert set(y) == set(transfer_sets.QUESTIONS)
    assert all(set(v) <= {0, 1} and v.shape == (n_series,) for v in y.values())
    assert np.array_equal(x, transfer_sets.draw_pulses(n_series, seed)[0])


def test_pulses_hold_their_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_sets, "NOISE", 0.0)  # then both can be read off
    x, y = transfer_sets.draw_pulses(4000, 0)
    steps = np.arange(transfer_sets.N_STEPS)
    centre = (x * steps[:, None]).sum(axis=1) / x.sum(axis=1)  # (series, 2)
    height = x.sum(axis=1)
    assert np.array_equal(centre[:, 1] < centre[:, 0], y["first"] == 1)
    assert np.array_equal(height[:, 1] > height[:, 0], y["higher"] == 1)
    assert abs(np.corrcoef(y["first"], y["higher"])[0, 1]) < 0.05
    with pytest.raises(ValueError, match="n_series must be above 0"):
        transfer_sets.draw_pulses(0, 0)


@pytest.fixture(scope="module")
def studies() -> YeastStudies:
    return transfer_sets.yeast_studies()


def test_no_cluster_is_on_both_sides(studies: YeastStudies) -> None:
    tested = []
    for train, test in transfer_sets.study_folds(studies):
        assert not set(studies.clusters[train]) & set(studies.clusters[test])
        tested.extend(test)
    assert sorted(tested) == list(range(len(studies.y)))


def test_panels_are_nested_and_hold_every_phase(studies: YeastStudies) -> None:
    train, _ = transfer_sets.study_folds(studies)[0]
    small, large = (transfer_sets.draw_panel(studies.y, train, n, 3) for n in (20, 60))
    assert len(set(large)) == 60 and set(large) <= set(train)
    assert np.array_equal(large[:20], small)
    assert np.bincount(studies.y[small], minlength=len(PHASES)).min() >= 2
    for n in (9, len(train) + 1):
        with pytest.raises(ValueError, match="n_genes must lie between 10 and"):
            transfer_sets.draw_panel(studies.y, train, n, 0)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("scale", SCALES)
def test_no_held_out_gene_shapes_what_is_trained_on(
    studies: YeastStudies, target: str, scale: str
) -> None:
    train, test = transfer_sets.study_folds(studies)[0]
    panel = transfer_sets.draw_panel(studies.y, train, 40, 0)
    changed = {c: v.copy() for c, v in studies.courses.items()}
    for values in changed.values():
        values[test] = np.random.default_rng(0).normal(size=values[test].shape)
    other = YeastStudies(changed, studies.minutes, studies.y, studies.clusters)
    for s in (studies, other):
        sources = transfer_sets.source_rows(s, target, train, train, scale)
        assert set(sources) == set(transfer_sets.STUDIES) - {target}
        rows = transfer_sets.target_rows(s, target, train, panel, panel, scale)
        assert rows.shape == (40, N_POINTS, 1)
        assert rows.std() == pytest.approx(1, abs=1e-5)
        if s is studies:
            kept = sources, rows
    assert all(np.array_equal(kept[0][c], sources[c]) for c in sources)
    assert np.array_equal(kept[1], rows)


def test_phases_put_a_known_wave_in_place() -> None:
    """Waves at three speeds agree, point by point, once they are on one clock."""
    rng = np.random.default_rng(0)
    peak = rng.uniform(size=30)
    minutes, courses = {}, {}
    for name, period, n in (("alpha", 60, 20), ("cdc15", 110, 24), ("cdc28", 90, 19),
                            ("elu", 300, 14)):  # fmt: skip
        minutes[name] = np.linspace(0, 2 * period, n)
        phase = minutes[name][None] / period
        courses[name] = np.cos(2 * np.pi * (phase - peak[:, None]))
    made = YeastStudies(courses, minutes, np.zeros(30, int), np.arange(30))
    everyone = np.arange(30)
    rows = transfer_sets.source_rows(made, "elu", everyone, everyone, "phase")
    rows["elu"] = transfer_sets.target_rows(made, "elu", *[everyone] * 3, "phase")
    grid = np.linspace(*GRID, N_POINTS)
    wave = np.cos(2 * np.pi * (grid[None] - peak[:, None]))
    for found in rows.values():
        assert np.corrcoef(found.ravel(), wave.ravel())[0, 1] > 0.97


def test_unknown_names_are_refused(studies: YeastStudies) -> None:
    genes = np.arange(20)
    with pytest.raises(ValueError, match="target must be one of"):
        transfer_sets.target_rows(studies, "alpha", *[genes] * 3, "phase")
    with pytest.raises(ValueError, match="scale must be one of"):
        transfer_sets.source_rows(studies, "elu", genes, genes, "minutes")
    with pytest.raises(ValueError, match="folds must lie between"):
        trials.yeast_scores("elu", "phase", folds=[5])


def test_the_masked_task_asks_for_what_was_there() -> None:
    x = np.random.default_rng(1).normal(size=(500, 10, 1)).astype(np.float32)
    seen, whole = trials.masked_task(x, 0)
    assert np.array_equal(whole, x[..., 0])
    blank = seen == 0
    assert np.array_equal(seen[~blank], x[~blank])
    assert blank.mean() == pytest.approx(trials.HIDDEN_SHARE, abs=0.02)


@pytest.mark.parametrize("arm", trials.ARMS)
def test_an_arm_begins_where_it_says(arm: str) -> None:
    source = trials.new_net(1, 5, 7)
    new, begun = trials.new_net(1, 5, 3), trials.begin(arm, source, 5, 3)
    kept_head = trials.ARMS[arm][0] == "all"
    for name, weight in begun.named_parameters():
        from_source = kept_head or name.startswith("recurrent.")
        same = (source if from_source else new).state_dict()[name]
        assert torch.equal(weight, same)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "SOURCE_EPOCHS", 1)
    monkeypatch.setattr(trials, "N_UPDATES", 2)
    monkeypatch.setattr(trials, "N_SOURCE", 80)


@pytest.mark.usefixtures("short")
def test_simulated_scores_hold_every_arm_and_comparison() -> None:
    table = trials.simulated_scores([0, 1])
    assert not table.duplicated(["set", "n", "source", "arm"]).any()
    assert table["accuracy"].between(0, 1).all()
    found = set(zip(table["source"], table["arm"], strict=True))
    assert {arm for _, *pair in trials.SIM_COMPARISONS for arm in pair} <= found
    same = table.set_index(["set", "n", "source", "arm"])["accuracy"]
    for s in (0, 1):  # set 1 is the same whoever else is trained
        alone = trials.simulated_scores([s]).set_index(["set", "n", "source", "arm"])
        gap = (alone["accuracy"] - same.loc[alone.index]).abs()
        assert gap.max() < 0.02


@pytest.mark.usefixtures("short")
def test_yeast_scores_count_every_test_gene_once(studies: YeastStudies) -> None:
    table = trials.yeast_scores("elu", "phase", folds=[1], counts=(20,))
    _, test = transfer_sets.study_folds(studies)[1]
    sums = table.groupby(["source", "arm"])[["n_series", "hits"]].sum()
    assert (sums["n_series"] == len(test)).all()
    assert sums["hits"].between(0, len(test)).all()
    arms = {(scale, *arm) for arm in sums.index for scale in SCALES}
    assert {arm for _, *pair in trials.YEAST_COMPARISONS for arm in pair} <= arms
