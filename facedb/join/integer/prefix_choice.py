"""Whether a prefix with remainder pays on a gallery, and with how many directions: tried on a sample of its rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np

from facedb.core.machine.blas import one_blas_thread
from facedb.join.blocks import Block
from facedb.join.gallery import Gallery
from facedb.join.integer.prefix import REMAINDER_CODES, Prefix, make_prefix, principal_axes
from facedb.join.searcher import Searcher

Trial = Callable[[Gallery, Prefix | None], Searcher]

_AXES_ROWS = 8192
_TRIAL_ROWS = 1024
_TRIAL_COLUMNS = 2304
_REPEATS = 2
_AT_ONCE = 2
_STEP = 32
_MOST = 0.8
# Choosing costs about 0.2 s; a search must last longer than this before that is worth it.
_WORTH_TRYING_S = 1.2
_GAIN = 0.93
_SLOWER = 1.15
# A first search finds its caches cold, and the machine is others' too: what takes less than so many times as long is timed again.
_HOPELESS = 4.0
# Shares of all pairs that become candidates besides those of full codes: below the first they cost less than the codes that are left out,
# whatever a busy machine times; above the second the next step, which has several times as many, cannot pay (break-even: 1e-3).
_FEW_CANDIDATES = 3e-5
_MANY_CANDIDATES = 3e-4


def choose_prefix(
    gallery: Gallery,
    open_trial: Trial,
    comparisons: int,
    threads: int,
    *,
    openings: float = 1.0,
    searched: int | None = None,
) -> Prefix | None:
    """The prefix with which the search of ``comparisons`` pairs is expected to be fastest, None for that without one.

    So many of the last rows are ``searched`` (None: all); they may have many times the candidates of others, as new photos of known people
    do. ``openings`` galleries as large as this one are opened for them, and each time all vectors are coded.
    ``open_trial`` opens a searcher of one thread over a sample. Axes are computed from one sample of rows; some that are searched are tried
    on another, beginning with the most directions: fewer cost less to multiply until too many pairs have to be scored. What is
    timed is the search itself on the sample, candidates and scores included, so the measure holds for any machine and kernel;
    where the candidates are so few that fewer directions must be faster, or so many that they cannot, their number decides.
    """
    if len(gallery) < _AXES_ROWS + _TRIAL_COLUMNS + _TRIAL_ROWS or gallery.dim < 2 * _STEP:
        return None
    rng = np.random.default_rng(0)
    last = len(gallery) if searched is None else searched
    chosen = len(gallery) - last + rng.choice(last, min(last, _TRIAL_ROWS), replace=False)
    others = rng.choice(len(gallery), _AXES_ROWS + _TRIAL_COLUMNS + _TRIAL_ROWS, replace=False)
    others = others[~np.isin(others, chosen)][: _AXES_ROWS + _TRIAL_COLUMNS]
    sampled = np.r_[np.sort(others[:_TRIAL_COLUMNS]), np.sort(chosen)]
    sample = Gallery(gallery.vectors[sampled], gallery.identity_ids[sampled], gallery.image_ids[sampled])
    tried_on = len(chosen) * _TRIAL_COLUMNS
    share = comparisons / tried_on / threads
    at_once = min(threads, _AT_ONCE)
    with one_blas_thread(), ThreadPoolExecutor(at_once) as pool:
        # Another thread has nothing to do meanwhile.
        coming = pool.submit(lambda: principal_axes(gallery.vectors[others[_TRIAL_COLUMNS:]]))
        full = _timed(sample, open_trial, None, np.inf)
        plain, unavoidable = full.seconds, full.candidates
        if plain * share < _WORTH_TRYING_S:
            coming.cancel()
            return None
        axes = coming.result()
        best: Timed | None = None
        least = plain

        def tried(width: int) -> Timed:
            return _timed(sample, open_trial, make_prefix(axes, width - REMAINDER_CODES), _HOPELESS * least)

        def pays(trial: Timed) -> bool:
            spared = (plain - trial.seconds) * share
            opening = trial.opening * openings * len(gallery) / len(sample) / threads
            return trial.seconds < _GAIN * plain and spared > 1.5 * opening

        widths = _widths(gallery.dim)
        turns = (widths[start : start + at_once] for start in range(0, len(widths), at_once))
        for trial in chain.from_iterable(pool.map(tried, turn) for turn in turns):
            more = (trial.candidates - unavoidable) / tried_on
            if pays(trial) and (trial.seconds < least or more < _FEW_CANDIDATES):
                best, least = trial, trial.seconds
            elif trial.seconds > _SLOWER * least and more >= _FEW_CANDIDATES:
                break
            if more > _MANY_CANDIDATES or trial.seconds == np.inf:
                break
        if best is None:
            return None
        # A moment in which the machine was slow may have been that of the full codes.
        plain = min(plain, _timed(sample, open_trial, None, np.inf).seconds)
        return best.prefix if pays(best) else None


def _widths(dim: int) -> list[int]:
    """Codes of a vector to try, most first: multiples of 32 below most of ``dim``, eight of them at most."""
    step = max(1, round(dim / 10 / _STEP)) * _STEP
    return list(range(int(_MOST * dim) // step * step, REMAINDER_CODES, -step))


@dataclass(frozen=True, slots=True)
class Timed:
    """A search with a ``prefix``, or without one: its thread ``seconds`` at best, those of ``opening`` it, and its ``candidates``."""

    prefix: Prefix | None
    seconds: float
    opening: float
    candidates: int


def _timed(sample: Gallery, open_trial: Trial, prefix: Prefix | None, limit: float) -> Timed:
    """Time the search of ``sample``, its rows from _TRIAL_COLUMNS on with all before; it ends, at infinite seconds, beyond ``limit``."""
    started = time.thread_time()
    searcher = open_trial(sample, prefix)
    opening = time.thread_time() - started
    block = Block(0, _TRIAL_COLUMNS, len(sample), 0, _TRIAL_COLUMNS)
    least, candidates = np.inf, 0
    try:
        for _ in range(_REPEATS):
            started, candidates = time.thread_time(), 0
            for hits in searcher.search(block):
                candidates += hits.candidates
                if time.thread_time() - started > limit:
                    return Timed(prefix, np.inf, opening, candidates)
            least = min(least, time.thread_time() - started)
    finally:
        searcher.close()
    return Timed(prefix, float(least), opening, candidates)
