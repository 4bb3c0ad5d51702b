"""How fast the review page answers with 10,000 findings: ``python tests/bench/review.py DSN SCAN`` on a checked dataset.

It copies the findings of the scan until there are 10,000, in a transaction of its own database only: give it a copy.
Prints the median and the slowest of each request, measured at the client over loopback.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from facedb.db.connection import Database
from facedb.web.app import create_app
from facedb.web.server import listen
from facedb.web.settings import WebSettings

FINDINGS = 10_000

COPY = """
insert into facedb.finding
select f.scan_id, f.rank + k.k * n.n, f.class, f.confidence, f.identity_a, f.identity_b, f.faces_a, f.faces_b, f.size_a, f.size_b,
       f.max_score, f.mean_score, f.own_score, f.own_best, f.own_usual, f.own_spread, f.sameness, f.margin, f.hash_distance,
       f.group_number, f.group_lowest, null, f.detail
from facedb.finding f, (select max(rank) as n from facedb.finding where scan_id = %(scan)s) n,
     generate_series(1, %(findings)s / n.n) as k(k)
where f.scan_id = %(scan)s
"""
COPY_FACES = """
insert into facedb.finding_face
select w.scan_id, w.rank + k.k * n.n, w.face_id, w.role
from facedb.finding_face w, (select %(first)s::integer as n) n, generate_series(1, %(findings)s / n.n) as k(k)
where w.scan_id = %(scan)s
"""


def main(dsn: str, scan: int) -> None:
    """Grow, serve, measure, print."""
    db = Database(dsn, embedded=False)
    with db.connection() as conn:
        (first,) = conn.execute("select max(rank) from facedb.finding where scan_id = %s", (scan,)).fetchone() or (0,)
        if first < FINDINGS:
            conn.execute(COPY, {"scan": scan, "findings": FINDINGS})
            conn.execute(COPY_FACES, {"scan": scan, "first": first, "findings": FINDINGS})
    with db.connection(autocommit=True) as conn:
        conn.execute("analyze facedb.finding")
        conn.execute("analyze facedb.finding_face")
    with tempfile.TemporaryDirectory() as cache, listen("127.0.0.1", 0) as listener:
        settings = WebSettings(db, Path(cache), listener.getsockname()[1])
        app = create_app(settings)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx2.Client(base_url=settings.url(), follow_redirects=True, timeout=60) as client:
                measure(client, app.state.parts.sessions.invite("bench"), scan)
        finally:
            app.state.parts.live.closed.set()
            server.should_exit = True
            thread.join()


def measure(client: httpx2.Client, token: str, scan: int) -> None:
    """Ask what a reviewer's browser asks."""
    client.get(f"/?token={token}")
    headers = {"x-csrf-token": client.get("/api/session").json()["csrf"]}
    queue = f"/api/scans/{scan}/queue?limit=100"
    timed("page /review", 10, lambda _: client.get("/review"))
    timed("queue, first 100", 20, lambda _: client.get(queue))
    items = client.get(f"/api/scans/{scan}/queue?limit=500").json()["items"]
    cases: list[Any] = timed("a case", 40, lambda k: client.get(f"/api/cases/{scan}/{items[k]['rank']}"))
    timed("progress", 10, lambda _: client.get(f"/api/scans/{scan}/progress"))
    answers = {
        "merge": "same",
        "look-alike": "different",
        "stray": "wrong-identity",
        "duplicate": "duplicate",
        "mixed": "unsure",
        "photo": "same",
    }
    timed(
        "a decision",
        40,
        lambda k: client.post(
            f"/api/cases/{scan}/{items[k]['rank']}/decision",
            json={"answer": answers[items[k]["kind"]], "seen": None},
            headers=headers,
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
    main(sys.argv[1], int(sys.argv[2]))
