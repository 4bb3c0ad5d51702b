"""Originals: which of two copies of a photo is the better one to keep, by what was measured of them when they were embedded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import sqrt
from pathlib import PurePath
from typing import TYPE_CHECKING

from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.review.decision_rows import PlannedImage
from facedb.review.files.on_disk import is_linked

if TYPE_CHECKING:
    from facedb.findings.pictures.comparison import Beyond, Comparison
    from facedb.findings.pictures.registration import Prepared

SQL = load("review", "copies")
_UNCLEAR = 0.025
"""Of 52 photos of lfw_dev and deepface_celebs YuNet's score fell by 0.038 to 0.95 when they were turned, and rose by 0.010 at most when
they were mirrored, grey, brighter, smaller or saved at JPEG quality 30."""
_FRAME = 0.004
_MORE = 0.02
_GREY, _COLOURED = 0.42, 4.0
"""Of 30 photos a grey copy had no colour left, a copy of a third of the saturation 0.3 of it, and one of half the brightness 0.49."""
_LARGER = 1.08
_STRETCHED = 1.03
_ENLARGED, _SOFT = 0.55, 0.165
_PERHAPS = 0.85, 0.25
_SURELY = 0.3
"""The detail of 30 photos twice enlarged fell to 0.31 (median) of what it was, and to 0.23 at most; photos had 0.18 to 1.04."""
_GRAINY, _GRAIN = 1.3, 2.0
_BLOCKY, _BLOCKS = 1.4, 0.2
"""JPEG 30 made the steps at block edges of 30 photos 1.36 to 1.95 times as steep as others; as they are it is 1.07 to 1.36."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Two copies and how their pictures differ; None: they cannot be laid over each other."""

    a: PlannedImage
    b: PlannedImage
    compared: Comparison | None
    larger: float
    """How many times more pixels lie along a side of what b shows."""
    unlike: bool
    """Whether their pictures are there and cannot be laid over each other, so that nobody knows how much each shows."""

    def unclear(self) -> bool:
        """Whether what one has beyond the other is more of the photo or a frame, nobody can tell from the pictures alone."""
        beyond = () if self.compared is None else (self.compared.beyond_a, self.compared.beyond_b)
        return any(side.unclear and side.share > _MORE for side in beyond)

    def same_size(self) -> bool:
        return 1 / _LARGER < self.larger < _LARGER


@dataclass(frozen=True, slots=True)
class Looks:
    """The small pictures of some images, as JPEG bytes by key; without any, what else is known decides."""

    pictures: Mapping[int, bytes] = field(default_factory=dict)

    @classmethod
    def load(cls, conn: Connection, ids: Iterable[int]) -> Looks:
        """Those of the images with these keys that have one."""
        return cls(dict(conn.execute(SQL["pictures"], {"ids": sorted(ids)}).fetchall()))

    def best(self, images: Iterable[PlannedImage]) -> PlannedImage | None:
        """The image that is better than each other one, as far as one is."""
        found: PlannedImage | None = None
        for image in sorted(images, key=_size, reverse=True):
            if found is None or self.prefer(image, found)[0] > 0:
                found = image
        return found

    def why(self, kept: PlannedImage, other: PlannedImage) -> str:
        """What ``kept`` is, and ``other`` is not, as the end of a sentence; empty where only size or age speaks for it."""
        side, reason = self.prefer(kept, other)
        return reason if side > 0 else ""

    def prefer(self, a: PlannedImage, b: PlannedImage) -> tuple[float, str]:
        """Which of two copies is better, above 0: a, below: b; and what it is that the other is not."""
        seen = self._seen(a, b)
        for rule in _RULES:
            side, reason = rule(seen)
            if side:
                return side, reason
        return (1.0 if _size(a) > _size(b) else -1.0), ""

    def _seen(self, a: PlannedImage, b: PlannedImage) -> _Seen:
        one, two = self.pictures.get(a.id), self.pictures.get(b.id)
        compared = (
            None
            if one is None or two is None or (a.sha256 is not None and a.sha256 == b.sha256)
            else _compared(one, two)
        )
        larger = sqrt(b.pixels / a.pixels) if a.pixels and b.pixels else 1.0
        if compared is not None and one is not None and two is not None and a.pixels and b.pixels:
            larger *= compared.scale * sqrt(_picture(one).grey.size / _picture(two).grey.size)
        unlike = compared is None and one is not None and two is not None and a.sha256 != b.sha256
        return _Seen(a, b, compared, larger, unlike)


@lru_cache(512)
def _picture(data: bytes) -> Prepared:
    # A list of plans lays no pictures over each other, and need not load what does.
    from facedb.embedding.pictures.thumbnail import from_bytes
    from facedb.findings.pictures.registration import prepare

    return prepare(from_bytes(data))


@lru_cache(2048)
def _compared(a: bytes, b: bytes) -> Comparison | None:
    from facedb.findings.pictures.comparison import compare

    return compare(_picture(a), _picture(b))


def _size(image: PlannedImage) -> tuple[bool, int, int, int]:
    return not is_linked(image), image.pixels, image.bytes, -image.id


Told = tuple[float, str]
_NOTHING: Told = (0.0, "")


def _side(a: bool, b: bool, reason: str) -> Told:
    return float(a) - float(b), reason


def _no_link(seen: _Seen) -> Told:
    return _side(not is_linked(seen.a), not is_linked(seen.b), "is no link")


