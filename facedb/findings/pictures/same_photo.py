"""Copied: candidate pairs looked at, each once and the likeliest first, until it is known which pictures are one photo."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.pictures.agreement import FROM, agreement
from facedb.findings.pictures.registration import Grey, Prepared, prepare

_KEPT: Final = 512
_AHEAD: Final = 256

Load = Callable[[Sequence[int]], Mapping[int, Grey]]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures behind the rows of a gallery: ``views`` int64 (n, v), see `candidates`, 0 where unknown; ``load`` gives small grey
    pictures uint8 (h, w) of image keys, leaving out those that are not there."""

    views: Int64Array
    load: Load


def look(
    pictures: Pictures, image_a: Int64Array, image_b: Int64Array, likelihood: Float64Array | Float32Array
) -> Float64Array:
    """Lay the pictures of pairs of image keys (m,) over each other, the pairs of the highest ``likelihood`` first.

    Returns the `agreement` of each, NaN where a picture is missing. A pair whose two pictures are joined already, by pairs that are
    copies, is not looked at again and has the lowest agreement of its group.
    """
    value = np.full(len(image_a), np.nan)
    shelf = _Shelf(pictures.load)
    known = _Known()
    order = np.lexsort((image_b, image_a, -np.asarray(likelihood, np.float64)))
    for start in range(0, len(order), _AHEAD):
        some = order[start : start + _AHEAD]
        shelf.fetch(np.unique(np.r_[image_a[some], image_b[some]]).tolist())
        for k in some.tolist():
            one, two = int(image_a[k]), int(image_b[k])
            weakest = known.between(one, two)
            if weakest is not None:
                value[k] = weakest
                continue
            a, b = shelf.picture(one), shelf.picture(two)
            if a is None or b is None:
                continue
            value[k] = agreement(a, b)
            if value[k] >= FROM:
                known.join(one, two, float(value[k]))
    return value


class _Shelf:
    """Prepared pictures, the last ones used kept."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._grey: dict[int, Grey] = {}
        self._prepared: OrderedDict[int, Prepared] = OrderedDict()

    def fetch(self, images: list[int]) -> None:
        self._grey = dict(self._load(images))

    def picture(self, image: int) -> Prepared | None:
        if image in self._prepared:
            self._prepared.move_to_end(image)
            return self._prepared[image]
        grey = self._grey.get(image)
        if grey is None:
            return None
        self._prepared[image] = made = prepare(grey)
        if len(self._prepared) > _KEPT:
            self._prepared.popitem(last=False)
        return made


class _Known:
    """Which images are known to be copies of each other, and the lowest agreement within each such group."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}
        self._lowest: dict[int, float] = {}

    def _head(self, image: int) -> int:
        while self._parent.get(image, image) != image:
            self._parent[image] = self._parent.get(self._parent[image], self._parent[image])
            image = self._parent[image]
        return image

    def between(self, one: int, two: int) -> float | None:
        head = self._head(one)
        return self._lowest.get(head) if head == self._head(two) else None

    def join(self, one: int, two: int, value: float) -> None:
        a, b = self._head(one), self._head(two)
        self._parent[b] = a
        self._lowest[a] = min(self._lowest.get(a, 1.0), self._lowest.get(b, 1.0), value)
