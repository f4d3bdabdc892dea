"""Read single parts of an R file that `rdata` can parse but not convert whole.

Bioconductor's containers hold functions and environments beside their tables.
`rdata.parser` gives the tree of all R objects; these functions walk down it and
turn one matrix, one table or one list of names into plain Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rdata.parser import RObjectType, parse_file

Node = Any  # an RObject of rdata
LISTS = (RObjectType.LIST, RObjectType.LANG)


def parse(path: Path) -> dict[str, Node]:
    """Return the objects of an R data file by name, as trees."""
    return pairs(parse_file(path).object)


def pairs(node: Node) -> dict[str, Node]:
    """Return R's linked list of tagged values as a dictionary."""
    found: dict[str, Node] = {}
    while node is not None and node.info.type in LISTS:
        found[_tag(node.tag)] = node.value[0]
        node = node.value[1]
    return found


def slots(node: Node) -> dict[str, Node]:
    """Return the attributes of an object; the slots of an S4 object are such."""
    return pairs(node.attributes) if node.attributes is not None else {}


def items(node: Node) -> dict[str, Node]:
    """Return the elements of a list by name, or by number where it has no names."""
    names = slots(node).get("names")
    found = node.value or []
    keys = map(str, range(len(found))) if names is None else texts(names)
    return dict(zip(keys, found, strict=True))


def bindings(node: Node) -> dict[str, Node]:
    """Return what an R environment holds, by name."""
    if node.info.type == RObjectType.REF:
        node = node.referenced_object
    found: dict[str, Node] = {}
    table = node.value.hash_table
    if table is not None and table.info.type == RObjectType.VEC:
        for chain in table.value:
            found |= pairs(chain)
    return found | pairs(node.value.frame)


def unwrapped(node: Node) -> Node:
    """Return what a promise (a value that R has yet to fetch) stands for."""
    while node.info.type == RObjectType.PROM:
        node = node.value[0]
    return node


def texts(node: Node) -> list[str]:
    """Return a vector of text; a missing text (NA) becomes an empty one."""
    return ["" if text.value is None else text.value.decode() for text in node.value]


def matrix(node: Node) -> npt.NDArray[np.float64]:
    """Return a matrix of numbers, rows × columns; R writes the columns one by one."""
    shape = [int(size) for size in slots(node)["dim"].value]
    return numbers(node).reshape(shape, order="F")


def dimension_names(node: Node) -> list[list[str]]:
    """Return the names of a matrix's rows and of its columns."""
    return [texts(names) for names in slots(node)["dimnames"].value]


def numbers(node: Node) -> npt.NDArray[np.float64]:
    """Return a vector of numbers as floats, with missing ones as NaN."""
    values = node.value
    missing = getattr(values, "mask", False)
    return np.where(missing, np.nan, np.asarray(values, dtype=np.float64))


def frame(node: Node) -> pd.DataFrame:
    """Return a Bioconductor `DataFrame` of text, factors and numbers."""
    parts = slots(node)
    columns = {name: _column(part) for name, part in items(parts["listData"]).items()}
    named = parts["rownames"].info.type == RObjectType.STR
    return pd.DataFrame(columns, index=texts(parts["rownames"]) if named else None)


def _column(node: Node) -> list[str] | npt.NDArray[np.float64]:
    if node.info.type == RObjectType.STR:
        return texts(node)
    levels = slots(node).get("levels")
    if levels is None:
        return numbers(node)
    names = ["", *texts(levels)]  # R counts levels from 1; 0 stands for missing here
    return [names[int(code)] for code in np.nan_to_num(numbers(node))]


def _tag(node: Node) -> str:
    """Return the name of a list's element; repeated names are references."""
    if node is None:
        return ""
    if node.info.type == RObjectType.REF:
        node = node.referenced_object
    return str(node.value.value.decode())
