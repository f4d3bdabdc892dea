"""Chapter 11's case: its data, Bayes' rule, nets trained at once, and the choice."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import log_loss
from torch.nn.functional import cross_entropy

from genex_helpers import remedies, remedy_nets, yeast
from genex_helpers.dropout import DropoutNet
from genex_helpers.models import RecurrentClassifier
from genex_helpers.remedies import FLIPPED, HEIGHT, LAG, PULSE, STRENGTHS
from genex_helpers.remedy_nets import Job, Masks, Nets, mix, train_nets
from genex_helpers.remedy_trials import run_trial, two_layers_trial
from genex_helpers.training import fit, predict

RNG = np.random.default_rng(0)
X, Y = remedies.draw_series(30, RNG)
TRAIN, TEST = np.arange(12), np.arange(12, 30)


# ---------------------------------------------------------------------- the data


def test_the_best_probability_is_bayes_rule_term_by_term() -> None:
    """Every onset and class in loops, with SciPy's densities."""
    found = remedies.best_probability(X[:5])
    for series, p in zip(X[:5].astype(float), found, strict=True):
        density = np.zeros(2)
        for label in (0, 1):
            for onset in range(6):
                mean = np.zeros((12, 8))
                for k, value in enumerate(PULSE):
                    early, late = onset + k, onset + LAG + k
                    a, b = (early, late) if label else (late, early)
                    if a < 12:
                        mean[a, 0:3] = HEIGHT * value
                    if b < 12:
                        mean[b, 3:6] = HEIGHT * value
                density[label] += np.exp(norm.logpdf(series, mean).sum())
        first = density[1] / density.sum()
        right = (1 - FLIPPED) * first + FLIPPED * (1 - first)
        assert p == pytest.approx(right, abs=1e-12)


def test_the_best_probability_is_calibrated_and_no_other_has_a_lower_loss() -> None:
    x, y = remedies.draw_series(20_000, np.random.default_rng(1))
    p = remedies.best_probability(x)
    for low in np.arange(0.1, 0.9, 0.2):
        inside = (p >= low) & (p < low + 0.2)
        error = (p[inside] * (1 - p[inside])).mean() ** 0.5 / inside.sum() ** 0.5
        assert abs(y[inside].mean() - p[inside].mean()) < 4 * error
    logit = np.log(p / (1 - p))
    for stretch in (0.8, 1.25):
        assert log_loss(y, p) < log_loss(y, 1 / (1 + np.exp(-stretch * logit)))


def test_a_mean_over_time_does_not_tell_the_classes_apart() -> None:
    """Both programs have one pulse in both classes, so only their order counts."""
    courses = remedies._courses()  # (class, onset, time, gene)
    sums = courses.sum(axis=2)
    np.testing.assert_allclose(sums[0], sums[1])
    assert np.abs(courses[0] - courses[1]).max() == pytest.approx(HEIGHT)


def test_sets_are_of_their_own_and_repeatable() -> None:
    one, again, other = (remedies.simulated_trial(k) for k in (3, 3, 4))
    np.testing.assert_array_equal(one.x_train, again.x_train)
    assert not np.array_equal(one.x_train, other.x_train)
    held = np.sort(np.concatenate([b for _, b in one.inner]))
    np.testing.assert_array_equal(held, np.arange(len(one.y_train)))


def test_permuting_deals_only_the_training_labels() -> None:
    trial = remedies.simulated_trial(3)
    dealt = remedies.permuted(trial)
    assert sorted(dealt.y_train) == sorted(trial.y_train)
    assert not np.array_equal(dealt.y_train, trial.y_train)
    np.testing.assert_array_equal(dealt.y_test, trial.y_test)


