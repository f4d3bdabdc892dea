"""Networks, perturbations and labels: what they promise and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from genex_helpers.simulator.kinetics import Simulation, simulate
from genex_helpers.simulator.labels import class_labels, number_labels
from genex_helpers.simulator.networks import (
    Network,
    cascade,
    edge_table,
    random_network,
    toggle_switch,
)
from genex_helpers.simulator.perturbations import dose, knock_out, over_express, pulse

EDGE = ("a", "b", 1, 1.0, 2.0, 0.0)


@settings(max_examples=40, deadline=None)
@given(
    n_genes=st.integers(1, 30),
    density=st.floats(0, 1),
    seed=st.integers(0, 2**32),
    max_delay=st.sampled_from([0.0, 4.0]),
)
def test_random_networks_have_the_asked_size_and_density(
    n_genes: int, density: float, seed: int, max_delay: float
) -> None:
    network = random_network(
        n_genes, density, seed, inputs=("drug",), max_delay=max_delay
    )
    inner = network.edges[network.edges["source"] != "drug"]
    assert network.n_genes == n_genes
    assert len(inner) == round(density * n_genes * (n_genes - 1))
    assert (inner["source"] != inner["target"]).all()
    assert not network.edges.duplicated(["source", "target"]).any()
    assert len(network.edges) - len(inner) == max(1, round(0.2 * n_genes))
    assert inner["delay"].between(0, max_delay).all()
    half_life = np.log(2) / network.decay
    assert ((half_life >= 3) & (half_life <= 27)).all()
    again = random_network(
        n_genes, density, seed, inputs=("drug",), max_delay=max_delay
    )
    assert network.edges.equals(again.edges)


def test_random_edges_have_both_signs_in_the_asked_share() -> None:
    signs = random_network(60, 0.3, 1, activating=0.7).edges["sign"]
    assert binomtest(int((signs > 0).sum()), len(signs), 0.7).pvalue > 1e-3


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        (("x", "b", 1, 1.0, 2.0, 0.0), r"edge x → b .*neither a gene nor an input"),
        (("a", "u", 1, 1.0, 2.0, 0.0), r"edge a → u .*target is not a gene"),
        (("a", "b", 0, 1.0, 2.0, 0.0), r"edge a → b .*sign must be 1 or -1"),
        (("a", "b", 1, 0.0, 2.0, 0.0), r"edge a → b .*threshold must be"),
        (("a", "b", 1, 1.0, -2.0, 0.0), r"edge a → b .*hill must be"),
        (("a", "b", 1, 1.0, 2.0, -1.0), r"edge a → b .*delay must be"),
        (("a", "b", 1, 1.0, 2.0, np.nan), r"edge a → b .*delay must be"),
        (("a", "c", -1, 1.0, 1.0, 0.0), r"edge a → c .*linear regulation needs sign 1"),
        (("a", "a", 1, 1.0, 2.0, 0.0), r"edge a → a .*same pair occurs twice"),
    ],
)
def test_an_impossible_edge_is_named(
    edge: tuple[str, str, int, float, float, float], message: str
) -> None:
    rows = [("a", "a", -1, 1.0, 2.0, 0.0), edge]
    with pytest.raises(ValueError, match=message):
        Network(
            ("a", "b", "c"), edge_table(rows), 0, 1, 1, ("u",), ("mean", "or", "linear")
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"genes": ()}, r"genes is empty"),
        ({"genes": ("a", "b", "a")}, r"occurs twice .*\['a'\]"),
        ({"inputs": ("a",)}, r"occurs twice .*\['a'\]"),
        ({"decay": [1.0, 0.0]}, r"decay of gene 'b' is 0"),
        ({"basal": [1.0, -2.0]}, r"basal of gene 'b' is -2"),
        ({"max_rate": [np.inf, 1.0]}, r"max_rate of gene 'a' is inf"),
        ({"max_rate": [1.0, 1.0, 1.0]}, r"max_rate has shape \(3,\)"),
        ({"logic": ("xor",)}, r"logic must be one of .*'xor'"),
        ({"logic": ("or", "or", "or")}, r"logic .*got 3 words"),
        ({"edges": edge_table([EDGE]).drop(columns="sign")}, r"no column \['sign'\]"),
    ],
)
def test_an_impossible_network_is_refused(
    changes: dict[str, object], message: str
) -> None:
    parts = dict(
        genes=("a", "b"), edges=edge_table([EDGE]), basal=0, max_rate=1, decay=1
    )
    with pytest.raises(ValueError, match=message):
        Network(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_series": 0}, r"n_series must be a whole number from 1"),
        ({"seed": 1.5}, r"seed must be a whole number"),
        ({"times": [0.0, 2.0, 2.0]}, r"times must ascend; got 2 before 2"),
        ({"times": [0.0, np.nan]}, r"times must be a row of finite numbers"),
        ({"inputs": {"drug": 1.0}}, r"input 'drug' is not in the network.*signal"),
        ({"inputs": {"signal": [1.0, 2.0]}}, r"input 'signal' has shape \(2,\)"),
        ({"inputs": {"signal": np.inf}}, r"input 'signal' has levels"),
        ({"perturbations": [knock_out("g9")]}, r"gene 'g9' is not in the network"),
        ({"perturbations": [dose("x", 1, start=0)]}, r"input 'x' is not in the netw"),
        ({"perturbations": [knock_out("g1", series=[3])]}, r"'knock-out g1' is \[3\]"),
        ({"rate_factors": np.ones((2, 3))}, r"rate_factors has shape \(2, 3\)"),
        ({"rate_factors": -np.ones((3, 3))}, r"rate_factors must hold"),
        ({"initial": [1.0, 2.0]}, r"initial has shape \(2,\)"),
        ({"initial": [1.0, 2.0, -1.0]}, r"initial must hold"),
        ({"system_size": 0.0}, r"system_size must be above 0"),
        ({"subject_spread": -1.0}, r"subject_spread must be"),
        ({"settle": np.inf}, r"settle must be"),
        ({"step": 0.0}, r"step must be above 0"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    changes: dict[str, object], message: str
) -> None:
    options = {"times": [0.0, 1.0, 2.0], "n_series": 3, "seed": 0}
    with pytest.raises(ValueError, match=message):
        simulate(cascade(3), **{**options, **changes})


def test_impossible_perturbations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"gene 'a': start 5.0 must come before stop"):
        knock_out("a", start=5.0, stop=1.0)
    with pytest.raises(ValueError, match=r"factor of gene 'a' is -1"):
        over_express("a", -1.0)
    with pytest.raises(ValueError, match=r"level of 'drug' is nan"):
        dose("drug", np.nan, start=0)
    with pytest.raises(ValueError, match=r"dose of 'drug': start 2"):
        pulse("drug", 1.0, at=2, width=0)


def test_a_network_cannot_be_changed_from_outside() -> None:
    edges = edge_table([EDGE])
    network = Network(("a", "b"), edges, np.zeros(2), 1, 1)
    edges.loc[0, "sign"] = -1
    assert network.edges["sign"].tolist() == [1]
    with pytest.raises(AttributeError):
        network.genes = ("c",)  # type: ignore[misc]


def test_samples_carry_what_was_done_to_them() -> None:
    changes = [pulse("push_b", 1.0, at=2, width=2, series=[1]), knock_out("a")]
    found = simulate(
        toggle_switch(), np.arange(6.0), 2, seed=0, inputs={"push_a": [0.0, 0.5]},
        perturbations=changes,
    )  # fmt: skip
    adata = found.to_adata()
    assert adata.shape == (12, 2) and adata.var_names.tolist() == ["a", "b"]
    second = adata.obs[adata.obs["subject"] == "s0001"]
    assert second["push_b"].tolist() == [0, 0, 1, 1, 0, 0]
    assert (second["push_a"] == 0.5).all()
    assert set(second["perturbation"]) == {"push_b + 1, knock-out a"}
    np.testing.assert_array_equal(adata.X[6:], found.expression[1].astype("float32"))
    table = adata.uns["truth"]["perturbations"]
    assert table["target"].tolist() == ["push_b", "a"]
    assert table["n_series"].tolist() == [1, 2]
    assert adata.uns["technology"] == "simulated"


@pytest.fixture(scope="module")
def crowd() -> Simulation:
    """Return 2000 series that differ."""
    network = random_network(6, 0.2, 0)
    return simulate(network, [0, 5, 10], 2000, seed=0, subject_spread=0.5, settle=20)


DRIVERS = [("gene002", 5.0, 1.0), ("gene004", 10.0, -2.0)]


def test_labels_follow_their_drivers_up_to_the_noise(crowd: Simulation) -> None:
    numbers = number_labels(crowd, DRIVERS, seed=1, noise=0.5)
    assert numbers.drivers.to_numpy().tolist() == [["label", *d] for d in DRIVERS]
    columns = np.stack(
        [crowd.expression[:, 1, 2], crowd.expression[:, 2, 4], np.ones(2000)], axis=1
    )
    fit = np.linalg.lstsq(columns, numbers.score, rcond=None)[0]
    np.testing.assert_allclose(columns @ fit, numbers.score, atol=1e-9)
    weights = fit[:2] * columns[:, :2].std(axis=0)
    assert weights[1] / weights[0] == pytest.approx(-2.0)
    error = (numbers.values - numbers.score).std()
    assert error == pytest.approx(0.5, rel=4 / np.sqrt(2 * 2000))
    assert numbers.score.std() == pytest.approx(1.0)

    clean = class_labels(crowd, DRIVERS, seed=1)
    flipped = class_labels(crowd, DRIVERS, seed=1, flip=0.2)
    np.testing.assert_array_equal(
        clean.values, numbers.score > np.median(numbers.score)
    )
    assert clean.values.sum() == 1000
    wrong = int((clean.values != flipped.values).sum())
    assert binomtest(wrong, 2000, 0.2).pvalue > 1e-3
    by_subject = flipped.by_subject()
    assert by_subject["s0007"] == flipped.values[7] and by_subject.name == "label"


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (("x", 5.0, 1.0), r"gene 'x' is not in the network"),
        (("gene002", 6.0, 1.0), r"driver 'gene002': time 6 was not simulated"),
        (("gene002", 5.0, 0.0), r"driver 'gene002': weight 0"),
    ],
)
def test_unknown_drivers_are_named(
    crowd: Simulation, driver: tuple[str, float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        class_labels(crowd, [driver], seed=0)
    with pytest.raises(ValueError, match="drivers is empty"):
        number_labels(crowd, [], seed=0)


def test_series_that_are_all_alike_have_no_labels() -> None:
    found = simulate(cascade(2), [0, 1], 5, seed=0, inputs={"signal": 1.0})
    with pytest.raises(ValueError, match=r"'g1' at time 1 does not vary"):
        class_labels(found, [("g1", 1.0, 1.0)], seed=0)
