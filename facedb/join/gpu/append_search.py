"""Exact threshold search by a device that appends hits to a buffer of fixed size; what overflows it is split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from facedb.core.records import Float64Array, Int64Array
from facedb.join.blocks import Block
from facedb.join.gallery import Gallery
from facedb.join.gpu.device_pool import hits_of
from facedb.join.sieve import Hits
from facedb.join.tiles import Tile, cut_tiles


class AppendDevice(Protocol):
    """One device that computes tiles and appends the pairs that reach threshold - epsilon to a buffer.

    ``epsilon`` bounds |its score - the score|. ``height`` x ``width`` is the largest tile it computes at once, ``batch`` how
    many tiles it likes to be given together.
    """

    epsilon: float
    height: int
    width: int
    batch: int

    def append(self, tiles: Sequence[Tile], lowest: float) -> tuple[Any, Any] | None:
        """Rows and columns, int64 on the device, of all pairs of ``tiles`` with column < row, different identities and a score of at
        least ``lowest``.

        None if they are more than the buffer holds. A tile of a single pair always fits.
        """

    def keep(self, rows: Any, columns: Any) -> Hits | None:
        """`Sieve.keep` of what ``append`` gave."""

    def scores(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        """This device's scores (m, n), computed the way ``append`` does."""

    def close(self) -> None:
        """Give the device's memory back."""


class AppendSearcher:
    """Searches blocks with one or several devices; each takes the next tile when it is free."""

    def __init__(self, gallery: Gallery, threshold: float, devices: Sequence[AppendDevice]) -> None:
        self._gallery, self._devices = gallery, list(devices)
        self.upper_bound, self.method = False, ""
        self.epsilon = max(device.epsilon for device in devices)
        self._lowest = threshold - self.epsilon

    def search(self, block: Block) -> Iterator[Hits]:
        height = min(device.height for device in self._devices)
        width = min(device.width for device in self._devices)
        tiles = list(cut_tiles(block, self._gallery.identity_ids, height, width))
        # As many together as the devices like, as long as there is work for all of them.
        together = min(min(each.batch for each in self._devices), -(-len(tiles) // len(self._devices)))
        yield from hits_of(self._devices, batched(tiles, max(1, together)), self._candidates)

    def approximate(self, rows: Int64Array, columns: Int64Array) -> Float64Array:
        return self._devices[0].scores(rows, columns)

    def close(self) -> None:
        for device in self._devices:
            device.close()

    def _candidates(self, device: AppendDevice, tiles: list[Tile]) -> Iterator[tuple[Any, Any]]:
        pieces = [tiles]
        while pieces:
            piece = pieces.pop()
            hits = device.append(piece, self._lowest)
            if hits is not None:
                yield hits
            elif len(piece) > 1:
                pieces += [piece[: len(piece) // 2], piece[len(piece) // 2 :]]
            else:
                pieces += [[half] for half in halves(piece[0])]


def batched(tiles: Iterable[Tile], size: int) -> Iterator[list[Tile]]:
    """``tiles`` in lists of ``size``; the last one may be shorter."""
    left = iter(tiles)
    while batch := list(islice(left, size)):
        yield batch


def halves(tile: Tile) -> tuple[Tile, Tile]:
    """``tile`` cut in two along its longer side."""
    row, row_stop, column, column_stop = tile
    if row_stop - row >= column_stop - column:
        middle = (row + row_stop) // 2
        return Tile(row, middle, column, column_stop), Tile(middle, row_stop, column, column_stop)
    middle = (column + column_stop) // 2
    return Tile(row, row_stop, column, middle), Tile(row, row_stop, middle, column_stop)
