"""Albums: small datasets drawn from photos whose person is known, with mistakes planted, and what findings about them are worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facedb.core.finding import Kind
from facedb.findings.duplicates import Hashes
from facedb.findings.finding_table import FindingTable
from facedb.findings.photos import PhotoFacts
from facedb.join.gallery import Gallery
from tests.unit.findings.people import scan

MANY_PHOTOS = 15
LIKELY_TO_PLANT = 0.2
"""Of each class two mistakes are planted at most, each with this probability."""


@dataclass(frozen=True)
class Pool:
    """Photos of one face each: ``vectors`` float32 (n, d), whose they are, ``person`` (n,), their ``sharpness``, perceptual hash ``look``,
    and the ``files``."""

    vectors: np.ndarray
    person: np.ndarray
    sharpness: np.ndarray
    look: np.ndarray
    files: np.ndarray


@dataclass(frozen=True)
class Album:
    """A drawn dataset: ``rows`` (n,) of the pool under ``labels`` (n,), sorted, each label that of the person ``owner[label]``;
    ``planted`` says of which class how many mistakes."""

    rows: np.ndarray
    labels: np.ndarray
    owner: np.ndarray
    planted: dict[str, int]


def draw(pool: Pool, rng: np.random.Generator, people: int, share: float, *, clean: bool) -> Album:
    """An album of ``people`` of a pool, their photos geometrically distributed with ``share``, with up to two mistakes of each class."""
    everybody = rng.permutation(np.unique(pool.person))
    wanted = np.minimum(rng.geometric(share, len(everybody)), MANY_PHOTOS)
    there = np.bincount(pool.person)[everybody]
    # Somebody of many photos may stand for one who has few, not the other way round.
    order = np.argsort(there < wanted, kind="stable")
    chosen, guests = everybody[order][:people], everybody[order][people:]
    rows, labels, owner = [], [], list(chosen.tolist())
    for label, (who, count) in enumerate(zip(chosen.tolist(), wanted[order][:people].tolist(), strict=True)):
        mine = rng.permutation(np.flatnonzero(pool.person == who))[:count]
        rows += mine.tolist()
        labels += [label] * len(mine)
    at, label_of = np.array(rows), np.array(labels)
    planted = dict.fromkeys(("guest", "stray", "merge", "mixed", "copy"), 0)
    counts = {kind: 0 if clean else int(rng.binomial(2, LIKELY_TO_PLANT)) for kind in planted}
    for _ in range(counts["merge"]):
        sizes = np.bincount(label_of, minlength=people)[:people]
        if len(split := np.flatnonzero(sizes >= 2)):
            which = int(rng.choice(split))
            mine = rng.permutation(np.flatnonzero(label_of == which))
            label_of[mine[: int(rng.integers(1, len(mine)))]] = len(owner)
            owner.append(owner[which])
            planted["merge"] += 1
    for _ in range(counts["stray"]):
        if len(spare := np.flatnonzero(np.bincount(label_of)[label_of] >= 2)):
            which = int(rng.choice(spare))
            others = [k for k in range(people) if owner[k] != pool.person[at[which]]]
            label_of[which] = int(rng.choice(others))
            planted["stray"] += 1
    for kind, least, most in (("guest", 1, 1), ("mixed", 2, 5)):
        for _ in range(counts[kind]):
            who = guests[int(rng.integers(len(guests)))]
            mine = rng.permutation(np.flatnonzero(pool.person == who))[:most]
            if len(mine) >= least:
                at, label_of = np.r_[at, mine], np.r_[label_of, np.full(len(mine), int(rng.integers(people)))]
                planted[kind] += 1
    for k in range(counts["copy"]):
        which = int(rng.integers(len(rows)))
        home = int(label_of[which]) if k else int(rng.integers(people))
        at, label_of = np.r_[at, at[which]], np.r_[label_of, home]
        planted["copy"] += 1
    sort = np.argsort(label_of, kind="stable")
    return Album(at[sort], label_of[sort], np.array(owner), planted)


def findings_of(pool: Pool, album: Album) -> FindingTable:
    """What a scan of it finds; copies have equal bytes, and no pictures are looked at."""
    rows, count = album.rows, len(album.rows)
    facts = PhotoFacts(np.ones(count, np.int64), np.zeros(count), pool.sharpness[rows], np.full(count, 100.0))
    gallery = Gallery(np.ascontiguousarray(pool.vectors[rows]), album.labels.astype(np.int64), np.arange(count))
    return scan(gallery, Hashes(rows, pool.look[rows], np.ones(count, bool)), threshold=0.4, photos=facts)


def judged(pool: Pool, album: Album, found: FindingTable) -> Iterator[tuple[str, float, bool, int]]:
    """Class, confidence, whether it holds, and its place, of every finding that states a mistake."""
    person, owner = pool.person[album.rows], album.owner

    def person_of(label: int, without: np.ndarray) -> int:
        """Whose the rest of a folder is: most of its photos, or else who it was made for."""
        rest = np.setdiff1d(np.flatnonzero(album.labels == label), without)
        count = np.bincount(person[rest], minlength=1)
        return int(count.argmax()) if count.max() >= 2 and 2 * count.max() > len(rest) else int(owner[label])

    for k, (kind, a, b) in enumerate(zip(found.kind, found.identity_a, found.identity_b, strict=True)):
        rows = found.members.rows_of(k)
        word = Kind(int(kind)).word
        if kind == Kind.PHOTO:
            continue
        if kind == Kind.DUPLICATE:
            holds = len(np.unique(album.rows[rows])) == 1
        elif kind in (Kind.MERGE, Kind.LOOK_ALIKE):
            holds = person_of(a, rows[:0]) == person_of(b, rows[:0])
        elif found.size_a[k] == len(rows):
            word += " alone"
            holds = bool((person[rows] == person_of(b, rows)).all())
        else:
            word += " of somebody" if b >= 0 else " of nobody"
            rest = person[np.setdiff1d(np.flatnonzero(album.labels == a), rows)]
            # Of two photos that differ either may be the one of another folder; nobody's is the one that the folder was not made for.
            whose = int(rest[0]) if b >= 0 and len(rest) == 1 else person_of(a, rows)
            away = bool((person[rows] != whose).all())
            holds = away and (b < 0 or bool((person[rows] == person_of(b, rows)).all()))
        yield word, float(found.confidence[k]), bool(holds), k
