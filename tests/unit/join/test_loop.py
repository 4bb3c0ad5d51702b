import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.core.errors import InputError, UsageError
from facedb.join import sieve
from facedb.join.blocks import Block, plan_blocks
from facedb.join.engine import open_searcher
from facedb.join.gallery import Gallery
from facedb.join.loop import join
from facedb.join.score import pair_scores
from facedb.join.sieve import Sieve
from tests.unit.join.galleries import ENGINES, clustered, every_pair, joined, make_gallery, run, triples
from tests.vectors import unit

SLOW = settings(max_examples=20)
each_engine = pytest.mark.parametrize("engine", ENGINES)


@each_engine
@SLOW
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 160),
    dim=st.sampled_from([64, 128, 256, 512, 1280]),
    identities=st.integers(1, 40),
    threshold=st.floats(-0.2, 0.9),
    target=st.integers(1, 200),
    threads=st.integers(1, 4),
    data=st.data(),
)
def test_every_engine_finds_exactly_the_pairs_of_the_definition(
    engine, seed, rows, dim, identities, threshold, target, threads, data
):
    gallery = clustered(np.random.default_rng(seed), rows, dim, identities)
    first_new = data.draw(st.integers(0, rows))
    found = run(gallery, threshold, engine, target_rows=target, first_new=first_new, threads=threads)
    assert found == every_pair(gallery, threshold, first_new)


@each_engine
@SLOW
@given(seed=st.integers(0, 2**31), target=st.integers(5, 90), data=st.data())
def test_a_resumed_join_and_the_blocks_done_before_make_the_whole(engine, seed, target, data):
    gallery = clustered(np.random.default_rng(seed), 90, 64, 20)
    blocks = plan_blocks(gallery.identity_ids, target_rows=target)
    done = data.draw(st.sets(st.sampled_from([block.index for block in blocks])))
    before = [
        result
        for result in join(gallery, blocks, threshold=0.3, engine=engine, threads=1)
        if result.block.index in done
    ]
    after = list(join(gallery, blocks, threshold=0.3, engine=engine, threads=1, done=done))
    assert {result.block.index for result in after} == {block.index for block in blocks} - done
    assert joined(before + after) == every_pair(gallery, 0.3)


@each_engine
@SLOW
@given(seed=st.integers(0, 2**31), cuts=st.lists(st.integers(0, 90), max_size=3))
def test_a_history_of_incremental_scans_equals_one_full_scan(engine, seed, cuts):
    rng = np.random.default_rng(seed)
    gallery = clustered(rng, 90, 64, 20)
    borders = [0, *sorted(cuts), 90]
    found = []
    for old, new in itertools.pairwise(borders):
        part = make_gallery(gallery.vectors[:new], gallery.identity_ids[:new], gallery.image_ids[:new])
        found += run(part, 0.3, engine, target_rows=40, first_new=old, threads=1)
    assert sorted(found) == every_pair(gallery, 0.3)


@each_engine
@pytest.mark.parametrize("dim", [64, 128, 256, 512, 1280])
def test_a_pair_exactly_at_the_threshold_is_flagged(engine, dim):
    gallery = clustered(np.random.default_rng(dim), 150, dim, 40)
    rows_a, rows_b = np.triu_indices(150, k=1)
    scores = pair_scores(gallery.vectors, rows_a, rows_b)
    for score in np.quantile(scores, [0.5, 0.99, 0.999], method="nearest"):
        at = run(gallery, float(score), engine)
        above = run(gallery, float(np.nextafter(score, np.inf)), engine)
        assert at == every_pair(gallery, float(score))
        assert above == every_pair(gallery, float(np.nextafter(score, np.inf)))
        on_the_line = (scores == score) & (gallery.identity_ids[rows_a] != gallery.identity_ids[rows_b])
        assert len(at) == len(above) + int(on_the_line.sum())


@each_engine
def test_duplicates_score_one_and_are_flagged(engine):
    rng = np.random.default_rng(3)
    vectors = unit(rng.standard_normal((40, 512)))
    gallery = make_gallery(np.concatenate([vectors, vectors]), np.arange(80))
    found = run(gallery, 0.999, engine, target_rows=30)
    assert found == every_pair(gallery, 0.999)
    assert [(a, b) for a, b, _ in found] == [(row, row + 40) for row in range(40)]
    assert all(abs(score - 1.0) < 1e-6 for _, _, score in found)


