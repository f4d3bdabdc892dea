"""Scores against truth, rescaling, randomised weights, similarity; and the waves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from genex_helpers import attribution_tests as at
from genex_helpers import driver_waves as dw
from genex_helpers import interpretation as ip
from genex_helpers.models import RecurrentClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5, 3))


def net() -> RecurrentClassifier:
    torch.manual_seed(1)
    return RecurrentClassifier(3, 6).double()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 6))
def test_average_precision_is_scikit_learns(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random((3, n)) < 0.4
    truth[:, 0] = True
    scores = rng.integers(0, levels, (3, n))  # many ties
    found = at.average_precision(truth, scores)
    right = [average_precision_score(t, s) for t, s in zip(truth, scores, strict=True)]
    assert np.allclose(found, right)


def test_truth_scores_of_a_perfect_and_a_blind_map() -> None:
    truth = np.zeros((2, 4, 3), dtype=bool)
    truth[:, 1:3, 0] = True
    nothing = np.zeros(2)
    perfect = at.truth_scores(ip.Attribution(-2.0 * truth, "", nothing), truth)
    assert all(np.allclose(perfect[level], 1) for level in at.LEVELS)
    blind = at.truth_scores(ip.Attribution(0.0 * truth, "", nothing), truth)
    assert np.allclose(blind["cell"], 2 / 12)
    assert np.allclose(blind["gene"], 1 / 3) and np.allclose(blind["time"], 1 / 2)


def test_rescaling_by_hand() -> None:
    found = at.rescaled(ip.saliency, net(), X)
    plain = np.abs(ip.gradients(net(), X))

    def change(row: int, time: int, gene: int | slice) -> float:
        copy = X[row : row + 1].copy()
        copy[0, time, gene] = 0
        return float(np.abs(np.abs(ip.gradients(net(), copy)) - plain[row]).sum())

    for row, time, gene in ((0, 0, 0), (2, 4, 1), (3, 2, 2)):
        right = change(row, time, slice(None)) * change(row, time, gene)
        assert np.isclose(found.values[row, time, gene], right)
    assert found.method == "saliency, rescaled"


def test_rescaling_keeps_the_most_relevant_times() -> None:
    whole = at.rescaled(ip.saliency, net(), X)
    some = at.rescaled(ip.saliency, net(), X, keep=0.4)
    kept = some.by_time() > 0
    assert (kept.sum(axis=1) == 2).all()
    assert np.allclose(some.values[kept], whole.values[kept])


def test_randomised_nets() -> None:
    model = net()
    head = at.randomised(model, ["head"], seed=1)
    assert torch.equal(head.recurrent.weight_hh_l0, model.recurrent.weight_hh_l0)
    assert not torch.equal(head.head.weight, model.head.weight)
    both = at.randomised(model, ["head", "recurrent"])
    for one, other in zip(model.parameters(), both.parameters(), strict=True):
        assert torch.equal(one.flatten().sort()[0], other.flatten().sort()[0])
    again = at.randomised(model, ["head"], seed=1)
    assert torch.equal(head.head.weight, again.head.weight)


def test_similarity_is_spearmans() -> None:
    a, b = RNG.normal(size=(2, 3, 4, 2))
    for signed in (False, True):
        pairs = (a, b) if signed else (abs(a), abs(b))
        right = [
            spearmanr(u.ravel(), v.ravel())[0] for u, v in zip(*pairs, strict=True)
        ]
        assert np.allclose(at.similarity(a, b, signed), right)
    assert np.allclose(at.similarity(a, -a), 1)
    assert np.allclose(at.similarity(a, -a, signed=True), -1)
    assert np.isnan(at.similarity(a, 0 * a)).all()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: at.average_precision([[0, 0]], [[1, 2]]), "a true item in each row"),
        (lambda: at.average_precision([[1, 0]], [[1, np.nan]]), "finite"),
        (lambda: at.average_precision([1, 0], [1, 2]), "alike"),
        (lambda: at.truth_scores(ip.saliency(net(), X), X[:2] > 0), "truth must have"),
        (lambda: at.rescaled(ip.saliency, net(), X, keep=0), "keep must be above 0"),
        (lambda: at.randomised(net(), ["tail"]), "layers must be among"),
        (lambda: at.similarity(X, X[:2]), "maps must be alike"),
    ],
)
def test_bad_input(call: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()


# --------------------------------------------------------------------------- waves


def test_waves_are_where_the_truth_says() -> None:
    waves = dw.draw_waves(4000, np.random.default_rng(0))
    assert waves.x.shape == waves.truth.shape == (4000, 16, 8)
    assert (waves.truth.sum(axis=(1, 2)) == 12).all()
    assert not waves.truth[:, :, 2:].any()
    up = waves.x[waves.y == 1][waves.truth[waves.y == 1]].reshape(-1, 6, 2)
    assert np.allclose(up.mean(axis=(0, 2)), dw.HEIGHT * dw.WAVE, atol=0.1)
    assert np.allclose(waves.x[:, :, 4:].std(), np.sqrt(1 + dw.LEVEL**2), atol=0.02)
    same = dw.wave_set(3)
    assert np.array_equal(same.test.x, dw.wave_set(3).test.x)
    assert same.explained.x.shape == (dw.N_EXPLAINED, 16, 8)


def test_perfect_reader_is_bayes_rule() -> None:
    """Against the likelihood with the levels integrated out, onset by onset."""
    x = dw.draw_waves(6, np.random.default_rng(1)).x.astype(float)
    spread = np.eye(16) + dw.LEVEL**2 * np.ones((16, 16))
    inverse = np.linalg.inv(spread)
    evidence = np.empty((2, dw.N_ONSETS, len(x)))
    for label in (0, 1):
        for onset in range(dw.N_ONSETS):
            mean = np.zeros(16)
            mean[onset : onset + 6] = (2 * label - 1) * dw.HEIGHT * dw.WAVE
            gaps = x[:, :, list(dw.DRIVERS)] - mean[None, :, None]
            evidence[label, onset] = -0.5 * np.einsum(
                "nig,ij,njg->n", gaps, inverse, gaps
            )
    right = logsumexp(evidence[1], axis=0) - logsumexp(evidence[0], axis=0)
    assert np.allclose(ip.outputs(dw.PerfectReader(), x), right, atol=1e-4)
    slopes = ip.gradients(dw.PerfectReader(), x)
    assert not slopes[:, :, 2:].any()
    assert np.allclose(slopes.sum(axis=1), 0, atol=1e-5)  # blind to levels


def test_every_method_and_comparison_is_known() -> None:
    waves = dw.wave_set(999)
    few = dw.WaveSet(waves.train, waves.validation, waves.test,
                     dw.Waves(*(a[:2] for a in waves.explained)))  # fmt: skip
    names = set()
    reader = dw.PerfectReader()
    for name, method in dw.methods(few).items():
        found = method(reader, few.explained.x)
        assert found.values.shape == few.explained.x.shape, name
        assert np.isfinite(found.values).all(), name
        names.add(name)
    for net_name, method, other, versus, _ in dw.COMPARISONS:
        assert net_name in dw.NETS and method in names
        assert other in (*dw.NETS, "none")
        if other != "none":
            assert versus in names
