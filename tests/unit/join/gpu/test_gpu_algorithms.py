"""The parts of the GPU engines that do not depend on a GPU, on CPU devices with tiny limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.join.engine import self_test
from facedb.join.gpu import knn_search
from facedb.join.gpu.append_search import halves
from facedb.join.gpu.knn_search import KnnSearcher
from facedb.join.tiles import Tile
from tests.unit.join.galleries import clustered, every_pair, make_gallery, searched
from tests.unit.join.gpu.cpu_devices import CpuAppend, CpuKnn, append_searcher, knn_searcher
from tests.vectors import unit

SLOW = settings(max_examples=30)


@SLOW
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 200),
    identities=st.integers(1, 40),
    threshold=st.floats(-0.2, 0.9),
    target=st.integers(1, 250),
    max_k=st.integers(1, 64),
    max_columns=st.integers(1, 300),
    first_k=st.integers(1, 40),
    leaf=st.integers(1, 60),
    devices=st.integers(1, 3),
    data=st.data(),
)
def test_growing_k_cuts_nothing(
    seed, rows, identities, threshold, target, max_k, max_columns, first_k, leaf, devices, data
):
    gallery = clustered(np.random.default_rng(seed), rows, 64, identities)
    first_new = data.draw(st.integers(0, rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knn_search, "FIRST_K", first_k)
        patch.setattr(knn_search, "_LEAF_ROWS", leaf)
        patch.setattr(knn_search, "_ROWS", 37)
        patch.setattr(knn_search, "_TILE_VALUES", 500)
        searcher = knn_searcher(gallery, threshold, max_k=max_k, max_columns=max_columns, devices=devices)
        assert searched(searcher, gallery, target, first_new) == every_pair(gallery, threshold, first_new)


def knn_calls(searcher: KnnSearcher) -> list[tuple[str, int, int]]:
    held = searcher._devices[0]
    assert isinstance(held, CpuKnn)
    return held.calls


def test_rows_that_overflow_every_k_are_read_whole():
    centre = np.random.default_rng(0).standard_normal(64)
    vectors = unit(centre + 0.1 * np.random.default_rng(1).standard_normal((400, 64)))
    gallery = make_gallery(vectors, np.repeat([0, 1], 200))
    searcher = knn_searcher(gallery, 0.5, max_k=16, max_columns=1_000)
    assert searched(searcher, gallery, 200) == every_pair(gallery, 0.5)
    assert ("scores", 200, 200) in knn_calls(searcher)


def test_a_clean_gallery_needs_one_small_k():
    gallery = clustered(np.random.default_rng(3), 2_000, 512, 2_000)
    searcher = knn_searcher(gallery, 0.6, max_k=2_048, max_columns=10_000)
    searched(searcher, gallery, 1_000)
    assert {k for kind, _, k in knn_calls(searcher) if kind == "knn"} == {knn_search.FIRST_K}


def test_a_block_inside_is_compared_by_halves_and_only_leaves_are_read_whole():
    gallery = clustered(np.random.default_rng(3), 4_000, 64, 800)
    searcher = knn_searcher(gallery, 0.9, max_k=2_048, max_columns=10_000)
    searched(searcher, gallery, 4_000)
    assert max(rows for kind, rows, _ in knn_calls(searcher) if kind == "scores") <= 512


def test_the_knn_searcher_passes_the_self_test():
    gallery = clustered(np.random.default_rng(3), 300, 64, 30)
    searcher = knn_searcher(gallery, 0.5, max_k=8, max_columns=100)
    assert self_test("faiss-gpu", searcher, gallery) <= searcher.epsilon
    searcher.close()


@SLOW
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 200),
    identities=st.integers(1, 40),
    threshold=st.floats(-0.2, 0.9),
    target=st.integers(1, 250),
    capacity=st.integers(1, 300),
    height=st.integers(1, 100),
    width=st.integers(1, 100),
    devices=st.integers(1, 3),
    data=st.data(),
)
def test_a_hit_buffer_that_overflows_splits_the_tile_and_loses_nothing(
    seed, rows, identities, threshold, target, capacity, height, width, devices, data
):
    gallery = clustered(np.random.default_rng(seed), rows, 64, identities)
    first_new = data.draw(st.integers(0, rows))
    searcher = append_searcher(gallery, threshold, capacity=capacity, height=height, width=width, devices=devices)
    assert searched(searcher, gallery, target, first_new) == every_pair(gallery, threshold, first_new)


def test_overflow_happens_and_is_survived():
    gallery = make_gallery(np.tile(unit(np.ones((1, 64))), (120, 1)), np.arange(120))
    searcher = append_searcher(gallery, 0.5, capacity=10, height=64, width=64)
    assert len(searched(searcher, gallery, 100)) == 120 * 119 // 2
    held = searcher._devices[0]
    assert isinstance(held, CpuAppend)
    assert held.overflows > 0
    assert self_test("cuda", searcher, gallery) <= searcher.epsilon
    searcher.close()


def test_every_device_has_work_where_there_are_tiles_for_all(monkeypatch):
    gallery = clustered(np.random.default_rng(3), 300, 64, 300)
    searcher = append_searcher(gallery, 0.5, capacity=1_000, height=75, width=300, devices=4)
    sizes = []

    def append(_self, tiles, _lowest):
        sizes.append(len(tiles))
        return np.empty(0, np.int64), np.empty(0, np.int64)

    monkeypatch.setattr(CpuAppend, "batch", 32)
    monkeypatch.setattr(CpuAppend, "append", append)
    searched(searcher, gallery, 300)
    assert sizes == [1, 1, 1, 1]


@pytest.mark.parametrize("tile", [Tile(0, 9, 3, 7), Tile(5, 7, 0, 8), Tile(0, 2, 0, 1), Tile(4, 6, 1, 3)])
def test_the_halves_of_a_tile_cover_it_once(tile):
    cells = [
        (row, column)
        for half in halves(tile)
        for row in range(half.row, half.row_stop)
        for column in range(half.column, half.column_stop)
    ]
    assert sorted(cells) == [
        (row, column) for row in range(tile.row, tile.row_stop) for column in range(tile.column, tile.column_stop)
    ]
    assert len(halves(tile)) == 2


@pytest.mark.parametrize("make", [knn_searcher, append_searcher])
def test_a_device_that_fails_ends_the_search(make):
    gallery = clustered(np.random.default_rng(3), 300, 64, 30)
    limits = {"max_k": 8, "max_columns": 50} if make is knn_searcher else {"capacity": 10, "height": 32, "width": 32}
    searcher = make(gallery, 0.5, devices=2, **limits)

    def broken(*_):
        raise RuntimeError("out of memory")

    searcher._devices[1].knn = searcher._devices[1].append = searcher._devices[1].scores = broken
    searcher._devices[0].knn = searcher._devices[0].append = searcher._devices[0].scores = broken
    with pytest.raises(RuntimeError, match="out of memory"):
        searched(searcher, gallery, 100)
