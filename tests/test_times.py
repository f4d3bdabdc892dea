"""Times: one unit, or an error that names the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genex_helpers.times import UNITS, parse_times


def column(*values: object) -> pd.Series:
    return pd.Series(
        list(values), index=[f"r{i}" for i in range(len(values))], name="t"
    )


@pytest.mark.parametrize(
    ("values", "times", "unit"),
    [
        ([1, 2.5], [1, 2.5], None),
        (["1", "2e1"], [1, 20], None),
        (["1 h", "2hrs", "3 Hours"], [1, 2, 3], "hours"),
        (["day 0", "Day 7", "D-1"], [0, 7, -1], "days"),
        (["-24 h", "0.5h"], [-24, 0.5], "hours"),
        ([pd.Timedelta(days=1), pd.Timedelta(minutes=30)], [24, 0.5], "hours"),
    ],
)
def test_reads_numbers_and_their_unit(
    values: list[object], times: list[float], unit: str | None
) -> None:
    found, name = parse_times(column(*values))
    np.testing.assert_array_equal(found, times)
    assert name == unit


def test_reads_categories_too() -> None:
    times, unit = parse_times(column("0 h", "5 h", "0 h").astype("category"))
    assert times.tolist() == [0, 5, 0] and unit == "hours"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["5 h", "1 d"], r"mixes units \(hours in row r0, days in row r1\)"),
        (["5", "1 d"], r"mixes units \(no unit in row r0, days in row r1\)"),
        (["1 h", "before"], r"must be a number.*in 1 rows: r1 \('before'\)"),
        ([1.0, None], "must be a number.*r1"),
        ([1.0, np.inf], "must be a number.*r1"),
        (["1,5 h", "2 h"], "must be a number.*r0"),
        (["1 m", "2 m"], "unit that is not known.*expected one of seconds"),
        (["T1", "T2"], "unit that is not known"),
        ([True, False], "True and False"),
        (list(pd.to_datetime(["2020-01-01", "2020-01-02"])), "holds dates"),
    ],
)
def test_refuses_what_it_cannot_read(values: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_times(column(*values))


@given(
    numbers=st.lists(st.floats(-1e6, 1e6), min_size=1),
    word=st.sampled_from(sorted(UNITS)),
)
def test_any_number_with_any_known_unit_is_read(
    numbers: list[float], word: str
) -> None:
    found, unit = parse_times(column(*[f"{number!r} {word}" for number in numbers]))
    assert found.tolist() == numbers
    assert unit == UNITS[word]


@given(st.text(max_size=12))
def test_any_text_is_a_finite_time_or_an_error(text: str) -> None:
    try:
        times, _ = parse_times(column(text))
    except ValueError as error:
        assert "r0" in str(error)
    else:
        assert np.isfinite(times).all()
