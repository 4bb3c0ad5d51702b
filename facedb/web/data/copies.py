"""Copies: which of several files of one photo stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.web.data.faces import Face

SQL = load("web", "faces")

_AS_WELL = 0.1
"""A copy whose score against its folder is less than this below the best one lies as well where it is."""


def which_stay(conn: Connection, scan_id: int, groups: Sequence[Sequence[Face]]) -> list[int | None]:
    """The image that stays of each group of copies: of those in the folder that they fit (the others were copied into a wrong one) that
    with the most pixels, then bytes, then the oldest; None of an empty group."""
    apart = [face.id for group in groups if len({face.identity_id for face in group} - {None}) > 1 for face in group]
    rows = conn.execute(SQL["likeness_at_home"], {"scan_id": scan_id, "faces": apart}).fetchall() if apart else []
    at_home: dict[int, float] = dict(rows)
    return [_stays(group, at_home) for group in groups]


def _stays(copies: Sequence[Face], at_home: Mapping[int, float]) -> int | None:
    likeness = [at_home.get(face.id, -1.0) for face in copies]
    fitting = [face for face, at in zip(copies, likeness, strict=True) if at > max(likeness) - _AS_WELL]
    best = max(fitting, key=lambda one: ((one.width or 0) * (one.height or 0), one.bytes, -one.image_id), default=None)
    return None if best is None else best.image_id
