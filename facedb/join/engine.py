"""The engines: which ones this machine has, and the self-test that every one passes before it works."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from facedb.core.errors import EngineError, UsageError
from facedb.join.blocks import Block
from facedb.join.gallery import Gallery
from facedb.join.rehearsal import rehearse
from facedb.join.score import pair_scores
from facedb.join.searcher import EngineInfo, OpenSearcher, Searcher
from facedb.join.sieve import Sieve

AUTO = "auto"

_SELF_TEST_ROWS = 64


# Fastest first. Each module has ``probe() -> EngineInfo`` and ``open_searcher(gallery, sieve, threads, comparisons)``.
_MODULES = {
    "cuda": "facedb.join.gpu.cuda",
    "faiss-gpu": "facedb.join.gpu.faiss_gpu",
    "int8": "facedb.join.integer.int8",
    "faiss-cpu": "facedb.join.faiss_cpu",
    "exact": "facedb.join.exact",
}
ENGINE_NAMES = tuple(_MODULES)
GPU_ENGINES = ("cuda", "faiss-gpu")


def available_engines() -> list[EngineInfo]:
    """Every engine, fastest first, with whether this machine has it and why (not)."""
    return [_probe(name) for name in ENGINE_NAMES]


def choose_engine(name: str) -> EngineInfo:
    """The engine to use for ``name``; ``auto`` is the fastest one this machine has, with the reason.

    Raises UsageError for a name that does not exist and EngineError when the one asked for is missing here: another
    one is never taken in its place.
    """
    if name == AUTO:
        passed_over: dict[str, list[str]] = {}
        for candidate in ENGINE_NAMES:
            info = _probe(candidate)
            if info.available:
                why = _in_words(passed_over)
                return replace(info, reason=f"{info.reason}, the fastest engine here" + (f" ({why})" if why else ""))
            passed_over.setdefault(info.reason, []).append(candidate)
        raise EngineError(f"No search engine works here: {_in_words(passed_over)}.")
    if name not in _MODULES:
        raise UsageError(f"There is no engine {name!r}: choose one of {AUTO}, {', '.join(ENGINE_NAMES)}.")
    info = _probe(name)
    if not info.available:
        raise EngineError(
            f"The engine {name} does not work here: {info.reason}; use --engine auto, or install what is missing."
        )
    return info


def open_searcher(name: str, gallery: Gallery, sieve: Sieve, threads: int, comparisons: int | None = None) -> Searcher:
    """A searcher of the engine ``name`` over ``gallery``; raises EngineError if it fails rehearsal or self-test.

    ``comparisons`` is how many pairs it will meet (default: all of the gallery): how much its choices may cost.
    """
    open_engine = cast("OpenSearcher", importlib.import_module(_MODULES[name]).open_searcher)
    if comparisons is None:
        comparisons = Block(0, 0, len(gallery)).comparisons
    if len(gallery):
        _rehearse_once(name, gallery.dim, threads)
    searcher = open_engine(gallery, sieve, threads, comparisons)
    try:
        self_test(name, searcher, gallery)
    except BaseException:
        searcher.close()
        raise
    return searcher


@functools.cache
def _rehearse_once(name: str, dim: int, threads: int) -> None:
    """`rehearse` the engine ``name``, once in a process: neither its code nor the machine changes while it runs."""
    open_engine = cast("OpenSearcher", importlib.import_module(_MODULES[name]).open_searcher)
    rehearse(name, lambda planted, its: open_engine(planted, its, threads, 0), dim)


def self_test(name: str, searcher: Searcher, gallery: Gallery) -> float:
    """The largest |engine - float64| over sampled pairs; raises EngineError when it exceeds the engine's epsilon.

    Of an engine whose numbers are upper bounds only what they fall short of counts.
    """
    if len(gallery) == 0:
        return 0.0
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(gallery), min(len(gallery), _SELF_TEST_ROWS), replace=False))
    columns = np.sort(rng.choice(len(gallery), min(len(gallery), _SELF_TEST_ROWS), replace=False))
    exact = pair_scores(gallery.vectors, np.repeat(rows, len(columns)), np.tile(columns, len(rows)))
    short = exact - searcher.approximate(rows, columns).ravel()
    worst = float(max(short.max(), 0.0) if searcher.upper_bound else np.abs(short).max())
    if not worst <= searcher.epsilon:
        raise EngineError(
            f"The engine {name} is wrong by {worst:.3g} on this machine, more than its bound {searcher.epsilon:.3g}: "
            "use another --engine and report this."
        )
    return worst


def _in_words(passed_over: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in passed_over.items())


@functools.cache
def _probe(name: str) -> EngineInfo:
    # Once per process: what a machine has does not change, and to ask a GPU takes its time.
    probe = cast("Callable[[], EngineInfo]", importlib.import_module(_MODULES[name]).probe)
    return probe()
