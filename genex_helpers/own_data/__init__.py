"""Your own data: from a file into the form that the book's models take.

Four functions read, and say what they found:

- `read_table` reads a CSV or TSV file, with genes in its rows or in its columns.
- `read_geo` reads a series matrix of GEO: a file, or an accession such as GSE30550.
- `read_h5ad` reads a file of AnnData or scanpy; `check_adata` looks at one in memory.
- `join_metadata` adds the table that says which subject, time and group a sample is.

For example::

    adata = read_table("counts.csv")
    adata = join_metadata(adata, "samples.csv", time="day", subject="patient")
    print(describe_read(adata))

All return an AnnData, samples × genes: `adata.X` holds the values, `adata.obs`
describes the samples and `adata.var` the genes. What was detected (which side holds the
genes, the marks between cells, counts or logarithms) stands in `adata.uns["read"]`.

Nothing is guessed in silence. If a file can be read in two ways, an error says how to
settle it; if something looks wrong, a warning with a name of its own says what, and the
values stay as they are. The names are listed in `genex_helpers.own_data.problems`; all
errors are an `OwnDataError`, all warnings an `OwnDataWarning`.
"""

from genex_helpers.own_data.geo import read_geo
from genex_helpers.own_data.h5ad import check_adata, read_h5ad
from genex_helpers.own_data.metadata import join_metadata
from genex_helpers.own_data.problems import OwnDataError, OwnDataWarning
from genex_helpers.own_data.report import describe_read
from genex_helpers.own_data.tables import read_table

__all__ = [
    "OwnDataError",
    "OwnDataWarning",
    "check_adata",
    "describe_read",
    "join_metadata",
    "read_geo",
    "read_h5ad",
    "read_table",
]