@each_engine
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_galleries_work(engine, rows):
    gallery = make_gallery(np.tile(unit(np.ones((1, 64))), (rows, 1)), np.arange(rows))
    assert run(gallery, 0.5, engine) == every_pair(gallery, 0.5)


@each_engine
def test_a_single_identity_has_no_flagged_pair(engine):
    gallery = make_gallery(unit(np.random.default_rng(0).standard_normal((300, 64)) + 2), np.zeros(300))
    assert run(gallery, -1.0, engine) == []


@each_engine
def test_two_faces_of_one_image_are_never_flagged(engine):
    vectors = np.tile(unit(np.ones((1, 64))), (4, 1))
    gallery = make_gallery(vectors, [0, 1, 2, 3], groups=[7, 7, 8, 9])
    assert [(a, b) for a, b, _ in run(gallery, 0.5, engine, target_rows=2)] == [(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


@each_engine
def test_an_identity_of_5000_faces_hides_nothing(engine):
    rng = np.random.default_rng(5)
    centre = rng.standard_normal(64)
    vectors = unit(centre + 0.2 * rng.standard_normal((5_400, 64)))
    vectors[5_300:] = unit(rng.standard_normal((100, 64)))
    labels = np.concatenate([np.zeros(5_000), np.ones(2), np.arange(2, 400)])
    gallery = make_gallery(vectors, labels)
    found = run(gallery, 0.97, engine, target_rows=2_048)
    rows_a, rows_b = np.triu_indices(5_400, k=1)
    other = np.flatnonzero(labels[rows_a] != labels[rows_b])
    rows_a, rows_b = rows_a[other], rows_b[other]
    scores = pair_scores(vectors, rows_a, rows_b)
    reached = scores >= 0.97
    assert reached.sum() > 1_000
    assert [(a, b) for a, b, _ in found] == sorted(zip(rows_a[reached].tolist(), rows_b[reached].tolist(), strict=True))


@each_engine
def test_vectors_that_quantise_as_badly_as_possible_lose_no_pair(engine):
    rng = np.random.default_rng(8)
    dim = 128
    spike = np.eye(dim)[:6]  # A value of 1 makes the one int8 scale as coarse as it gets.
    step = 1.0 / 127.0
    halves = step * (rng.integers(-9, 9, (120, dim)) + 0.5) + rng.choice([-1e-6, 1e-6], (120, dim))
    vectors = np.concatenate([spike, unit(halves)])
    gallery = make_gallery(unit(vectors), np.arange(len(vectors)))
    for threshold in (0.05, 0.1, 0.2):
        assert run(gallery, threshold, engine, target_rows=50) == every_pair(gallery, threshold)


@each_engine
@pytest.mark.parametrize("dim", [16, 64, 256])
def test_a_pair_whose_int8_score_is_off_by_nearly_the_whole_epsilon_is_found(engine, dim):
    # Every value of both faces lies just below the middle between two codes, so all the errors add up, downwards.
    value = dim**-0.5
    step = value / (np.ceil(127 * value) + 0.5 - 1e-4)
    faces = value * np.random.default_rng(dim).choice([-1.0, 1.0], (20, dim))
    spike = np.full((1, dim), np.sqrt((1 - (127 * step) ** 2) / (dim - 1)))
    spike[0, 0] = 127 * step
    gallery = make_gallery(unit(np.concatenate([faces, faces, spike])), np.arange(41))
    threshold = float(pair_scores(gallery.vectors, np.arange(20), np.arange(20) + 20).min())
    searcher = open_searcher("int8", gallery, Sieve(gallery, threshold), 1)
    assert threshold - searcher.approximate(np.arange(20), np.arange(20) + 20).diagonal().max() > 0.9 * searcher.epsilon
    found = run(gallery, threshold, engine, target_rows=15)
    assert found == every_pair(gallery, threshold)
    assert [(a, b) for a, b, _ in found] == [(row, row + 20) for row in range(20)]


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "exact"])
def test_a_gallery_wider_than_every_panel_gives_the_same_rows_on_all_threads(engine):
    rng = np.random.default_rng(6)
    centres = rng.standard_normal((300, 32))[rng.integers(0, 300, 8_800)]
    gallery = make_gallery(unit(centres + 0.6 * rng.standard_normal((8_800, 32))), np.arange(8_800) // 3)
    expected = run(gallery, 0.8, "exact", target_rows=4_000)
    assert len(expected) > 10_000
    assert sum(a > 8_192 for a, _, _ in expected) > 10
    for _ in range(3):
        assert run(gallery, 0.8, engine, target_rows=4_000, threads=4) == expected


def test_the_sieve_loses_nothing_of_more_proposals_than_it_takes_at_once():
    gallery = clustered(np.random.default_rng(2), 800, 16, 60)
    rows, columns = np.tril_indices(800, -1)
    assert len(rows) > sieve._CHUNK_PAIRS
    hits = Sieve(gallery, 0.3).keep(rows, columns)
    assert hits is not None
    assert triples(hits.rows_a, hits.rows_b, hits.scores) == every_pair(gallery, 0.3)


@each_engine
def test_labels_that_return_after_other_labels_are_still_the_same_identity(engine):
    rng = np.random.default_rng(4)
    gallery = make_gallery(unit(rng.standard_normal((200, 64)) + 1), rng.integers(0, 4, 200))
    assert run(gallery, 0.4, engine, target_rows=33) == every_pair(gallery, 0.4)


def test_results_are_sorted_and_count_what_they_met():
    gallery = clustered(np.random.default_rng(1), 200, 64, 30)
    blocks = plan_blocks(gallery.identity_ids, target_rows=50)
    seen: list[tuple[int, int]] = []
    for result in join(gallery, blocks, threshold=0.2, progress=lambda *counts: seen.append(counts)):
        assert (result.rows_a < result.rows_b).all()
        assert (np.lexsort((result.rows_b, result.rows_a)) == np.arange(len(result.rows_a))).all()
        assert ((result.rows_b >= result.block.start) & (result.rows_b < result.block.stop)).all()
        assert result.candidates >= len(result.scores)
    assert seen[-1] == (200 * 199 // 2, 200 * 199 // 2)
    assert len(seen) == len(blocks)


@pytest.mark.parametrize("factor", [0.0, 0.99, 1.01, np.nan, np.inf])
def test_vectors_that_are_not_of_unit_length_are_refused(factor):
    vectors = unit(np.random.default_rng(0).standard_normal((10, 64)))
    vectors[7] *= np.float32(factor)
    with pytest.raises(InputError, match="Row 7"):
        make_gallery(vectors, np.arange(10))


def test_arrays_that_do_not_fit_together_are_refused():
    vectors = unit(np.ones((3, 8)))
    with pytest.raises(InputError, match="identity_ids"):
        make_gallery(vectors, np.arange(2), np.arange(3))
    with pytest.raises(InputError, match="float32"):
        Gallery(vectors.astype(np.float64), np.arange(3), np.arange(3))
    with pytest.raises(InputError, match="image_ids"):
        Gallery(vectors, np.arange(3), np.arange(3).astype(np.float32))


def test_a_threshold_that_is_no_cosine_is_refused():
    gallery = make_gallery(unit(np.ones((3, 8))), np.arange(3))
    with pytest.raises(UsageError, match="cosine"):
        next(join(gallery, [Block(0, 0, 3)], threshold=40.0))


@each_engine
@SLOW
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 120), threshold=st.floats(-0.2, 0.9), target=st.integers(1, 150))
def test_with_any_identity_every_pair_of_two_images_is_flagged(engine, seed, rows, threshold, target):
    rng = np.random.default_rng(seed)
    labelled = clustered(rng, rows, 64, 4)
    gallery = make_gallery(labelled.vectors, labelled.identity_ids, groups=np.sort(rng.integers(0, rows + 1, rows)))
    unlabelled = make_gallery(gallery.vectors, np.arange(rows), gallery.image_ids)
    found = run(gallery, threshold, engine, target_rows=target, any_identity=True, threads=2)
    assert found == every_pair(unlabelled, threshold)


@each_engine
def test_faces_that_all_carry_one_label_are_compared_only_with_any_identity(engine):
    vectors = unit(np.random.default_rng(0).standard_normal((600, 64)) + 2)
    gallery = make_gallery(vectors, np.zeros(600))
    assert run(gallery, 0.5, engine, target_rows=250) == []
    found = run(gallery, 0.5, engine, target_rows=250, any_identity=True)
    assert len(found) == 600 * 599 // 2
