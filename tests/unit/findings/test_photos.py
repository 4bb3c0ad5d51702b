"""Photos that show several people, or whose face is turned, blurred or tiny, are told after everything else."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.finding import Kind
from facedb.findings.cores.doubts import Doubts, Why
from facedb.findings.cores.folders import folders
from facedb.findings.finding_table import FindingTable, Members, ranked, table
from facedb.findings.photos import Fault, PhotoFacts, find_photos
from facedb.scan.findings.finding_sentences import sentences

NAN = float("nan")
FACTS = PhotoFacts(
    np.array([1, 3, 1, 1, 1, 1]),
    np.array([5.0, -3.0, 92.0, -178.0, NAN, 0.0]),
    np.array([6.0, 6.0, 6.0, 6.0, 0.4, NAN]),
    np.array([90.0, 90.0, 90.0, 90.0, 90.0, 18.0]),
)


def found() -> FindingTable:
    return find_photos(folders(np.array([1, 1, 1, 2, 2, 2]), np.arange(6)), FACTS, np.arange(6))


def test_each_fault_is_told_and_a_good_photo_is_not() -> None:
    assert found().members.row.tolist() == [1, 2, 3, 4, 5]
    assert [FACTS.faults(row) for row in range(6)] == [
        Fault(0),
        Fault.SEVERAL,
        Fault.TURNED,
        Fault.TURNED,
        Fault.BLURRED,
        Fault.TINY,
    ]
    assert sentences(found(), FACTS) == [
        "It shows 3 faces.",
        "Its face is on its side (92 degrees clockwise), so the orientation of the file may be wrong.",
        "Its face is upside down, so the orientation of the file may be wrong.",
        "Its face is blurred (sharpness 0.4 %, 2 to 15 is usual).",
        "Its face is tiny (18 pixels).",
    ]


def test_photos_come_last_and_are_never_certain() -> None:
    weak = table(
        Kind.LOOK_ALIKE, np.array([0.01]), Members.of([0], [0], [2]), identity_a=1, identity_b=2, faces_a=1, size_a=1
    )
    together = ranked([found(), weak])
    assert together.kind.tolist() == [Kind.LOOK_ALIKE] + [Kind.PHOTO] * 5
    assert together.confidence[1:].max() <= 0.9
    assert (np.diff(together.confidence[1:]) <= 0).all()


def test_a_photo_with_several_faces_is_told_once() -> None:
    facts = PhotoFacts(np.full(4, 2), np.zeros(4), np.full(4, 6.0), np.full(4, 60.0))
    told = find_photos(folders(np.array([1, 1, 1, 1]), np.array([7, 7, 8, 8])), facts, np.array([7, 7, 8, 8]))
    assert len(told) == 2


def several(doubt: float, why: Why, *, beside: bool) -> PhotoFacts:
    """A sharp photo of three, the face of which was taken with a doubt."""
    doubts = Doubts(np.array([doubt]), np.array([why], np.int8), np.array([beside]), 0.9)
    return PhotoFacts(np.array([3]), np.zeros(1), np.full(1, 6.0), np.full(1, 60.0), doubts)


@pytest.mark.parametrize(
    ("doubt", "why", "said"),
    [
        (0.7, Why.NONE_FITS, "It shows 3 faces, and the one taken does not fit its folder."),
        (0.3, Why.CLOSE, "It shows 3 faces, and another fits its folder nearly as well as the one taken."),
        (
            0.1,
            Why.PLACE,
            "It shows 3 faces; only its position suggests which is meant, and that is right for 90 % of such photos here.",
        ),
    ],
)
def test_the_confidence_of_a_photo_of_several_is_the_doubt_in_the_face_taken(doubt: float, why: Why, said: str) -> None:
    facts = several(doubt, why, beside=False)
    told = find_photos(folders(np.array([1]), np.array([0])), facts, np.zeros(1, int))
    assert told.confidence.tolist() == pytest.approx([doubt])
    assert sentences(told, facts) == [said]


def test_a_photo_of_several_whose_face_is_sure_is_told_last_and_not_at_all_where_the_others_are_small() -> None:
    parts, image = folders(np.array([1]), np.array([0])), np.zeros(1, int)
    assert find_photos(parts, several(0.001, Why.FITS, beside=True), image).confidence.tolist() == [0.001]
    assert len(find_photos(parts, several(0.001, Why.FITS, beside=False), image)) == 0
    assert len(find_photos(parts, several(0.0, Why.ALONE, beside=False), image)) == 0


def test_a_soft_face_is_called_a_little_blurred() -> None:
    facts = PhotoFacts(np.ones(1, int), np.zeros(1), np.full(1, 1.0), np.full(1, 60.0))
    told = find_photos(folders(np.array([1]), np.array([0])), facts, np.zeros(1, int))
    assert sentences(told, facts) == ["Its face is a little blurred (sharpness 1.0 %, 2 to 15 is usual)."]
