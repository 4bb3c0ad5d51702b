import numpy as np
import pytest

from facedb.core.errors import EngineError
from facedb.join import engine
from facedb.join.engine import open_searcher
from facedb.join.error_bounds import quantise_int8
from facedb.join.exact import ExactSearcher
from facedb.join.rehearsal import planted_gallery, rehearse
from facedb.join.sieve import Hits, Sieve
from tests.unit.join.galleries import ENGINES, clustered, every_pair


@pytest.mark.parametrize("dim", [1, 2, 7, 64, 100, 512])
def test_the_planted_gallery_holds_pairs_on_the_threshold_and_codes_of_127_only(dim):
    gallery, threshold = planted_gallery(dim)
    expected = every_pair(gallery, threshold)
    assert len(expected) >= 16
    assert any(score == np.float32(threshold) for _, _, score in expected)
    assert set(np.unique(quantise_int8(gallery.vectors).codes[:, :dim])) == {-127, 127}


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_loses_every_pair_does_not_start(name, monkeypatch):
    gallery = clustered(np.random.default_rng(0), 50, 64, 5)
    kind = type(open_searcher(name, gallery, Sieve(gallery, 0.4), 1))
    engine._rehearse_once.cache_clear()
    monkeypatch.setattr(kind, "search", lambda *_: iter(()))
    with pytest.raises(EngineError, match=f"{name} does not find what was planted.*lost"):
        open_searcher(name, gallery, Sieve(gallery, 0.4), 1)


class Tampering(ExactSearcher):
    """An engine that changes what it found."""

    def __init__(self, gallery, sieve, change):
        super().__init__(gallery, sieve, 1)
        self._change = change

    def search(self, block):
        found = Hits.join(list(super().search(block)))
        if len(found.rows_a):
            yield self._change(found)


def without_the_last(hits):
    return Hits(hits.rows_a[:-1], hits.rows_b[:-1], hits.scores[:-1], hits.candidates)


def with_one_twice(hits):
    return Hits.join([hits, Hits(hits.rows_a[:1], hits.rows_b[:1], hits.scores[:1], 0)])


def with_a_stranger(hits):
    return Hits(np.append(hits.rows_a, 0), np.append(hits.rows_b, 5), np.append(hits.scores, np.float32(0.9)), 0)


@pytest.mark.parametrize("change", [without_the_last, with_one_twice, with_a_stranger])
@pytest.mark.parametrize("dim", [64, 512])
def test_a_single_pair_too_few_or_too_many_is_noticed(change, dim):
    rehearse("honest", lambda gallery, sieve: Tampering(gallery, sieve, lambda hits: hits), dim)
    with pytest.raises(EngineError, match="use another --engine"):
        rehearse("tampering", lambda gallery, sieve: Tampering(gallery, sieve, change), dim)
