"""Every kernel, with and without a prefix, gives the pairs of the definition; and the choice among them is made where it pays."""

import functools
import itertools
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.bench.synthetic import synthetic_gallery
from facedb.core.errors import EngineError
from facedb.join.blocks import plan_blocks
from facedb.join.engine import open_searcher, self_test
from facedb.join.gallery import Gallery, Larger
from facedb.join.integer import int8, kernels, prefix_choice
from facedb.join.integer.int8 import Int8Searcher
from facedb.join.integer.kernels import KERNELS, why_not
from facedb.join.integer.onnx_kernel import LARGEST_IN_INT16, OnnxRuntime
from facedb.join.integer.prefix import make_prefix, principal_axes
from facedb.join.integer.prefix_choice import Timed
from facedb.join.loop import Block, Join, join
from facedb.join.score import pair_scores
from facedb.join.sieve import Hits, Sieve
from facedb.join.tiles import within
from facedb.scan.tiles.ledger import Ledger, cut
from tests.unit.join.galleries import clustered, every_pair, joined, make_gallery, searched, triples
from tests.vectors import unit

HERE = [kernel for kernel in KERNELS if why_not(kernel, 64) is None]
SHARES = [None, 0.2, 0.6, 1.0]
SMALL_CODES = OnnxRuntime(LARGEST_IN_INT16)
WAYS = [*itertools.product(HERE, SHARES), (SMALL_CODES, None), (SMALL_CODES, 0.6)]
each_way = pytest.mark.parametrize(
    ("kernel", "share"), WAYS, ids=[f"{kernel.name}-{share or 'full'}" for kernel, share in WAYS]
)
SLOW = settings(max_examples=15)


@functools.cache
def prefix_of(dim, share):
    """A prefix of ``share`` of the directions; its axes are those of other vectors, which is as bad as axes can be."""
    others = unit(np.random.default_rng(dim).standard_normal((dim, dim)))
    return make_prefix(principal_axes(others), max(1, round(share * dim)))


def found_by(kernel, share, gallery, threshold, *, target=64, threads=2):
    """What `Int8Searcher` finds with a prefix of ``share`` of the directions, block by block."""
    prefix = None if share is None else prefix_of(gallery.dim, share)
    searcher = Int8Searcher(gallery, Sieve(gallery, threshold), threads, kernel=kernel, prefix=prefix)
    if len(gallery):
        self_test("int8", searcher, gallery)
    with closing(searcher):
        return searched(searcher, gallery, target)


@each_way
@SLOW
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 160),
    dim=st.sampled_from([64, 100, 128, 512, 1280]),
    identities=st.integers(1, 40),
    threshold=st.floats(-0.2, 0.9),
    target=st.integers(1, 200),
    threads=st.integers(1, 3),
)
def test_every_way_finds_exactly_the_pairs_of_the_definition(
    kernel, share, seed, rows, dim, identities, threshold, target, threads
):
    gallery = clustered(np.random.default_rng(seed), rows, dim, identities)
    found = found_by(kernel, share, gallery, threshold, target=target, threads=threads)
    assert found == every_pair(gallery, threshold)


