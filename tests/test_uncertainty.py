"""Chapter 11b's case: parts that do not touch, and the six sources of confidence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from genex_helpers import uncertainty as un
from genex_helpers.calibration import softmax
from genex_helpers.dropout import DropoutNet
from genex_helpers.training import fit, predict
from genex_helpers.yeast import gene_folds, phase_case


@pytest.fixture(autouse=True)
def few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(un, "N_EPOCHS", 3)
    monkeypatch.setattr(un, "RATES", (0.25, 0.5))


def test_folds_share_no_cluster_and_elu_has_the_same_genes() -> None:
    case = phase_case()
    for part, (pool, test) in zip(un.parts("yeast"), gene_folds(case), strict=True):
        assert part.tests == ["test", "elu"]
        assert len(part.y["train"]) + len(part.y["validation"]) == len(pool)
        np.testing.assert_array_equal(part.units, case.clusters[test])
        np.testing.assert_array_equal(part.y["test"], part.y["elu"])
        scale = case.courses["alpha"][test].std() / part.x["test"].std()
        np.testing.assert_allclose(
            part.x["elu"] * scale, case.courses["elu"][test], rtol=1e-3, atol=1e-4
        )
        assert not set(part.units) & set(case.clusters[pool])


def test_simulated_sets_know_their_truth() -> None:
    found = un.parts("simulated")
    assert len(found) == un.N_SETS
    for part in found:
        assert part.truth is not None and part.tests == ["test"]
        # classes are drawn by these probabilities: one in ten labels is wrong
        error = (part.y["test"] - part.truth).mean()
        assert abs(error) < 4 * 0.5 / np.sqrt(len(part.truth))
    with pytest.raises(ValueError, match="task must be one of"):
        un.parts("influenza")


def test_nets_of_all_parts_are_trained_as_alone() -> None:
    among = un.parts("yeast")[:2]
    nets = un.train_nets(among, seed=1)
    assert [len(own) for own in nets] == [un.N_NETS] * 2
    alone = un._new_net(among[1], 102)
    fit(alone, among[1].x["train"], among[1].y["train"], loss=cross_entropy,
        n_epochs=3, learning_rate=un.LEARNING_RATE)  # fmt: skip
    x = among[1].x["test"]
    np.testing.assert_allclose(predict(nets[1][2], x), predict(alone, x), atol=1e-4)


def test_the_six_sources() -> None:
    part = un.parts("simulated")[0]
    nets = un.train_nets([part], seed=0)[0]
    before = torch.get_rng_state()
    found = un.probabilities(part, nets, seed=0)
    assert torch.equal(before, torch.get_rng_state())
    assert tuple(found) == un.METHODS
    x = part.x["test"]
    p = {method: tests["test"] for method, tests in found.items()}
    for values in p.values():
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(p["softmax"], softmax(predict(nets[0], x)))
    mean = np.mean([softmax(predict(net, x)) for net in nets], axis=0)
    np.testing.assert_allclose(p["ensemble"], mean)
    same = (p["softmax"].argmax(1) == p["temperature"].argmax(1)).all()
    assert same and not np.allclose(p["softmax"], p["temperature"])
    assert not np.allclose(p["dropout"], p["dropout, one pass"], atol=1e-3)
    again = un.probabilities(part, nets, seed=0)
    np.testing.assert_array_equal(again["dropout"]["test"], p["dropout"])


def test_logistic_needs_the_same_times() -> None:
    part = un.parts("yeast")[0]
    found = un.probabilities(part, un.train_nets([part], seed=0)[0], seed=0)
    assert set(found["logistic"]) == {"test"}
    assert set(found["softmax"]) == {"test", "elu"}


def test_many_passes_drop_and_average() -> None:
    torch.manual_seed(0)
    net = DropoutNet(8, 4, 2, dropout=0.5, recurrent_dropout=0.5)
    x = un.parts("simulated")[0].x["validation"]
    found = un.many_passes(net, x, seed=3)
    np.testing.assert_array_equal(found, un.many_passes(net, x, seed=3))
    assert not np.allclose(found, un.many_passes(net, x, seed=4))
    assert net.training  # as it was
    net.eval()
    with torch.no_grad():
        whole = softmax(net(torch.as_tensor(x)).numpy())
    assert 0 < np.abs(found - whole).max() < 0.3
    with pytest.raises(ValueError, match="nothing in this model drops"):
        un.many_passes(DropoutNet(8, 4, 2), x, seed=0)
