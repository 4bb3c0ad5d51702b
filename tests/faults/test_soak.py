"""Ingest, incremental scan and review in a loop for FACEDB_SOAK_SECONDS (300): memory, handles and connections stay flat,
and the disk holds what was said and the scans that it rests on."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest

import facedb
from facedb.db.connection import Database
from tests.acceptance.world import Command, block_model, people, portrait, save

PEOPLE, SHOTS = 20, 6
_SCAN_BYTES = 400_000
"""What a scan of so many photos may take on the disk, as each round says something of its scan, which is kept for that."""


@dataclass(frozen=True)
class Level:
    """What is held after a round: bytes, open files and sockets, sessions of the database, bytes on the disk."""

    memory: int
    handles: int
    served_memory: int
    served_handles: int
    connections: int
    database: int
    files: int


def memory(pid: int | str) -> int:
    """Resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def handles(pid: int | str) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def level(db: Database, served: int, home: Path) -> Level:
    with psycopg.connect(db.dsn, autocommit=True) as conn:
        conn.execute("vacuum")
        connections = conn.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
        size = conn.execute("select pg_database_size(current_database())").fetchone()
    files = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    assert connections is not None
    assert size is not None
    return Level(memory("self"), handles("self"), memory(served), handles(served), connections[0], size[0], files)


def change(folder: Path, number: int) -> None:
    """A round of a crawl: three new photos of known people, one that lies in the wrong folder, and as many old ones gone."""
    for k in range(3):
        person = (7 * number + k) % PEOPLE
        target = folder / f"person{(person + 1) % PEOPLE if k == 0 else person:03}"
        save(portrait(person, 1000 + number), target / f"{1000 + number}-{k}.png")
        oldest = min(target.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))
        oldest.unlink()


def reviewed(client: httpx2.Client, csrf: str, scan: int) -> None:
    """Look at the pages and decide one finding."""
    for page in ("/review", "/overview", f"/scan/{scan}", f"/api/scans/{scan}/progress"):
        client.get(page).raise_for_status()
    items = client.get(f"/api/scans/{scan}/queue?limit=50").json()["items"]
    for item in items[:5]:
        case = client.get(f"/api/cases/{scan}/{item['rank']}").json()
        for face in case["a"]["faces"][:3]:
            client.get(f"/thumbs/{face['id']}").raise_for_status()
    waiting = [item for item in items if item.get("answer") is None]
    if waiting:
        answer = {"answer": "unsure", "seen": None}
        client.post(f"/api/cases/{scan}/{waiting[-1]['rank']}/decision", json=answer, headers={"x-csrf-token": csrf})


@pytest.mark.long
@pytest.mark.timeout(0)
def test_hours_of_ingest_scan_and_review_leave_nothing_that_grows(database: Database, tmp_path: Path) -> None:
    seconds = float(os.environ.get("FACEDB_SOAK_SECONDS", "300"))
    folder, model = people(tmp_path / "photos", PEOPLE, SHOTS), block_model(tmp_path / "blocks.onnx")
    command = Command(tmp_path, dsn=database.dsn)
    home = tmp_path / "facedb"
    levels: list[Level] = []
    with (
        command.start("review", "--no-open", "--port", 0, seconds=seconds + 600) as page,
        facedb.connect(dsn=database.dsn, home=home) as db,
    ):
        try:
            address = httpx2.URL(page.line())
            with httpx2.Client(base_url=str(address.join("/")), follow_redirects=True) as client:
                client.get(address).raise_for_status()
                csrf = client.get("/api/session").json()["csrf"]
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    change(folder, len(levels))
                    done = db.check(folder, model=model, threshold=0.5)
                    db.ingest(folder, prune=True)
                    assert db.findings()
                    reviewed(client, csrf, done.scan.scan.id)
                    levels.append(level(database, page.pid, home))
        finally:
            page.terminate()
            page.communicate(timeout=30)
    assert len(levels) >= 12, "too short to tell"
    # Libraries load, pools fill and tables find their size in the first part.
    early, late = levels[len(levels) // 3 : 2 * len(levels) // 3], levels[2 * len(levels) // 3 :]
    kept = {"memory": 8e6, "served_memory": 8e6, "database": 4e6 + _SCAN_BYTES * len(late), "files": 1e6}
    for name, slack in kept.items():
        before, after = (max(getattr(each, name) for each in part) for part in (early, late))
        assert after <= 1.1 * before + slack, (name, before, after, levels)
    for name in ("handles", "served_handles", "connections"):
        before, after = (max(getattr(each, name) for each in part) for part in (early, late))
        assert after <= before + 2, (name, before, after, levels)
    print(f"{len(levels)} rounds in {seconds:.0f} s\nfirst {levels[0]}\nmiddle {early[-1]}\nlast {levels[-1]}")  # noqa: T201
