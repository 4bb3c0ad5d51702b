"""Tables of text as people and spreadsheets write them: the one reader for every csv, tsv or list that comes in.

The separator is found in the content (comma, semicolon, tab or ``|``, or what Excel's ``sep=`` line says), the encoding in the
byte order mark or, without one, in the zeros of UTF-16. Quotes are checked over the whole file before the first row is
given out, so that a quote which nobody closed is an error with its line and never a row that swallowed others.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, TextIO, cast

from facedb.core.errors import InputError, cannot_read
from facedb.core.files.file_kind import file_kind
from facedb.core.spreadsheet_cells import armed
from facedb.sources.extensions import has_image_extension
from facedb.sources.tables.columns import has_path_column

LONGEST_LINE = 1 << 24
"""Characters of the longest line that is read; a longer one is a row that cannot be understood."""

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_WORDS = {**_SEPARATORS, " ": "blanks"}
# A character that text does not hold stands for "no separator": a table of one column.
_NONE = "\x1f"
_SAMPLE_LINES = 50
_HEAD = 1 << 12
_CHUNK = 1 << 20
_MOST_PIPED = 4 << 30
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

Row = tuple[int, list[str] | None]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written; ``start`` lines at its top say so and hold no row."""

    encoding: str
    separator: str
    quoted: bool = True
    spaced: bool = False
    start: int = 0

    @property
    def separated(self) -> str:
        """How the columns are told apart, for a message."""
        word = _WORDS.get(self.separator)
        return "read as one column" if word is None else f"read as separated by {word}"


class TextTable:
    """One open table; a context manager. ``header`` is its first row, empty for an empty table."""

    def __init__(self, path: Path, *, quotes: bool = True) -> None:
        """Open the table and find out how it is written; without ``quotes`` a quote is a character like any other.

        Raises InputError for what cannot be read or is no text, and where a quote is not closed or closed twice.
        """
        self.path = path
        self._file = _seekable(path)
        try:
            self.dialect = self._find_dialect()
            self.dialect = self._checked(self.dialect) if quotes else replace(self.dialect, quoted=False)
            self.header = next(self._filled(), (0, []))[1] or []
            self._shift = self._find_shift()
            if self._shift and not has_path_column(self.header):
                self.header, self._shift = ["path", *self.header], 0
        except (UnicodeError, OSError) as error:
            self._file.close()
            raise InputError(f"{path} cannot be read as a table of text: {error}.") from error
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def rows(self) -> Iterator[Row]:
        """Yield (line, cells) of every row below the header that is not blank, and (line, None) for one too long to read.

        A row has as many cells as the header, or more where a cell beyond it is not empty. The line is the row's last.
        """
        width = len(self.header)
        for number, cells in islice(self._filled(), 1, None):
            if cells is None:
                yield number, None
                continue
            cells = cells[self._shift :]
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
            yield number, cells + [""] * (width - len(cells))

    def sample(self) -> list[str]:
        """Return the first lines that are not blank, without their ends."""
        lines = (line.rstrip("\r\n") for line in self._lines(self.dialect))
        return list(islice(filter(str.strip, lines), _SAMPLE_LINES))

    def plain_lines(self) -> Iterator[tuple[int, str | None]]:
        """Yield number and text of the lines that are not blank, without their ends; None for one too long to read."""
        lines = self._lines(self.dialect)
        for number, line in enumerate(lines, 1 + self.dialect.start):
            if lines.take_skipped():
                yield number, None
            elif line.strip():
                yield number, line.rstrip("\r\n")

    def _find_dialect(self) -> Dialect:
        head = self._file.read(_HEAD)
        kind = file_kind(head)
        if kind is not None:
            raise InputError(f"{self.path} is {kind}.")
        dialect = Dialect(_encoding(head), ",")
        lines = [line for line in islice(self._lines(dialect), _SAMPLE_LINES) if line.strip()]
        if lines and (told := re.match(r'"?sep=(.)"?\s*$', lines[0], re.IGNORECASE)):
            return self._spaced(replace(dialect, separator=told[1], start=1), lines)
        return self._spaced(replace(dialect, separator=_separator(lines, self.path.suffix.lower() == ".tsv")), lines)

    def _spaced(self, dialect: Dialect, lines: Sequence[str]) -> Dialect:
        mark = re.compile(re.escape(dialect.separator) + r' +"')
        spaced = dialect.separator == " " or (dialect.separator != "\t" and any(map(mark.search, lines)))
        return replace(dialect, spaced=spaced)

    def _checked(self, dialect: Dialect) -> Dialect:
        """Return the dialect once all quotes fit; tables separated by tabs mostly know none, so there they may be text."""
        if not self._has_quotes():
            return replace(dialect, quoted=False)
        try:
            self._check_quotes(dialect)
        except InputError:
            if dialect.separator != "\t":
                raise
            return replace(dialect, quoted=False)
        return dialect

    def _has_quotes(self) -> bool:
        self._file.seek(0)
        return any(b'"' in chunk for chunk in iter(lambda: self._file.read(_CHUNK), b""))

    def _check_quotes(self, dialect: Dialect) -> None:
        width = start = 0
        reader = self._reader(dialect, self._lines(dialect))
        try:
            for cells in reader:
                start, first = reader.line_num, start + 1
                width = width or len(cells)
                if first < start and any(_swallowed(cell, dialect.separator, width) for cell in cells):
                    raise InputError(_unclosed(self.path, first + dialect.start))
        except csv.Error as error:
            line = start + 1 + dialect.start
            if "expected after" in str(error):
                raise InputError(
                    f"{self.path}, line {reader.line_num + dialect.start}: text follows a closing quote; put a whole cell "
                    'into quotes and write quotes inside it twice ("").'
                ) from error
            raise InputError(_unclosed(self.path, line)) from error

    def _find_shift(self) -> int:
        # R writes the names of the rows without a title for their column, so each row has one cell more than the header.
        width = len(self.header)
        first = [cells for _, cells in islice(self._filled(), 1, 1 + _SAMPLE_LINES) if cells is not None]
        return int(width > 0 and bool(first) and all(len(cells) == width + 1 and cells[-1] for cells in first))

    def _filled(self) -> Iterator[Row]:
        lines = self._lines(self.dialect)
        reader = self._reader(self.dialect, lines)
        before = self.dialect.start
        try:
            for cells in reader:
                if lines.take_skipped():
                    yield reader.line_num + before, None
                elif any(cells):
                    yield reader.line_num + before, [armed(text) for text in cells]
        except (csv.Error, UnicodeError) as error:
            raise InputError(f"{self.path}, line {reader.line_num + before}: the row is not csv ({error}).") from error

    def _reader(self, dialect: Dialect, lines: Iterator[str]) -> _CsvReader:
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE + 2))
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
        reader = csv.reader(
            lines, delimiter=dialect.separator, quoting=quoting, skipinitialspace=dialect.spaced, strict=dialect.quoted
        )
        return cast("_CsvReader", reader)

    def _lines(self, dialect: Dialect) -> _Lines:
        self._file.seek(0)
        # The wrapper is let go of, not closed: the file outlives it.
        text = _Unclosed(self._file, encoding=dialect.encoding, errors="surrogateescape", newline="")
        lines = _Lines(text)
        for _ in range(dialect.start):
            next(lines, None)
        return lines


