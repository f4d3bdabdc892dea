"""Quality control: rules that name samples, tried on cases with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genex_helpers.datasets import load
from genex_helpers.quality import (
    check_sex,
    correlation_with_own_median,
    detection_floor,
    poor_agreement,
    robust_scores,
)

FINITE = st.floats(-1e3, 1e3, allow_nan=False, width=32)


def people(n_people: int = 6, n_samples: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Return samples that differ by person and by a little noise."""
    rng = np.random.default_rng(0)
    own = rng.normal(8, 2, size=(n_people, 1, 300))
    values = own + rng.normal(0, 0.2, size=(n_people, n_samples, 300))
    return values.reshape(-1, 300), np.repeat(np.arange(n_people), n_samples)


def test_correlation_is_with_the_other_samples() -> None:
    values, who = people()
    found = correlation_with_own_median(values, who)
    row = 10
    others = values[(who == who[row]) & (np.arange(len(who)) != row)]
    expected = np.corrcoef(values[row], np.median(others, axis=0))[0, 1]
    assert np.isclose(found[row], expected, atol=1e-12)


def test_correlation_does_not_depend_on_the_order_of_rows() -> None:
    values, who = people()
    order = np.random.default_rng(1).permutation(len(who))
    found = correlation_with_own_median(values, who)
    assert np.allclose(correlation_with_own_median(values[order], who[order]),
                       found[order])  # fmt: skip


def test_a_spoilt_sample_is_named_and_no_other() -> None:
    values, who = people()
    values[17] = values[17].mean() + 0.3 * (values[17] - values[17].mean())
    values[17] += np.random.default_rng(2).normal(0, 1, size=values.shape[1])
    assert np.flatnonzero(poor_agreement(values, who, limit=10)).tolist() == [17]


def test_a_swapped_sample_is_named() -> None:
    values, who = people()
    values[[3, 24]] = values[[24, 3]]
    assert set(np.flatnonzero(poor_agreement(values, who, limit=10))) == {3, 24}


def test_the_three_poor_influenza_samples_lead_the_list() -> None:
    adata = load("influenza_challenge")
    agreement = correlation_with_own_median(adata.X, adata.obs["subject"])
    worst = adata.obs_names[np.argsort(agreement)[:3]].tolist()
    assert worst == ["GSM758081", "GSM758095", "GSM757903"]
    named = adata.obs_names[poor_agreement(adata.X, adata.obs["subject"])]
    assert set(worst) < set(named) and len(named) == 11


@given(arrays(np.float64, st.integers(5, 30), elements=FINITE, unique=True),
       st.floats(0.5, 20), st.floats(-50, 50))  # fmt: skip
def test_robust_scores_do_not_depend_on_the_unit(
    x: np.ndarray, factor: float, shift: float
) -> None:
    spread = np.median(np.abs(x - np.median(x)))
    if spread < 1e-3:
        return
    assert np.allclose(robust_scores(factor * x + shift), robust_scores(x), atol=1e-5)


def test_robust_scores_are_z_scores_of_a_normal_sample() -> None:
    x = np.random.default_rng(0).normal(3, 2, size=200_000)
    assert np.allclose(robust_scores(x), (x - 3) / 2, atol=0.05)


def test_one_wild_value_does_not_move_the_others() -> None:
    x = np.arange(101.0)
    wild = np.where(x == 100, 1e9, x)
    assert np.array_equal(robust_scores(wild)[:100], robust_scores(x)[:100])


def test_sex_of_the_real_samples() -> None:
    adata = load("influenza_challenge")
    table, sex = adata.to_df(), adata.obs["sex"]
    one = check_sex(table["RPS4Y1"], sex)
    assert adata.obs_names[one == "disagrees"].tolist() == ["GSM757903"]
    both = check_sex(table[["RPS4Y1", "DDX3Y"]].mean(axis=1), sex)
    assert "disagrees" not in both
    unclear = adata.obs_names[both == "unclear"]
    assert {"GSM757903", "GSM758081"} <= set(unclear)


def test_sex_of_the_lymphoblastoid_lines() -> None:
    adata = load("lymphoblastoid_counts")
    counts = adata.to_df()
    share = counts.loc[:, (adata.var["chromosome"] == "Y").to_numpy()].sum(axis=1)
    level = np.log2(1e6 * share / counts.sum(axis=1) + 1)
    found = check_sex(level, adata.obs["sex"])
    assert "disagrees" not in found
    assert "NA20804" in adata.obs_names[found == "unclear"]


def test_sex_verdicts() -> None:
    level = np.array([6.0, 6.1, 6.2, 6.3, 8.0, 11.0, 12.0, 12.1, 12.2, 12.3, 6.1, 14.0])
    sex = np.array(["female"] * 6 + ["male"] * 6)
    found = check_sex(level, sex)
    assert (
        found[4] == "unclear" and found[5] == "disagrees" and found[10] == "disagrees"
    )
    assert (found[[0, 1, 2, 3, 6, 7, 8, 9]] == "agrees").all()
    assert found[11] == "agrees"  # far out, but away from the other sex


def test_floor_leaves_the_absent_below() -> None:
    absent = np.random.default_rng(0).normal(5, 0.3, size=10_000)
    assert np.isclose(detection_floor(absent), 5 + 3.5 * 0.3, atol=0.05)
    assert (absent < detection_floor(absent)).mean() > 0.999


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: correlation_with_own_median(np.ones(3), [1, 1, 1]), r"\(sample, gene"),
        (lambda: correlation_with_own_median(np.eye(4), [1, 1, 2, 2]), "2 samples"),
        (lambda: correlation_with_own_median(np.eye(3), [1, 1]), "one name a sample"),
        (lambda: correlation_with_own_median(np.ones((3, 4)), [1, 1, 1]), "constant"),
        (lambda: correlation_with_own_median([[1, np.nan]] * 3, [1] * 3), r"\[0, 1, 2"),
        (lambda: robust_scores([1, 1, 1, 5]), "MAD is zero"),
        (lambda: robust_scores([1, np.inf, 2]), "1 not finite"),
        (lambda: robust_scores([]), "one finite number"),
        (lambda: check_sex([1.0, 2.0], ["female", "m"]), "'female' and 'male'"),
        (lambda: check_sex([1.0, 2.0], ["male", "male"]), "'female' and 'male'"),
        (lambda: check_sex([5, 6, 1, 2], ["female"] * 2 + ["male"] * 2), "medians"),
        (lambda: detection_floor([4.0, 4.0, 4.0]), "MAD is zero"),
    ],
)  # fmt: skip
def test_refusals(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
