"""Links against a slow count in plain Python."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb.findings.cores.folders import folders
from facedb.findings.flagged import Flagged, Pairs
from facedb.findings.links import Links, between, roll_up
from facedb.scan import pair_store
from facedb.scan.pair_store import PairStore


def slow(vectors: np.ndarray, labels: list[int], pairs: list[tuple[int, int, float]]) -> list[tuple[float, ...]]:
    """One row per pair of labels, ranked, straight from the definitions."""
    between: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for row_a, row_b, score in pairs:
        if labels[row_a] > labels[row_b]:
            row_a, row_b = row_b, row_a
        between.setdefault((labels[row_a], labels[row_b]), []).append((row_a, row_b, score))
    rows = []
    for (a, b), found in between.items():
        scores = [score for _, _, score in found]
        faces_a, faces_b = len({row for row, _, _ in found}), len({row for _, row, _ in found})
        size_a, size_b = labels.count(a), labels.count(b)
        means = [
            [
                math.fsum(float(vectors[r][k]) for r in range(len(labels)) if labels[r] == name)
                for k in range(len(vectors[0]))
            ]
            for name in (a, b)
        ]
        lengths = [math.sqrt(math.fsum(x * x for x in mean)) for mean in means]
        dot = math.fsum(x * y for x, y in zip(*means, strict=True))
        centroid = dot / (lengths[0] * lengths[1]) if all(lengths) else 0.0
        rows.append(
            (
                a,
                b,
                len(found),
                faces_a,
                faces_b,
                size_a,
                size_b,
                max(scores),
                statistics.fmean(scores),
                statistics.median(scores),
                centroid,
                *min((-score, row_a, row_b) for row_a, row_b, score in found)[1:],
            )
        )
    return sorted(rows, key=lambda r: (-r[7], -max(r[3] / r[5], r[4] / r[6]), -r[8], r[0], r[1]))


def rolled(vectors: np.ndarray, labels: list[int], flagged: Flagged) -> Links:
    parts = folders(np.array(labels, np.int32), np.arange(len(labels)))
    return roll_up(vectors, parts, between(parts, flagged.together(parts.folder_of)))


def as_rows(links: Links) -> list[tuple[float, ...]]:
    columns = [getattr(links, name).tolist() for name in Links.__dataclass_fields__]
    return list(zip(*columns, strict=True))


@st.composite
def flagged(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[tuple[int, int, float]]]:
    rows = draw(st.integers(0, 14))
    labels = draw(st.lists(st.sampled_from([3, 7, 8, 1000, 2**31 - 1]), min_size=rows, max_size=rows))
    vectors = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((rows, 4)).astype(np.float32)
    possible = [(a, b) for a in range(rows) for b in range(a + 1, rows) if labels[a] != labels[b]]
    chosen = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    scores = draw(
        st.lists(st.sampled_from([-0.75, -0.5, 0.5, 0.625, 0.75, 1.0]), min_size=len(chosen), max_size=len(chosen))
    )
    swapped = draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen)))
    pairs = [
        (b, a, score) if swap else (a, b, score) for (a, b), score, swap in zip(chosen, scores, swapped, strict=True)
    ]
    return vectors, labels, pairs


@given(flagged(), st.integers(1, 20))
@settings(max_examples=200)
def test_links_equal_the_slow_count_whatever_the_order_of_the_pairs_and_the_parts(
    case: tuple[np.ndarray, list[int], list[tuple[int, int, float]]],
    part: int,
) -> None:
    vectors, labels, pairs = case
    with pytest.MonkeyPatch.context() as patch, PairStore() as flagged:
        patch.setattr(pair_store, "AT_ONCE", part)
        for a, b, score in pairs:
            flagged.add(Pairs(np.array([a]), np.array([b]), np.array([score], np.float32)))
        links = rolled(vectors, labels, flagged)
    expected = slow(vectors, labels, pairs)
    assert len(links) == len(expected)
    for got, wanted in zip(as_rows(links), expected, strict=True):
        assert got[:8] == wanted[:8]
        np.testing.assert_allclose(got[8:], wanted[8:], atol=1e-9)
        assert got[11:] == wanted[11:]


def test_mean_vectors_that_cancel_out_have_centroid_score_0() -> None:
    vectors = np.array([[1, 0], [-1, 0], [1, 0]], np.float32)
    links = rolled(vectors, [1, 1, 2], Pairs(np.array([0]), np.array([2]), np.array([1.0], np.float32)))
    assert as_rows(links) == [(1, 2, 1, 1, 1, 2, 1, 1.0, 1.0, 1.0, 0.0, 0, 2)]