@each_way
@settings(SLOW, max_examples=6)
@given(
    seed=st.integers(0, 2**31),
    dim=st.sampled_from([64, 100, 128, 512, 1280]),
    target=st.integers(5, 60),
    columns=st.integers(1, 90),
    coarser=st.sampled_from([None, 1.0, 1.7]),
    data=st.data(),
)
def test_every_way_finds_the_same_pairs_in_every_cut_into_tiles(
    kernel, share, seed, dim, target, columns, coarser, data
):
    rng = np.random.default_rng(seed)
    drawn = clustered(rng, 90, dim, 25)
    # Copies across identities, and a threshold on which one of the pairs lies exactly.
    vectors = drawn.vectors.copy()
    vectors[rng.choice(90, 6, replace=False)] = vectors[rng.choice(90, 6, replace=False)]
    scores = pair_scores(vectors, *np.triu_indices(90, k=1))
    threshold = float(np.sort(scores)[data.draw(st.integers(len(scores) // 2, len(scores) - 1))])
    # As a worker has it that holds a part of a larger gallery, whose scale is coarser.
    scale = None if coarser is None else float(np.float32(127 / np.abs(vectors).max() / coarser))
    gallery = Gallery(vectors, drawn.identity_ids, drawn.image_ids, Larger(0, scale))
    prefix = None if share is None else prefix_of(dim, share)
    searcher = Int8Searcher(gallery, Sieve(gallery, threshold), 2, kernel=kernel, prefix=prefix)
    self_test("int8", searcher, gallery)
    borders = [0, *(block.stop for block in plan_blocks(gallery.identity_ids, target_rows=target))]
    whole = Ledger(1, borders)
    found = [
        within(block, part) for block in map(whole.block, cut(borders, 0, columns)) for part in searcher.search(block)
    ]
    hits = Hits.join(found)
    assert triples(hits.rows_a, hits.rows_b, hits.scores) == every_pair(gallery, threshold)


@each_way
@pytest.mark.parametrize("dim", [64, 100, 512, 1280])
def test_adversarial_vectors_of_any_width_lose_no_pair(kernel, share, dim):
    rng = np.random.default_rng(dim)
    # Values just beside the middle between two codes of the coarsest scale there is, against rows that hold one value only.
    spikes = np.eye(dim)[rng.choice(dim, 4, replace=False)]
    small = (rng.integers(-3, 3, (60, dim)) + 0.5) / 127 + rng.choice([-1e-6, 1e-6], (60, dim))
    signs = rng.choice([-1.0, 1.0], (20, dim))
    gallery = make_gallery(unit(np.concatenate([spikes, spikes, small, -small[:10], signs, signs[:5]])), np.arange(103))
    scores = pair_scores(gallery.vectors, *np.triu_indices(103, k=1))
    for threshold in (float(np.sort(scores)[-40]), 0.05, 0.999):
        assert found_by(kernel, share, gallery, threshold, target=30) == every_pair(gallery, threshold)


@each_way
@pytest.mark.parametrize("dim", [64, 100, 128, 512, 1280])
def test_a_pair_exactly_on_the_threshold_is_found_and_one_below_is_not(kernel, share, dim):
    gallery = clustered(np.random.default_rng(dim), 90, dim, 30)
    scores = pair_scores(gallery.vectors, *np.triu_indices(90, k=1))
    for score in np.quantile(scores, [0.5, 0.99], method="nearest"):
        for threshold in (float(score), float(np.nextafter(score, np.inf))):
            assert found_by(kernel, share, gallery, threshold) == every_pair(gallery, threshold)


@each_way
@pytest.mark.parametrize("dim", [64, 128, 512])
def test_duplicates_and_rows_of_codes_of_127_are_found(kernel, share, dim):
    rng = np.random.default_rng(dim)
    signs = rng.choice([-1.0, 1.0], (40, dim)) / np.sqrt(dim)
    gallery = make_gallery(unit(np.concatenate([signs, signs, -signs[:10]])), np.arange(90))
    for threshold in (0.999, 0.2, -1.0):
        assert found_by(kernel, share, gallery, threshold, target=30) == every_pair(gallery, threshold)


@each_way
def test_galleries_wider_than_a_panel_give_the_same_rows(kernel, share):
    rng = np.random.default_rng(6)
    centres = rng.standard_normal((150, 64))[rng.integers(0, 150, 1_300)]
    gallery = make_gallery(unit(centres + 0.6 * rng.standard_normal((1_300, 64))), np.arange(1_300) // 3)
    expected = every_pair(gallery, 0.8)
    assert len(expected) > 300
    assert sum(b >= 1024 > 512 > a for a, b, _ in expected) > 10
    for target in (400, 1_300):
        assert found_by(kernel, share, gallery, 0.8, target=target, threads=3) == expected


@each_way
def test_vectors_that_quantise_as_badly_as_possible_lose_no_pair(kernel, share):
    rng = np.random.default_rng(8)
    spike = np.eye(128)[:6]  # A value of 1 makes the one int8 scale as coarse as it gets.
    halves = (rng.integers(-9, 9, (120, 128)) + 0.5) / 127 + rng.choice([-1e-6, 1e-6], (120, 128))
    gallery = make_gallery(unit(np.concatenate([spike, unit(halves)])), np.arange(126))
    for threshold in (0.05, 0.2):
        assert found_by(kernel, share, gallery, threshold) == every_pair(gallery, threshold)


def test_a_search_too_short_to_repay_it_is_not_measured(monkeypatch):
    monkeypatch.setattr(kernels, "fastest", lambda _: pytest.fail("measured"))
    gallery = clustered(np.random.default_rng(0), 300, 64, 40)
    assert open_searcher("int8", gallery, Sieve(gallery, 0.4), 1).method == ""


@pytest.fixture
def low_rank():
    """12,000 faces of 256 values whose variance lies in about 60 directions."""
    return synthetic_gallery(12_000, 256, seed=3, effective_dim=60).gallery


def test_a_long_search_takes_a_prefix_where_it_pays_and_finds_the_same_rows(low_rank, monkeypatch):
    blocks = plan_blocks(low_rank.identity_ids, target_rows=5_000)
    plain = list(join(low_rank, blocks, threshold=0.5, engine="int8", threads=2))
    told: list[str] = []
    monkeypatch.setattr(prefix_choice, "_WORTH_TRYING_S", 0.0)
    monkeypatch.setattr(int8, "_WORTH_MEASURING", 0.0)
    monkeypatch.setattr(int8, "_WORTH_MEASURING_WITH_AMX", 0.0)
    real = prefix_choice.choose_prefix
    monkeypatch.setattr(
        int8, "choose_prefix", lambda part, trial, _, threads, **asked: real(part, trial, 10**12, threads, **asked)
    )
    # A busy machine may time anything: here a prefix pays, and the widest most.
    monkeypatch.setattr(
        prefix_choice,
        "_timed",
        lambda _sample, _trial, prefix, _limit: Timed(
            prefix, 1.0 if prefix is None else 0.8 - prefix.width / 1000, 0.0, 0
        ),
    )
    again = list(join(low_rank, blocks, threshold=0.5, engine="int8", threads=2, say=told.append))
    assert "of 256 directions" in told[0]
    assert "ONNX Runtime" in told[0]
    assert "NumKong" in told[0]
    for one, two in zip(plain, again, strict=True):
        assert one.rows_a.tobytes() == two.rows_a.tobytes()
        assert one.rows_b.tobytes() == two.rows_b.tobytes()
        assert one.scores.tobytes() == two.scores.tobytes()
    assert sum(len(result.scores) for result in plain) > 1_000


@each_way
def test_pairs_scored_together_are_those_scored_one_tile_at_a_time(kernel, share, monkeypatch):
    gallery = clustered(np.random.default_rng(4), 900, 64, 60)
    expected = every_pair(gallery, 0.3)
    for together in (1, 50, 10**9):
        monkeypatch.setattr(int8, "_SCORED_TOGETHER", together)
        assert found_by(kernel, share, gallery, 0.3, target=300) == expected


def test_a_trial_ends_as_soon_as_it_is_too_slow():
    gallery = clustered(np.random.default_rng(4), 2_500, 64, 60)
    searched = []

    class Slow(Int8Searcher):
        def search(self, block):
            searched.append(block)
            return super().search(block)

    def trial(part, prefix):
        return Slow(part, Sieve(part, 0.3), 1, prefix=prefix)

    assert prefix_choice._timed(gallery, trial, None, 0.0).seconds == np.inf
    assert len(searched) == 1
    assert prefix_choice._timed(gallery, trial, None, np.inf).seconds < np.inf
    assert len(searched) == 3


def test_a_prefix_is_refused_where_every_direction_counts():
    rng = np.random.default_rng(0)
    gallery = make_gallery(unit(rng.standard_normal((11_600, 64))), np.arange(11_600))

    def trial(part, prefix):
        return Int8Searcher(part, Sieve(part, 0.4), 1, prefix=prefix)

    assert prefix_choice.choose_prefix(gallery, trial, 10**12, 1) is None


def test_where_candidates_are_few_fewer_codes_are_taken_whatever_a_busy_machine_times(low_rank, monkeypatch):
    rng, tried = np.random.default_rng(0), []

    def timed(_sample, _trial, prefix, _limit):
        if prefix is None:
            return Timed(None, 1.0, 0.0, 7)
        tried.append(prefix.width)
        few = prefix.width >= 128
        return Timed(prefix, rng.uniform(0.3, 0.9) if few else 1.2, 0.0, 7 if few else 10**6)

    monkeypatch.setattr(prefix_choice, "_timed", timed)
    for _ in range(5):
        tried.clear()
        chosen = prefix_choice.choose_prefix(low_rank, lambda *_: pytest.fail("opened"), 10**12, 1)
        assert chosen is not None
        assert chosen.width == 128
        assert tried == [192, 160, 128, 96]


def test_a_prefix_is_refused_where_so_many_openings_cost_more_than_it_saves(low_rank, monkeypatch):
    monkeypatch.setattr(
        prefix_choice,
        "_timed",
        lambda _sample, _trial, prefix, _limit: Timed(prefix, *((1.0, 0.0) if prefix is None else (0.5, 1.0)), 0),
    )

    def chosen(openings):
        return prefix_choice.choose_prefix(low_rank, lambda *_: pytest.fail("opened"), 10**12, 1, openings=openings)

    assert chosen(1) is not None
    assert chosen(10**6) is None


def test_a_prefix_is_refused_where_only_a_slow_moment_of_the_full_codes_spoke_for_it(low_rank, monkeypatch):
    plain = list[float]()

    def timed(_sample, _trial, prefix, _limit):
        return Timed(prefix, plain.pop() if prefix is None else 0.9, 0.0, 0)

    monkeypatch.setattr(prefix_choice, "_timed", timed)
    plain[:] = [0.93, 1.0]
    assert prefix_choice.choose_prefix(low_rank, lambda *_: pytest.fail("opened"), 10**12, 1) is None
    plain[:] = [1.0, 1.0]
    assert prefix_choice.choose_prefix(low_rank, lambda *_: pytest.fail("opened"), 10**12, 1) is not None


def test_what_was_chosen_for_a_part_of_a_gallery_is_kept_until_a_much_larger_one_and_all_give_the_same_rows(
    low_rank, monkeypatch
):
    asked = []

    def choose(part, _trial, comparisons, _threads, *, openings, searched):
        asked.append((len(part), comparisons, openings, searched))
        return make_prefix(principal_axes(part.vectors[:1_000]), 96)

    monkeypatch.setattr(int8, "choose_prefix", choose)
    expected = joined(
        list(
            join(
                low_rank, plan_blocks(low_rank.identity_ids, target_rows=5_000), threshold=0.5, engine="int8", threads=2
            )
        )
    )
    larger = Larger(10**11)
    for rows, choices in ((2_000, 1), (8_000, 1), (12_000, 2), (500, 2)):
        part = Gallery(low_rank.vectors[:rows], low_rank.identity_ids[:rows], low_rank.image_ids[:rows], larger)
        with Join(part, threshold=0.5, engine="int8", threads=2, comparisons=10**6) as opened:
            assert "; 96 of 256 directions" in opened.method
            found = opened.search(Block(0, 0, rows))
        assert triples(found.rows_a, found.rows_b, found.scores) == [each for each in expected if each[1] < rows]
        assert len(asked) == choices
    # A million pairs are those of the last 587 of 2,000 rows with all before, and of the last 85 of 12,000.
    assert asked == [(2_000, 10**11, 10**5, 587), (12_000, 10**11, 10**5, 85)]


def test_with_amx_only_a_long_search_loads_another_kernel(low_rank, monkeypatch):
    monkeypatch.setattr(int8, "best_instructions", lambda: "AMX")
    monkeypatch.setattr(kernels, "fastest", lambda _: pytest.fail("measured"))
    assert open_searcher("int8", low_rank, Sieve(low_rank, 0.5), 1, 10**9).method == ""


def test_the_trial_sees_that_rows_that_are_searched_have_more_candidates_than_others(low_rank, monkeypatch):
    again = low_rank.identity_ids[:600] + low_rank.identity_ids.max() + 1
    gallery = make_gallery(
        np.concatenate([low_rank.vectors, low_rank.vectors[:600]]), np.r_[low_rank.identity_ids, again]
    )
    real, candidates = prefix_choice._timed, []

    def trial(part, prefix):
        return Int8Searcher(part, Sieve(part, 0.9), 1, prefix=prefix)

    def timed(*asked):
        candidates.append(real(*asked).candidates)
        return Timed(None, 0.0, 0.0, 0)

    monkeypatch.setattr(prefix_choice, "_timed", timed)
    for rows in (None, 600):
        assert prefix_choice.choose_prefix(gallery, trial, 10**12, 1, searched=rows) is None
    of_all, of_new = candidates
    assert of_new > 3 * of_all > 0


def test_what_was_chosen_is_rehearsed(low_rank, monkeypatch):
    monkeypatch.setattr(prefix_choice, "_WORTH_TRYING_S", 0.0)
    honest = Int8Searcher.search

    def blind_with_a_prefix(self, block):
        return iter(()) if self.upper_bound and len(self._gallery) == 520 else honest(self, block)

    monkeypatch.setattr(Int8Searcher, "search", blind_with_a_prefix)
    with pytest.raises(EngineError, match="planted"):
        open_searcher("int8", low_rank, Sieve(low_rank, 0.5), 1, 10**12)
