"""Carries a plan out, or takes it back, and kills itself at a numbered checkpoint: stop_at.py DSN PLAN apply|undo N links|copies."""

from __future__ import annotations

import os
import signal
import sys

from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.review.files import apply, checkpoints

dsn, plan, command, last, links = sys.argv[1:]
left = int(last)


def count(_point: str) -> None:
    """Die at the last one."""
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


checkpoints.watch(count)
work = apply.apply if command == "apply" else apply.undo
work(Database(dsn, embedded=True), int(plan), yes=True, hard_links=links == "links", reporter=Silent())
