"""Verdicts: what a person says of two identities, two images, or one image and its label; the newest stands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from facedb.core.choices import ending, one_of
from facedb.core.errors import ConflictError, InputError, NotFoundError, UsageError
from facedb.core.files.paths import display, from_text, to_text
from facedb.core.machine.user_name import user_name
from facedb.core.names import looks
from facedb.dataset.names import find_datasets, nearest
from facedb.db.connection import Connection, Database
from facedb.review import decision_rows, name_rows, people
from facedb.review.decision_rows import VerdictRow
from facedb.review.name_rows import FoundImage
from facedb.review.people import find_identity
from facedb.scan.findings.lessons import learn_in
from facedb.sources.tables.csv_table import TextTable

ANSWERS: Mapping[str, tuple[str, ...]] = {
    "link": ("same", "different", "unsure", "withdrawn"),
    "pair": ("same", "different", "unsure", "duplicate", "withdrawn"),
    "face": ("same", "wrong-identity", "duplicate", "unsure", "withdrawn"),
}
_WITH_TARGET = (("face", "wrong-identity"), ("link", "same"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said of a link (``a``, ``b`` identities), a pair (paths) or a face (``a`` a path), and when."""

    verdict_id: int
    kind: str
    verdict: str
    a: str | None
    b: str | None
    target: str | None
    note: str | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing to say. ``kind`` link: ``a``, ``b`` identities; pair: paths; face: ``a`` a path, ``target`` an identity.

    Of two identities that are the same, ``target`` is the one whose name stays.

    Identities may be written ``dataset/identity``; paths are as facedb prints them, or absolute. The ``target`` of an image may be a
    person who does not exist yet; ``new``: also one whose name is a slip away from another.
    """

    kind: str
    a: str
    verdict: str
    b: str | None = None
    target: str | None = None
    note: str | None = None
    by: str | None = None
    new: bool = False


def say(db: Database, statements: Iterable[Statement], *, dataset: str | None = None) -> list[int]:
    """Write verdicts, all of them or none; returns their keys.

    Raises UsageError for a verdict that does not fit its kind, NotFoundError for names that mean nothing, and
    ConflictError for names that several datasets have.
    """
    with db.connection() as conn:
        keys = [_say(conn, statement, dataset) for statement in statements]
    learn_in(db)
    return keys


def _say(conn: Connection, statement: Statement, dataset: str | None) -> int:
    answers = ANSWERS.get(statement.kind)
    if answers is None:
        raise UsageError(
            f"A verdict is about a link, a pair or a face, not about a {statement.kind!r}"
            f"{ending(statement.kind, ANSWERS)}"
        )
    if statement.verdict not in answers:
        raise UsageError(
            f"Of a {statement.kind} one can say {', '.join(answers)}, not {statement.verdict!r}"
            f"{ending(statement.verdict, answers)}"
        )
    if (statement.b is None) != (statement.kind == "face"):
        raise UsageError(f"A verdict on a {statement.kind} names {'one image' if statement.b else 'two'}.")
    if statement.target is not None and (statement.kind, statement.verdict) not in _WITH_TARGET:
        raise UsageError(
            "Only an image of the wrong identity, or two identities that are the same, can have a target: leave the target out."
        )
    by = statement.by or user_name()
    note = statement.note or None
    if statement.kind == "link":
        a, b = find_identity(conn, statement.a, dataset), find_identity(conn, str(statement.b), dataset)
        _differ(a, b, statement)
        wins = None if statement.target is None else find_identity(conn, statement.target, dataset)
        if wins not in (None, a, b):
            raise UsageError(f"The name that stays must be one of the two, not {display(str(statement.target))}.")
        return decision_rows.say_link(conn, statement.verdict, a, b, target=wins, note=note, said_by=by)
    image = find_image(conn, statement.a, dataset)
    if statement.kind == "pair":
        other = find_image(conn, str(statement.b), dataset)
        _differ(image.id, other.id, statement)
        return decision_rows.say_pair(conn, statement.verdict, image.id, other.id, note=note, said_by=by)
    target = None
    if statement.target is not None:
        target = people.find_or_make(conn, statement.target, image.dataset, asked=dataset, new=statement.new)
    if target is not None and target == image.identity_id:
        raise UsageError(f"{display(statement.a)} is labelled {statement.target} already: name another identity.")
    return decision_rows.say_face(conn, statement.verdict, image.id, target=target, note=note, said_by=by)


def _differ(a: int, b: int, statement: Statement) -> None:
    if a == b:
        raise UsageError(
            f"{display(statement.a)} and {display(str(statement.b))} are the same: name two different ones."
        )


def find_image(conn: Connection, path: str, dataset: str | None) -> FoundImage:
    """The image at ``path`` (below a root, or absolute), or at one that looks the same.

    Another name of a file stands for the image that the file is. Raises NotFoundError, ConflictError, or UsageError for what is no
    usable image.
    """
    path = from_text(path)
    found = [image for place in below_roots(conn, path) for image in name_rows.find_images(conn, place, dataset)]
    if not found:
        alikes = name_rows.images_alike(conn, below_roots(conn, path)[0], dataset)
        found = [image for image in alikes if looks(image.path) == looks(below_roots(conn, path)[0])]
    if not found:
        offer = nearest(path, name_rows.paths_beside(conn, path, dataset))
        raise NotFoundError(
            f"There is no image {display(path)!r} in the database: {offer}paths are as `facedb pairs` prints them."
        )
    # Of two names in one dataset, those of a list and its folder, the one that is an image is meant.
    images = list({image.dataset: image for image in reversed(found)}.values())
    if len(images) > 1:
        raise ConflictError(
            f"{display(path)!r} is in {images[0].dataset} and in {images[1].dataset}: name one with --dataset."
        )
    image = name_rows.standing_name(conn, images[0].id) or images[0]
    if image.status != "ready" or image.sha256 is None:
        why = "has no known bytes" if image.status == "ready" else f"is {image.status}"
        raise UsageError(f"{display(path)} {why}, so there is nothing to say of it.")
    return image


def below_roots(conn: Connection, path: str) -> list[str]:
    """``path`` below the deepest root that holds it, as it is written and resolved; itself where it is relative."""
    if not Path(path).is_absolute():
        return [path]
    roots = [Path(root) for root in name_rows.roots(conn)]
    spelt = dict.fromkeys((Path(path), Path(os.path.realpath(path))))
    below = [
        place.relative_to(max(holding, key=lambda root: len(root.parts))).as_posix()
        for place in spelt
        if (holding := [root for root in roots if place.is_relative_to(root)])
    ]
    return below or [path]


def read_csv(file: Path) -> list[Statement]:
    """The statements of a table with a header: kind, a, b, verdict and, where wanted, target, note, by.

    It is read as every other table is. Raises InputError with the line where it cannot be understood.
    """
    with TextTable(file) as table:
        return list(_statements(file, table))


def _statements(file: Path, table: TextTable) -> Iterator[Statement]:
    names = [name.strip().lower() for name in table.header]
    missing = {"kind", "a", "verdict"} - set(names)
    if missing:
        raise InputError(
            f"{file} needs a header with the columns kind, a, b and verdict; {min(missing)!r} is missing "
            f"(seen: {', '.join(names)[:200] or 'none'}; {table.dialect.separated})."
        )
    for line, cells in table.rows():
        where = f"{file}, line {line}"
        if cells is None or len(cells) > len(names):
            raise InputError(
                f"{where}: the row does not fit the header; put a cell that holds a separator into quotes."
            )
        row = dict(zip(names, cells, strict=True))
        kind, a, verdict = (row[name].strip() for name in ("kind", "a", "verdict"))
        if not (kind and a and verdict):
            raise InputError(f"{where}: kind, a and verdict must not be empty.")
        if any("\n" in row.get(name, "") for name in ("kind", "a", "b", "verdict", "target")):
            raise InputError(f"{where}: a name continues past the end of its line; close the quote before it.")
        if verdict not in ANSWERS.get(kind, ()):
            raise InputError(f"{where}: a verdict on a {kind!r} cannot be {verdict!r}; see `facedb verdict --help`.")
        others: dict[str, Any] = {name: row.get(name) or None for name in ("b", "target", "note", "by")}
        yield Statement(kind, a, verdict, **others)


def statement_of(row: Mapping[str, object]) -> Statement:
    """The statement that a mapping makes, with the columns of `read_csv`; raises UsageError for others and missing ones."""
    known = [f.name for f in fields(Statement) if f.name != "new"]
    for name in row:
        one_of("A column of verdicts", name, known)
    # A data frame says NaN where a cell is empty, and NaN is the one value that differs from itself.
    given: dict[str, Any] = {
        name: str(value) for name, value in row.items() if value is not None and value == value and value != ""
    }
    for name in ("kind", "a", "verdict"):
        if name not in given:
            raise UsageError(f"A verdict needs kind, a and verdict; {name!r} is missing in {dict(row)!r}.")
    return Statement(**given)


def say_all(
    db: Database, file: Path, *, dataset: str | None = None, by: str | None = None, new: bool = False
) -> list[int]:
    """Write the verdicts of a csv, all of them or none; errors name the row. ``by`` is who said what names nobody, ``new`` as in
    `Statement`."""
    statements = read_csv(file)
    keys = []
    with db.connection() as conn:
        for number, statement in enumerate(statements, 1):
            try:
                keys.append(_say(conn, replace(statement, by=statement.by or by, new=new), dataset))
            except (UsageError, NotFoundError, ConflictError) as error:
                raise type(error)(f"{file}, row {number}: {error}") from error
    learn_in(db)
    return keys


def listed(
    db: Database,
    *,
    dataset: str | None = None,
    kind: str | None = None,
    history: bool = False,
    limit: int | None = None,
) -> list[Verdict]:
    """What stands (``history``: and what it replaced), newest first, at most ``limit``; raises UsageError and NotFoundError."""
    one_of("The kind of a verdict", kind, ANSWERS)
    with db.connection() as conn:
        find_datasets(conn, [dataset])
        rows = decision_rows.verdicts(conn, dataset=dataset, kind=kind, history=history)
    return [
        Verdict(
            v.id,
            v.kind,
            v.verdict,
            to_text(subject(v, "a")),
            to_text(subject(v, "b")),
            to_text(v.target),
            v.note,
            v.said_by,
            v.said_at,
        )
        for v in rows[:limit]
    ]


def subject(verdict: VerdictRow, side: str) -> str | None:
    """One side of a verdict for a person: the identity of a link, the path of an image."""
    identity, path = (verdict.identity_a, verdict.path_a) if side == "a" else (verdict.identity_b, verdict.path_b)
    if verdict.kind == "link" or (side == "b" and verdict.kind == "face"):
        return identity
    return path if path is not None else f"an image {f'of {identity}' if identity else 'without a label'} that is gone"
