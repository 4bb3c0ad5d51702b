"""Photos that show several people, or whose face is turned, blurred or tiny, are told after everything else."""

from __future__ import annotations

import numpy as np

from facedb.core.finding import Kind
from facedb.findings.cores.folders import folders
from facedb.findings.finding_table import FindingTable, ranked, table
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
    assert found().member_row.tolist() == [1, 2, 3, 4, 5]
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
        "Its face is blurred (sharpness 0.4 %, usual are 2 to 15).",
        "Its face is tiny (18 pixels).",
    ]


def test_photos_come_last_and_are_never_certain() -> None:
    weak = table(Kind.LOOK_ALIKE, np.array([0.01]), ([0], [0], [2]), identity_a=1, identity_b=2, faces_a=1, size_a=1)
    together = ranked([found(), weak])
    assert together.kind.tolist() == [Kind.LOOK_ALIKE] + [Kind.PHOTO] * 5
    assert together.confidence[1:].max() <= 0.9
    assert (np.diff(together.confidence[1:]) <= 0).all()


def test_a_photo_with_several_faces_is_told_once() -> None:
    facts = PhotoFacts(np.full(4, 2), np.zeros(4), np.full(4, 6.0), np.full(4, 60.0))
    told = find_photos(folders(np.array([1, 1, 1, 1]), np.array([7, 7, 8, 8])), facts, np.array([7, 7, 8, 8]))
    assert len(told) == 2
