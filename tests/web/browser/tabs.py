"""Tabs of a real browser: what is open in them, and what is pressed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from facedb.db.connection import Database

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


def quiet(tab: Tab, asked: Sequence[str]) -> None:
    """Wait until nothing more is ``asked`` for; the stream of news never ends, so the network is never idle."""
    seen = -1
    while seen != len(asked):
        seen = len(asked)
        tab.wait_for_timeout(500)


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
