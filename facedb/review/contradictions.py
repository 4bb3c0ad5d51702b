"""Verdicts that contradict each other: same and different along a chain of what people said."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from facedb.core.files.paths import display
from facedb.db.connection import Connection, Database
from facedb.review import decision_rows
from facedb.review.decision_rows import VerdictRow
from facedb.review.verdicts import subject


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Verdicts that cannot all be true: ``said`` is a chain of same persons from ``a`` to ``b``, ``against`` denies it."""

    a: str
    b: str
    said: str
    against: str
    verdicts: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Verdicts that cannot all be true: ``chain`` says that its ends are one person, ``against`` says that they are not."""

    chain: tuple[str, ...]
    against: VerdictRow
    verdict_ids: tuple[int, ...]
    identity_ids: frozenset[int]

    def row(self) -> Contradiction:
        """The conflict for a person to read."""
        apart = " ≠ ".join(display(str(subject(self.against, side))) for side in "ab")
        chain = [display(name) for name in self.chain]
        return Contradiction(chain[0], chain[-1], " = ".join(chain), apart, " ".join(map(str, self.verdict_ids)))


def conflicts(db: Database) -> list[Conflict]:
    """Standing verdicts that contradict each other."""
    with db.connection() as conn:
        return find_conflicts(conn, decision_rows.verdicts(conn))


def find_conflicts(conn: Connection, standing: Sequence[VerdictRow]) -> list[Conflict]:
    """Every verdict `different` between identities (or images of identities) that others, in a chain, call the same.

    An image that is said to carry the wrong label says nothing about the identity whose label it carries.
    """
    graph: dict[int, dict[int, VerdictRow]] = defaultdict(dict)
    for v in standing:
        if v.kind == "link" and v.verdict == "same" and v.identity_a_id is not None and v.identity_b_id is not None:
            graph[v.identity_a_id][v.identity_b_id] = graph[v.identity_b_id][v.identity_a_id] = v
    images = {v.image_a_id for v in standing if v.kind == "face" and v.verdict == "wrong-identity"}
    found = []
    names: dict[int, str] = {}
    for v in standing:
        ends = _said_apart(conn, v, images)
        if ends is None:
            continue
        path = _shortest(graph, *ends)
        if path is None:
            continue
        missing = [key for key in path if key not in names]
        names |= {key: name for key, (name, _) in decision_rows.identity_names(conn, missing).items()}
        said = [graph[a][b].id for a, b in pairwise(path)]
        chain = tuple(names[key] for key in path)
        found.append(Conflict(chain, v, (*said, v.id), frozenset(path)))
    return found


def _said_apart(conn: Connection, verdict: VerdictRow, wrong: set[int | None]) -> tuple[int, int] | None:
    """The two identities that a verdict holds apart; of a pair, those that the images carry now."""
    if verdict.verdict != "different" or verdict.identity_a_id is None or verdict.identity_b_id is None:
        return None
    if verdict.kind == "link":
        return verdict.identity_a_id, verdict.identity_b_id
    keys = [verdict.image_a_id, verdict.image_b_id]
    if None in keys or wrong & set(keys):
        return None
    images = decision_rows.images_by_key(conn, [key for key in keys if key is not None])
    labels = [image.identity_id for image in images.values() if image.status == "ready"]
    if len(labels) != 2 or labels[0] is None or labels[1] is None or labels[0] == labels[1]:
        return None
    return labels[0], labels[1]


def _shortest(graph: Mapping[int, Mapping[int, VerdictRow]], start: int, end: int) -> list[int] | None:
    if start not in graph or end not in graph:
        return None
    came: dict[int, int | None] = {start: None}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if here == end:
            path: list[int] = []
            step: int | None = end
            while step is not None:
                path.append(step)
                step = came[step]
            return path[::-1]
        for neighbour in graph[here]:
            if neighbour not in came:
                came[neighbour] = here
                queue.append(neighbour)
    return None
