"""What the page learns from decisions while they are made."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest

from facedb.db.connection import Database
from facedb.scan.findings.lessons import learn
from facedb.web.learning import Learning
from facedb.web.pool import Pool
from tests.web.asking import first, say
from tests.web.conftest import Reviewer


def test_decisions_that_follow_closely_learn_one_after_the_other(ann: Reviewer, demo_database: Database) -> None:
    say(ann, first(ann, "stray"), "wrong-identity")
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(_learn_once, demo_database) for _ in range(8)]:
            done.result()


def test_what_is_decided_while_the_page_learns_waits_for_nobody_and_is_learned_from_afterwards(
    demo_database: Database,
) -> None:
    """A lesson takes seconds where thousands are decided, and a queue of them would keep all threads of the page."""
    connections = Pool(demo_database)
    learning = Learning(connections, threading.Event(), 0)
    with ThreadPoolExecutor(6) as pool:
        with demo_database.connection() as conn:
            learn(conn)
            told = as_completed([pool.submit(learning.learn) for _ in range(6)])
            for _ in range(5):
                next(told).result(timeout=20)
        next(told).result(timeout=20)
    connections.close()


def test_what_is_said_is_learned_from_once_it_pauses_and_the_end_of_the_page_waits_for_no_pause(
    ann: Reviewer, demo_database: Database
) -> None:
    connections, closed = Pool(demo_database), threading.Event()
    learning = Learning(connections, closed, 600)
    say(ann, first(ann, "stray"), "wrong-identity")
    with demo_database.connection() as conn:
        conn.execute("delete from facedb.lesson")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(learning.learn)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.1)
        with demo_database.connection() as conn:
            assert conn.execute("select from facedb.lesson").fetchone() is None
        closed.set()
        waiting.result(timeout=20)
    with demo_database.connection() as conn:
        assert conn.execute("select from facedb.lesson").fetchone() is not None
    connections.close()


def _learn_once(db: Database) -> None:
    with db.connection() as conn:
        learn(conn)
