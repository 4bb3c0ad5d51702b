"""What is said of a finding agrees with its confidence, and counts are put as a person would."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from facedb.core.finding import Kind, Role
from facedb.findings.finding_table import Members, table
from facedb.scan.findings.finding_sentences import sentences


def said(kind: Kind, members: int = 2, **facts: Any) -> str:
    about = Members.of(np.zeros(members), np.arange(members), Role.EXAMPLE)
    defaults: dict[str, Any] = {"identity_a": 1, "faces_a": 1, "size_a": 1}
    return sentences(table(kind, np.array([0.3]), about, **(defaults | facts)))[0]


LINK: dict[str, Any] = {"identity_b": 2, "faces_b": 1, "size_b": 1}


def test_a_look_alike_that_scores_as_one_person_says_why_it_is_none() -> None:
    text = said(Kind.LOOK_ALIKE, **LINK, sameness=1.0)
    assert text == (
        "On average their faces are as alike as those of one person. "
        "Among so many people, chance makes some this close, so they are more likely two than one."
    )
    assert "one person" not in said(Kind.LOOK_ALIKE, **LINK, sameness=-0.2)
    assert "60 % as alike as those of one person" in said(Kind.LOOK_ALIKE, **LINK, sameness=0.6)
    assert "low for one person" in said(Kind.LOOK_ALIKE, **LINK, sameness=0.6)


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [
        ((1, 1), None),
        (
            (1, 7),
            "The only face of the first and 1 of 7 faces of the second reach the threshold with a face of the other.",
        ),
        (
            (3, 1),
            "1 of 3 faces of the first and the only face of the second reach the threshold with a face of the other.",
        ),
    ],
)
def test_faces_in_flagged_pairs_are_counted_only_among_several(sizes: tuple[int, int], counts: str | None) -> None:
    text = said(Kind.LOOK_ALIKE, **LINK | {"size_a": sizes[0], "size_b": sizes[1], "sameness": 0.9})
    assert ("reach the threshold" in text) == (counts is not None)
    assert counts is None or text.endswith(counts)


def test_a_merge_of_two_that_nothing_else_is_close_to_is_no_chain() -> None:
    assert said(Kind.MERGE, **LINK, sameness=0.93) == (
        "On average their faces are 93 % as alike as those of one person (strangers: 0 %)."
    )


@pytest.mark.parametrize("count", [1, 2])
def test_one_face_scores_and_several_score(count: int) -> None:
    own = float("nan") if count == 1 else 0.5
    text = said(Kind.MIXED, members=count, faces_a=count, size_a=9, own_score=own, mean_score=0.1, identity_b=-1)
    assert ("scores 0.10" in text, "it looks like nobody" in text) == (count == 1, count == 1)
    assert ("among themselves" in text, "they look like nobody" in text) == (count == 2, count == 2)


def test_newcomers_that_score_alike_have_one_score() -> None:
    text = said(Kind.NEWCOMER, identity_a=-1, mean_score=0.614, max_score=0.612)
    assert re.search(r"score 0\.61 with each other", text)
