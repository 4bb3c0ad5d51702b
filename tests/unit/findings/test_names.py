"""Names as evidence: spellings of one name, relatives, and what they do to a merge."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.findings.confidence import CERTAIN
from facedb.findings.copies import Hashes
from facedb.findings.cores.shown_together import Company
from facedb.findings.find import find, study_folders
from facedb.findings.finding_table import FindingTable, Kind
from facedb.findings.names import Names, agree, look_like_names, names, one_surname, weighed, words
from facedb.join.blocks import plan_blocks
from facedb.join.gallery import Gallery
from facedb.join.loop import join
from tests.unit.findings.odds.crowds import known


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sato_Ken", "Ken_Sato"),
        ("Noer_Moeis", "Noer_Muis"),
        ("Chyung_Dai-chul", "Dai_Chul_Chyung"),
        ("John_Barnett", "John_Burnett"),
        ("J_Smith", "John_Smith"),
        ("Вера Зимина", "Vera Zimina"),  # noqa: RUF001
        ("George_Bush", "George_W_Bush"),
        ("José Muñoz", "Jose Munoz"),
        ("Madonna", "madonna"),
        ("Bob Hall Jr", "Bob Hall"),
    ],
)
def test_spellings_of_one_name_agree(one: str, other: str) -> None:
    assert agree(words(one), words(other))
    assert agree(words(other), words(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("John_Smith", "John_Jones"),
        ("Laura_Bush", "George_Bush"),
        ("James_W_Kennedy", "James_Watt"),
        ("Kim", "Kim_Lee"),
        ("s1", "s2"),
        ("Michael_J_Fox", "Michael_Jordan"),
    ],
)
def test_other_names_do_not(one: str, other: str) -> None:
    assert not agree(words(one), words(other))
    assert not agree(words(other), words(one))


def test_one_surname_with_two_first_names_is_a_hint_to_relatives() -> None:
    assert one_surname(words("Laura_Bush"), words("George_Bush"))
    assert one_surname(words("Ahmed_Ibrahim_Bilal"), words("Muhammad_Ibrahim_Bilal"))
    assert not one_surname(words("Ken_Sato"), words("Sato_Ken"))
    assert not one_surname(words("George_Bush"), words("George_W_Bush"))


def test_numbers_and_codes_are_no_names() -> None:
    assert not look_like_names([f"s{k}" for k in range(40)])
    assert not look_like_names([f"person_{k:04d}" for k in range(40)])
    assert look_like_names(["Ida_Imre", "Vera Zimina", "new folder", "Tessa Berglund"])
    assert names({1: "n000001", 2: "n000002"}) is None


def test_evidence_multiplies_the_odds_and_chance_names_weigh_little() -> None:
    assert weighed(0.5, 9.0) == pytest.approx(0.9)
    one, other = np.array([1]), np.array([2])
    rare = Names({1: ("ken", "sato"), 2: ("sato", "ken")}, 1e-5).weigh(np.array([0.01]), one, other)
    common = Names({1: ("ken", "sato"), 2: ("sato", "ken")}, 0.2).weigh(np.array([0.01]), one, other)
    assert rare[0] > 0.9
    assert common[0] < 0.05


def found_with(labels: dict[int, str], gallery: Gallery, threshold: float) -> FindingTable:
    results = list(
        join(gallery, plan_blocks(gallery.identity_ids, target_rows=4096), threshold=threshold, engine="int8")
    )
    columns = ("rows_a", "rows_b", "scores")
    rows_a, rows_b, scores = (np.concatenate([getattr(r, name) for r in results]) for name in columns)
    return find(
        gallery, study_folders(gallery), rows_a, rows_b, scores, Hashes.none(len(gallery)), Company(names=names(labels))
    ).table


SYLLABLES = ("ba", "co", "du", "fe", "gi", "ko", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "zi", "mo")


def name_of(k: int) -> str:
    """A name of its own for each number: two words whose consonants tell them apart."""
    first, last = k % 256, k // 256 + 7 * (k % 37)
    return "_".join(
        "".join(SYLLABLES[(part // 16**i) % 16] for i in range(3)) for part in (first + 256 * (k % 11), last)
    )


def test_two_spellings_make_a_merge_surer_and_reach_below_the_threshold() -> None:
    crowd = known(2, persons=500, merges=20, strays=0)
    people = np.unique(crowd.gallery.identity_ids).tolist()
    owner = {label: crowd.person_of(label, []) for label in people}
    labels = {label: name_of(owner[label]) for label in people}
    plain = found_with({label: f"n{label}" for label in people}, crowd.gallery, 0.6)
    named = found_with(labels, crowd.gallery, 0.6)

    def merges(table: FindingTable) -> dict[tuple[int, int], float]:
        kept = np.flatnonzero(np.isin(table.kind, (Kind.MERGE, Kind.STRAY)))
        return {(int(table.identity_a[k]), int(table.identity_b[k])): float(table.confidence[k]) for k in kept}

    told = {tuple(sorted(pair)): sure for pair, sure in merges(named).items()}
    before = {tuple(sorted(pair)): sure for pair, sure in merges(plain).items()}
    true = {pair for pair in told if owner[pair[0]] == owner[pair[1]]}
    assert true == set(told)
    assert len(true) > len(before)
    assert all(told[pair] >= before[pair] - 1e-9 for pair in before if pair in told)


def test_relatives_are_never_certain_by_their_score() -> None:
    crowd = known(2, persons=500, merges=20, strays=0)
    people = np.unique(crowd.gallery.identity_ids).tolist()
    labels = {label: f"{name_of(k).split('_')[0]}_{'bergen'}" for k, label in enumerate(people)}
    found = found_with(labels, crowd.gallery, 0.4)
    merges = found.kind == Kind.MERGE
    assert merges.any()
    told = [
        float(c)
        for a, b, c in zip(found.identity_a[merges], found.identity_b[merges], found.confidence[merges], strict=True)
        if one_surname(words(labels[int(a)]), words(labels[int(b)]))
    ]
    assert told
    assert max(told) < CERTAIN
