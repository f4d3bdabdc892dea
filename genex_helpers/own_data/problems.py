"""What can be wrong with a reader's own data: one class a problem.

An error stops the reading, because no reading would be right. A warning tells
what was noticed while the values were read exactly as they stand in the file.
"""

from __future__ import annotations


class OwnDataError(ValueError):
    """The data cannot be read as they are; the message says what to do."""


class MissingFileError(OwnDataError, FileNotFoundError):
    """There is no file at this path."""


class EmptyFileError(OwnDataError):
    """The file is empty, or holds a header and no values."""


class NotATableError(OwnDataError):
    """The file is something else: a workbook, a web page, an archive, R data."""


class TruncatedFileError(OwnDataError):
    """The file ends before its content does."""


class EncodingError(OwnDataError):
    """The file's characters cannot be read in the encoding that was named."""


class TooBigError(OwnDataError):
    """Reading the file would need more memory than this machine has free."""


class DelimiterError(OwnDataError):
    """No delimiter splits the lines into columns."""


class RaggedRowsError(OwnDataError):
    """A line has more or fewer cells than the others."""


class QuoteError(OwnDataError):
    """A quotation mark is opened and not closed in its line."""


class HeaderError(OwnDataError):
    """The first line is not a header, or the first column holds no names."""


class DecimalCommaError(OwnDataError):
    """Decimal commas that cannot be told from other commas, or mixed with points."""


class ThousandsSeparatorError(OwnDataError):
    """Numbers with separators between thousands."""


class TextInNumbersError(OwnDataError):
    """Cells of text among numbers."""


class InfiniteValuesError(OwnDataError):
    """Values of plus or minus infinity."""


class OrientationError(OwnDataError):
    """The evidence does not say whether rows are genes or samples."""


class TransposedTableError(OwnDataError):
    """The sample names of the metadata are the names of the genes."""


class DuplicateSampleNamesError(OwnDataError):
    """Two samples have one name."""


class MissingSampleNamesError(OwnDataError):
    """A sample has no name."""


class MissingGeneNamesError(OwnDataError):
    """A gene has no name."""


class NegativeCountsError(OwnDataError):
    """Values called counts are negative."""


class NoExpressionError(OwnDataError):
    """The file holds no table of expression values."""


class BackedFileError(OwnDataError):
    """The AnnData reads its values from disk."""


class UnknownColumnError(OwnDataError):
    """A column that was named does not exist."""


class SamplesWithoutMetadataError(OwnDataError):
    """Samples of the table are not in the metadata."""


class ConflictingColumnsError(OwnDataError):
    """Two columns of one name hold different values."""


class MissingSubjectsError(OwnDataError):
    """A sample has no subject."""


class TimesError(OwnDataError):
    """Times that are missing, unreadable, in an unknown unit or in several."""


class DownloadError(OwnDataError):
    """A file could not be fetched whole."""


class CacheError(OwnDataError):
    """A file in the cache is not the one that was fetched."""


class OwnDataWarning(UserWarning):
    """Something about the data that their owner should look at."""


class NotUtf8Warning(OwnDataWarning):
    """The file is not in UTF-8, so some characters may be read wrongly."""


class ShortHeaderWarning(OwnDataWarning):
    """The header is one cell shorter than the rows, as R's write.table leaves it."""


class NumericHeaderWarning(OwnDataWarning):
    """The header holds whole numbers only, and may be a row of data."""


class EmptyRowsWarning(OwnDataWarning):
    """Rows or columns without name and values were left out."""


class OrientationWarning(OwnDataWarning):
    """Only the longer side says what is a gene."""


class TransposedTableWarning(OwnDataWarning):
    """Names contradict the orientation that was given."""


class AnnotationWarning(OwnDataWarning):
    """Columns of numbers were set aside because of their names."""


class DecimalCommaWarning(OwnDataWarning):
    """The numbers have decimal commas."""


class DuplicateGeneNamesWarning(OwnDataWarning):
    """Two genes have one name."""


class ExcelNamesWarning(OwnDataWarning):
    """Names look like dates or rounded numbers that a spreadsheet made."""


class MissingValuesWarning(OwnDataWarning):
    """Some values are missing."""


class AlreadyLoggedWarning(OwnDataWarning):
    """The values are logarithms of counts."""


class NotLoggedWarning(OwnDataWarning):
    """Values called logarithms are too large for it."""


class NegativeCountsWarning(OwnDataWarning):
    """The values would be counts, but for some that are negative."""


class NonIntegerCountsWarning(OwnDataWarning):
    """The values are large and not whole: not raw counts."""


class EmptySamplesWarning(OwnDataWarning):
    """Samples have only zeros or missing values."""


class EmptyGenesWarning(OwnDataWarning):
    """Genes have only zeros or missing values."""


class ConstantGenesWarning(OwnDataWarning):
    """Genes have one value in all samples."""


class MixedScalesWarning(OwnDataWarning):
    """Some samples are logarithms and others are not."""


class MetadataWithoutSamplesWarning(OwnDataWarning):
    """The metadata describe samples that the table does not hold."""


class UnknownTimeUnitWarning(OwnDataWarning):
    """The times are bare numbers."""


class LabelSpellingWarning(OwnDataWarning):
    """Labels differ only in capitals or spaces."""


class CharacteristicsWarning(OwnDataWarning):
    """Characteristics of a GEO sample that contradict one another or have no key."""


class CountsElsewhereWarning(OwnDataWarning):
    """X does not hold the counts; another part of the file seems to."""


class ColumnTypeWarning(OwnDataWarning):
    """A column of the metadata mixes types, or holds numbers as text."""
