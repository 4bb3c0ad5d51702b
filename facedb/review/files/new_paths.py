"""Where a file goes when its label changes: a path from which the source's own rule reads the new identity."""

from __future__ import annotations

import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable

from facedb.core.files.paths import QUARANTINE
from facedb.dataset.intake.storable import fits
from facedb.db.connection import Connection
from facedb.review import decision_rows
from facedb.review.decision_rows import PlannedImage
from facedb.review.files.safe_moves import exists
from facedb.sources.identity import IdentityRule, identity_rule
from facedb.sources.junk import left_aside
from facedb.sources.options import SourceOptions

_MOVABLE = "folder"
_NAME_BYTES = 255
_LONGEST_SUFFIX = 32


class Places:
    """Hands out free paths; what it gave once it does not give again. Looks at the disk and writes nothing."""

    def __init__(self, conn: Connection, homes: Iterable[PlannedImage]) -> None:
        self._conn = conn
        self._given: dict[int, set[str]] = defaultdict(set)
        self._rules: dict[int, IdentityRule] = {}
        self._limits: dict[str, int] = {}
        folders: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        for image in homes:
            if image.identity_id is not None and image.labelled_by == "source":
                folders[image.source_id, image.identity_id][posixpath.dirname(image.path)] += 1
        self._homes = {key: counts.most_common(1)[0][0] for key, counts in folders.items()}

    def under(self, image: PlannedImage, identity_id: int, name: str) -> str | None:
        """A free path for ``image`` below its root that reads as the identity ``name``; None where there is no such path."""
        if image.format != _MOVABLE:
            return None
        rule = self._rule(image)
        below = image.path.partition("/")[2] or image.path
        home = self._homes.get((image.source_id, identity_id))
        candidates = [f"{name}/{below}"]
        if home is not None:
            candidates.append(posixpath.join(home, posixpath.basename(image.path)))
        for candidate in candidates:
            if _is_plain(candidate) and rule(candidate) == name and (path := self._free(image, candidate)) is not None:
                return path
        return None

    def in_quarantine(self, image: PlannedImage) -> str | None:
        """A free path for ``image`` in the quarantine of its root; None where its file cannot be moved."""
        if image.format != _MOVABLE:
            return None
        wanted = (f"{QUARANTINE}/{image.path}", f"{QUARANTINE}/{posixpath.basename(image.path)}")
        return next((path for path in (self._free(image, candidate) for candidate in wanted) if path is not None), None)

    def _rule(self, image: PlannedImage) -> IdentityRule:
        if image.source_id not in self._rules:
            known = SourceOptions.__dataclass_fields__
            options = {
                key: value for key, value in image.options.items() if key in known and key.startswith("identity")
            }
            self._rules[image.source_id] = identity_rule(SourceOptions(**options))
        return self._rules[image.source_id]

    def _free(self, image: PlannedImage, wanted: str) -> str | None:
        """``wanted``, or with a number where it is taken and its stem cut where the name would be too long.

        None where the table cannot hold such a path.
        """
        if not fits(wanted):
            return None
        given = self._given[image.source_id]
        number, path = 1, _numbered(wanted, 1, self._longest(image.root))
        # Names are compared without case, so that a plan fits file systems that do not tell A from a.
        while (
            path.casefold() in given
            or decision_rows.paths_taken(self._conn, image.source_id, [path])
            or exists(image.root, path)
        ):
            number += 1
            path = _numbered(wanted, number, self._longest(image.root))
        given.add(path.casefold())
        return path

    def _longest(self, root: str) -> int:
        """How many bytes a name may have on the file system of ``root``."""
        if root not in self._limits:
            try:
                self._limits[root] = os.pathconf(root, "PC_NAME_MAX")
            except (OSError, ValueError, AttributeError):
                self._limits[root] = _NAME_BYTES
        return self._limits[root]


def _numbered(path: str, number: int, longest: int) -> str:
    """``path`` with ``-number`` before its suffix (1: without), the stem cut so that the name has at most ``longest`` bytes."""
    folder, name = posixpath.split(path)
    stem, suffix = posixpath.splitext(name)
    if len(os.fsencode(suffix)) > _LONGEST_SUFFIX:
        stem, suffix = name, ""
    tail = suffix if number == 1 else f"-{number}{suffix}"
    while stem and len(os.fsencode(stem + tail)) > longest:
        stem = stem[:-1]
    return posixpath.join(folder, stem + tail)


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return left_aside(path) is None and "\0" not in path and all(part not in ("", ".", "..") for part in parts)