def test_yeast_clusters_stay_whole_in_every_split() -> None:
    case = yeast.phase_case()
    trials = remedies.yeast_trials(case)
    assert len(trials) == yeast.N_FOLDS * remedies.N_DRAWS
    tested = np.sort(np.concatenate([t.rows for t in trials[:: remedies.N_DRAWS]]))
    np.testing.assert_array_equal(tested, np.arange(len(case.y)))
    for trial in trials:
        rng = np.random.default_rng([12, trial.seed])
        pool = yeast.gene_folds(case)[trial.seed // 10][0]
        train = np.sort(rng.choice(pool, remedies.N_TRAIN_GENES, replace=False))
        own = case.clusters[train]
        assert not set(own) & set(case.clusters[trial.rows])
        np.testing.assert_array_equal(trial.y_train, case.y[train])
        for a, b in trial.inner:
            assert not set(own[a]) & set(own[b])


# ----------------------------------------------------------- nets trained at once


def alone(rows: NDArray[Any], seed: int = 5, size: int = 16, **how: Any) -> Any:
    """Return train and test logits of a net that ``fit`` trains by itself."""
    torch.manual_seed(seed)
    net = RecurrentClassifier(8, size, "gru", 2)
    fit(net, X[rows], Y[rows], loss=cross_entropy, n_epochs=10, learning_rate=0.01,
        **how)  # fmt: skip
    return predict(net, X[rows]), predict(net, X[TEST])


@pytest.mark.parametrize(
    ("remedy", "strength", "how"),
    [
        ("nothing", 0.0, {}),
        ("L2 in Adam", 0.1, {"weight_decay": 0.1}),
        ("weight decay", 2.0, {"weight_decay": 2.0, "optimiser": torch.optim.AdamW}),
        ("smaller net", 3, {"size": 3}),
        ("smaller net", 8, {"size": 8}),  # as many units as inputs
    ],
)
def test_nets_end_as_if_trained_alone(remedy: str, strength: float, how: Any) -> None:
    """Beside others, and with fewer series than some of them."""
    jobs = [
        Job(TRAIN, TEST),
        Job(TRAIN[:7], TEST, remedy, strength),
        Job(TRAIN, TEST, "dropout, variational", 0.3),
        Job(TRAIN, TEST[:4], "noise", 0.5),
        Job(TRAIN[:5], TEST, "mixing", 1.0),
    ]
    found = train_nets(jobs, X, Y, 2, seed=5, kept=(4, 10))
    assert sorted(found) == [4, 10]
    assert [len(said.test) for said in found[10]] == [18, 18, 18, 4, 18]
    for ours, theirs in zip(found[10][1], alone(TRAIN[:7], **how), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_an_earlier_epoch_is_a_shorter_training() -> None:
    jobs = [Job(TRAIN, TEST, "noise", 0.5), Job(TRAIN, TEST, "mixing", 1.0),
            Job(TRAIN, TEST, "dropout, last state", 0.5)]  # fmt: skip
    long = train_nets(jobs, X, Y, 2, seed=5, kept=(4, 10))
    short = train_nets(jobs, X, Y, 2, seed=5, kept=(4,))
    for one, other in zip(long[4], short[4], strict=True):
        np.testing.assert_array_equal(one.test, other.test)
    plain = train_nets([Job(TRAIN, TEST)] * 3, X, Y, 2, seed=5, kept=(4,))
    for one, other in zip(plain[4], short[4], strict=True):
        assert np.abs(one.test - other.test).max() > 1e-3  # each remedy does something


def test_masked_outputs_are_those_of_the_dropout_net(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nets = Nets(8, 2, [16, 16], seed=5)
    torch.manual_seed(5)
    net = DropoutNet(8, 16, 2, dropout=0.4, recurrent_dropout=0.3)
    masks: list[torch.Tensor] = []

    def watched(like: torch.Tensor, rate: float) -> torch.Tensor:
        masks.append(torch.bernoulli(torch.full_like(like, 1 - rate)) / (1 - rate))
        return masks[-1]

    monkeypatch.setattr("genex_helpers.dropout.draw_mask", watched)
    x = torch.as_tensor(X)
    expected = net(x)
    on_x, on_h, on_last = (torch.stack([m, torch.ones_like(m)]) for m in masks)
    found = nets.outputs(x.expand(2, *x.shape), Masks(on_x, on_h, on_last))
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(found[1], net.eval()(x), rtol=0, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 12), min_size=1, max_size=4), seed=st.integers(0, 99)
)
def test_series_are_mixed_with_others_of_their_own_training(
    sizes: list[int], seed: int
) -> None:
    """Row k of net j holds 100 j + k, so that partners can be told; filled rows -1."""
    jobs = [Job(np.arange(n), TEST, "mixing", 1.0) for n in sizes]
    draw = remedy_nets._Draws(jobs, 1, seed)
    rows, share = remedy_nets._padded([job.train for job in jobs])
    name = 100.0 * torch.arange(len(sizes))[:, None] + rows
    name[share == 0] = -1e9
    x, y, masks = draw.batch(name[:, :, None, None].clone(), name[:, :, None], share)
    assert masks is None
    for j, n in enumerate(sizes):
        own = x[j, :n, 0, 0] - 100 * j
        torch.testing.assert_close(own, y[j, :n, 0] - 100 * j, rtol=0, atol=1e-3)
        # every row is some row's partner once, so the mean stays
        assert float(own.mean()) == pytest.approx((n - 1) / 2, abs=1e-2)
        assert own.min() > -0.1 and own.max() < n - 0.9


def test_mixing_is_a_weighted_mean() -> None:
    values, partners = torch.rand(3, 4, 2), torch.rand(3, 4, 2)
    own = torch.tensor([1.0, 0.0, 0.25])
    found = mix(values, partners, own)
    torch.testing.assert_close(found[0], values[0])
    torch.testing.assert_close(found[1], partners[1])
    torch.testing.assert_close(found[2], 0.25 * values[2] + 0.75 * partners[2])


def test_one_input_is_never_dropped() -> None:
    jobs = [Job(TRAIN, TEST, "dropout, variational", 0.7)]
    for width, least in ((1, 1.0), (8, 0.0)):
        draw = remedy_nets._Draws(jobs, width, 0)
        masks = draw._masks(torch.zeros(1, 50, 12, width))
        assert masks.x.min() == least
        assert masks.h.min() == masks.last.min() == 0
        assert float(masks.h.max()) == pytest.approx(1 / 0.3)


def test_spoilt_weights_are_refused() -> None:
    with pytest.raises(FloatingPointError, match="after epoch 3"):
        train_nets([Job(TRAIN, TEST)], X * np.inf, Y, 2, seed=0, kept=(3,))


# -------------------------------------------------------------------- the choice


def small(trial: remedies.Trial) -> remedies.Trial:
    few = partial(np.take, indices=np.arange(20), axis=0)
    return remedies.Trial(
        few(trial.x_train), few(trial.y_train), few(trial.x_test), few(trial.y_test),
        [(np.arange(12), np.arange(12, 20))], 2, np.arange(20), trial.seed,
    )  # fmt: skip


def test_every_method_has_as_many_strengths_and_the_best_inside_is_chosen() -> None:
    outcome = run_trial(small(remedies.simulated_trial(0)))
    table = outcome.strengths
    menus = STRENGTHS | remedies.BASELINES
    assert {len(menu) for menu in menus.values()} == {4}
    assert set(table["method"]) == {"nothing", *menus} == set(outcome.logits)
    for method, rows in table.groupby("method"):
        assert rows["chosen"].sum() == 1
        if method != "nothing":
            best = rows.loc[rows["inner_loss"].idxmin()]
            assert best["chosen"]
            assert set(rows["strength"]) == set(menus[str(method)])
    at_end = outcome.curves.query("epoch == 200 and method == 'nothing'").iloc[0]
    plain = table.query("method == 'nothing'").iloc[0]
    assert at_end["test_loss"] == plain["test_loss"]


def test_test_series_have_no_part_in_the_choice() -> None:
    trial = small(remedies.simulated_trial(0))
    flipped = remedies.replace(trial, y_test=1 - trial.y_test, x_test=-trial.x_test)
    one, other = run_trial(trial).strengths, run_trial(flipped).strengths
    columns = ["method", "strength", "inner_loss", "chosen", "train_loss"]
    assert one[columns].equals(other[columns])
    assert not one["test_loss"].equals(other["test_loss"])


def test_two_layers_without_dropout_are_the_recurrent_net(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("genex_helpers.remedy_trials.N_EPOCHS", 5)
    outcome = two_layers_trial(small(remedies.simulated_trial(0)), [0.0, 0.5])
    table = outcome.strengths.set_index(["method", "strength"])
    plain = table.loc[(remedies.TWO_LAYERS_PLAIN, 0.0), "test_loss"]
    assert table.loc[(remedies.TWO_LAYERS, 0.0), "test_loss"] == plain
    assert table.loc[(remedies.TWO_LAYERS, 0.5), "test_loss"] != plain


def test_a_class_that_is_missing_gets_a_small_probability() -> None:
    for name in remedies.BASELINES:
        logits = remedies.baseline_logits(name, 1.0, X[TRAIN], Y[TRAIN], X[TEST], 3)
        np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1)
        np.testing.assert_allclose(np.exp(logits[:, 2]), 1e-3 / 1.003)
    with pytest.raises(ValueError, match="name must be one of"):
        remedies.baseline_logits("svm", 1.0, X, Y, X, 2)


def test_the_first_of_equal_strengths_is_chosen() -> None:
    assert remedies.chosen({1.0: 0.5, 2.0: 0.5, 3.0: 0.7}, [1.0, 2.0, 3.0]) == 1.0
    with pytest.raises(ValueError, match=r"lacks the strengths \[2.0\]"):
        remedies.chosen({1.0: 0.5}, [1.0, 2.0])


def test_scores_are_those_of_torch() -> None:
    logits = np.random.default_rng(2).normal(size=(30, 2))
    each = cross_entropy(torch.as_tensor(logits), torch.as_tensor(Y), reduction="none")
    np.testing.assert_allclose(remedies.cross_entropies(logits, Y), each)
    assert remedies.hits(logits, Y).mean() == (logits.argmax(1) == Y).mean()
