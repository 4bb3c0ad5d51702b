"""What people said in a file: verdicts one by one, or a list of findings that they filled in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from facedb.core.errors import ConflictError, NotFoundError, UsageError
from facedb.db.connection import Database
from facedb.review import verdicts
from facedb.review.answers import answer, answer_rows
from facedb.review.answers.answer_sheet import answers_of, is_sheet, read_sheet
from facedb.scan.which_scan import find_scan
from facedb.sources.tables.csv_table import TextTable


def take(
    db: Database,
    file: Path,
    *,
    scan: int | None = None,
    dataset: str | None = None,
    by: str | None = None,
    new: bool = False,
) -> list[int]:
    """Write what a file says, all of it or nothing; returns the keys of the verdicts. ``by`` is the author of rows that name none.

    ``new``: a name in it may be that of a new person, though another is a slip away. The findings of a list are
    those of ``scan`` (default: the newest). Errors name the row.
    """
    with TextTable(file) as table:
        lines = list(read_sheet(file, table)) if is_sheet(table.header) else None
    if lines is None:
        return verdicts.say_all(db, file, dataset=dataset, by=by, new=new)
    with db.connection() as conn:
        scan = find_scan(conn, scan, [dataset]).scan.id
        found = answers_of(file, lines, answer_rows.named(conn, scan))
    try:
        done = answer.answer(db, [replace(one, by=one.by or by, new=new) for one in found], scan=scan, dataset=dataset)
    except (UsageError, NotFoundError, ConflictError) as error:
        raise type(error)(f"{file}: {error}") from error
    return [key for one in done for key in one.verdicts]
