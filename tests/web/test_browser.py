"""The page in a real browser: by keyboard, by two reviewers, in dark and light, and to the last file."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect, sync_playwright
from playwright.sync_api import Page as Tab

from facedb.check import check
from facedb.core.progress import Silent
from facedb.dataset.embed import ModelChoice
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions
from facedb.web.settings import WebSettings
from tests.web.conftest import Checked, Page, TwoFaces, served

CHROMIUM = os.environ.get("FACEDB_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SLOW = 15_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


Open = Callable[..., Tab]


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
        tab.wait_for_url("**/review*", timeout=SLOW)
        if path != "/review":
            tab.goto(serve.url.rstrip("/") + path)
        if path.startswith("/review"):
            expect(tab.locator("body.ready .case-head h1")).to_be_visible(timeout=SLOW)
        return tab

    yield opened
    for context in contexts:
        context.close()
    surprising = [line for line in said if not any(part in line for part in expected)]
    assert surprising == [], "the console is empty and no other host is asked"


def title(tab: Tab) -> str:
    """The names in question."""
    return tab.locator(".case-head h1").text_content() or ""


def press(tab: Tab, *keys: str) -> None:
    """Press keys one after the other, each of which leads to another case."""
    for key in keys:
        before = tab.locator(".case-head .rank, .done").first.inner_text()
        tab.keyboard.press(key)
        expect(tab.locator(".case-head .rank, .done").first).not_to_have_text(before, timeout=SLOW)


def verdicts(db: Database) -> list[tuple[Any, ...]]:
    """What stands: kind, verdict, who."""
    with db.connection() as conn:
        return conn.execute("select kind, verdict, said_by from bi.verdicts order by verdict_id").fetchall()


def written(tab: Tab, count: int) -> None:
    """Wait until the progress says that so many findings are decided."""
    expect(tab.locator("#progress-text")).to_contain_text(f"{count} of", timeout=SLOW)


def test_the_queue_is_walked_and_answered_by_keyboard_alone(visit: Open, demo_database: Database) -> None:
    tab = visit(path="/review?kind=stray")
    first = title(tab)
    press(tab, "ArrowRight", "ArrowDown")
    press(tab, "ArrowLeft", "ArrowUp")
    assert title(tab) == first, "arrows go on and back"
    box = tab.locator("#answer-same").bounding_box()
    press(tab, "s", "w", "d", "x")
    assert tab.locator("#answer-same").bounding_box() == box, "the answers stay in their place"
    written(tab, 4)
    assert [row[:2] for row in verdicts(demo_database)] == [
        ("face", "same"),
        ("face", "wrong-identity"),
        ("face", "wrong-identity"),
        ("face", "duplicate"),
    ]
    tab.keyboard.press("Backspace")
    written(tab, 3)
    tab.keyboard.press("Control+z")
    written(tab, 2)
    assert [row[1] for row in verdicts(demo_database)] == ["same", "wrong-identity"]
    expect(tab.locator('#queue li[data-state="decided"]')).to_have_count(2)


def test_faces_are_selected_zoomed_and_given_away_by_keyboard(visit: Open, demo_database: Database) -> None:
    tab = visit(path="/review?kind=merge")
    before = title(tab)
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press(" ")
    expect(tab.locator('.face[aria-pressed="true"]')).to_have_count(1)
    tab.keyboard.press("z")
    expect(tab.locator("dialog.zoom .picture img")).to_be_visible()
    path = tab.locator("dialog.zoom .path").inner_text()
    tab.keyboard.press("j")
    expect(tab.locator("dialog.zoom .path")).not_to_have_text(path)
    assert title(tab) == before
    tab.keyboard.press("z")
    expect(tab.locator("dialog.zoom")).to_have_count(0)
    tab.keyboard.press("t")
    tab.keyboard.type("Brand New")
    expect(tab.locator('dialog.picker li[aria-selected="true"]')).to_contain_text("New: Brand New")
    tab.keyboard.press("Enter")
    expect(tab.locator("#target-name")).to_have_text("Brand New (new)")
    tab.keyboard.press("w")
    expect(tab.locator(".face .said").first).to_have_text("wrong identity", timeout=SLOW)
    with demo_database.connection() as conn:
        assert conn.execute("select kind, verdict, target from bi.verdicts").fetchall() == [
            ("face", "wrong-identity", "Brand New")
        ]
    tab.keyboard.press("z")
    expect(tab.locator("dialog.zoom")).to_be_visible()
    press(tab, "ArrowRight")
    expect(tab.locator("dialog.zoom")).to_have_count(0)


def test_scores_between_faces_show_on_hover(visit: Open) -> None:
    tab = visit(path="/review?kind=merge")
    tab.locator('.side[data-side="a"] .face').first.hover()
    shown = tab.locator('.side[data-side="b"] .face .score').all_inner_texts()
    assert shown
    assert all(-1 <= float(value) <= 1 for value in shown)
    assert max(float(value) for value in shown) > 0.78


def test_two_reviewers_do_not_overwrite_each_other(visit: Open, demo_database: Database, expected: list[str]) -> None:
    # Browsers note every refused request.
    expected.append("409 (Conflict)")
    ann, ben = visit("ann"), visit("ben")
    expect(ann.locator(".notices")).to_contain_text("Open elsewhere: ben", timeout=SLOW)
    assert title(ann) == title(ben)
    press(ben, "u")
    expect(ann.locator(".notices")).to_contain_text("unsure, says ben", timeout=SLOW)
    before = title(ann)
    press(ann, "d")
    refused = ann.locator(".toast", has_text="ben said unsure")
    expect(refused).to_be_visible(timeout=SLOW)
    assert [row[2] for row in verdicts(demo_database)] == ["ben"]
    refused.get_by_role("button", name="Look again").click()
    expect(ann.locator(".case-head h1")).to_have_text(before, timeout=SLOW)
    expect(ann.locator(".notices")).to_contain_text("says ben", timeout=SLOW)
    press(ann, "d")
    written(ann, 1)
    assert [row[2] for row in verdicts(demo_database)] == ["ann"]


def test_accepting_all_above_a_confidence_shows_a_contact_sheet_first(visit: Open, demo_database: Database) -> None:
    tab = visit()
    tab.locator("#accept").click()
    tab.locator("#accept-kind").select_option("stray")
    tab.locator("#accept-least").fill("95")
    tab.get_by_role("button", name="Look at them").click()
    cards = tab.locator("dialog.sheet .card")
    expect(cards.first).to_be_visible(timeout=SLOW)
    count = cards.count()
    assert count > 2
    assert verdicts(demo_database) == []
    cards.nth(1).locator("input").uncheck()
    tab.locator("dialog.sheet footer .primary").click()
    written(tab, count - 1)
    assert [row[:2] for row in verdicts(demo_database)] == [("face", "wrong-identity")] * (count - 1)
    tab.keyboard.press("Backspace")
    written(tab, 0)
    assert verdicts(demo_database) == []


def test_several_cases_of_the_list_are_selected_and_decided_once(visit: Open, demo_database: Database) -> None:
    tab = visit(path="/review?kind=merge")
    ticks = tab.locator("#queue input[type=checkbox]")
    ticks.nth(0).click()
    ticks.nth(2).click(modifiers=["Shift"])
    expect(tab.locator("#bulk-count")).to_have_text("3 selected:")
    tab.locator('#bulk [data-answer="different"]').click()
    tab.locator("dialog.sheet footer .primary").click()
    written(tab, 3)
    assert [row[:2] for row in verdicts(demo_database)] == [("link", "different")] * 3


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


def test_a_mixed_folder_is_split_by_dragging_and_by_selecting(visit: Open, demo_database: Database) -> None:
    make_mixed(demo_database)
    tab = visit(path="/review?kind=mixed")
    stays, leaves = tab.locator('[data-group="first"] .face'), tab.locator('[data-group="second"] .face')
    expect(leaves).to_have_count(5, timeout=SLOW)
    before = stays.count()
    leaves.first.drag_to(tab.locator(".group").first)
    expect(leaves).to_have_count(4)
    leaves.first.focus()
    tab.keyboard.press(" ")
    tab.keyboard.press("g")
    expect(leaves).to_have_count(3)
    expect(stays).to_have_count(before + 2)
    tab.keyboard.press("t")
    tab.keyboard.type("Second Person")
    expect(tab.locator('dialog.picker li[aria-selected="true"]')).to_contain_text("New: Second Person")
    tab.keyboard.press("Enter")
    tab.keyboard.press("w")
    written(tab, 1)
    with demo_database.connection() as conn:
        rows = conn.execute("select verdict, target, count(*) from bi.verdicts group by 1, 2 order by 1").fetchall()
    assert rows == [("same", None, 2), ("wrong-identity", "Second Person", 3)]


def test_duplicates_are_compared_by_flip_and_slider_and_the_copy_that_stays_is_chosen(
    visit: Open, demo_database: Database
) -> None:
    tab = visit(path="/review?kind=duplicate")
    tab.keyboard.press("f")
    expect(tab.locator(".overlay.flip.turned")).to_be_visible()
    tab.keyboard.press("f")
    expect(tab.locator(".overlay.flip:not(.turned)")).to_be_visible()
    tab.get_by_role("button", name="Slider").click()
    expect(tab.get_by_role("slider")).to_be_visible()
    tab.keyboard.press("2")
    expect(tab.locator(".copy.goes")).to_have_count(1)
    press(tab, "x")
    written(tab, 1)
    with demo_database.connection() as conn:
        rows = conn.execute("select kind, verdict from bi.verdicts order by 1, 2").fetchall()
    assert rows == [("face", "duplicate"), ("face", "same"), ("pair", "duplicate")]


def test_another_face_of_a_photo_is_taken_by_key_and_by_click(
    visit: Open, demo_database: Database, two_faces: TwoFaces
) -> None:
    tab = visit(path="/review?kind=stray")
    picture = tab.locator(".subject .whole")
    expect(picture.locator(".box")).to_have_count(2, timeout=SLOW)
    expect(picture.locator(".box.taken")).to_have_count(1)
    tab.keyboard.press("o")
    expect(picture.locator(".box.free")).to_be_focused()
    press(tab, "Enter")
    written(tab, 1)
    expect(tab.locator('#queue li[data-state="decided"] .sure')).to_have_text("another face")
    tab.keyboard.press("Backspace")
    written(tab, 0)
    tab.goto(tab.url.split("/review")[0] + f"/photo/{two_faces.image}")
    tab.locator("#picture .box.free").click()
    expect(tab.locator("#picture .box.taken.said")).to_have_attribute("aria-label", re.compile("says ann"))
    with demo_database.connection() as conn:
        assert conn.execute("select box_x, said_by from bi.taken_faces").fetchall() == [(60.0, "ann")]
    tab.get_by_role("button", name="Undo").click()
    # There is one free box before as well: that nobody said anything any more is what shows the undo.
    expect(tab.locator("#picture .box.said")).to_have_count(0, timeout=SLOW)
    expect(tab.locator("#picture .box.free")).to_have_count(1, timeout=SLOW)
    with demo_database.connection() as conn:
        assert conn.execute("select count(*) from bi.taken_faces").fetchone() == (0,)


def test_look_alikes_and_ticked_cases_are_answered_together_by_keyboard(visit: Open, demo_database: Database) -> None:
    with demo_database.connection() as conn:
        conn.execute(
            "update facedb.finding set class = 'look-alike', confidence = 0.01, group_number = null, group_lowest = null"
            " where class = 'merge'"
        )
    tab = visit()
    tab.keyboard.press("v")
    expect(tab.locator("#bulk-count")).to_have_text("1 selected:")
    tab.keyboard.press("b")
    expect(tab.locator('#bulk [data-answer="same"]')).to_be_focused()
    tab.keyboard.press("v")
    expect(tab.locator("#bulk")).to_be_hidden()
    tab.keyboard.press("b")
    tab.locator("#accept-kind").select_option("look-alike")
    expect(tab.locator("#accept-least")).to_have_value("5")
    tab.get_by_role("button", name="Look at them").click()
    cards = tab.locator("dialog.sheet .card")
    expect(cards.first).to_be_visible(timeout=SLOW)
    count = cards.count()
    tab.locator("dialog.sheet footer .primary").click()
    written(tab, count)
    assert [row[:2] for row in verdicts(demo_database)] == [("link", "different")] * count


def test_the_findings_of_one_identity_say_whose_they_are_and_let_everybody_back_in(
    visit: Open, demo_database: Database
) -> None:
    with demo_database.connection() as conn:
        row = conn.execute(
            "select identity_a_id, identity_a from bi.findings where class = 'stray' order by rank limit 1"
        ).fetchone()
    assert row is not None
    tab = visit(path=f"/review?identity_id={row[0]}")
    expect(tab.locator("#only")).to_contain_text(f"only {row[1]}", timeout=SLOW)
    few = tab.locator("#queue li").count()
    assert all(row[1] in text for text in tab.locator("#queue li .names").all_inner_texts())
    tab.locator("#only").click()
    expect(tab.locator("#queue li").nth(few)).to_be_attached(timeout=SLOW)
    expect(tab.locator("#only")).to_be_hidden()


def test_filters_find_and_keys_can_be_given_to_other_actions(visit: Open) -> None:
    tab = visit()
    tab.locator("select[name=kind]").select_option("duplicate")
    expect(tab.locator("#queue li .chip").first).to_have_text("duplicate", timeout=SLOW)
    tab.locator("select[name=kind]").select_option("")
    tab.locator("#words").fill("fenn")
    expect(tab.locator("#queue li .names").first).to_contain_text("Fenn", timeout=SLOW)
    assert all("fenn" in text.lower() for text in tab.locator("#queue li .names").all_inner_texts())
    tab.locator("#words").blur()
    tab.keyboard.press("?")
    assert tab.locator("dialog.help").evaluate("box => box.scrollWidth <= box.clientWidth"), "no key is cut off"
    tab.get_by_role("button", name="Another key for: Same").click()
    tab.keyboard.press("y")
    tab.get_by_role("button", name="Close").last.click()
    expect(tab.locator("#answer-same kbd")).to_have_text("Y")
    tab.reload()
    expect(tab.locator("body.ready")).to_be_attached(timeout=SLOW)
    expect(tab.locator("#answer-same kbd")).to_have_text("Y")
    press(tab, "y")
    written(tab, 1)


def test_decisions_become_files_and_back_in_the_page(visit: Open, own_folder: Path) -> None:
    tab = visit(path="/review?kind=stray")
    path = tab.locator(".subject .path").inner_text()
    press(tab, "w")
    written(tab, 1)
    tab.goto(tab.url.split("/review")[0] + "/plans")
    tab.get_by_label("only what I decided in this sitting").check()
    tab.get_by_role("button", name="Make a plan").click()
    expect(tab.locator(".way")).to_have_count(1, timeout=SLOW)
    assert (own_folder / path).exists()
    tab.get_by_role("button", name="Move the files").click()
    tab.get_by_role("button", name="Carry it out").click()
    expect(tab.locator(".plan .chip").first).to_have_text("carried out", timeout=SLOW)
    assert not (own_folder / path).exists()
    tab.get_by_role("button", name="Take it back").click()
    expect(tab.locator(".plan .chip").first).to_have_text("undone", timeout=SLOW)
    assert (own_folder / path).exists()


def test_a_scan_that_finishes_elsewhere_is_announced(visit: Open, demo_database: Database) -> None:
    tab = visit()
    tab.wait_for_timeout(1500)
    with demo_database.connection() as conn:
        conn.execute("select setval('facedb.embedding_id', nextval('facedb.embedding_id') + 1233)")
    expect(tab.locator("#live")).to_have_text(re.compile("embedded: 1,234"), timeout=SLOW)
    with demo_database.connection() as conn:
        conn.execute(
            "insert into facedb.scan (model_id, status, threshold, scope, engine, faces, new_faces, identities, finished_at)"
            " select model_id, 'finished', threshold, scope, engine, faces, 0, identities, now() from facedb.scan where id = 1"
        )
    expect(tab.locator(".toast", has_text="Scan 2 is finished")).to_be_visible(timeout=SLOW)


def test_long_names_push_nothing_off_the_page(visit: Open, demo_database: Database) -> None:
    with demo_database.connection() as conn:
        conn.execute("update facedb.identity set name = name || repeat('_Rodriguez', 12) || id")
    for kind, path in (
        ("mixed", "/review?kind=mixed"),
        ("merge", "/review?kind=merge"),
        ("stray", "/review?kind=stray"),
    ):
        if kind == "mixed":
            make_mixed(demo_database)
        tab = visit(path=path)
        for part in ("#next", ".case-head .rank", ".case-body .side >> nth=1"):
            box = tab.locator(part).bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 1280, (kind, part)
        expect(tab.locator("#answer-same .hint")).to_be_in_viewport(ratio=1)


def test_hidden_people_leave_the_overview_beside_the_files_that_are_no_faces(
    visit: Open, demo_database: Database
) -> None:
    with demo_database.connection() as conn:
        found = conn.execute(
            "select identity_a_id, identity_a, identity_b from bi.findings where class = 'merge' order by rank limit 1"
        ).fetchone()
    assert found is not None
    tab = visit(path=f"/identity/{found[0]}")
    tab.get_by_role("button", name="Hide for good").click()
    expect(tab.get_by_role("button", name="Show again")).to_be_visible(timeout=SLOW)
    root = tab.url.split("/identity")[0]
    tab.goto(root + "/overview")
    noisiest = tab.locator("section", has=tab.get_by_role("heading", name="Noisiest identities")).inner_text()
    assert found[1] not in noisiest
    assert found[2] not in noisiest, "all that named the other was a finding that nobody is asked about"
    hidden = tab.locator("section", has=tab.get_by_role("heading", name="Hidden people"))
    expect(hidden.get_by_role("link", name=found[1])).to_be_visible()
    rejects = tab.locator("section", has=tab.get_by_role("heading", name="Files that are no faces"))
    expect(rejects.locator("li")).to_have_count(2)
    for picture in rejects.locator("img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("picture => picture.naturalWidth") > 0, "a picture says so where there is none"
    tab.goto(root + "/review?kind=merge&state=all")
    expect(tab.locator("body.ready #queue li").first).to_be_visible(timeout=SLOW)
    assert not any(found[1] in text for text in tab.locator("#queue li .names").all_inner_texts())


def test_more_like_a_face_and_like_a_dropped_photo_stand_beside_what_was_asked_for(
    visit: Open, checked: Checked, demo_database: Database
) -> None:
    with demo_database.connection() as conn:
        asked = conn.execute(
            "select c.id, i.path, n.name from facedb.face c join facedb.image i on i.id = c.image_id"
            " join facedb.identity n on n.id = i.identity_id order by c.id limit 1"
        ).fetchone()
    assert asked is not None
    tab = visit(path=f"/alike?face={asked[0]}")
    expect(tab.locator(".asked")).to_contain_text(asked[1], timeout=SLOW)
    expect(tab.locator(".asked")).to_contain_text(asked[2])
    expect(tab.locator(".like").nth(59)).to_be_attached()
    tab.evaluate(
        """async ([name, bytes]) => {
          const given = new DataTransfer();
          given.items.add(new File([Uint8Array.from(bytes)], name, { type: "image/jpeg" }));
          document.getElementById("drop").dispatchEvent(
            new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: given }));
        }""",
        ["elsewhere.jpg", list((checked.folder / asked[1]).read_bytes())],
    )
    expect(tab.locator("#of")).to_have_text("elsewhere.jpg", timeout=SLOW)
    expect(tab.locator(".like .score").first).to_have_text("1.000")
    expect(tab.locator(".like .face").first).to_have_attribute("title", asked[1])


CASES = ["/review?kind=merge", "/review?kind=stray", "/review?kind=duplicate"]
PAGES = [*CASES, "/overview", "/identity/1", "/photo/1", "/scan/1", "/alike?face=1", "/plans"]


@pytest.mark.parametrize(("scheme", "paths"), [("light", PAGES), ("dark", [*CASES[1:], "/overview", "/alike?face=1"])])
def test_axe_finds_nothing_serious_on_any_page(visit: Open, scheme: str, paths: list[str]) -> None:
    tab = visit(color_scheme=scheme)
    root = tab.url.split("/review")[0]
    found = {}
    for path in paths:
        tab.goto(root + path)
        tab.wait_for_load_state("load")
        if path in CASES:
            expect(tab.locator("body.ready .case-head h1")).to_be_visible(timeout=SLOW)
        results = Axe().run(tab).response
        found[path] = [
            (v["id"], node["html"][:120], node.get("failureSummary", "")[:200])
            for v in results["violations"]
            if v["impact"] in ("serious", "critical")
            for node in v["nodes"][:3]
        ]
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_nothing_sticks_out_from_a_phone_to_a_wall(visit: Open) -> None:
    tab = visit()
    root = tab.url.split("/review")[0]
    for path in PAGES:
        tab.goto(root + path)
        for width in (390, 1280, 2560, 3840):
            tab.set_viewport_size({"width": width, "height": 844 if width < 500 else 1200})
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
    tab.goto(root + "/review?kind=merge")
    expect(tab.locator(".case-body .face img").first).to_be_visible(timeout=SLOW)
    expect(tab.locator("#answer-different")).to_be_in_viewport()


@pytest.mark.real_data
def test_real_faces_are_walked_by_keyboard(
    browser: Browser, database: Database, real_data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "orl"
    for number in range(1, 11):
        shutil.copytree(real_data / f"faces/orl/s{number}", copy / f"s{number}")
    shutil.copytree(copy / "s7", copy / "s7b")
    for number in (1, 2, 3):
        shutil.copy(copy / "s1" / f"{number}.pgm", copy / "s2" / f"copy{number}.pgm")
    choice = ModelChoice(real_data / "models/mobileface_v2_mit.onnx")
    check(database, copy, choice, ScanOptions(threshold=0.45, cache_dir=tmp_path / "cache"), reporter=Silent())
    with served(WebSettings(database, tmp_path / "cache", 0)) as page:
        tab = browser.new_page()
        tab.set_default_timeout(SLOW)
        tab.goto(page.invite("ann"))
        tab.wait_for_url("**/review*", timeout=SLOW)
        expect(tab.locator("body.ready .case-head h1")).to_be_visible(timeout=SLOW)
        expect(tab.locator(".case-body img").first).to_have_js_property("complete", value=True)
        assert tab.locator(".case-body img").first.evaluate("image => image.naturalWidth") in (92, 192)
        press(tab, "x", "d", "u")
        written(tab, 2)
        tab.close()
    assert {row[2] for row in verdicts(database)} == {"ann"}
