"""How fast the review page answers with 10,000 findings: ``python tests/bench/review.py DSN SCAN [DECIDED]`` on a checked dataset.

It copies the findings of the scan until there are 10,000, with people of their own, and decides the first ``DECIDED`` of them: give
it a copy of the database.
Prints the median and the slowest of each request, measured at the client over loopback.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from facedb.db.connection import Database
from facedb.web.app import create_app
from facedb.web.server import Server, config, listen
from facedb.web.settings import WebSettings

FINDINGS = 10_000

ANSWERS = {
    "merge": "same",
    "look-alike": "different",
    "stray": "wrong-identity",
    "duplicate": "duplicate",
    "mixed": "unsure",
    "photo": "same",
}
DECIDED = ANSWERS | {"mixed": "same"}
# Each copy has people, photos and faces of its own, so that what is said of one finding says nothing of its copies.
COPIES = """
create temporary table copy as
select k, (select max(id) from facedb.identity) as i, (select max(id) from facedb.source) as s, (select max(id) from facedb.image) as p,
       (select max(id) from facedb.face) as c, (select max(rank) from facedb.finding where scan_id = %(scan)s) as r
from generate_series(1, %(findings)s / (select max(rank) from facedb.finding where scan_id = %(scan)s)) as k;
insert into facedb.source overriding system value
select s.id + k * c.s, s.dataset_id, s.location || '#' || k, s.root, s.format, s.options, s.ingested_at from facedb.source s, copy c;
insert into facedb.identity overriding system value
select n.id + k * c.i, n.dataset_id, n.name || ' ' || k, n.created_at from facedb.identity n, copy c;
insert into facedb.image overriding system value
select m.id + k * c.p, m.source_id + k * c.s, m.identity_id + k * c.i, m.labelled_by, m.status, m.reject_code, m.reject_detail, m.path,
       m.bytes, m.mtime_ns, sha256(m.sha256 || k::text::bytea), m.phash, m.width, m.height, m.format, m.container, m.container_offset,
       m.container_length, m.box, m.landmarks, m.extra, m.first_seen_at
from facedb.image m, copy c;
insert into facedb.face overriding system value
select f.id + k * c.c, f.image_id + k * c.p, f.detection, f.ordinal, f.box, f.landmarks, f.detector_score, f.size_px, f.sharpness
from facedb.face f, copy c;
insert into facedb.embedding (face_id, model_id, vec, norm)
select e.face_id + k * c.c, e.model_id, e.vec, e.norm from facedb.embedding e, copy c;
insert into facedb.finding
select f.scan_id, f.rank + k * c.r, f.class, f.confidence, f.identity_a + k * c.i, f.identity_b + k * c.i, f.faces_a, f.faces_b, f.size_a,
       f.size_b, f.max_score, f.mean_score, f.own_score, f.own_best, f.own_usual, f.own_spread, f.sameness, f.margin, f.hash_distance,
       f.group_number, f.group_lowest, null, f.detail
