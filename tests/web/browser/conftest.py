"""What several tests of this folder begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from playwright.sync_api import Page as Tab

from tests.web.browser.tabs import CHROMIUM, SLOW, Open
from tests.web.conftest import Page


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=2 * SLOW)
        yield opened
        opened.close()


@pytest.fixture
def expected() -> list[str]:
    """What the console may say, to be filled by a test that provokes it."""
    return []


@pytest.fixture
def visit(browser: Browser, serve: Page, expected: list[str]) -> Iterator[Open]:
    """Opens the page as a reviewer in a browser of his own; a test fails where the console says anything else."""
    said: list[str] = []
    contexts = []

    def opened(name: str = "ann", path: str = "/review", **options: Any) -> Tab:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        context.set_default_timeout(SLOW)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on(
            "request",
            lambda request: said.append(request.url) if not request.url.startswith((serve.url, "blob:")) else None,
        )
        tab.goto(serve.invite(name))
        tab.wait_for_url("**/review*")
        if path != "/review":
            tab.goto(serve.url.rstrip("/") + path)
        if path.startswith("/review"):
            expect(tab.locator("body.ready .case-head h1")).to_be_visible()
        return tab

    yield opened
    for context in contexts:
        context.close()
    surprising = [line for line in said if not any(part in line for part in expected)]
    assert surprising == [], "the console is empty and no other host is asked"
