"""What the page learns from decisions while they are made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest

from facedb.db.connection import Database
from facedb.scan.findings.lessons import learn
from facedb.web.learning import Learning
from facedb.web.pool import Pool
from facedb.web.settings import WebSettings
from tests.processes import LONGEST_SECONDS, until
from tests.web.asking import first, say
from tests.web.conftest import Reviewer, served


def test_decisions_that_follow_closely_learn_one_after_the_other(ann: Reviewer, demo_database: Database) -> None:
    say(ann, first(ann, "stray"), "wrong-identity")
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(_learn_once, demo_database) for _ in range(8)]:
            done.result()


def test_what_is_decided_while_the_page_learns_waits_for_nobody_and_is_learned_from_afterwards(
    ann: Reviewer, demo_database: Database
) -> None:
    """A lesson takes seconds where thousands are decided, and a queue of them would keep all threads of the page."""
    with learning_page(demo_database, pause=0) as (page, _), demo_database.connection() as conn:
        learn(conn)
        for _ in range(6):
            page.learn()
        say(ann, first(ann, "stray"), "wrong-identity")
        page.learn()
    assert lessons(demo_database)


def test_what_is_said_is_learned_from_once_it_pauses_and_the_end_of_the_page_waits_for_no_pause(
    ann: Reviewer, demo_database: Database
) -> None:
    say(ann, first(ann, "stray"), "wrong-identity")
    with learning_page(demo_database, pause=600) as (page, closed):
        with demo_database.connection() as conn:
            learn(conn)
            conn.execute("delete from facedb.lesson")
        page.learn()
        assert not closed.wait(0.1)
        assert not lessons(demo_database)
    assert lessons(demo_database)


def test_a_lesson_that_cannot_end_is_let_go_with_the_server_and_no_answer_is_an_error(
    settings: WebSettings, demo_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    with demo_database.connection() as conn:
        with (
            served(settings) as page,
            httpx2.Client(base_url=page.url, follow_redirects=True, timeout=LONGEST_SECONDS) as browser,
        ):
            browser.get(page.invite("ann"))
            token = {"x-csrf-token": browser.get("/api/session").json()["csrf"]}
            conn.execute("lock table facedb.lesson in share row exclusive mode")
            rank = browser.get("/api/scans/1/queue?limit=1").json()["items"][0]["rank"]
            browser.post(
                f"/api/cases/1/{rank}/decision", json={"answer": "same", "seen": None}, headers=token
            ).raise_for_status()
            waiting = "select from pg_locks where relation = 'facedb.lesson'::regclass and not granted"
            until(lambda: conn.execute(waiting).fetchone() is not None, "the lesson that waits")
        assert capsys.readouterr().err == ""
        until(lambda: set(threading.enumerate()) <= before, "the end of the threads")
    assert not lessons(demo_database)


@contextmanager
def learning_page(db: Database, *, pause: float) -> Iterator[tuple[Learning, threading.Event]]:
    """What learns for a page that ends with the block, and what says that it ends."""
    connections, closed = Pool(db), threading.Event()
    page = Learning(connections, closed, pause)
    yield page, closed
    closed.set()
    page.finish()
    connections.close()


def lessons(db: Database) -> list[tuple[str, int]]:
    """What was learned: class and number of answers."""
    with db.connection() as conn:
        return conn.execute("select class, answers from facedb.lesson order by class").fetchall()


def _learn_once(db: Database) -> None:
    with db.connection() as conn:
        learn(conn)
