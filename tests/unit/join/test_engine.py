import numpy as np
import pytest

from facedb.core.errors import EngineError, ExitCode, UsageError
from facedb.join import engine as engines
from facedb.join.blocks import plan_blocks
from facedb.join.engine import ENGINE_NAMES, available_engines, choose_engine, open_searcher, self_test
from facedb.join.loop import join
from facedb.join.searcher import EngineInfo
from facedb.join.sieve import Sieve
from tests.unit.join.galleries import ENGINES, clustered


def test_every_engine_is_listed_with_a_reason():
    infos = available_engines()
    assert [info.name for info in infos] == list(ENGINE_NAMES)
    assert all(info.reason for info in infos)
    assert {"exact", "faiss-cpu", "int8"} <= set(ENGINES)


def test_auto_takes_the_fastest_engine_here_and_says_why():
    chosen = choose_engine("auto")
    assert chosen.name == ENGINES[0]
    assert "fastest" in chosen.reason


def test_an_engine_that_is_missing_is_refused_and_never_replaced(monkeypatch):
    monkeypatch.setattr(engines, "_probe", lambda name: EngineInfo(name, False, "there is no CUDA GPU"))
    with pytest.raises(EngineError, match="faiss-gpu does not work here: there is no CUDA GPU") as caught:
        choose_engine("faiss-gpu")
    assert caught.value.exit_code is ExitCode.ENGINE


def test_an_unknown_engine_is_a_usage_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="int8"):
        choose_engine("int9")


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dim", [64, 512, 1280])
def test_the_self_test_stays_below_epsilon(name, dim):
    gallery = clustered(np.random.default_rng(dim), 400, dim, 50)
    searcher = open_searcher(name, gallery, Sieve(gallery, 0.4), 1)
    assert self_test(name, searcher, gallery) <= searcher.epsilon
    searcher.close()


def test_an_engine_that_computes_wrong_scores_fails_its_self_test(monkeypatch):
    gallery = clustered(np.random.default_rng(0), 50, 64, 5)
    searcher = open_searcher("exact", gallery, Sieve(gallery, 0.4), 1)
    honest = searcher.approximate
    monkeypatch.setattr(searcher, "approximate", lambda rows, columns: honest(rows, columns) + 1e-3)
    with pytest.raises(EngineError, match=r"wrong by 0\.001"):
        self_test("exact", searcher, gallery)


@pytest.mark.parametrize("name", ENGINES)
def test_no_engine_starts_without_having_passed_its_self_test(name, monkeypatch):
    gallery = clustered(np.random.default_rng(0), 50, 64, 5)
    searcher = open_searcher(name, gallery, Sieve(gallery, 0.4), 1)
    honest = type(searcher).approximate
    monkeypatch.setattr(type(searcher), "approximate", lambda self, *where: honest(self, *where) + 1.0)
    with pytest.raises(EngineError, match="is wrong by"):
        next(join(gallery, plan_blocks(gallery.identity_ids, target_rows=20), threshold=0.4, engine=name))