from facedb.finding f, copy c where f.scan_id = %(scan)s;
insert into facedb.finding_face
select w.scan_id, w.rank + k * c.r, w.face_id + k * c.c, w.role from facedb.finding_face w, copy c where w.scan_id = %(scan)s;
select setval(pg_get_serial_sequence('facedb.identity', 'id'), (select max(id) from facedb.identity));
"""


def main(dsn: str, scan: int, decided: int = 0) -> None:
    """Grow, serve, measure, print."""
    db = Database(dsn, embedded=False)
    with db.connection() as conn:
        (first,) = conn.execute("select max(rank) from facedb.finding where scan_id = %s", (scan,)).fetchone() or (0,)
        if first < FINDINGS:
            # Several statements at once take no parameters of the protocol.
            psycopg.ClientCursor(conn).execute(COPIES, {"scan": scan, "findings": FINDINGS})
    with db.connection(autocommit=True) as conn:
        conn.execute("analyze")
    if decided:
        with served(db) as client:
            decide(client, scan, decided)
        with db.connection(autocommit=True) as conn:
            conn.execute("analyze facedb.verdict")
    with served(db) as client:
        measure(client, scan)


@contextmanager
def served(db: Database) -> Iterator[httpx2.Client]:
    """A server of its own, and a browser that is signed in; nothing was asked of it yet."""
    with tempfile.TemporaryDirectory() as cache, listen("127.0.0.1", 0) as listener:
        settings = WebSettings(db, Path(cache), listener.getsockname()[1])
        app = create_app(settings)
        server = Server(config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx2.Client(base_url=settings.url(), follow_redirects=True, timeout=60) as client:
                client.get(f"/?token={app.state.parts.sessions.invite('bench')}")
                client.headers["x-csrf-token"] = client.get("/api/session").json()["csrf"]
                yield client
        finally:
            app.state.parts.live.closed.set()
            server.should_exit = True
            thread.join()


def decide(client: httpx2.Client, scan: int, count: int) -> None:
    """Answer the first so many findings, as people would who agree with the tool."""
    left = count
    while left:
        items = client.get(f"/api/scans/{scan}/queue?limit={min(left, 500)}").json()["items"]
        for kind in sorted({item["kind"] for item in items}):
            cases = [{"scan_id": scan, "rank": item["rank"], "seen": None} for item in items if item["kind"] == kind]
            client.post("/api/decisions", json={"answer": DECIDED[kind], "cases": cases}).raise_for_status()
        left -= len(items)


def measure(client: httpx2.Client, scan: int) -> None:
    """Ask what a reviewer's browser asks."""
    queue = f"/api/scans/{scan}/queue?limit=100"
    timed("page /review, the server's first", 1, lambda _: client.get("/review"))
    timed("queue, the server's first", 1, lambda _: client.get(queue))
    timed("page /review", 10, lambda _: client.get("/review"))
    timed("queue, first 100", 20, lambda _: client.get(queue))
    items = client.get(f"/api/scans/{scan}/queue?limit=500").json()["items"]
    cases: list[Any] = timed("a case", 40, lambda k: client.get(f"/api/cases/{scan}/{items[k]['rank']}"))
    timed("progress", 10, lambda _: client.get(f"/api/scans/{scan}/progress"))
    timed(
        "a decision",
        40,
        lambda k: client.post(
            f"/api/cases/{scan}/{items[k]['rank']}/decision",
            json={"answer": ANSWERS[items[k]["kind"]], "seen": None},
        ),
    )
    timed("queue, first 100 after 40 decisions", 20, lambda _: client.get(queue))
    faces = [side["faces"] for side in (cases[0]["a"], cases[0]["b"]) if side]
    thumbs(client, [face["thumb"] for side in faces for face in side])


def thumbs(client: httpx2.Client, addresses: list[str]) -> None:
    """All thumbnails of a case from a cold cache, six at a time as a browser asks for them."""
    started = time.perf_counter()
    left = list(addresses)

    def work() -> None:
        while left:
            client.get(left.pop()).raise_for_status()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(f"{len(addresses)} thumbnails of a case, cold", [time.perf_counter() - started])


def timed(what: str, times: int, ask: Callable[[int], httpx2.Response]) -> list[dict[str, object]]:
    """Ask so many times; returns the answers that are JSON."""
    seconds, answers = [], []
    for k in range(times):
        started = time.perf_counter()
        answer = ask(k)
        seconds.append(time.perf_counter() - started)
        answer.raise_for_status()
        if answer.headers["content-type"] == "application/json":
            answers.append(answer.json())
    say(what, seconds)
    return answers


def say(what: str, seconds: list[float]) -> None:
    """One line."""
    sys.stdout.write(
        f"{what:42} {1000 * statistics.median(seconds):8.1f} ms median {1000 * max(seconds):8.1f} ms slowest\n"
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:4]))
