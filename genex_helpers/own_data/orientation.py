"""Which side of a table holds the genes, from evidence that is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genex_helpers.own_data.problems import (
    OrientationError,
    OrientationWarning,
    TransposedTableWarning,
)
from genex_helpers.own_data.report import Report

GENES, SAMPLES = "genes-in-rows", "samples-in-rows"
_SAID = f'orientation="{GENES}" or orientation="{SAMPLES}"'
_GENE_SHAPES = re.compile(
    r"ENS[A-Z]*[EGPT]\d{11}(\.\d+)?(_PAR_Y)?"  # Ensembl
    r"|FBgn\d{7}|WBGene\d{8}|AT[1-5CM]G\d{5}|Y[A-P][LR]\d{3}[WC](-[A-Z])?"
    r"|(AFFX-\S+|\d{3,}(_[a-z]+)*_at)|ILMN_\d+|A_\d{2}_P\d+"  # probes
    r"|[NX][MR]_\d+(\.\d+)?|\d{7}[A-Z]\d{2}Rik|LOC\d+|[a-z]{3}-(mir|let)-\S+",
    re.IGNORECASE,
)
_SAMPLE_SHAPES = re.compile(
    r"GSM\d+\S*|[SED]R[RSX]\d{5,}|SAM[NED]A?\d+|TCGA-\S+|.*\.bam"
    r"|(sample|samp|subject|subj|patient|pat|donor|person|control|ctrl|case|mouse"
    r"|animal|cell|array|chip|rep|replicate|s)[ _.\-]?\d+"
    r"|t[_ ]?\d+|(\d+ ?(min|h|hr|hrs|hours?|d|days?|wk|weeks?))"
    r"|.*[ _.\-](rep|r|day|d|h|t|time)[ _.\-]?\d+|.*[ _.\-]\d+ ?(h|hr|hpi|d|min)",
    re.IGNORECASE,
)
# genes that hardly any panel or array lacks: two of them on one side settle it
_KNOWN_GENES = frozenset(
    "ACTB GAPDH B2M HPRT1 TBP UBC YWHAZ PPIA PGK1 RPLP0 RPL13A GUSB TFRC SDHA HMBS "
    "TP53 MYC EGFR VEGFA KRAS PTEN BRCA1 BRCA2 ERBB2 ESR1 CDKN1A CDKN2A CCND1 CDK4 "
    "JUN FOS EGR1 STAT1 STAT3 NFKB1 RELA IL6 IL1B IL10 TNF TGFB1 IFNG CXCL8 CXCL10 "
    "CCL2 IFIT1 IFIT3 ISG15 MX1 OAS1 IRF7 CD4 CD8A CD19 CD14 PTPRC GATA1 GATA3 SOX2 "
    "POU5F1 NANOG KLF4 ALB APOE INS HBB VIM CDH1 COL1A1 MKI67".split()
)
_GENE_HEADERS = frozenset(
    "gene genes geneid gene_id gene_name gene_symbol genesymbol symbol hgnc_symbol "
    "ensembl ensembl_id ensembl_gene_id id_ref probe probe_id probeid probeset "
    "probe_set_id transcript transcript_id target_id entrez entrez_id orf locus "
    "feature feature_id".split()
)
_SAMPLE_HEADERS = frozenset(
    "sample samples sample_id sampleid sample_name samplename subject subject_id "
    "patient patient_id donor cell cells cell_id barcode array run".split()
)
GENE_COLUMNS = frozenset(
    "chr chrom chromosome seqnames start end strand length gene_length width "
    "effective_length description gene_name gene_symbol symbol gene_title entrez "
    "entrezid entrez_id entrez_gene_id entrezgene gene_id geneid gene_biotype "
    "biotype gene_type gc_content ensembl ensembl_id refseq probe_id".split()
)
SAMPLE_COLUMNS = frozenset(
    "time times hour hours day days week weeks timepoint time_point subject "
    "subject_id patient patient_id donor individual group condition treatment batch "
    "replicate sex gender age dose tissue label class phenotype cell_type outcome "
    "response responder status".split()
)
_LOOKED_AT = 2000
_SHARE, _RATIO = 0.3, 3.0
_LONG, _LONGER = 100, 10


@dataclass(frozen=True)
class Sides:
    """What orientation is judged from.

    Attributes
    ----------
    rows, columns
        Names of the rows and of the columns of numbers.
    names_header
        The header above the row names.
    described_by
        Headers of the columns that may describe the rows.
    samples
        Names known to be samples, for instance from the metadata; may be empty.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    names_header: str
    described_by: Sequence[str]
    samples: frozenset[str]


def plain(header: str) -> str:
    """Return a header in lower case, with underscores."""
    return re.sub(r"[\s.\-]+", "_", header.strip().lower())


def looks_like_gene(name: str) -> bool:
    """Return whether a name has the shape of a gene's or a probe's identifier."""
    return bool(_GENE_SHAPES.fullmatch(name))


def looks_like_sample(name: str) -> bool:
    """Return whether a name has a usual shape of sample names."""
    return not looks_like_gene(name) and bool(_SAMPLE_SHAPES.fullmatch(name))


