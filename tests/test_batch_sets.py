"""Simulated studies in two batches: known truth, shared people, fair folds."""

from __future__ import annotations

import numpy as np
import pytest

from genex_helpers import batch_sets as sets
from genex_helpers.results import load_result


def test_the_design_is_as_asked() -> None:
    for mix in sets.MIXES:
        data = sets.draw_batch_set(mix, seed=0)
        assert data.group[data.batch == 0].sum() == mix
        assert data.group[data.batch == 1].sum() == sets.PER_BATCH - mix
        for batch in (0, 1):
            assert data.new_group[data.new_batch == batch].mean() == 0.5
    assert (data.effect != 0).mean() == pytest.approx(sets.SHARE_WITH_EFFECT)
    for mix in (0, sets.PER_BATCH):
        with pytest.raises(ValueError, match="mix must be between 1 and 19"):
            sets.draw_batch_set(mix, seed=0)


def test_a_set_shares_its_people_over_mixes_and_effects() -> None:
    """What differs is the group and nothing else."""
    one, other = (sets.draw_batch_set(mix, seed=3) for mix in (10, 18))
    none = sets.draw_batch_set(10, seed=3, effect=0.0)
    for data in (one, other):
        people = data.values - data.group[:, None] * data.effect
        np.testing.assert_allclose(people, none.values, atol=1e-12)
    assert not np.allclose(one.values, sets.draw_batch_set(10, seed=4).values)


def test_spreads_are_those_of_the_settings() -> None:
    """Within a batch, people have a standard deviation of one, on average."""
    data = sets.draw_batch_set(10, seed=0, effect=0.0)
    first = data.new_values[data.new_batch == 0]
    assert np.median(first.std(axis=0)) == pytest.approx(1.0, abs=0.06)
    gap = first.mean(axis=0) - data.new_values[data.new_batch == 1].mean(axis=0)
    expected = np.sqrt(2 * sets.SHIFT_SPREAD**2 + 2 / (sets.N_NEW / 2))
    assert gap.std() == pytest.approx(expected, rel=0.15)


def test_folds_spread_batch_and_group() -> None:
    for mix in sets.MIXES:
        data = sets.draw_batch_set(mix, seed=1)
        fold = sets._folds(data, seed=1)
        assert np.bincount(fold).tolist() == [8] * sets.N_SPLITS
        for number in range(sets.N_SPLITS):
            train = fold != number
            for batch in (0, 1):
                assert len(set(data.group[train & (data.batch == batch)])) == 2
            assert len(set(data.group[~train])) == 2


def test_held_out_people_do_not_move_an_inside_correction() -> None:
    data = sets.draw_batch_set(14, seed=0)
    for arm in sets.ARMS:
        if "inside" not in arm:
            continue
        given = data.values[:30], data.batch[:30], data.group[:30]
        one, _ = sets._inside(arm, *given, data.values[30:], data.batch[30:])
        other, _ = sets._inside(arm, *given, 9 + data.values[30:], data.batch[30:])
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="cannot be used on new people"):
        sets.on_new_people(data, "ComBat on everything")


def test_the_shift_beside_the_label_is_the_whole_shift() -> None:
    """Without noise it gives back people without batches; ``mean_only`` would not."""
    data = sets.draw_batch_set(18, seed=0)
    rng = np.random.default_rng(0)
    shift = rng.normal(size=(2, 5))
    effect = rng.normal(size=5)
    clean = data.group[:, None] * effect
    arm = sets.ARMS[-1]
    train, test = sets._inside(
        arm, clean + shift[data.batch], data.batch, data.group, shift, np.arange(2)
    )
    np.testing.assert_allclose(train, clean + shift.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(test, [shift.mean(axis=0)] * 2, atol=1e-12)


def test_without_shrinking_no_batch_mean_is_left() -> None:
    data = sets.draw_batch_set(18, seed=0, effect=0.0)
    left = {}
    for arm in ("ComBat inside the fold", sets.UNSHRUNK):
        given = data.values, data.batch, data.group, data.values, data.batch
        x, _ = sets._inside(arm, *given)
        means = [x[data.batch == k].mean(axis=0) for k in (0, 1)]
        left[arm] = abs(means[0] - means[1])
    assert left[sets.UNSHRUNK].max() < 1e-12
    assert np.median(left["ComBat inside the fold"]) > 0.01


def test_stored_numbers_come_back() -> None:
    table, _ = load_result("combat_and_prediction")
    data = sets.draw_batch_set(14, seed=2, effect=0.0)
    stored = table.query("set == 2 and mix == 14 and not effect")
    stored = stored.set_index(["quantity", "arm"])["value"]
    for row in sets.estimate_rows(data):
        assert row["error"] == pytest.approx(stored["error", row["arm"]], rel=1e-4)
    for arm in ("as measured", "ComBat on everything, with labels"):
        found = sets.cross_validated(data, arm, 2)
        assert found == pytest.approx(stored["within the study", arm], abs=0.02)


def test_every_question_can_be_asked_of_the_stored_table() -> None:
    table, _ = load_result("combat_and_prediction")
    for question in sets.comparisons():
        found = sets.differences(table, question)
        assert found.shape == (len(sets.SETS),) and np.isfinite(found).all()
