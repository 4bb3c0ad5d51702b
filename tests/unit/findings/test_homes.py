"""Of a photo that lies in two folders, which of them it fits."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.finding import CERTAIN, Kind
from facedb.findings.duplicates import Hashes
from facedb.findings.finding_table import FindingTable
from facedb.scan.findings.finding_sentences import sentences
from tests.unit.findings.people import Crowd, folders, scan


def told(first: int, second: int, alone: bool = False) -> tuple[float, str, FindingTable]:
    """Margin and sentence of the finding about a photo of person 0 that lies in folder 0 and folder 1: those of persons ``first`` and
    ``second``; ``alone``: folder 1 holds nothing else."""
    crowd = Crowd(40)
    photo = crowd.faces(0, 1)
    parts = [(label, crowd.faces(label, 5)) for label in range(2, 40)]
    parts += [(0, crowd.faces(first, 5)), (0, photo), (1, photo)]
    gallery = folders(parts if alone else [*parts, (1, crowd.faces(second, 5))])
    same = (gallery.vectors @ photo[0]) > 1 - 1e-6
    content = np.where(same, 0, np.arange(1, len(gallery) + 1))
    hashes = Hashes(content, np.zeros(len(gallery), np.int64), np.zeros(len(gallery), bool))
    found = scan(gallery, hashes)
    (at,) = np.flatnonzero(found.kind == Kind.DUPLICATE)
    return float(found.margin[at]), sentences(found)[at], found


def test_the_copy_in_the_folder_that_it_does_not_fit_is_the_wrong_one() -> None:
    margin, said, _ = told(0, 1)
    assert margin >= CERTAIN
    assert "It fits the first, so the copy in the second is the wrong one" in said
    margin, said, _ = told(1, 0)
    assert margin <= -CERTAIN
    assert "It fits the second, so the copy in the first is the wrong one" in said


def test_a_folder_that_holds_nothing_else_cannot_tell() -> None:
    margin, said, _ = told(0, 1, alone=True)
    assert np.isnan(margin)
    assert "The second holds nothing else to show whose it is" in said


def test_a_photo_that_fits_both_folders_or_neither_is_moved_by_nobody() -> None:
    margin, said, found = told(0, 0)
    assert abs(margin) < CERTAIN
    assert "It fits both" in said
    assert (Kind.MERGE, 0, 1) in zip(found.kind, found.identity_a, found.identity_b, strict=True)
    margin, said, _ = told(30, 31)
    assert abs(margin) < CERTAIN
    assert "is not clear" in said


@pytest.mark.parametrize("kind", [Kind.STRAY, Kind.MERGE])
def test_the_copies_are_told_once(kind: Kind) -> None:
    _, _, found = told(0, 1)
    assert not (found.kind[found.confidence >= CERTAIN] == kind).any()
