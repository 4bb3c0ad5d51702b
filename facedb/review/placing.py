"""Where a file goes when its label changes: a path from which the source's own rule reads the new identity."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable

from facedb.core.paths import QUARANTINE
from facedb.db.connection import Connection
from facedb.review import decision_rows as store
from facedb.review.decision_rows import PlannedImage
from facedb.review.tree import exists
from facedb.sources.folder import is_hidden
from facedb.sources.identity import IdentityRule, identity_rule
from facedb.sources.options import SourceOptions

_MOVABLE = "folder"


class Places:
    """Hands out free paths; what it gave once it does not give again. Looks at the disk and writes nothing."""

    def __init__(self, conn: Connection, homes: Iterable[PlannedImage]) -> None:
        self._conn = conn
        self._given: dict[int, set[str]] = defaultdict(set)
        self._rules: dict[int, IdentityRule] = {}
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
            if _is_plain(candidate) and rule(candidate) == name:
                return self._free(image, candidate)
        return None

    def in_quarantine(self, image: PlannedImage) -> str | None:
        """A free path for ``image`` in the quarantine of its root; None where its file cannot be moved."""
        return self._free(image, f"{QUARANTINE}/{image.path}") if image.format == _MOVABLE else None

    def _rule(self, image: PlannedImage) -> IdentityRule:
        if image.source_id not in self._rules:
            known = SourceOptions.__dataclass_fields__
            options = {
                key: value for key, value in image.options.items() if key in known and key.startswith("identity")
            }
            self._rules[image.source_id] = identity_rule(SourceOptions(**options))
        return self._rules[image.source_id]

    def _free(self, image: PlannedImage, wanted: str) -> str:
        stem, suffix = posixpath.splitext(wanted)
        given = self._given[image.source_id]
        number, path = 1, wanted
        # Names are compared without case, so that a plan fits file systems that do not tell A from a.
        while (
            path.casefold() in given
            or store.paths_taken(self._conn, image.source_id, [path])
            or exists(image.root, path)
        ):  # fmt: skip
            number += 1
            path = f"{stem}-{number}{suffix}"
        given.add(path.casefold())
        return path


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return not is_hidden(path) and "\0" not in path and all(part not in ("", ".", "..") for part in parts)
