"""Photos of several people: one face takes part, the part of each is a row, and an incremental scan ends with the rows of a full one."""

from __future__ import annotations

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from facedb.core.errors import DatabaseError, NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.report import reading
from facedb.review import taken_faces
from facedb.review.forget import Subject, forget
from facedb.scan import search_rows
from facedb.scan.findings.ranked import FindingSelection, findings
from facedb.scan.run import ScanOptions, ScanSummary, scan
from tests.db.population import Population
from tests.vectors import unit

DIM = 128
PEOPLE = 12


class Album:
    """People whose photos show one face or two, under a contract that embeds all of them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rng = np.random.default_rng(8)
        self.centres = unit(self.rng.standard_normal((PEOPLE + 4, DIM)))
        self.population = Population(database, DIM)
        with database.connection() as conn:
            contract = {"name": "test", "faces": "fit", "detector": {"kind": "yunet"}}
            conn.execute("update facedb.model set contract = %s", (Jsonb(contract),))

    def faces(self, who: int, count: int = 1) -> np.ndarray:
        noise = unit(self.rng.standard_normal((count, DIM)))
        return unit(np.sqrt(0.7) * self.centres[who] + np.sqrt(0.3) * noise)

    def alone(self, who: int, count: int) -> np.ndarray:
        return self.population.add(self.faces(who, count), [f"p{who:02d}"] * count)

    def together(self, label: int, *people: int) -> list[int]:
        """One photo of several people in the folder of ``label``; the keys of their faces."""
        vectors = np.concatenate([self.faces(who) for who in people])
        keys = self.population.add(vectors, [f"p{label:02d}"] * len(people), per_image=len(people))
        with self.database.connection() as conn:
            for k, key in enumerate(keys.tolist()):
                conn.execute(
                    "update facedb.face set box = %s where id = %s",
                    ([10.0 + 60 * k, 20.0, 50.0 - 2 * k, 50.0 - 2 * k], key),
                )
            conn.execute(
                "update facedb.image set width = 200, height = 100 where id = (select image_id from facedb.face where id = %s)",
                (int(keys[0]),),
            )
        return [int(key) for key in keys]

    def scan(self, *, full: bool = False) -> ScanSummary:
        return scan(self.database, ScanOptions(threshold=0.45, engine="exact", full=full), reporter=Silent())

    def told(self) -> list[tuple[object, ...]]:
        """What the scan says of persons; that a photo shows several faces is a finding of its own class."""
        with findings(self.database, FindingSelection(min_confidence=0.25)) as rows:
            return [(*row[1:6], row[-3]) for row in rows if row[1] != "photo"]

    def parts(self, scan_id: int) -> dict[int, tuple[str, int | None]]:
        with self.database.connection() as conn:
            query = "select face_id, role, also_identity from facedb.scan_face where scan_id = %s"
            return {face: (role, also) for face, role, also in conn.execute(query, (scan_id,))}


@pytest.fixture
def album(database: Database) -> Album:
    made = Album(database)
    for who in range(PEOPLE):
        made.alone(who, 5)
    return made


def test_a_bystander_makes_no_finding_and_is_told_as_whom_the_photo_also_shows(album: Album) -> None:
    other, own = album.together(2, 7, 2)
    done = album.scan()
    assert album.told() == []
    parts = album.parts(done.scan.id)
    assert parts[own] == ("part", None)
    assert parts[other][0] == "bystander"
    with reading.faces(album.database, scan=None, dataset=None, role="bystander", limit=None) as rows:
        listed = list(rows)
    assert [(row[0], row[2], row[3], row[5]) for row in listed] == [("p02", "bystander", 2, "p07")]
    with album.database.connection() as conn:
        shown = conn.execute("select role, also_shows from bi.faces where face_id = %s", (other,)).fetchone()
    assert shown == ("bystander", "p07")
    assert done.scan.faces == 5 * PEOPLE + 1


def test_a_search_that_finds_a_bystander_does_not_call_him_by_the_name_of_the_folder(album: Album) -> None:
    album.together(2, 7, 2)
    album.scan()
    with album.database.connection() as conn:
        found = search_rows.nearest(conn, album.population.model, album.centres[7], 6, approximate=False)
    assert sorted((face.identity, face.role, face.also_shows) for face in found if face.role) == [
        (None, "bystander", "p07")
    ]
    assert {face.identity for face in found if not face.role} == {"p07"}


def test_a_photo_on_which_no_face_fits_is_a_stray_that_says_which_face_is_meant(album: Album) -> None:
    meant, _ = album.together(2, 7, PEOPLE + 1)
    done = album.scan()
    assert album.parts(done.scan.id)[meant][0] == "none fits"
    (stray,) = album.told()
    assert stray[0] == "stray"
    assert stray[2:4] == ("p02", "p07")
    assert "shows 2 faces; the one at x 10, y 20 (50 x 50 pixels) is meant" in str(stray[-1])


def test_a_choice_that_changes_makes_the_face_new_and_ends_as_a_full_scan_does(album: Album) -> None:
    first, second = album.together(50, PEOPLE + 1, PEOPLE + 2)
    before = album.scan()
    assert album.parts(before.scan.id)[first][0] == "part"
    album.population.add(album.faces(PEOPLE + 2, 3), ["p50"] * 3)
    after = album.scan()
    assert after.scan.base_scan_id == before.scan.id
    parts = album.parts(after.scan.id)
    assert (parts[first][0], parts[second][0]) == ("bystander", "part")
    told = album.told()
    again = album.scan(full=True)
    assert again.scan.base_scan_id is None
    assert album.told() == told
    assert album.parts(again.scan.id) == parts
    assert (again.scan.faces, again.scan.pairs) == (after.scan.faces, after.scan.pairs)


def take(album: Album, face: int, by: str = "ann") -> int:
    with album.database.connection() as conn:
        return taken_faces.take(conn, face, said_by=by)


def test_a_face_that_a_person_took_takes_part_from_the_next_scan_on_until_that_is_taken_back(album: Album) -> None:
    other, own = album.together(2, 7, 2)
    before = album.scan()
    assert album.parts(before.scan.id)[own][0] == "part"
    take(album, other)
    after = album.scan()
    assert after.scan.id != before.scan.id
    parts = album.parts(after.scan.id)
    assert (parts[other][0], parts[own][0]) == ("none fits", "bystander")
    told = album.told()
    assert [row[0] for row in told] == ["stray"], "a face of another person that was taken is a stray"
    again = album.scan(full=True)
    assert (album.told(), album.parts(again.scan.id)) == (told, parts)
    assert album.scan().reused
    with album.database.connection() as conn:
        row = conn.execute("select path from bi.taken_faces").fetchone()
    assert row is not None
    taken_faces.say(album.database, row[0], None, by="ann")
    assert album.parts(album.scan().scan.id)[own][0] == "part"
    with pytest.raises(UsageError, match="Nobody took a face"):
        taken_faces.say(album.database, row[0], None)


def test_a_taken_face_is_met_where_another_detector_finds_it_and_wherever_its_file_lies(album: Album) -> None:
    other, own = album.together(2, 7, 2)
    take(album, other)
    with album.database.connection() as conn:
        # Faces found anew have other keys and nearly the same places; the file lies elsewhere and is another image.
        conn.execute("update facedb.face set box = '{13, 22, 46, 52}' where id = %s", (other,))
        conn.execute(
            "insert into facedb.image (source_id, identity_id, path, status, sha256, bytes, width, height)"
            " select source_id, identity_id, path || '.moved', status, sha256, bytes, width, height from facedb.image"
            " where id = (select image_id from facedb.face where id = %(own)s)",
            {"own": own},
        )
        conn.execute(
            "update facedb.face set image_id = (select max(id) from facedb.image) where id = any(%s)", ([own, other],)
        )
        conn.execute("update facedb.image set status = 'vanished' where id = (select max(id) - 1 from facedb.image)")
    assert album.parts(album.scan().scan.id)[other][0] == "none fits"


def test_the_face_at_a_point_is_taken_and_a_photo_of_one_face_has_none_to_take(album: Album) -> None:
    album.together(2, 7, 2)
    with album.database.connection() as conn:
        row = conn.execute(
            "select i.path, (select path from facedb.image order by id limit 1) from facedb.image i order by i.id desc limit 1"
        ).fetchone()
    assert row is not None
    photo, alone = row
    taken_faces.say(album.database, photo, (75, 30), by="ann")
    with album.database.connection() as conn:
        assert conn.execute("select box_x, box_y, said_by from bi.taken_faces").fetchall() == [(70.0, 20.0, "ann")]
        audit = conn.execute("select done_by, counts from facedb.audit where act = 'verdict'").fetchall()
    assert audit == [("ann", {"on": "say_photo", "verdict": "other-face"})]
    with pytest.raises(NotFoundError, match="facedb faces"):
        taken_faces.say(album.database, photo, (1, 1))
    with pytest.raises((UsageError, NotFoundError)):
        taken_faces.say(album.database, alone, (30, 30))


def test_what_was_said_of_a_photo_is_never_changed(album: Album) -> None:
    other, _ = album.together(2, 7, 2)
    take(album, other)
    for statement in ("update facedb.taken_face set box = null", "delete from facedb.taken_face"):
        with pytest.raises(DatabaseError, match="never changed"), album.database.connection() as conn:
            conn.execute(statement)


def test_who_is_forgotten_goes_out_of_the_photos_of_others_and_those_keep_their_own_faces(album: Album) -> None:
    beside, own = album.together(2, 7, 2)
    kept_beside, kept = album.together(7, 3, 7)
    album.population.add(album.faces(7), ["p04"])
    album.scan()
    said: list[str] = []
    done = forget(album.database, Subject("identity", "p07"), yes=True, say=said.append)
    assert (done.images, done.faces, done.embeddings, done.shown_elsewhere) == (6, 8, 8, 1)
    assert "also in 1 photo" in said[0]
    with album.database.connection() as conn:
        for table, column in (("face", "id"), ("embedding", "face_id"), ("scan_face", "face_id")):
            left = {row[0] for row in conn.execute(f"select {column} from facedb.{table}")}  # noqa: S608
            assert not left & {beside, kept_beside, kept}
            assert own in left
        assert conn.execute("select count(*) from facedb.image where status = 'ready'").fetchone() == (5 * PEOPLE - 3,)
    again = album.scan()
    assert again.scan.faces == 5 * PEOPLE - 3
    with pytest.raises(NotFoundError):
        forget(album.database, Subject("identity", "p07"), yes=True, say=said.append)
