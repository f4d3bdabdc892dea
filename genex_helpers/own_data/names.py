"""Names of samples and genes: missing, repeated, or spoilt by a spreadsheet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from genex_helpers.own_data.layout import is_missing
from genex_helpers.own_data.problems import (
    DuplicateGeneNamesWarning,
    DuplicateSampleNamesError,
    ExcelNamesWarning,
    MissingGeneNamesError,
    MissingSampleNamesError,
)
from genex_helpers.own_data.report import Report, listed

# Excel writes months in the language of its user
_MONTH = (
    "jan|feb|mar|mär|mrz|apr|may|mai|jun|jul|aug|sept?|oct|okt|nov|dec|dez|déc|d[eé]c"
    "|janv|f[eé]vr|mars|avr|juin|juil|ao[uû]t|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|maj"
)
# What Ziemann et al. 2016 (doi:10.1186/s13059-016-1044-7) and Abeysooriya et al. 2021
# (doi:10.1371/journal.pcbi.1008984) found in supplementary tables.
_DAY_FIRST = re.compile(rf"\d{{1,2}}[-. /]+({_MONTH})\.?([-. /]\d{{2,4}})?", re.I)
# not in lower case: sep-1 is a gene of C. elegans
_MONTH_FIRST = re.compile(
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|JAN|FEB|MAR|APR|MAY|JUN|JUL"
    r"|AUG|SEPT?|OCT|NOV|DEC)-\d{1,2}"
)
_DATE = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}( 00:00:00)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
)
_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d+", re.I)  # RIKEN 2310009E13
_SERIAL = re.compile(r"\d{5}")
_SERIALS = range(36526, 48580)  # days of the years 2000 to 2032


def check_sample_names(
    names: Sequence[str], report: Report, places: Sequence[str] = ()
) -> None:
    """Refuse samples that cannot be told apart.

    Parameters
    ----------
    names
        One a sample.
    places
        Where each stands, for messages; positions if left out.

    Raises
    ------
    MissingSampleNamesError, DuplicateSampleNamesError
    """
    where = places or [f"number {k}" for k in range(1, len(names) + 1)]
    without = [p for name, p in zip(names, where, strict=True) if is_missing(name)]
    if without:
        raise MissingSampleNamesError(
            f"samples without a name: {_places(without)}; "
            "expected a name for each sample"
        )
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        at = [p for name, p in zip(names, where, strict=True) if name == twice[0]]
        raise DuplicateSampleNamesError(
            f"sample names that occur more than once: {listed(twice)} "
            f"(the first: {_places(at)}); expected a name of its own for each sample"
        )
    # a whole date or a number is a fair name for a sample
    _warn_of_excel([n for n in names if not _DATE.fullmatch(n)], "sample", report)


def check_gene_names(
    names: Sequence[str], report: Report, places: Sequence[str] = ()
) -> None:
    """Refuse genes without a name; warn of repeated and of spoilt ones.

    Raises
    ------
    MissingGeneNamesError
    """
    where = places or [f"number {k}" for k in range(1, len(names) + 1)]
    without = [p for name, p in zip(names, where, strict=True) if is_missing(name)]
    if without:
        raise MissingGeneNamesError(
            f"genes without a name: {_places(without)}; name them, or "
            "leave them out of the table"
        )
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        report.warn(
            DuplicateGeneNamesWarning,
            f"gene names that occur more than once: {listed(twice)}; all were "
            "kept. Average them or use identifiers before genes are picked by name",
        )
    _warn_of_excel(names, "gene", report)


def _places(places: Sequence[str]) -> str:
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    return ", ".join(places[:5]) + more


def excel_names(names: Sequence[str]) -> list[str]:
    """Return the names that a spreadsheet seems to have made of other names.

    Five digits are suspected only where most names are not numbers, so that a list of
    Entrez identifiers passes.
    """
    numbers = sum(name.isdigit() for name in names)
    serials = numbers * 2 < len(names)
    return [name for name in names if _is_spoilt(name, serials)]


def _is_spoilt(name: str, serials: bool) -> bool:
    if not any(c.isdigit() for c in name):
        return False
    for shape in (_DAY_FIRST, _MONTH_FIRST, _DATE, _ROUNDED):
        if shape.fullmatch(name):
            return True
    return serials and bool(_SERIAL.fullmatch(name)) and int(name) in _SERIALS


def _warn_of_excel(names: Sequence[str], what: str, report: Report) -> None:
    spoilt = excel_names(names)
    if what == "sample":
        spoilt = [name for name in spoilt if not name.isdigit()]
    if spoilt:
        genes = (
            " (MARCH1, SEPT2 and DEC1 become dates, 2310009E13 becomes 2.31E+13). They "
            "cannot be recovered from this file: go back to the table as it was before "
            "the spreadsheet, or to identifiers"
        )
        report.warn(
            ExcelNamesWarning,
            f"{what} names that look like what a spreadsheet makes of names: "
            f"{listed(spoilt)}{genes if what == 'gene' else ''}",
        )
