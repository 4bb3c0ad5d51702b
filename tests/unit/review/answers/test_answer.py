"""Answers to findings: which ranks words name, and what words of spreadsheets say of each class."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb.core.errors import InputError, UsageError
from facedb.review.answers.answer import numbers, word_for
from facedb.review.answers.answer_rows import NamedFinding
from facedb.review.answers.answer_sheet import answers_of, is_sheet, read_sheet
from facedb.sources.tables.csv_table import TextTable

FINDINGS = [
    NamedFinding(1, "stray", "ann", "bob", ("ann/9.jpg",), None),
    NamedFinding(2, "merge", "cid", "dan", ("cid/1.jpg", "dan/1.jpg"), "same"),
    NamedFinding(3, "look-alike", "eve", "fay", ("eve/1.jpg", "fay/1.jpg"), "different"),
]


@pytest.mark.parametrize(
    ("words", "ranks"), [(["12"], [12]), (["12-14,20"], [12, 13, 14, 20]), (["3", "1-3", " 2 , 5"], [3, 1, 2, 5])]
)
def test_numbers_and_ranges_name_each_finding_once(words: list[str], ranks: list[int]) -> None:
    assert numbers(words) == ranks


@pytest.mark.parametrize("word", ["x", "0", "5-3", "1-", "-1", "1.5", "1-999999", ",", "²"])
def test_what_names_no_finding_is_refused(word: str) -> None:
    with pytest.raises(UsageError):
        numbers([word])


@pytest.mark.parametrize(
    ("kind", "said", "word"),
    [
        ("merge", "Accept", "accept"),
        ("merge", "same", "accept"),
        ("merge", "different", "reject"),
        ("look-alike", "different", "accept"),
        ("look-alike", "same", "reject"),
        ("stray", "wrong-identity", "accept"),
        ("stray", "same", "reject"),
        ("mixed", "TRUE", "accept"),
        ("duplicate", "duplicate", "accept"),
        ("duplicate", "different", "reject"),
        ("duplicate", "nein", "reject"),
        ("stray", "?", "unsure"),
        ("stray", "wrong", None),
        ("merge", "duplicate", None),
        ("stray", "different", None),
    ],
)
def test_words_of_spreadsheets_say_yes_or_no_of_their_class(kind: str, said: str, word: str | None) -> None:
    assert word_for(kind, said) == word


def _answers(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    file = tmp_path / "filled.csv"
    file.write_text(text, encoding="utf-8")
    with TextTable(file) as table:
        assert is_sheet(table.header)
        lines = list(read_sheet(file, table))
    return [(one.rank, one.word) for one in answers_of(file, lines, FINDINGS)]


def test_a_filled_list_answers_what_was_filled_and_leaves_what_stands(tmp_path: Path) -> None:
    text = "rank,class,identity_a,identity_b,images,verdict\n"
    text += '7,stray,ann,bob,"[""ann/9.jpg""]",yes\n2,merge,cid,dan,"[""cid/1.jpg"", ""dan/1.jpg""]",same\n'
    assert _answers(tmp_path, text) == [(1, "accept")], (
        "by what it states, whatever its rank was; and 2 says what stands"
    )


def test_a_merge_that_was_denied_since_is_answered_as_it_was_listed(tmp_path: Path) -> None:
    text = 'rank,class,identity_a,identity_b,images,verdict\n3,merge,eve,fay,"[""eve/1.jpg"", ""fay/1.jpg""]",accept\n'
    assert _answers(tmp_path, text) == [(3, "reject")], "one person: the opposite of the look-alike that it is now"


def test_marks_in_columns_count_and_a_list_cut_down_to_ranks_is_enough(tmp_path: Path) -> None:
    assert _answers(tmp_path, "rank;class;accept;reject\n1;stray;x;\n2;merge;;x\n3;look-alike;;\n") == [
        (1, "accept"),
        (2, "reject"),
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [("1,stray,perhaps not", "line 2"), ("9,stray,yes", "no such finding"), ("1,merge,yes", "no such finding")],
)
def test_a_row_that_cannot_be_meant_names_its_line(tmp_path: Path, row: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        _answers(tmp_path, f"rank,class,verdict\n{row}\n")
