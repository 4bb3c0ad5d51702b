"""People as a verdict names them: those who are there, and those whose name becomes a folder when a plan is carried out."""

from __future__ import annotations

from facedb.core import names as spelling
from facedb.core.errors import ConflictError, NotFoundError, UsageError
from facedb.core.files.paths import QUARANTINE, display, from_text, to_text
from facedb.dataset.names import find_datasets, nearest
from facedb.db.connection import Connection
from facedb.review import name_rows
from facedb.review.name_rows import IdentityRow

_NAME_BYTES = 255
_MOST_PARTS = 8


def find_identity(conn: Connection, name: str, dataset: str | None) -> int:
    """The key of an identity by ``name`` or ``dataset/name``, or by what looks the same.

    Raises NotFoundError that offers the nearest names, or ConflictError where several are meant.
    """
    name = from_text(name)
    head, slash, tail = name.partition("/")
    found = name_rows.find_identities(conn, name, dataset)
    if not found and slash and dataset in (None, head):
        found = name_rows.find_identities(conn, tail, head)
    if not found:
        found = _looking_like(conn, name, dataset)
    if len(found) > 1:
        # Two of one dataset that look the same are told apart by what is printed for characters that are not seen.
        several = (
            "Several datasets have" if len({row.dataset for row in found}) > 1 else "More than one thing looks like"
        )
        both = " or ".join(f"{row.dataset}/{display(row.name)}" for row in found[:2])
        raise ConflictError(f"{several} an identity {display(name)!r}: write {both}.")
    return found[0].id


def _looking_like(conn: Connection, name: str, dataset: str | None) -> list[IdentityRow]:
    rows = name_rows.find_identities(conn, None, dataset)
    names = {row.name: row for row in rows} | {f"{row.dataset}/{row.name}": row for row in rows}
    meant = set(spelling.alike(name, names))
    found = [row for row in rows if row.name in meant or f"{row.dataset}/{row.name}" in meant]
    if not found:
        offer = nearest(name, {row.name for row in rows})
        raise NotFoundError(f"There is no identity {display(name)!r}: {offer}see `facedb links`.")
    return found


def find_or_make(conn: Connection, name: str, dataset: str, *, asked: str | None, new: bool) -> int:
    """The key of the identity ``name``, made in ``dataset`` where there is none; the caller commits.

    ``asked`` is the dataset that a person named. A name that is a slip away from one that is there is taken for that slip, unless ``new``
    says that it is meant: raises NotFoundError which offers that one; UsageError for what no folder can be called.
    """
    try:
        return find_identity(conn, name, asked)
    except NotFoundError:
        (dataset_id,) = find_datasets(conn, [dataset]) or (0,)
        there = [from_text(row.name) for row in name_rows.find_identities(conn, None, dataset)]
        meant = [] if new else spelling.slips(from_text(name), there)
        if meant:
            raise NotFoundError(
                f"There is no identity {display(name)!r}: did you mean {' or '.join(map(display, meant[:2]))}? "
                "For a new person of that name add --new."
            ) from None
    return make(conn, dataset_id, name)


def make(conn: Connection, dataset_id: int, name: str) -> int:
    """The key of the identity ``name``, made where it is new; raises UsageError for what no folder can be called."""
    text = to_text(name.strip())
    parts = text.split("/")
    if not text or text != display(text) or text.startswith((QUARANTINE, "bytes:")):
        raise UsageError("A name needs at least one letter, and no invisible characters.")
    if any(part in ("", ".", "..") or part.startswith(".") or "\\" in part for part in parts):
        raise UsageError("A name becomes a folder: no dot in front, no empty part, no backslash.")
    if any(len(part.encode()) > _NAME_BYTES for part in parts) or len(parts) > _MOST_PARTS:
        raise UsageError(f"A name has at most {_NAME_BYTES} bytes.")
    return name_rows.add_identity(conn, dataset_id, text)


def free_name(conn: Connection, dataset: str) -> str:
    """A name for a person whom nobody named: ``unknown 1``, or the next number that ``dataset`` has not."""
    there = {row.name for row in name_rows.find_identities(conn, None, dataset)}
    number = 1
    while f"unknown {number}" in there:
        number += 1
    return f"unknown {number}"
