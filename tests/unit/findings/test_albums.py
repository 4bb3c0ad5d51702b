"""Small albums: what is certain of them holds, and where a dozen photos cannot tell, nothing is certain."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.finding import CERTAIN, Kind
from tests.unit.findings.albums import Album, Pool, draw, findings_of, judged
from tests.unit.findings.odds.crowds import known
from tests.unit.findings.people import scan


@pytest.fixture(scope="module")
def pool() -> Pool:
    crowd = known(7, persons=500, merges=0, strays=0)
    count = len(crowd.person)
    rng = np.random.default_rng(7)
    look = rng.integers(-(1 << 62), 1 << 62, count)
    return Pool(crowd.gallery.vectors, crowd.person, np.full(count, np.nan), look, np.arange(count).astype(str))


def with_a_guest(pool: Pool, seed: int, people: int) -> Album:
    """An album without mistakes but one: a photo of somebody who has no folder."""
    rng = np.random.default_rng(seed)
    album = draw(pool, rng, people, 0.3, clean=True)
    guest = int(rng.choice(np.flatnonzero(~np.isin(pool.person, album.owner))))
    labels, rows = np.r_[album.labels, rng.integers(people)], np.r_[album.rows, guest]
    order = np.argsort(labels, kind="stable")
    return Album(rows[order], labels[order], album.owner, {"guest": 1})


def test_what_is_certain_of_a_small_album_holds(pool: Pool) -> None:
    certain = []
    for seed in range(90):
        rng = np.random.default_rng(seed)
        album = draw(pool, rng, int(rng.integers(3, 25)), (0.65, 0.3, 0.12)[seed % 3], clean=False)
        found = judged(pool, album, findings_of(pool, album))
        certain += [holds for word, sure, holds, _ in found if sure >= CERTAIN and word != "duplicate"]
    assert np.mean(certain) >= 0.95
    assert len(certain) >= 30


def test_a_guest_of_an_album_is_hardly_ever_somebody_elses_for_certain(pool: Pool) -> None:
    wrong = 0
    for seed in range(90):
        album = with_a_guest(pool, seed, people=12)
        wrong += any(
            sure >= CERTAIN and not holds for _, sure, holds, _ in judged(pool, album, findings_of(pool, album))
        )
    assert wrong <= 1


def test_a_handful_of_photos_gives_findings_too_however_few_folders_there_are(pool: Pool) -> None:
    rng = np.random.default_rng(1)
    for count in range(2, 9):
        for folders in range(1, count + 1):
            chosen, labels = rng.integers(len(pool.person), size=count), np.sort(rng.integers(folders, size=count))
            album = Album(chosen, labels, np.arange(folders), {})
            confidence = findings_of(pool, album).confidence
            assert ((confidence >= 0) & (confidence <= 1)).all(), (count, folders)


def test_a_stray_with_a_home_of_its_own_is_told_from_one_chance_in_twenty_on() -> None:
    crowd = known(2, persons=400, merges=4, strays=30, effective=35.0)
    found = scan(crowd.gallery, threshold=0.4, engine="int8")
    named = found.confidence[(found.kind == Kind.STRAY) & (found.identity_b >= 0)]
    assert 0.05 <= named.min() < 0.25
