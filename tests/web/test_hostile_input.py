"""What may be sent to the page: paths, giants, pictures that are none, and text that wants to be more than text."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facedb.db.connection import Database
from tests.web.conftest import PORT, Checked, Enter, Reviewer

EVIL = "'; drop table facedb.verdict; --"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/thumbs/../../etc/passwd",
        "/thumbs/%2fetc%2fpasswd",
        "/photos/1/../../../etc/passwd",
        "/photos/..%5c..%5cetc",
        "/photos/1?side=/etc/passwd",
        "/thumbs/1%00.jpg",
    ],
)
def test_no_path_leads_to_a_file(ann: Reviewer, path: str) -> None:
    answer = ann.client.get(path)
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text
    assert "import" not in answer.text


def test_a_row_that_points_out_of_its_root_shows_only_what_was_ingested(ann: Reviewer, demo_database: Database) -> None:
    """Whoever can write the database can name any file; its bytes still have to be those that were seen, and a picture."""
    with demo_database.connection() as conn:
        conn.execute("update facedb.image set path = '../../../../../../../../etc/passwd' where id = 1")
        conn.execute("update facedb.image set path = '/etc/passwd', sha256 = null where id = 2")
        digest = hashlib.sha256(Path("/etc/passwd").read_bytes()).digest()
        conn.execute("update facedb.image set path = '//etc/passwd', sha256 = %s where id = 3", (digest,))
    for key in (1, 2, 3):
        for path in (f"/photos/{key}", f"/thumbs/{key}"):
            answer = ann.client.get(path)
            # The thumbnail of the first may be in the cache: it is of the bytes that were ingested.
            assert key == 1 or answer.headers["content-type"].startswith("image/svg+xml")
            assert b"root:" not in answer.content


def test_every_field_takes_sql_as_text(ann: Reviewer, demo_database: Database) -> None:
    assert ann.get("/api/identities", words=EVIL, dataset=EVIL) == []
    page: Any = ann.get("/api/scans/1/queue", words=EVIL, dataset=EVIL)
    assert page["items"] == []
    assert ann.get("/api/rejects", code=EVIL) == []
    for path in (
        f"/api/scans/{EVIL}/queue",
        f"/api/cases/1/{EVIL}",
        f"/thumbs/{EVIL}",
        f"/api/scans/1/queue?kind={EVIL}&state={EVIL}",
    ):
        assert ann.client.get(path).status_code in (404, 422)
    stray: Any = ann.get("/api/scans/1/queue", kind="stray")
    rank = stray["items"][0]["rank"]
    ann.send(
        "POST",
        f"/api/cases/1/{rank}/decision",
        {"answer": "wrong-identity", "seen": 0, "target_name": EVIL, "note": EVIL},
    )
    ann.send("POST", "/api/plans", {"dataset": EVIL}, status=404)
    ann.send("POST", f"/api/photos/1/face?x={EVIL}", {"face_id": EVIL, "seen": 0}, status=422)
    invited: Any = ann.send("POST", "/api/invitations", {"reviewer": EVIL})
    assert ann.client.get(invited["url"].split(str(PORT))[1]).status_code == 200
    assert ann.client.get("/api/session").json()["reviewer"] == EVIL
    with demo_database.connection() as conn:
        assert conn.execute("select target, note from bi.verdicts").fetchall() == [(EVIL, EVIL)]


def test_scripts_in_names_are_shown_as_text(enter: Enter, demo_database: Database) -> None:
    with demo_database.connection() as conn:
        conn.execute("update facedb.identity set name = %s where id = 1", (SCRIPT,))
        conn.execute("update facedb.image set path = %s where id = 1", (f"{SCRIPT}/1.jpg",))
        conn.execute("update facedb.dataset set name = %s", (f"</script>{SCRIPT}",))
    eve = enter(SCRIPT)
    for path in ("/review", "/overview", "/identity/1", "/photo/1", "/scan/1", "/plans"):
        answer = eve.client.get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
    assert eve.client.get("/api/identities/1").headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a" * 2000, 7, None, ["x"], {"x": 1}])
def test_text_that_no_database_can_hold_is_refused_in_a_sentence(ann: Reviewer, name: object) -> None:
    body = json.dumps({"answer": "wrong-identity", "seen": 0, "target_name": name, "surplus": 1})
    answer = ann.client.post(
        "/api/cases/1/1/decision", content=body, headers={"x-csrf-token": ann.csrf, "content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "usage"


def test_bodies_that_are_too_large_are_not_read(ann: Reviewer) -> None:
    headers = {"x-csrf-token": ann.csrf}
    assert ann.client.post("/api/plans", content=b" " * (300 * 1024), headers=headers).status_code == 413
    drip = (b" " * 65536 for _ in range(8))
    assert ann.client.post("/api/plans", content=drip, headers=headers).status_code in (400, 413)
    assert ann.client.post(
        "/api/likeness/photo", headers=headers | {"content-length": str(10**9)}, content=b"x"
    ).status_code in (400, 413)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"seen": ' + "9" * 10_000 + "}", '{"seen": NaN}', "\ufeff{}"])
def test_json_that_is_deep_or_no_json_is_refused(ann: Reviewer, body: str) -> None:
    headers = {"x-csrf-token": ann.csrf, "content-type": "application/json"}
    assert ann.client.post("/api/cases/1/1/decision", content=body.encode(), headers=headers).status_code in (400, 422)


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (60000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_giant_broken_and_foreign_pictures_are_refused(
    ann: Reviewer, own_folder: Path, demo_database: Database
) -> None:
    with demo_database.connection() as conn:
        paths = conn.execute("select id, path from facedb.image where status = 'ready' order by id limit 3").fetchall()
        for (key, path), data in zip(paths, (bomb(), b"\xff\xd8\xff\xe0 broken", b"MZ no picture"), strict=True):
            (own_folder / path).write_bytes(data)
            conn.execute("update facedb.image set sha256 = %s where id = %s", (hashlib.sha256(data).digest(), key))
    for key, _ in paths:
        answer = ann.client.get(f"/photos/{key}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert "cannot be decoded" in answer.text
    headers = {"x-csrf-token": ann.csrf}
    for data in (bomb(), b"", b"\xff\xd8\xff\xe0 broken", b"x" * 100_000):
        assert ann.client.post("/api/likeness/photo", content=data, headers=headers).status_code == 422


def test_pictures_are_new_jpegs_without_what_the_file_says_besides(
    ann: Reviewer, own_folder: Path, demo_database: Database
) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    Image.new("RGB", (3000, 40), "red").save(buffer, "JPEG", exif=exif, comment=b"secret comment")
    with demo_database.connection() as conn:
        row = conn.execute("select id, path from facedb.image where status = 'ready' order by id limit 1").fetchone()
        assert row is not None
        (own_folder / row[1]).write_bytes(buffer.getvalue())
        conn.execute(
            "update facedb.image set sha256 = %s where id = %s", (hashlib.sha256(buffer.getvalue()).digest(), row[0])
        )
    answer = ann.client.get(f"/photos/{row[0]}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert b"secret" not in answer.content
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert max(picture.size) == 2048


def test_the_cache_of_thumbnails_is_for_its_owner_and_can_be_deleted(
    ann: Reviewer, checked: Checked, own_folder: Path
) -> None:
    face = ann.client.get("/thumbs/5")
    folder = checked.cache / "thumbs"
    assert folder.stat().st_mode & 0o077 == 0
    shutil.rmtree(folder)
    assert ann.client.get("/thumbs/5").content == face.content
    assert own_folder.exists()


@pytest.mark.parametrize("path", ["/thumbs/5?v=0123456789ab", "/photos/5?side=192&v=0123456789ab"])
def test_no_browser_keeps_a_face_on_its_disk(ann: Reviewer, path: str) -> None:
    assert ann.client.get(path).headers["cache-control"] == "no-store"
