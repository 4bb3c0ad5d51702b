"""Taken faces: which face of a photo with several stands for its label, where a person says so; the newest word stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facedb.core.errors import ConflictError, NotFoundError, UsageError
from facedb.core.files.paths import display, from_text
from facedb.core.machine.user_name import user_name
from facedb.db import audit
from facedb.db.connection import Connection, Database
from facedb.db.queries import load
from facedb.review.verdicts import find_image

SQL = load("review", "taken_faces")


@dataclass(frozen=True, slots=True)
class TakenFace:
    """What stands on a photo: the face at ``box`` (x, y, w, h in pixels) was taken by a person; ``id`` is the key of the word."""

    id: int
    box: tuple[float, float, float, float]
    said_by: str
    said_at: datetime


def standing(conn: Connection, image_id: int) -> TakenFace | None:
    """The face of a photo that a person took; None where the scan chooses."""
    row = conn.execute(SQL["standing"], {"image_id": image_id}).fetchone()
    return None if row is None else TakenFace(row[0], tuple(row[1:5]), row[5], row[6])


def last_word(conn: Connection, image_id: int) -> tuple[int, str | None]:
    """Key and author of the newest word on a photo, also one that takes another back; (0, None) while there is none."""
    row = conn.execute(SQL["last_word"], {"image_id": image_id}).fetchone()
    return (0, None) if row is None else (int(row[0]), row[1])


def take(conn: Connection, face_id: int, *, said_by: str) -> int:
    """Say that a face stands for the label of its photo, from the next scan on; returns the key. The caller commits.

    Raises NotFoundError, or UsageError where there is nothing to choose.
    """
    row = conn.execute(SQL["face"], {"face_id": face_id}).fetchone()
    if row is None:
        raise NotFoundError(f"There is no face {face_id} any more: look at the photo again.")
    image_id, path, usable, embedded, faces = row
    name = display(from_text(path))
    if not usable:
        raise UsageError(f"{name} is gone or has no label, so no face of it stands for anything.")
    if not embedded:
        raise UsageError(
            f"That face of {name} has no vector: it is very small, or its model embeds one face of a photo; "
            "embed with --faces fit to choose among all."
        )
    if faces < 2:
        raise UsageError(f"{name} has one face with a vector: there is none to choose.")
    return _say(conn, {"image_id": image_id, "face_id": face_id, "said_by": said_by}, "other-face")


def take_back(conn: Connection, image_id: int, *, said_by: str, to: int | None = None) -> int:
    """Let an earlier word (key ``to``) on a photo stand again, or leave the choice to the scan; returns the key of the new one."""
    return _say(conn, {"image_id": image_id, "earlier": to, "said_by": said_by}, "withdrawn")


def say(
    db: Database, path: str, at: Sequence[float] | None, *, dataset: str | None = None, by: str | None = None
) -> int:
    """Take the face of the photo at ``path`` that covers the point ``at`` (x, y in pixels), or, with None, take that back; returns its key.

    Raises NotFoundError where no face is there, and UsageError where there is nothing to choose or to take back.
    """
    by = by or user_name()
    with db.connection() as conn:
        image = find_image(conn, path, dataset)
        if at is None:
            if standing(conn, image.id) is None:
                raise UsageError(f"Nobody took a face of {display(path)}, so there is no choice to take back.")
            return take_back(conn, image.id, said_by=by)
        found = conn.execute(SQL["face_at"], {"image_id": image.id, "x": at[0], "y": at[1]}).fetchone()
        if found is None:
            raise NotFoundError(
                f"No face of {display(path)} is at {at[0]:g},{at[1]:g}: `facedb faces` prints where they are (x, y, width, height)."
            )
        return take(conn, int(found[0]), said_by=by)


def expect_seen(conn: Connection, image_id: int, seen: int | None) -> None:
    """Raises ConflictError where somebody took a face of a photo after the word with the key ``seen``."""
    last, by = last_word(conn, image_id)
    if seen is not None and last > seen:
        raise ConflictError(f"{display(str(by))} took a face of this photo while you looked at it: look again.")


def _say(conn: Connection, parameters: dict[str, Any], answer: str) -> int:
    row = conn.execute(SQL["take" if answer == "other-face" else "take_back"], parameters).fetchone()
    assert row is not None  # noqa: S101 - insert ... returning always yields a row
    image_id, by = parameters["image_id"], parameters["said_by"]
    audit.note(conn, "verdict", "image", image_id, by=by, on="say_photo", verdict=answer)
    return int(row[0])
