"""The gallery by folder (one identity each), and the scores within many folders at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facedb.core.lookup import are_distinct
from facedb.core.machine.in_background import checkpoint
from facedb.core.records import Float32Array, Int64Array

# A batch of folders holds at most this many scores (1 MB), unless one folder alone has more.
_BATCH_SCORES = 1 << 18
_LARGEST = 2048

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Folders:
    """The rows of a gallery by folder: ``sizes[k]`` rows from ``order[starts[k]]`` on carry the label ``labels[k]``.

    ``labels``, ``starts``, ``sizes`` int64 (k,), ``order`` int64 (n,), ``folder_of`` int64 (n,): the folder of each row.
    """

    labels: Int64Array
    starts: Int64Array
    sizes: Int64Array
    order: Int64Array
    folder_of: Int64Array

    def rows(self, folder: int) -> Int64Array:
        """The rows int64 (s,) of one folder."""
        return self.order[self.starts[folder] : self.starts[folder] + self.sizes[folder]]


def folders(labels: NDArray[np.integer], groups: NDArray[np.integer]) -> Folders:
    """Sort rows by label and image, (n,) both, so that nothing depends on the order in which a scan met them."""
    order = np.lexsort((groups, labels)).astype(np.int64)
    names, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    folder_of = np.empty(len(labels), np.int64)
    folder_of[order] = np.repeat(np.arange(len(names)), sizes)
    return Folders(names.astype(np.int64), starts.astype(np.int64), sizes.astype(np.int64), order, folder_of)


def evenly_spread(values: Int64Array, most: int) -> Int64Array:
    """At most ``most`` of ``values`` (m,), the first and the last among them: all where there are no more than that."""
    return values[np.linspace(0, len(values) - 1, min(len(values), most)).astype(np.int64)]


def batches(parts: Folders) -> Iterator[tuple[Int64Array, BoolArray]]:
    """Folders of two to 2,048 faces, those of similar size together: rows int64 (b, m), padded with 0 where ``alive`` is False."""
    by_size = np.argsort(parts.sizes, kind="stable")
    by_size = by_size[(parts.sizes[by_size] >= 2) & (parts.sizes[by_size] <= _LARGEST)]
    at = 0
    while at < len(by_size):
        checkpoint()
        smallest = int(parts.sizes[by_size[at]])
        widest = smallest + smallest // 4
        stop = at + int(np.searchsorted(parts.sizes[by_size[at:]], widest, side="right"))
        stop = min(stop, at + max(1, _BATCH_SCORES // (widest * widest)))
        chosen = by_size[at:stop]
        width = int(parts.sizes[chosen[-1]])
        columns = np.arange(width)
        alive = columns[None, :] < parts.sizes[chosen, None]
        places = np.where(alive, parts.starts[chosen, None] + columns[None, :], 0)
        yield parts.order[places], alive
        at = stop


def large(parts: Folders) -> Iterator[tuple[Int64Array, Int64Array]]:
    """Folders too large for a batch: their rows, and 2,048 evenly spread ones that stand for all."""
    for k in np.flatnonzero(parts.sizes > _LARGEST):
        rows = parts.rows(int(k))
        yield rows, evenly_spread(rows, _LARGEST)


def shared_images(groups: NDArray[np.integer]) -> NDArray[np.integer] | None:
    """``groups`` (n,), the image of each row, or None where every face has an image of its own: as `scores_within` takes it."""
    return None if are_distinct(groups) else groups


def scores_within(
    vectors: Float32Array, groups: NDArray[np.integer] | None, rows: Int64Array, alive: BoolArray
) -> tuple[Float32Array, BoolArray]:
    """Scores float32 (b, m, m) within each folder, and which of them are between two faces of two images.

    ``groups`` is `shared_images` of all rows.
    """
    taken = vectors[rows]
    scores = np.matmul(taken, taken.transpose(0, 2, 1))
    apart = alive[:, :, None] & alive[:, None, :]
    apart[:, np.arange(rows.shape[1]), np.arange(rows.shape[1])] = False
    if groups is not None:
        images = groups[rows]
        apart &= images[:, :, None] != images[:, None, :]
    return scores, apart