class _CsvReader(Iterator[list[str]]):
    line_num: int


class _Unclosed(io.TextIOWrapper):
    """A text view of a file that stays open when the view is thrown away."""

    def close(self) -> None:
        """Leave the file open."""

    def __del__(self) -> None:
        """Leave the file open."""


class _Lines(Iterator[str]):
    """The lines of a text; one that is too long comes as a blank line and is noted as skipped."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._skipped = False

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        if len(line) < LONGEST_LINE or line.endswith("\n"):
            return line
        while (rest := self._text.readline(LONGEST_LINE)) and not rest.endswith("\n"):
            pass
        self._skipped = True
        return "\n"

    def take_skipped(self) -> bool:
        """Return whether a line was skipped since this was asked last."""
        skipped, self._skipped = self._skipped, False
        return skipped


def _unclosed(path: Path, line: int) -> str:
    return (
        f"{path}, line {line}: a quote is opened here and not closed in its row; close it, or put the whole cell into quotes "
        'and write quotes inside it twice ("").'
    )


def _swallowed(cell: str, separator: str, width: int) -> bool:
    """Whether a cell of several lines holds a whole row of the table: the path of an image and as many cells."""
    for line in cell.split("\n")[1:]:
        cells = line.rstrip("\r").split(separator)
        if has_image_extension(cells[0].strip().strip('"')) and len(cells) >= min(width, 2):
            return True
        if width > 1 and len(cells) == width and any(has_image_extension(text.strip().strip('"')) for text in cells):
            return True
    return False


def _encoding(head: bytes) -> str:
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > 0.4 * half > 10 * even:
        return "utf-16-le"
    return "utf-16-be" if half and even > 0.4 * half > 10 * odd else "utf-8"


def _separator(lines: Sequence[str], is_tsv: bool) -> str:
    """Return what separates the header into cells, and the rows below it into as many."""
    if not lines:
        return ","
    if is_tsv and "\t" in lines[0]:
        return "\t"

    def fit(separator: str) -> tuple[bool, float, int]:
        width, *others = [_cells_in(line, separator) for line in lines]
        alike = sum(cells in (width, width + 1) for cells in others) / len(others) if others else 1.0
        return width > 1, round(alike, 1), width

    best = max(_SEPARATORS, key=fit)
    if fit(best)[0]:
        return best
    words = next(csv.reader(lines[:1], delimiter=" ", skipinitialspace=True), [])
    # Blanks are a part of names everywhere but in a header whose words are those of columns.
    return " " if len(words) > 1 and has_path_column(words) else _NONE


def _cells_in(line: str, separator: str) -> int:
    outside = re.sub(r'"[^"]*"', "", line) if '"' in line else line
    return outside.count(separator) + 1


def _seekable(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
        kind = os.fstat(file.fileno()).st_mode
        if stat.S_ISREG(kind):
            return file
        with file:
            if stat.S_ISCHR(kind) and not file.isatty():
                raise InputError(f"{path} is a device and not a table: give a file.")
            return _kept(file, path)
    except OSError as error:
        raise cannot_read(f"The table {path}", error) from error


def _kept(pipe: BinaryIO, path: Path) -> BinaryIO:
    """What comes through a pipe is looked at more than once, so it needs a place to lie, and an end."""
    with ExitStack() as stack:
        copy = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
        while part := pipe.read(_CHUNK):
            copy.write(part)
            if copy.tell() > _MOST_PIPED:
                raise InputError(
                    f"More than {_MOST_PIPED:,} bytes came through {path}: write the table to a file first."
                )
        copy.seek(0)
        # It is closed by the table.
        stack.pop_all()
        return copy
