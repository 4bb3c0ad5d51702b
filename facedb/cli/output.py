"""Data on stdout: one function prints rows in every format that commands offer."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from facedb.core.errors import UsageError

Row = Sequence[Any]


class ReaderGoneError(Exception):
    """Nobody reads stdout any more: `facedb links | head` is served when head has what it wanted."""


class _WatchedStdout(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            # typer would end the process with exit code 1 on any OSError of this kind.
            raise ReaderGoneError from None


def watch_stdout() -> None:
    """Make writing to a stdout that nobody reads any more raise ReaderGoneError."""
    old = sys.stdout
    old.flush()
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_WatchedStdout(old.fileno(), "w", closefd=False)),
        encoding=old.encoding, errors="backslashreplace", line_buffering=old.isatty(),
    )  # fmt: skip


class Format(StrEnum):
    """The formats of every command that prints rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How rows are printed on stdout.")]


def emit(columns: Sequence[str], rows: Iterable[Row], output: Format, *, narrow: Sequence[str] = ()) -> None:
    """Print ``rows`` on stdout, in order and streaming where the format allows; column names are the keys in JSON and headers elsewhere.

    A table that is wider than the terminal shows only the columns ``narrow``, and says so on stderr.
    """
    if output is Format.TABLE:
        _table(columns, rows, narrow)
    elif output is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_plain(value) for value in row] for row in rows)
    elif output is Format.JSONL:
        for row in rows:
            sys.stdout.write(_json(columns, row) + "\n")
    elif output is Format.JSON:
        sys.stdout.write("[")
        for n, row in enumerate(rows):
            sys.stdout.write((",\n " if n else "\n ") + _json(columns, row))
        sys.stdout.write("\n]\n")
    else:
        _parquet(columns, rows)
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def _json(columns: Sequence[str], row: Row) -> str:
    return json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str)


def text(value: Any) -> str:
    """A value as a person reads it in a table: floats with four digits, counts with separators, no control characters."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    shown = str(_plain(value))
    return shown if shown.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


def _table(columns: Sequence[str], rows: Iterable[Row], narrow: Sequence[str]) -> None:
    body = list(rows)
    # A pipe has no width: rows must not be folded at 80 columns there.
    width = None if sys.stdout.isatty() else 10_000
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)
    table = _columns(columns, body)
    if (
        narrow
        and width is None
        and console.measure(table, options=console.options.update(width=10_000)).maximum > console.width
    ):
        at = [columns.index(name) for name in narrow]
        table = _columns(narrow, [[row[k] for k in at] for row in body])
        sys.stderr.write(
            f"The terminal is too narrow for {len(columns) - len(narrow)} more columns; --format csv has them all.\n"
        )
    # Rather a line that the terminal folds than a number without its last digits.
    console.width = max(console.width, console.measure(table, options=console.options.update(width=10_000)).maximum)
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def _columns(columns: Sequence[str], body: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for k, column in enumerate(columns):
        sample = next((row[k] for row in body if row[k] is not None), None)
        numeric = isinstance(sample, (int, float)) and not isinstance(sample, bool)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in body:
        table.add_row(*[text(value) for value in row])
    return table


def _parquet(columns: Sequence[str], rows: Iterable[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if sys.stdout.isatty():
        raise UsageError("Parquet is binary: redirect it into a file, for example --format parquet > rows.parquet.")
    body = list(rows)
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [row[k] for row in body] for k, name in enumerate(columns)}), sink)
    sys.stdout.buffer.write(sink.getvalue())
