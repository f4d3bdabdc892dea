"""Reading times: numbers in one unit, or an error that names the rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

# "m" alone is missing on purpose: it may mean minutes or months.
_SPELLINGS = {
    "seconds": "s sec secs second seconds",
    "minutes": "min mins minute minutes",
    "hours": "h hr hrs hour hours hpi",
    "days": "d day days dpi",
    "weeks": "w wk wks week weeks",
}
UNITS = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_TIME = re.compile(
    rf"(?P<before>[A-Za-z]*)[\s_]*(?P<number>{_NUMBER})\s*(?P<after>\D*)"
)


def parse_times(column: pd.Series) -> tuple[NDArray[np.float64], str | None]:
    """Return the times of a column as numbers, and their unit if they name one.

    Numbers are taken as they are. Text may hold a number (``"12"``), or a number and
    a unit, in either order (``"12 h"``, ``"day 7"``); all rows must agree.
    Durations (pandas' timedelta) become hours.

    Parameters
    ----------
    column
        One time a sample; its index names the rows in messages.

    Returns
    -------
    times
        ``(sample,)``, finite.
    unit
        ``"seconds"``, ``"minutes"``, ``"hours"``, ``"days"``, ``"weeks"``, or ``None``
        where the column holds bare numbers.

    Raises
    ------
    ValueError
        If a time is missing or no number, a unit is unknown, or the units differ.
        Nothing is converted: which unit was meant is for the owner to say.
    """
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(column.dtype):
        hours = column.dt.total_seconds().to_numpy(dtype=float) / 3600
        return _finite(hours, column), "hours"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise ValueError(
            f"{column.name!r} holds dates, expected the time since a start: "
            "subtract each subject's first date"
        )
    if pd.api.types.is_bool_dtype(column.dtype):
        raise ValueError(f"{column.name!r} holds True and False, expected times")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _finite(column.to_numpy(dtype=float, na_value=np.nan), column), None
    read = [_parse(value) for value in column]
    times = _finite(np.array([number for number, _ in read]), column)
    return times, _one_unit([unit for _, unit in read], column)


def _parse(value: object) -> tuple[float, str | None]:
    """Return a number and its unit as written; NaN for what is not a time."""
    found = _TIME.fullmatch(str(value).strip())
    if found is None or (found["before"] and found["after"]):
        return float("nan"), None
    unit = (found["before"] or found["after"]).strip().rstrip(".").lower()
    return float(found["number"]), unit or None


def _finite(times: NDArray[np.float64], column: pd.Series) -> NDArray[np.float64]:
    bad = ~np.isfinite(times)
    if bad.any():
        rows = [f"{r} ({v!r})" for r, v in column[bad].head(5).items()]
        raise ValueError(
            f"{column.name!r} must be a number, or a number and a unit; "
            f"it is not in {int(bad.sum())} rows: {', '.join(rows)}"
        )
    return times


def _one_unit(units: list[str | None], column: pd.Series) -> str | None:
    unknown = [u is not None and u not in UNITS for u in units]
    if any(unknown):
        rows = [f"{r} ({v!r})" for r, v in column[unknown].head(5).items()]
        raise ValueError(
            f"{column.name!r} has a unit that is not known in rows {', '.join(rows)}; "
            f"expected one of {', '.join(_SPELLINGS)}"
        )
    names = [UNITS[u] if u else "no unit" for u in units]
    if len(set(names)) > 1:
        first = {name: column.index[names.index(name)] for name in dict.fromkeys(names)}
        shown = ", ".join(f"{name} in row {row}" for name, row in first.items())
        raise ValueError(f"{column.name!r} mixes units ({shown}); convert to one unit")
    return None if not names or names[0] == "no unit" else names[0]
