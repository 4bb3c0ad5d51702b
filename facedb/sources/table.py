"""Tables of images: csv, tsv and parquet with a path, an identity, and what else is known of each image."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from facedb.core.errors import InputError
from facedb.core.records import ImageRecord
from facedb.sources import problems
from facedb.sources.columns import BadRowError, Columns
from facedb.sources.identity import identity_rule
from facedb.sources.listing import count_lines, named_file
from facedb.sources.options import SourceOptions
from facedb.sources.source import ROWS_PER_BATCH


class _Rows:
    """Turns the rows of one table into records; the identity of a table without such a column is found in the path."""

    def __init__(self, table: Path, root: Path, columns: Columns, options: SourceOptions) -> None:
        self._table = table
        self._root = root
        self._columns = columns
        self._rule = identity_rule(options)
        self._with_column = options.identity_from != "none"

    def record(self, values: Sequence[Any], number: int) -> ImageRecord:
        """Return the record of the row with this number (of a line in a text file, from 0 in parquet)."""
        try:
            row = self._columns.read(values)
        except BadRowError as error:
            return self._bad(values, number, str(error))
        if row.path is None:
            return self._bad(values, number, "The row has no path.")
        record = named_file(self._root, row.path, self._rule)
        identity = row.identity if self._columns.has_identity and self._with_column else record.identity
        if record.identity == identity and not (row.box or row.landmarks or row.extra):
            return record
        return replace(record, identity=identity, box=row.box, landmarks=row.landmarks, extra=row.extra)

    def _bad(self, values: Sequence[Any], number: int, detail: str) -> ImageRecord:
        # The row is the only name that this record has for sure: its path may be missing or named by another row.
        place = f"{self._table.name}#{number}"
        return ImageRecord(place, None, 0, extra={"row": [str(v) for v in values]}, problem=problems.bad_record(detail))


class CsvSource:
    """A csv or tsv file with a header; separated by commas, semicolons or tabs, in UTF-8 or UTF-16."""

    format = "csv"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._table = path.absolute()
        self.root = (options.root or self._table.parent).absolute()
        self._options = options

    def records(self) -> Iterator[ImageRecord]:
        """Yield one record per row, blank lines left out; raises InputError where there is no header with a path."""
        with open_csv(self._table) as file:
            rows = csv_rows(self._table, file)
            header = next(rows, (0, []))[1]
            columns = Columns(header)
            table = _Rows(self._table, self.root, columns, self._options)
            width = len(header)
            for number, values in rows:
                yield table.record([*values[:width], *[""] * (width - len(values))], number)

    def count_hint(self) -> int | None:
        """Return the number of lines below the header; rows that hold line breaks make it too high."""
        lines = count_lines(self._table)
        return None if lines is None else max(lines - 1, 0)


class ParquetSource:
    """A parquet file, read in batches of rows."""

    format = "parquet"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._table = path.absolute()
        self.root = (options.root or self._table.parent).absolute()
        self._options = options

    def records(self) -> Iterator[ImageRecord]:
        """Yield one record per row; raises InputError for a file that is not parquet or has no column of paths."""
        try:
            with pq.ParquetFile(self._table, pre_buffer=False, buffer_size=1 << 20) as file:
                table = _Rows(self._table, self.root, Columns(file.schema_arrow.names), self._options)
                number = 0
                for batch in file.iter_batches(ROWS_PER_BATCH, use_threads=False):
                    for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                        yield table.record(values, number)
                        number += 1
        except (OSError, pa.ArrowException, UnicodeError) as error:
            raise InputError(f"{self._table} cannot be read as parquet: {str(error).splitlines()[0]}.") from error

    def count_hint(self) -> int | None:
        """Return the number of rows that the file's footer states; None where it cannot be read."""
        try:
            return int(pq.read_metadata(self._table).num_rows)
        except (OSError, pa.ArrowException):
            return None


def open_csv(path: Path) -> TextIO:
    """Open a table of text with whatever byte order mark it has; bytes that are not UTF-8 survive as surrogates."""
    try:
        with path.open("rb") as file:
            wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
        return path.open(encoding="utf-16" if wide else "utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise InputError(f"The table {path} cannot be read: {error.strerror}.") from error


def csv_rows(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of every row that is not blank; the separator is what the header uses most."""
    first = file.readline()
    file.seek(0)
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    reader = csv.reader(file, delimiter=separator)
    try:
        for row in reader:
            if any(row):
                yield reader.line_num, row
    except (csv.Error, UnicodeError) as error:
        raise InputError(f"Line {reader.line_num} of {path} is not csv: {error}.") from error
