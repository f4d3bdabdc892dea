"""The case of chapter 16: its truth holds, and its tables are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from genex_helpers import multimodal as mm
from genex_helpers import multimodal_nets as nets


def test_shapes_and_the_same_bytes_again() -> None:
    one, other = (mm.draw_people(30, "switch", 3) for _ in range(2))
    shapes = {name: x.shape for name, x in one.inputs.items()}
    assert shapes == {"expression": (30, 12, 4), "genotype": (30, 10),
                      "protein": (30, 3, 4), "image": (30, 2, 16, 16)}  # fmt: skip
    for name in mm.MODALITIES:
        np.testing.assert_array_equal(one.inputs[name], other.inputs[name])
    np.testing.assert_array_equal(one.y, other.y)
    few = one.take([4, 7])
    np.testing.assert_array_equal(
        few.inputs["genotype"], one.inputs["genotype"][[4, 7]]
    )


@pytest.mark.parametrize("world", mm.WORLDS)
def test_log_odds_are_those_of_the_labels(world: str) -> None:
    people = mm.draw_people(4000, world, 1)
    chance = expit(people.log_odds)
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert abs(people.y.sum() - chance.sum()) < 4 * spread
    np.testing.assert_allclose(people.hidden.mean(axis=0), 0, atol=0.08)
    np.testing.assert_allclose(people.hidden.std(axis=0), 1, atol=0.08)
    together = np.corrcoef(people.hidden[:, 0], people.hidden[:, 3])[0, 1]
    expected = mm.COMMON**2 if world == "redundant" else 0
    assert together == pytest.approx(expected, abs=0.06)


def test_each_modality_tells_its_own_number() -> None:
    people = mm.draw_people(600, "complementary", 2)
    timing, carrier, translated, state = people.hidden.T
    x = people.inputs
    early = np.nanmean(x["expression"][:, :5], axis=(1, 2))
    assert np.corrcoef(early, timing)[0, 1] > 0.6
    assert set(carrier[x["genotype"][:, mm.CAUSAL] > 0]) == {carrier.max()}
    protein = np.nanmean(x["protein"], axis=(1, 2))
    assert np.corrcoef(protein, translated)[0, 1] > 0.4
    # a large nucleus hides the cytoplasm's stain
    nucleus = x["image"][:, 0].mean(axis=(1, 2))
    assert np.corrcoef(nucleus, state)[0, 1] > 0.4
    holes = np.isnan(x["protein"]).mean()
    assert holes == pytest.approx(mm.PROTEIN_HOLES, abs=0.03)


def test_present_hides_at_the_rate_but_not_everything() -> None:
    present = mm.draw_present(20_000, 0.5, 0)
    assert present.any(axis=1).all()
    # of 16 patterns the empty one is drawn again
    assert present.mean() == pytest.approx(0.5 * 16 / 15, abs=0.01)
    assert mm.draw_present(5, 0.0, 0).all()


def test_scaler_uses_training_people_only() -> None:
    people = mm.draw_people(60, "one", 5)
    train = people.take(np.arange(40))
    x = nets.Scaler(train)(people)
    np.testing.assert_allclose(x["expression"][:40].mean(axis=0), 0, atol=1e-5)
    assert abs(x["expression"][40:].mean()) > 1e-4
    assert all(np.isfinite(table).all() for table in x.values())
    assert x["protein"].shape == (60, 3, 8)


def test_absent_modalities_become_the_training_mean() -> None:
    people = mm.draw_people(20, "one", 5)
    x = nets.Scaler(people)(people)
    present = np.ones((20, 4), dtype=bool)
    present[3, 1] = False
    filled = nets.hidden_away(x, present, x, np.arange(20))
    np.testing.assert_allclose(filled["genotype"][3], x["genotype"].mean(axis=0))
    np.testing.assert_array_equal(filled["genotype"][:3], x["genotype"][:3])
    np.testing.assert_array_equal(filled["image"], x["image"])


@pytest.mark.parametrize("kind", ["early", *nets.FUSIONS])
def test_every_net_trains_and_answers(kind: str) -> None:
    people = mm.draw_people(60, "complementary", 4)
    x = nets.Scaler(people)(people)
    net = nets.new_net(kind, seed=0)
    loss = nets.train(net, x, people.y, np.arange(40), np.arange(40, 60), n_epochs=2)
    assert np.isfinite(loss)
    present = mm.draw_present(60, 0.5, 1)
    assert nets.logits(net, x, present).shape == (60,)


def test_baselines_read_the_same_numbers() -> None:
    people = mm.draw_people(80, "complementary", 4)
    x = nets.flat(nets.Scaler(people)(people))
    assert x.shape == (80, 12 * 4 + 2 * 10 + 3 * 8 + 6)
    for model in nets.baselines().values():
        assert model.fit(x, people.y).predict_proba(x).shape == (80, 2)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="world"):
        mm.draw_people(5, "flat", 0)
    with pytest.raises(ValueError, match="hide"):
        mm.draw_present(5, 1.0, 0)
    with pytest.raises(ValueError, match="kind"):
        nets.new_net("middle", seed=0)
    with pytest.raises(ValueError, match="name"):
        nets.new_encoder("smell")
