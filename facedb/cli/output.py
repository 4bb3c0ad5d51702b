"""Data on stdout: one function prints rows in every format that commands offer."""

from __future__ import annotations

import codecs
import io
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, BinaryIO, cast

import typer

from facedb.core.counting import counted
from facedb.core.errors import UsageError
from facedb.core.files.paths import display, printable_json
from facedb.core.row_schema import Table
from facedb.report.row_files import cell, write_rows


class ReaderGoneError(Exception):
    """Nobody reads stdout any more: `facedb links | head` is served when head has what it wanted."""


class _WatchedStdout(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            # typer would end the process with exit code 1 on any OSError of this kind.
            raise ReaderGoneError from None


class _UnheardStderr(io.FileIO):
    """A stderr whose terminal was closed, whose reader is gone or whose disk is full: messages are lost, the work is not."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data).cast("B"))


def watch_stderr() -> None:
    """Make it no error when nobody reads the messages any more."""
    old = sys.stderr
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_UnheardStderr(old.fileno(), "w", closefd=False)),
        encoding=old.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )


def watch_stdout() -> None:
    """Make writing to a stdout that nobody reads any more raise ReaderGoneError."""
    old = sys.stdout
    old.flush()
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_WatchedStdout(old.fileno(), "w", closefd=False)),
        encoding=old.encoding,
        errors="backslashreplace",
        line_buffering=old.isatty(),
    )


class Format(StrEnum):
    """The formats of every command that prints rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="How rows are printed on stdout: table, csv, json, jsonl or parquet.",
    ),
]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw",
        help="With csv: cells as they are, for machines; otherwise one that a spreadsheet would run as a formula gets a ' in front.",
    ),
]


class _Screen(io.RawIOBase):
    """A terminal behind a format of text: what would move its cursor or set its title is written as an escape."""

    def __init__(self, target: BinaryIO, output: Format) -> None:
        self._target = target
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._escape = display if output is Format.CSV else printable_json

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        decoded = self._decoder.decode(bytes(data))
        lines = decoded.split("\n")
        if not all(map(str.isprintable, lines)):
            decoded = "\n".join(map(self._escape, lines))
        self._target.write(decoded.encode("utf-8", "surrogateescape"))
        return len(data)


def emit(
    table: Table[Any], rows: Iterable[Any], output: Format, *, narrow: Sequence[str] = (), raw: bool = False
) -> None:
    """Print ``rows`` (frozen rows of ``table`` or their values) on stdout, in order and streaming where the format allows.

    A table that is wider than the terminal shows the columns ``narrow`` and what fits beside them, and says so on stderr; what is still
    too wide is folded. Text on a terminal has no control characters, and a csv no formulas, unless it is ``raw``.
    """
    sys.stdout.flush()
    if output is Format.TABLE:
        _print(table, rows, narrow)
    elif output is Format.PARQUET and sys.stdout.isatty():
        raise UsageError("Parquet is binary: redirect it into a file, for example --format parquet > rows.parquet.")
    else:
        screen = sys.stdout.isatty() and not raw
        target = cast(BinaryIO, _Screen(sys.stdout.buffer, output)) if screen else sys.stdout.buffer
        write_rows(target, table, rows, output.value, raw=raw)
    sys.stdout.flush()


def sentence(words: str, indent: int = 2) -> None:
    """Print a sentence on stdout: on a terminal folded between its words, with ``indent`` spaces before all lines but the first."""
    if sys.stdout.isatty():
        words = textwrap.fill(
            words, shutil.get_terminal_size().columns, subsequent_indent=" " * indent, break_on_hyphens=False
        )
    typer.echo(words)


def text(value: Any) -> str:
    """A value as a person reads it in a table: floats with about four digits, counts with separators, no control characters."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return display(str(cell(value)))


def _number(value: float) -> str:
    size = abs(value)
    if 0 < size < 0.001:
        return f"{value:.1e}"
    return f"{value:,.{4 if size < 10 else 2 if size < 100 else 1}f}"


def _print(table: Table[Any], rows: Iterable[Any], narrow: Sequence[str]) -> None:
    # Loaded where a table is printed: every command would pay for the import.
    from facedb.cli import grid

    columns, body = table.columns, [[text(value) for value in table.values(row)] for row in rows]
    # A pipe has no width: rows must not be folded at 80 columns there.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    at = range(len(columns)) if width is None else grid.shown(columns, body, narrow, width)
    if left := len(columns) - len(at):
        columns, body = tuple(columns[k] for k in at), [[row[k] for k in at] for row in body]
        sys.stderr.write(f"The terminal is too narrow for {counted(left, 'more column')}; --format csv has them all.\n")
    sys.stdout.write("\n".join(grid.lines(columns, body, width, _bold)) + "\n")


def _bold(line: str) -> str:
    return typer.style(line, bold=True) if sys.stdout.isatty() else line