def find_orientation(sides: Sides, said: str, report: Report) -> str:
    """Return `GENES` (genes in rows) or `SAMPLES` (samples in rows).

    Raises
    ------
    OrientationError
        If the evidence does not decide, or contradicts itself.
    """
    if said not in ("detect", GENES, SAMPLES):
        raise ValueError(f'orientation={said!r}; expected "detect" or {_SAID}')
    votes = _votes(sides)
    evidence = "; ".join(why for _, why in votes) or "none"
    found = {vote for vote, _ in votes}
    if said != "detect":
        if found == {_other(said)}:
            report.warn(
                TransposedTableWarning,
                f"orientation={said!r} was given, but the table looks transposed: "
                f"{evidence}",
            )
        return _noted(said, f"as you said (evidence: {evidence})", report)
    if votes and sides.samples and "given" in votes[0][1]:
        return _noted(votes[0][0], evidence, report)
    if len(found) == 1:
        return _noted(votes[0][0], evidence, report)
    if found:
        raise OrientationError(
            f"the evidence for the orientation contradicts itself: {evidence}. "
            f"Say {_SAID}"
        )
    return _longer_side(sides, report)


def _longer_side(sides: Sides, report: Report) -> str:
    n, m = len(sides.rows), len(sides.columns)
    if max(n, m) < max(_LONG, _LONGER * min(n, m)):
        raise OrientationError(
            f"nothing says whether rows or columns are genes: {n} rows such as "
            f"{list(sides.rows[:3])}, {m} columns such as {list(sides.columns[:3])}. "
            f"Say {_SAID}, or give the sample names: samples=[…]"
        )
    found = GENES if n > m else SAMPLES
    why = f"only the longer side: {n} rows, {m} columns"
    report.warn(
        OrientationWarning,
        f"{found.split('-')[0]} were taken to be in the rows for one reason only, the "
        f"longer side ({n} rows, {m} columns); to be sure, say {_SAID}",
    )
    return _noted(found, why, report)


def looks_transposed(samples: Sequence[str], genes: Sequence[str]) -> str:
    """Return why the names of an AnnData look exchanged, ``""`` if they do not."""
    sides = Sides(samples, genes, "", (), frozenset())
    votes = _votes(sides)
    wrong = [why for vote, why in votes if vote == GENES]
    return "; ".join(wrong) if wrong and len(wrong) == len(votes) else ""


def _noted(orientation: str, evidence: str, report: Report) -> str:
    report.note("orientation", orientation)
    report.note("orientation_evidence", evidence)
    return orientation


def _other(orientation: str) -> str:
    return SAMPLES if orientation == GENES else GENES


def _votes(sides: Sides) -> list[tuple[str, str]]:
    """Return each piece of evidence: what it speaks for, and in words."""
    pieces = (
        _by_given_samples(sides),
        _by_header(sides.names_header),
        _by_shape(sides),
        _by_known_genes(sides),
        _by_description(sides.described_by),
    )
    return [piece for piece in pieces if piece is not None]


def _by_given_samples(sides: Sides) -> tuple[str, str] | None:
    in_rows = len(sides.samples.intersection(sides.rows))
    in_columns = len(sides.samples.intersection(sides.columns))
    if in_rows and not in_columns:
        return SAMPLES, f"{in_rows} rows have names of the given samples"
    if in_columns and not in_rows:
        return GENES, f"{in_columns} columns have names of the given samples"
    return None


def _by_header(header: str) -> tuple[str, str] | None:
    if plain(header) in _GENE_HEADERS:
        return GENES, f"the row names are headed {header!r}"
    if plain(header) in _SAMPLE_HEADERS:
        return SAMPLES, f"the row names are headed {header!r}"
    return None


def _by_shape(sides: Sides) -> tuple[str, str] | None:
    rows, columns = _shares(sides.rows), _shares(sides.columns)
    genes_in_rows = rows[0] + columns[1]
    samples_in_rows = rows[1] + columns[0]
    low, high = sorted((genes_in_rows, samples_in_rows))
    if high < _SHARE or high < _RATIO * low:
        return None
    found = GENES if genes_in_rows > samples_in_rows else SAMPLES
    return found, (
        f"shape of the names (rows {rows[0]:.0%} like genes, {rows[1]:.0%} like "
        f"samples; columns {columns[0]:.0%} and {columns[1]:.0%})"
    )


def _shares(names: Sequence[str]) -> tuple[float, float]:
    """Return the share of names shaped like genes, and like samples."""
    some = names[:: max(1, len(names) // _LOOKED_AT)]
    n = max(1, len(some))
    return sum(map(looks_like_gene, some)) / n, sum(map(looks_like_sample, some)) / n


def _by_known_genes(sides: Sides) -> tuple[str, str] | None:
    rows, columns = _known(sides.rows), _known(sides.columns)
    if len(rows) >= 2 and not columns:
        return GENES, f"well-known genes in the rows ({', '.join(rows[:3])})"
    if len(columns) >= 2 and not rows:
        return SAMPLES, f"well-known genes in the columns ({', '.join(columns[:3])})"
    return None


def _known(names: Iterable[str]) -> list[str]:
    return sorted(_KNOWN_GENES.intersection(name.upper() for name in names))


def _by_description(headers: Sequence[str]) -> tuple[str, str] | None:
    genes = [h for h in headers if plain(h) in GENE_COLUMNS]
    samples = [h for h in headers if plain(h) in SAMPLE_COLUMNS]
    if genes and not samples:
        return GENES, f"columns that describe genes ({', '.join(genes[:3])})"
    if samples and not genes:
        return SAMPLES, f"columns that describe samples ({', '.join(samples[:3])})"
    return None
