from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.join import score, sieve
from facedb.join.gpu.device_rows import DeviceRows
from facedb.join.score import pair_scores
from facedb.join.sieve import Hits, Sieve
from tests.unit.join.galleries import clustered, every_pair, triples
from tests.unit.join.gpu.device_arrays import device


def every_cell(rows):
    return (grid.ravel() for grid in np.mgrid[0:rows, 0:rows])


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(1, 60),
    identities=st.integers(1, 30),
    threshold=st.floats(-0.2, 0.9),
    precision=st.sampled_from(["float16", "bfloat16", "float32"]),
    chunk=st.integers(1, 5_000),
)
def test_the_sieve_keeps_the_same_bits_on_a_device_as_on_the_host(seed, rows, identities, threshold, precision, chunk):
    gallery = clustered(np.random.default_rng(seed), rows, 64, identities)
    held = DeviceRows(device, gallery, precision, 1 << 30)
    row, column = every_cell(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sieve, "_CHUNK_PAIRS", chunk)
        patch.setattr(sieve, "GPU_CHUNK_VALUES", chunk)
        host = Sieve(gallery, threshold).keep(row, column)
        there = held.sieve(Sieve(gallery, threshold)).keep(device.asarray(row), device.asarray(column))
    expected = every_pair(gallery, threshold)
    for found in (host, there):
        hits = found or Hits.join([])
        assert sorted(triples(hits.rows_a, hits.rows_b, hits.scores)) == expected
        assert isinstance(hits.scores, np.ndarray)


def test_scores_have_the_same_bits_on_a_device():
    gallery = clustered(np.random.default_rng(1), 50, 200, 10)
    rows_a, rows_b = np.random.default_rng(2).integers(0, 50, (2, 300))
    there = [device.asarray(each) for each in (gallery.vectors, rows_a, rows_b)]
    scores: Any = pair_scores(*there)  # An array of the device, as its arguments are.
    assert scores.get().tobytes() == pair_scores(gallery.vectors, rows_a, rows_b).tobytes()
    none: Any = pair_scores(there[0], there[1][:0], there[2][:0])
    assert none.get().shape == (0,)


def test_the_sieve_stays_on_the_host_where_the_exact_vectors_do_not_fit():
    gallery = clustered(np.random.default_rng(1), 100, 64, 10)
    half = 100 * 64 * 2
    host = Sieve(gallery, 0.5)
    assert DeviceRows(device, gallery, "float16", half).sieve(host) is host
    assert DeviceRows(device, gallery, "float16", 3 * half + 100 * 16 - 1).sieve(host) is host
    assert DeviceRows(device, gallery, "float16", 3 * half + 100 * 16).sieve(host) is not host
    assert DeviceRows(device, gallery, "float16", half - 1).sieve(host) is host


def test_a_chunk_of_a_device_is_larger_than_one_of_the_host():
    assert score.GPU_CHUNK_VALUES > score.CHUNK_VALUES
