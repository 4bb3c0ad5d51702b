"""Tabs of a real browser: what is open in them, and what is pressed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import Request, expect

from facedb.db.connection import Database
from tests.processes import LONGEST_SECONDS

CHROMIUM = os.environ.get("FACEDB_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SLOW = 60_000
"""What a page takes at most to show something, on the slowest machine, in milliseconds."""
expect.set_options(timeout=SLOW)

NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: apt-get install chromium")

Open = Callable[..., Tab]


def title(tab: Tab) -> str:
    """The names in question."""
    return tab.locator(".case-head h1").text_content() or ""


def press(tab: Tab, *keys: str) -> None:
    """Press keys one after the other, each of which leads to another case."""
    for key in keys:
        before = tab.locator(".case-head .rank, .done").first.inner_text()
        tab.keyboard.press(key)
        expect(tab.locator(".case-head .rank, .done").first).not_to_have_text(before)


class Requests:
    """The ``addresses`` that a tab asks for from now on, without the stream of news, which never ends."""

    def __init__(self, tab: Tab) -> None:
        self.addresses: list[str] = []
        self._tab = tab
        self._open: set[Request] = set()
        tab.on("request", self._begin)
        for end in ("requestfinished", "requestfailed"):
            tab.on(end, lambda request: self._open.discard(request))

    def _begin(self, request: Request) -> None:
        if "/api/events" not in request.url:
            self.addresses.append(request.url)
            self._open.add(request)

    def settle(self) -> None:
        """Wait until all is answered and no answer led to another request."""
        seen, end = -1, time.monotonic() + LONGEST_SECONDS
        while self._open or seen != len(self.addresses):
            assert time.monotonic() < end, f"no answer to {[request.url for request in self._open]}"
            seen = len(self.addresses)
            self._tab.wait_for_timeout(500)


def verdicts(db: Database) -> list[tuple[Any, ...]]:
    """What stands: kind, verdict, who."""
    with db.connection() as conn:
        return conn.execute("select kind, verdict, said_by from bi.verdicts order by verdict_id").fetchall()


def written(tab: Tab, count: int) -> None:
    """Wait until the server says that so many findings are decided, and the progress that it is shown."""
    expect(tab.locator("#progress-text")).to_have_attribute("data-written", str(count))
    expect(tab.locator("#progress-text")).to_contain_text(f"{count} of")


def make_mixed(db: Database) -> None:
    """Make a stray of the demo into a mixed folder whose second group is five faces."""
    with db.connection() as conn:
        row = conn.execute(
            "select rank, identity_a from facedb.finding where scan_id = 1 and class = 'stray' order by rank limit 1"
        ).fetchone()
        assert row is not None
        conn.execute(
            "update facedb.finding set class = 'mixed', swap_rank = null where scan_id = 1 and rank = %s", (row[0],)
        )
        conn.execute("update facedb.finding set swap_rank = null where scan_id = 1")
        conn.execute("delete from facedb.finding_face where scan_id = 1 and rank = %s", (row[0],))
        conn.execute(
            "insert into facedb.finding_face select 1, %s, f.id, 'wrong' from facedb.face f join facedb.image i on i.id = f.image_id"
            " where i.identity_id = %s order by f.id limit 5",
            row,
        )
