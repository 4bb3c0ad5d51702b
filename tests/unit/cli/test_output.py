"""Rows on stdout: every format says the same, and a table is safe for a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from facedb.cli.output import Format, emit, sentence, text
from facedb.core.row_schema import ad_hoc

TABLE = ad_hoc({"name": str, "count": int, "score": float, "when": datetime, "flag": bool, "nothing": str | None})
COLUMNS = TABLE.names
ROWS = [
    ('ann, "the" first', 1_234_567, 0.1 + 0.2, datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC), True, None),
    ("new\nline \x1b[31m日本語", 0, -1.0, datetime(2026, 1, 1, tzinfo=UTC), False, None),
]

Printed = Callable[[Format, Sequence[Sequence[Any]]], bytes]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Prints rows into a pipe and returns what came out of it."""

    def run(output: Format, rows: Sequence[Sequence[Any]]) -> bytes:
        sink = io.BytesIO()
        stdout = io.TextIOWrapper(sink, encoding="utf-8", write_through=True)
        monkeypatch.setattr(sys, "stdout", stdout)
        emit(TABLE, iter(rows), output)
        monkeypatch.undo()
        return sink.getvalue()

    return run


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_json_jsonl_csv_and_parquet_hold_the_same_rows(printed: Printed, rows: list[tuple[Any, ...]]) -> None:
    as_json = json.loads(printed(Format.JSON, rows))
    assert as_json == [dict(zip(COLUMNS, row, strict=True)) | {"when": str(row[3])} for row in rows]
    assert [json.loads(line) for line in printed(Format.JSONL, rows).decode().splitlines()] == as_json
    as_csv = list(csv.DictReader(io.StringIO(printed(Format.CSV, rows).decode(), newline="")))
    assert [(row["name"], int(row["count"]), float(row["score"]), row["nothing"]) for row in as_csv] == [
        (row[0], row[1], row[2], "") for row in rows
    ]
    assert [datetime.fromisoformat(row["when"]) for row in as_csv] == [row[3] for row in rows]
    table = pq.read_table(io.BytesIO(printed(Format.PARQUET, rows)))
    assert table.column_names == list(COLUMNS)
    assert [tuple(row.values()) for row in table.to_pylist()] == rows


def test_a_table_has_one_line_per_row_however_wide_and_no_control_characters(printed: Printed) -> None:
    rows = [*ROWS, ("wide " * 100 + "end", 1, 0.5, ROWS[0][3], True, None)]
    lines = printed(Format.TABLE, rows).decode().splitlines()
    assert len(lines) == 4
    assert lines[3].startswith("wide wide")
    assert "end" in lines[3]
    assert "\x1b" not in "".join(lines)
    assert "new\\nline \\x1b[31m日本語" in lines[2]
    assert lines == [line.rstrip() for line in lines]


def test_no_digit_is_lost_where_the_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    monkeypatch.setenv("COLUMNS", "40")
    with os.fdopen(writer, "w") as terminal, os.fdopen(reader, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stdout", terminal)
        emit(ad_hoc({f"a_column_{k}": int for k in range(6)}), [(1_234_567,) * 6], Format.TABLE)
        monkeypatch.undo()
        assert screen.read(4096).decode().count("1,234,567") == 6


def test_a_sentence_is_folded_between_words_under_its_beginning_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "threshold  " + "word " * 20 + "end"
    sentence(said, 11)
    assert capsys.readouterr().out == said + "\n"
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    sentence(said, 11)
    first, *others = capsys.readouterr().out.splitlines()
    assert " ".join([first, *(line.strip() for line in others)]) == said
    assert all(len(line) <= 40 for line in (first, *others))
    assert {line[:12] for line in others} == {" " * 11 + "w"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (0.123456, "0.1235"),
        (0.00012, "1.2e-04"),
        (29.151, "29.15"),
        (-197.4258, "-197.4"),
        (12345.678, "12,345.7"),
        (1234567, "1,234,567"),
        ("a\tb", "a\\tb"),
        ({"k": [1]}, '{"k": [1]}'),
        ("\u202eevil", "\\u202eevil"),
    ],
)
def test_a_value_as_a_person_reads_it(value: object, shown: str) -> None:
    assert text(value) == shown


NASTY = ["\x1b]0;owned\x07", "\x9b31m", "a\rb", "\u202eevil"]


@pytest.mark.parametrize("output", [Format.TABLE, Format.CSV, Format.JSON, Format.JSONL])
def test_no_name_moves_the_cursor_of_a_terminal(monkeypatch: pytest.MonkeyPatch, output: Format) -> None:
    screen = _on_terminal(monkeypatch, output, raw=False)
    # The header of a table is bold, by escapes of its own.
    assert not any(name in screen for name in NASTY)
    assert not any(c in screen for c in "\x9b\x07\u202e")
    if output is Format.JSON:
        assert [row["name"] for row in json.loads(screen)] == NASTY


def test_raw_rows_are_the_bytes_of_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b]0;owned\x07" in _on_terminal(monkeypatch, Format.CSV, raw=True)


def _on_terminal(monkeypatch: pytest.MonkeyPatch, output: Format, *, raw: bool) -> str:
    reader, writer = os.openpty()
    with os.fdopen(writer, "w", encoding="utf-8") as terminal, os.fdopen(reader, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stdout", terminal)
        emit(ad_hoc({"name": str}), [(name,) for name in NASTY], output, raw=raw)
        monkeypatch.undo()
        return screen.read(4096).decode()


def test_a_csv_runs_no_formula_unless_it_is_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["=HYPERLINK(0)", "+1", "-ann", "@x", "ann"]

    def csv_of(*, raw: bool) -> list[str]:
        sink = io.BytesIO()
        stdout = io.TextIOWrapper(sink, encoding="utf-8", write_through=True)
        monkeypatch.setattr(sys, "stdout", stdout)
        emit(ad_hoc({"name": str, "count": int}), [(name, -1) for name in names], Format.CSV, raw=raw)
        monkeypatch.undo()
        return [row["name"] for row in csv.DictReader(io.StringIO(sink.getvalue().decode()))]

    assert csv_of(raw=True) == names
    assert csv_of(raw=False) == ["'=HYPERLINK(0)", "'+1", "'-ann", "'@x", "ann"]
