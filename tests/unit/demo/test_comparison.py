"""Planted against found."""

from __future__ import annotations

import pytest

from facedb.demo.comparison import compare, same_person_pairs
from facedb.demo.planted import Kind, Planted, plan_dataset


@pytest.fixture(scope="module")
def planted() -> Planted:
    return plan_dataset(3, 30)


def truth(planted: Planted) -> list[tuple[str, str]]:
    return [(min(pair), max(pair)) for pair in same_person_pairs(planted)]


def test_a_perfect_scan_finds_all_but_the_copies_inside_one_identity(planted: Planted) -> None:
    result = compare(planted, truth(planted))
    missed = [row for row in result.mistakes if not row.found]
    assert [(row.mistake.kind, row.evidence) for row in missed] == [
        (Kind.COPY, "inside one identity"),
        (Kind.RESAVED, "inside one identity"),
    ]
    assert result.true_pairs == result.possible_pairs == len(truth(planted))
    assert (result.false_pairs, result.false_links) == (0, ())
    assert result.found == len(planted.mistakes) - 2


def test_groups_of_same_pictures_find_the_copies_inside_one_identity(planted: Planted) -> None:
    copies = [mistake.files for mistake in planted.mistakes if mistake.kind in (Kind.COPY, Kind.RESAVED)]
    result = compare(planted, truth(planted), [tuple(reversed(files)) for files in copies])
    assert result.found == len(planted.mistakes)


def test_an_empty_scan_finds_nothing(planted: Planted) -> None:
    result = compare(planted, [])
    assert result.found == 0
    assert result.true_pairs == 0
    assert result.possible_pairs > 0


def test_the_order_of_the_two_faces_of_a_pair_does_not_matter(planted: Planted) -> None:
    pairs = truth(planted)
    assert compare(planted, [(b, a) for a, b in pairs]) == compare(planted, pairs)


def test_a_pair_of_two_persons_is_a_false_alarm_and_finds_no_mistake(planted: Planted) -> None:
    stray = next(mistake for mistake in planted.mistakes if mistake.kind is Kind.STRAY)
    owner, wrong = stray.identities
    one = next(path for path in planted.person_of if path.startswith(f"{owner}/"))
    other = next(path for path in planted.person_of if path.startswith(f"{wrong}/") and path not in stray.files)
    result = compare(planted, [(one, other)])
    assert (result.true_pairs, result.false_pairs) == (0, 1)
    assert result.false_links == (tuple(sorted((owner, wrong))),)
    assert result.found == 0


def test_half_a_swap_is_not_a_swap_found(planted: Planted) -> None:
    swap = next(mistake for mistake in planted.mistakes if mistake.kind is Kind.SWAP)
    first, second = swap.files
    half = [pair for pair in truth(planted) if first in pair]
    row = next(row for row in compare(planted, half).mistakes if row.mistake == swap)
    assert not row.found
    assert row.evidence.endswith("1 of 2 files")
    both = [pair for pair in truth(planted) if first in pair or second in pair]
    assert next(row for row in compare(planted, both).mistakes if row.mistake == swap).found
