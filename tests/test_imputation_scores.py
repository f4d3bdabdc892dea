"""The scores of the imputation table: on paper, and the stored ones made anew."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genex_helpers import imputation_scores as scores
from genex_helpers.imputation import KINDS, METHODS
from genex_helpers.results import load_result


def units(se: list[float], other: list[float]) -> pd.DataFrame:
    """Three units with ten hidden values each, mean 0 and variance 4."""
    return pd.DataFrame(
        {
            "unit": range(3),
            "n": 10.0,
            "truth_sum": 0.0,
            "truth_squares": 40.0,
            "one": se,
            "two": other,
        }
    )


def test_nrmse_on_paper() -> None:
    truth, filled = np.array([1.0, 3.0, 8.0]), np.array([2.0, 3.0, 6.0])
    sums = (truth.sum(), (truth**2).sum(), ((filled - truth) ** 2).sum())
    found = scores.nrmse(*(np.array([v]) for v in (3.0, *sums)))
    assert np.isclose(found[0], np.sqrt(5 / 3) / truth.std())


def test_the_interval_is_over_units() -> None:
    found = scores.bootstrap_nrmse(units([10, 40, 90], [0, 0, 0]), "one")
    assert np.isclose(found.value, np.sqrt(140 / 30) / 2)
    assert np.isclose(found.low, 0.5) and np.isclose(found.high, 1.5)
    same = scores.bootstrap_nrmse(units([10, 40, 90], [10, 40, 90]), "one", minus="two")
    assert (same.value, same.low, same.high) == (0, 0, 0)
    less = scores.bootstrap_nrmse(units([90, 90, 90], [10, 10, 10]), "one", minus="two")
    assert np.allclose([less.value, less.low, less.high], 1)


def test_wrong_units_are_errors() -> None:
    table = units([10, 40, 90], [1, 2, np.nan])
    with pytest.raises(ValueError, match=r"\['two'\] did not fill this pattern"):
        scores.bootstrap_nrmse(table, "one", minus="two")
    with pytest.raises(ValueError, match="each unit once"):
        scores.bootstrap_nrmse(pd.concat([table, table]), "one")


def test_the_tables() -> None:
    yeast, people = scores.yeast_table(), scores.influenza_tables()
    assert yeast.values.shape == (len(yeast.units), 73) == (730, 73)
    assert list(dict.fromkeys(yeast.courses)) == list(scores.YEAST_COURSES)
    assert len(np.unique(yeast.units)) == scores.N_CLUSTERS
    assert sorted(len(p.times) for p in people) == [14] * 3 + [15] * 14
    assert all((np.diff(p.times) > 0).all() for p in people)
    responders = scores.influenza_tables(interferon=True)
    assert {p.values.shape[0] for p in responders} == {195}
    assert [p.courses[0] for p in responders] == [p.courses[0] for p in people]


def test_no_method_sees_what_was_hidden() -> None:
    """Other values in the hidden places change no fill, only the truth."""
    table = scores.influenza_tables()[0]
    for pattern in scores.PATTERNS_OF["influenza"]:
        hidden, truth, filled = scores.fill_hidden(table, pattern, 0.2, 1)
        changed = np.where(hidden, 1000.0, table.values)
        other = scores.GeneTable(changed, table.times, table.courses, table.units)
        again, other_truth, refilled = scores.fill_hidden(other, pattern, 0.2, 1)
        assert np.array_equal(hidden, again)
        assert not np.allclose(truth, other_truth)
        for method in METHODS:
            assert np.allclose(filled[method], refilled[method])


def test_lines_fill_no_whole_course() -> None:
    _, _, filled = scores.fill_hidden(scores.yeast_table(), "experiment", 0.05, 1)
    assert set(METHODS) - set(filled) == set(KINDS)


@pytest.mark.parametrize(
    ("centre", "pattern"), [(True, "runs"), (True, "experiment"), (False, "random")]
)
def test_the_stored_result_comes_back(centre: bool, pattern: str) -> None:
    stored, _ = load_result("imputation_maskings")
    asked = {"data": "yeast", "centred": centre, "pattern": pattern, "share": 0.05,
             "masking": 2, "course": "all"}  # fmt: skip
    chosen = (stored[list(asked)] == pd.Series(asked)).all(axis=1)
    row = stored[chosen].squeeze()
    methods = [*METHODS] if centre else [*METHODS, scores.ZERO_SUM]
    hidden, truth, filled = scores.fill_hidden(
        scores.yeast_table(), pattern, 0.05, 2, methods=methods, centre=centre
    )
    assert row["n"] == hidden.sum()
    for method, values in filled.items():
        error = np.sqrt(((values - truth) ** 2).mean()) / truth.std()
        assert np.isclose(row[method], error, rtol=1e-4), method
    for method in set(METHODS) - set(filled):
        assert np.isnan(row[method])


def test_the_two_stored_tables_agree() -> None:
    by_unit, record = load_result("imputation_table")
    by_masking, _ = load_result("imputation_maskings")
    keys = ["data", "centred", "pattern", "share"]
    counts = by_masking[by_masking["course"] == "all"].groupby(keys)["n"].sum()
    assert (by_unit.groupby(keys)["n"].sum() == counts).all()
    assert len(counts) == 33
    assert record["settings"]["delta"] == scores.DELTA
