"""The pages in a real browser: filters, plans to the last file, news, dark and light, phone to wall, real faces."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from facedb.check import check
from facedb.core.progress import Silent
from facedb.dataset.embed import ModelChoice
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions
from facedb.web.settings import WebSettings
from tests.acceptance.world import copy_folder
from tests.web.browser.tabs import NEEDS_CHROMIUM, SLOW, Open, Requests, make_mixed, press, verdicts, written
from tests.web.conftest import Checked, served

pytestmark = NEEDS_CHROMIUM


def test_the_findings_of_one_identity_say_whose_they_are_and_let_everybody_back_in(
    visit: Open, demo_database: Database
) -> None:
    with demo_database.connection() as conn:
        row = conn.execute(
            "select identity_a_id, identity_a from bi.findings where class = 'stray' order by rank limit 1"
        ).fetchone()
    assert row is not None
    tab = visit(path=f"/review?identity_id={row[0]}")
    expect(tab.locator("#only")).to_contain_text(f"only {row[1]}")
    few = tab.locator("#queue li").count()
    assert all(row[1] in text for text in tab.locator("#queue li .names").all_inner_texts())
    tab.locator("#only").click()
    expect(tab.locator("#queue li").nth(few)).to_be_attached()
    expect(tab.locator("#only")).to_be_hidden()


def test_filters_find_and_keys_can_be_given_to_other_actions(visit: Open) -> None:
    tab = visit()
    tab.locator("select[name=kind]").select_option("duplicate")
    expect(tab.locator("#queue li .chip").first).to_have_text("duplicate")
    tab.locator("select[name=kind]").select_option("")
    tab.locator("#words").fill("fenn")
    expect(tab.locator("#queue li .names").first).to_contain_text("Fenn")
    expect(tab.locator("#queue li .names").filter(has_not_text=re.compile("fenn", re.IGNORECASE))).to_have_count(0)
    tab.locator("#words").blur()
    tab.keyboard.press("?")
    assert tab.locator("dialog.help").evaluate("box => box.scrollWidth <= box.clientWidth"), "no key is cut off"
    tab.get_by_role("button", name="Another key for: Same").click()
    tab.keyboard.press("y")
    tab.get_by_role("button", name="Close").last.click()
    expect(tab.locator("#answer-same kbd")).to_have_text("Y")
    tab.reload()
    expect(tab.locator("body.ready")).to_be_attached()
    expect(tab.locator("#answer-same kbd")).to_have_text("Y")
    press(tab, "y")
    written(tab, 1)


def test_decisions_become_files_and_back_in_the_page(visit: Open, own_folder: Path) -> None:
    tab = visit(path="/review?kind=stray")
    path = tab.locator(".subject .path").inner_text()
    press(tab, "w")
    written(tab, 1)
    tab.goto(tab.url.split("/review")[0] + "/plans")
    tab.get_by_label("only what I decided in this session").check()
    expect(tab.locator("#plan-list")).to_contain_text("There is no plan yet")
    tab.get_by_role("button", name="Make a plan").click()
    expect(tab.locator("#plan-list tbody tr")).to_have_count(1)
    expect(tab.locator(".way")).to_have_count(1)
    assert (own_folder / path).exists()
    tab.get_by_role("button", name="Move the files").click()
    tab.get_by_role("button", name="Carry it out").click()
    expect(tab.locator(".plan .chip").first).to_have_text("carried out")
    assert not (own_folder / path).exists()
    tab.get_by_role("button", name="Undo it").click()
    expect(tab.locator(".plan .chip").first).to_have_text("undone")
    assert (own_folder / path).exists()


def test_a_scan_that_finishes_elsewhere_is_announced(visit: Open, demo_database: Database) -> None:
    tab = visit()
    expect(tab.locator("body.followed")).to_be_attached()
    with demo_database.connection() as conn:
        conn.execute("select setval('facedb.embedding_id', nextval('facedb.embedding_id') + 1233)")
    expect(tab.locator("#live")).to_have_text(re.compile("embedded: 1,234"))
    with demo_database.connection() as conn:
        conn.execute(
            "insert into facedb.scan (model_id, status, threshold, scope, engine, faces, new_faces, identities, finished_at)"
            " select model_id, 'finished', threshold, scope, engine, faces, 0, identities, now() from facedb.scan where id = 1"
        )
    expect(tab.locator(".toast", has_text="Scan 2 is finished")).to_be_visible()


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
    expect(tab.get_by_role("button", name="Show again")).to_be_visible()
    root = tab.url.split("/identity")[0]
    tab.goto(root + "/overview")
    noisiest = tab.locator("section", has=tab.get_by_role("heading", name="Noisiest identities")).inner_text()
    assert found[1] not in noisiest
    assert found[2] not in noisiest, "all that named the other was a finding that nobody is asked about"
    hidden = tab.locator("section", has=tab.get_by_role("heading", name="Hidden people"))
    expect(hidden.get_by_role("link", name=found[1])).to_be_visible()
    rejects = tab.locator("section", has=tab.get_by_role("heading", name="Files without a face"))
    expect(rejects.locator("li")).to_have_count(2)
    for picture in rejects.locator("img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    tab.goto(root + "/review?kind=merge&state=all")
    expect(tab.locator("body.ready #queue li").first).to_be_visible()
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
    expect(tab.locator(".asked")).to_contain_text(asked[1])
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
    expect(tab.locator("#of")).to_have_text("elsewhere.jpg")
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
            expect(tab.locator("body.ready .case-head h1")).to_be_visible()
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
    expect(tab.locator(".case-body .face img").first).to_be_visible()
    expect(tab.locator("#answer-different")).to_be_in_viewport()


def test_going_back_asks_for_no_picture_again_though_the_browser_keeps_none(visit: Open) -> None:
    tab = visit(path="/review?kind=merge")
    asked = Requests(tab)
    collector = tab.context.new_cdp_session(tab)
    press(tab, "ArrowRight", "ArrowRight")
    expect(tab.locator(".case-body .face img").first).to_have_js_property("complete", value=True)
    asked.settle()
    asked.addresses.clear()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
        # What nothing on the page holds is gone after this.
        collector.send("HeapProfiler.collectGarbage")
        press(tab, key)
    asked.settle()
    assert any("/open" in url for url in asked.addresses)
    assert [url for url in asked.addresses if "/thumbs/" in url or "/photos/" in url] == []


@pytest.mark.real_data
def test_real_faces_are_walked_by_keyboard(
    browser: Browser, database: Database, real_data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "orl"
    for number in range(1, 11):
        copy_folder(real_data / f"faces/orl/s{number}", copy / f"s{number}")
    copy_folder(copy / "s7", copy / "s7b")
    for number in (1, 2, 3):
        shutil.copy(copy / "s1" / f"{number}.pgm", copy / "s2" / f"copy{number}.pgm")
    choice = ModelChoice(real_data / "models/mobileface_v2_mit.onnx")
    check(database, copy, choice, ScanOptions(threshold=0.45, cache_dir=tmp_path / "cache"), reporter=Silent())
    with served(WebSettings(database, tmp_path / "cache", 0)) as page:
        tab = browser.new_page()
        tab.set_default_timeout(SLOW)
        tab.goto(page.invite("ann"))
        tab.wait_for_url("**/review*")
        expect(tab.locator("body.ready .case-head h1")).to_be_visible()
        expect(tab.locator(".case-body img").first).to_have_js_property("complete", value=True)
        assert tab.locator(".case-body img").first.evaluate("image => image.naturalWidth") in (92, 192)
        press(tab, "x", "d", "u")
        written(tab, 2)
        tab.close()
    assert {row[2] for row in verdicts(database)} == {"ann"}