def _upright(seen: _Seen) -> Told:
    further = seen.a.clearest - seen.b.clearest
    turned = seen.compared is None or seen.compared.turned
    return (further, "shows the face more clearly") if turned and abs(further) > _UNCLEAR else _NOTHING


def _framed(beyond: Beyond) -> bool:
    return beyond.frame and beyond.share > _FRAME


def _no_frame(seen: _Seen) -> Told:
    if seen.compared is None or seen.unclear():
        return _NOTHING
    return _side(_framed(seen.compared.beyond_b), _framed(seen.compared.beyond_a), "has nothing added around it")


def _shows_more(seen: _Seen) -> Told:
    if seen.compared is None or seen.unclear():
        return _NOTHING
    return _most_shown(seen.compared)


def _most_shown(compared: Comparison) -> Told:
    one, two = compared.beyond_a, compared.beyond_b
    more = (0.0 if one.frame else one.share) - (0.0 if two.frame else two.share)
    return (more, "shows more of the photo") if abs(more) > _MORE else _NOTHING


def _in_colour(seen: _Seen) -> Told:
    one, two = seen.a.colour, seen.b.colour
    if one is None or two is None or max(one, two) < _COLOURED or min(one, two) > _GREY * max(one, two):
        return _NOTHING
    return one - two, "has more colour"


def _true_size(seen: _Seen) -> Told:
    """The larger one, unless it is stretched or may be only enlarged."""
    if seen.same_size() or seen.unlike or (seen.compared is not None and seen.compared.stretch > _STRETCHED):
        return _NOTHING
    b_larger = seen.larger > 1
    large, small = (seen.b, seen.a) if b_larger else (seen.a, seen.b)
    toward = -1.0 if b_larger else 1.0
    if large.fine is not None and small.fine is not None:
        share = large.fine / max(small.fine, 1e-6)
        if share < _PERHAPS[0] and large.fine < _PERHAPS[1]:
            return _NOTHING
    return toward, "is larger"


def _after_the_names(seen: _Seen) -> Told:
    """What is likely by the pictures, where the names do not tell."""
    if seen.compared is not None and seen.unclear():
        frames = _side(_framed(seen.compared.beyond_b), _framed(seen.compared.beyond_a), "has nothing added around it")
        return frames if frames[0] else _most_shown(seen.compared)
    large, small = (seen.b, seen.a) if seen.larger > 1 else (seen.a, seen.b)
    if seen.same_size() or seen.unlike:
        return _NOTHING
    toward = 1.0 if large is seen.a else -1.0
    known = None not in (large.fine, small.fine)
    if known and (large.fine or 0.0) < min(_SOFT, _SURELY * (small.fine or 0.0)):
        return -toward, "is not enlarged"
    return toward, "is larger"


def _no_grain(seen: _Seen) -> Told:
    one, two = seen.a.fine, seen.b.fine
    if one is None or two is None or not seen.same_size():
        return _NOTHING
    low, high = sorted((one, two))
    if high > _GRAINY and high > _GRAIN * low:
        return two - one, "has less grain"
    return (one - two, "is sharper") if low < _ENLARGED * high and low < _SOFT else _NOTHING


def _no_palette(seen: _Seen) -> Told:
    return _side(seen.b.encoding == "GIF", seen.a.encoding == "GIF", "has all its colours")


def _less_compressed(seen: _Seen) -> Told:
    one, two = seen.a.blocks, seen.b.blocks
    if one is None or two is None or max(one, two) < _BLOCKY or abs(one - two) < _BLOCKS or not seen.same_size():
        return _NOTHING
    return two - one, "is less compressed"


_MARKED = re.compile(
    r"\b(copy|copie|kopie|copia|edited|edit|resized|thumb(nail)?|small|crop(ped)?)\b|\(\d+\)$|~\d*$|^\.?_"
)


def _name(seen: _Seen) -> Told:
    """A name that is the other's with something added, or says so, is that of a copy; one with the name of the folder is not."""
    one, two = (PurePath(image.path).stem.casefold() for image in (seen.a, seen.b))
    for said in (_longer(one, two), _marked(one, two)):
        if said:
            return said, "has the plainer name"
    held = [_plain(PurePath(image.path).parent.name) for image in (seen.a, seen.b)]
    bears = [bool(name) and name in _plain(stem) for name, stem in zip(held, (one, two), strict=True)]
    return _side(bears[0], bears[1], "is named like its folder")


def _longer(one: str, two: str) -> float:
    short, long = sorted((one, two), key=len)
    added = (
        long[len(short) :] if long.startswith(short) else long[: len(long) - len(short)] if long.endswith(short) else ""
    )
    grown = bool(short) and bool(added) and not (added[0].isalnum() and added[-1].isalnum())
    return (1.0 if short == one else -1.0) if grown else 0.0


def _marked(one: str, two: str) -> float:
    marks = [bool(_MARKED.search(re.sub(r"[_\-.]+", " ", stem))) for stem in (one, two)]
    return float(marks[1]) - float(marks[0])


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


_RULES: tuple[Callable[[_Seen], Told], ...] = (
    _no_link,
    _upright,
    _no_frame,
    _shows_more,
    _in_colour,
    _true_size,
    _no_palette,
    _no_grain,
    _less_compressed,
    _name,
    _after_the_names,
)
