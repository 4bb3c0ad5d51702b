"""A list of findings that somebody filled in, in a spreadsheet or by a script: which findings it answers, and how.

A sheet is what `facedb findings --format csv` prints, with words in its column ``verdict`` (or in one called ``answer`` or
``decision``), or with marks in a column ``accept`` or ``reject``. Rows that say nothing are left alone, and so are rows that say
what stands already. A finding is known by what it states, so that a newer scan, which ranks anew, answers nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facedb.core.errors import InputError
from facedb.core.files.paths import display
from facedb.review.answers.answer import Answer, word_for
from facedb.review.answers.answer_rows import NamedFinding
from facedb.sources.tables.csv_table import TextTable

_SAID = ("answer", "decision", "verdict")
_MARKS = ("accept", "reject")
_LINKS = ("merge", "look-alike")
_SWAPPED = {"accept": "reject", "reject": "accept"}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a sheet that says something; ``rank`` is None where the sheet has no such column."""

    number: int
    rank: int | None
    kind: str
    identity_a: str | None
    identity_b: str
    images: tuple[str, ...] | None
    said: str
    word: str
    to: str | None
    note: str | None
    by: str | None


def is_sheet(header: Sequence[str]) -> bool:
    """Whether a table with this header is a list of findings."""
    return {"rank", "class"} <= set(_names(header))


def read_sheet(file: Path, table: TextTable) -> Iterator[Line]:
    """The rows that say something. Raises InputError with the line where a row cannot be understood."""
    names = _names(table.header)
    if not set(names) & {*_SAID, *_MARKS}:
        raise InputError(f"{file} has no column verdict: write accept, reject or unsure beside the findings.")
    for number, cells in table.rows():
        if cells is None or len(cells) > len(names):
            raise InputError(
                f"{file}, line {number}: the row does not fit the header; put a cell that holds a separator into quotes."
            )
        row = dict(zip(names, cells, strict=False))
        said = _said(file, number, row)
        if said is None:
            continue
        kind = row["class"].strip().lower()
        word = word_for(kind, said)
        if word is None:
            raise InputError(
                f"{file}, line {number}: {said!r} says neither yes nor no of a {kind or 'finding without a class'}: write accept, "
                "reject or unsure."
            )
        yield Line(
            number,
            _rank(file, number, row["rank"]),
            kind,
            row.get("identity_a"),
            row.get("identity_b", ""),
            _images(row.get("images")),
            said,
            word,
            row.get("to") or row.get("target") or None,
            row.get("note") or None,
            row.get("by") or None,
        )


def answers_of(file: Path, lines: Sequence[Line], findings: Sequence[NamedFinding]) -> list[Answer]:
    """What the lines say of the findings of a scan, without what stands already.

    Raises InputError for a line that is about no finding of the scan, or about the same one as another line.
    """
    by_statement = {_statement(f.kind, f.identity_a, f.identity_b, f.images): f for f in findings}
    by_rank = {f.rank: f for f in findings}
    answers: dict[int, Answer] = {}
    for line in lines:
        where = f"{file}, line {line.number}"
        if line.identity_a is None or line.images is None:
            found = None if line.rank is None else by_rank.get(line.rank)
        else:
            found = by_statement.get(_statement(line.kind, line.identity_a, line.identity_b, line.images))
        if found is None or (line.identity_a is None and _side(found.kind) != _side(line.kind)):
            raise InputError(
                f"{where}: the scan has no such finding of {display(line.identity_a or 'this rank')}: export the findings again, or name "
                "their scan with --scan."
            )
        if line.said == found.verdict:
            continue
        word = _SWAPPED.get(line.word, line.word) if found.kind != line.kind else line.word
        if found.rank in answers:
            raise InputError(f"{where}: it is about the same finding as a line above.")
        answers[found.rank] = Answer(found.rank, word, line.to, line.note, line.by)
    return list(answers.values())


def _names(header: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _said(file: Path, number: int, row: Mapping[str, str]) -> str | None:
    for name in _SAID:
        if row.get(name, "").strip():
            return row[name].strip()
    marked = [name for name in _MARKS if _marks(file, number, row.get(name, ""), name)]
    if len(marked) > 1:
        raise InputError(f"{file}, line {number}: it is both accepted and rejected.")
    return marked[0] if marked else None


def _marks(file: Path, number: int, cell: str, name: str) -> bool:
    """Whether a cell of the column accept, or reject, is marked."""
    mark = cell.strip().casefold()
    if mark in ("", "0", "no", "n", "false", "-"):
        return False
    if mark in ("x", "1", "yes", "y", "true", "✓", "✔", "ok", name):
        return True
    raise InputError(
        f"{file}, line {number}: {cell.strip()!r} in the column {name} is not a mark: write x, or leave it empty."
    )


def _rank(file: Path, number: int, cell: str) -> int | None:
    text = cell.strip().removesuffix(".0").replace(",", "")
    if not text:
        return None
    if not text.isdigit():
        raise InputError(
            f"{file}, line {number}: {cell.strip()!r} is not a rank: write the number that `facedb findings` prints."
        )
    return int(text)


def _images(cell: str | None) -> tuple[str, ...] | None:
    if not cell:
        return None
    try:
        paths = json.loads(cell)
    except ValueError:
        return None
    return tuple(map(str, paths)) if isinstance(paths, list) else None


def _side(kind: str) -> str:
    return "link" if kind in _LINKS else kind


def _statement(kind: str, a: str, b: str, images: Sequence[str]) -> tuple[object, ...]:
    return _side(kind), a, b, tuple(sorted(images))
