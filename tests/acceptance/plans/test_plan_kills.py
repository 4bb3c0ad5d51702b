"""A plan that is killed anywhere can be continued and taken back, and leaves the tree as it was to the last byte."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.review.files.apply import apply, undo
from facedb.review.plans.plan import make_plan, show_plan
from tests.acceptance.plans.judged import unchanged
from tests.acceptance.trees import look, people, rows

_SCRIPT = Path(__file__).with_name("stop_at.py")


def _killed(db: Database, plan: int, command: str, at: int, links: str) -> bool:
    """Whether the command was killed at checkpoint ``at``; False when it came to its end before."""
    done = subprocess.run(
        [sys.executable, _SCRIPT, db.dsn, str(plan), command, str(at), links],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == -signal.SIGKILL


def _walk(db: Database, root: Path, *, command: str, then: str, links: str, stride: int) -> int:
    """Kill at every ``stride``-th checkpoint, go on with ``then``, undo; returns how many points there were."""
    people(db, root)
    before, table = look(root), rows(db)
    at, finished = 1, False
    while not finished:
        plan = make_plan(db).plan.id
        if command == "undo":
            apply(db, plan, yes=True, reporter=Silent())
        finished = not _killed(db, plan, command, at, links)
        if not finished and not (then == "undo" and show_plan(db, plan).plan.state == "proposed"):
            (apply if then == "apply" else undo)(db, plan, yes=True, reporter=Silent())
        if then == "apply":
            assert unchanged(db, root), f"an ingest after point {at} found something else than the tables say"
        if show_plan(db, plan).plan.state == "applied":
            undo(db, plan, yes=True, reporter=Silent())
        assert look(root) == before, f"the tree differs after a kill at point {at}"
        assert rows(db) == table, f"the tables differ after a kill at point {at}"
        assert unchanged(db, root)
        at += stride
    return at


# What is killed, and what is said then.
WAYS = [("apply", "apply"), ("apply", "undo"), ("undo", "undo")]


@pytest.mark.parametrize(
    ("command", "then", "links"),
    [("apply", "apply", "links"), ("apply", "apply", "copies"), ("apply", "undo", "copies"), ("undo", "undo", "links")],
)
def test_what_is_killed_here_and_there_goes_on_or_back_to_the_last_byte(
    database: Database, tmp_path: Path, command: str, then: str, links: str
) -> None:
    assert _walk(database, tmp_path / "root", command=command, then=then, links=links, stride=13) > 20


@pytest.mark.long
@pytest.mark.parametrize("links", ["links", "copies"])
@pytest.mark.parametrize(("command", "then"), WAYS)
def test_what_is_killed_at_every_point_goes_on_or_back_to_the_last_byte(
    database: Database, tmp_path: Path, command: str, then: str, links: str
) -> None:
    assert _walk(database, tmp_path / "root", command=command, then=then, links=links, stride=1) > 20
