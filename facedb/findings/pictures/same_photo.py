"""Copied: candidate pairs looked at, each once and the likeliest first, until it is known which pictures are one photo."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.pictures.agreement import FROM, agreement, cropped
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
    pictures: Pictures,
    image_a: Int64Array,
    image_b: Int64Array,
    likelihood: Float64Array | Float32Array,
    far: NDArray[np.bool_] | None = None,
) -> Float64Array:
    """Lay the pictures of pairs of image keys (m,) over each other, the pairs of the highest ``likelihood`` first; those whose hashes are
    ``far`` from each other only where one looks like a crop of the other.

    Returns the `agreement` of each, NaN where a picture is missing. A pair whose two pictures are joined already, by pairs that are
    copies, is not looked at again and has the agreement of the weakest link of the best chain between them.
    """
    value = np.full(len(image_a), np.nan)
    shelf = _Shelf(pictures.load)
    copies, joined = _Chains(), list[int]()
    order = np.lexsort((image_b, image_a, -np.asarray(likelihood, np.float64)))
    for start in range(0, len(order), _AHEAD):
        some = order[start : start + _AHEAD]
        shelf.fetch(np.unique(np.r_[image_a[some], image_b[some]]).tolist())
        for k in some.tolist():
            one, two = int(image_a[k]), int(image_b[k])
            if copies.joined(one, two):
                joined.append(k)
                continue
            a, b = shelf.picture(one), shelf.picture(two)
            if a is None or b is None:
                continue
            value[k] = agreement(a, b) if far is None or not far[k] else cropped(a, b)
            if value[k] >= FROM:
                copies.join(one, two, float(value[k]))
    links = np.flatnonzero(value >= FROM)
    best = _Chains()
    for k in links[np.argsort(-value[links], kind="stable")].tolist():
        best.join(int(image_a[k]), int(image_b[k]), float(value[k]))
    for k in joined:
        value[k] = best.weakest(int(image_a[k]), int(image_b[k]))
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


class _Chains:
    """Images joined by links, each image below another but the head of a group (Kruskal 1956): where links come in falling order of
    their values, the path between two images of a group is the chain whose weakest link is the strongest."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}
        self._link: dict[int, float] = {}
        self._size: dict[int, int] = {}

    def join(self, one: int, two: int, value: float) -> None:
        a, b = self._head(one), self._head(two)
        if a != b:
            small, large = sorted((a, b), key=lambda head: self._size.get(head, 1))
            self._above[small], self._link[small] = large, value
            self._size[large] = self._size.get(large, 1) + self._size.get(small, 1)

    def joined(self, one: int, two: int) -> bool:
        return self._head(one) == self._head(two)

    def weakest(self, one: int, two: int) -> float:
        """The weakest link between two images that are joined; links grow weaker on the way up."""
        found = 1.0
        while one != two:
            lower = one if self._link.get(one, -1.0) >= self._link.get(two, -1.0) else two
            found = self._link[lower]
            one, two = self._above[lower], two if lower == one else one
        return found

    def _head(self, image: int) -> int:
        while image in self._above:
            image = self._above[image]
        return image
