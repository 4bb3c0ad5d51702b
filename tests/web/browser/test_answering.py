"""The review in a real browser: findings of every class answered by keyboard, by mouse, by two reviewers."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from facedb.db.connection import Database
from tests.web.asking import double
from tests.web.browser.tabs import NEEDS_CHROMIUM, Open, make_mixed, press, title, verdicts, written
from tests.web.conftest import TwoFaces

pytestmark = NEEDS_CHROMIUM


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
    expect(tab.locator("dialog.zoom .picture:not(.beside) img")).to_be_visible()
    expect(tab.locator("dialog.zoom .picture.beside img")).to_be_visible()
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
    expect(tab.locator(".face .said").first).to_have_text("wrong identity")
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
    expect(ann.locator(".notices")).to_contain_text("Open elsewhere: ben")
    assert title(ann) == title(ben)
    press(ben, "u")
    expect(ann.locator(".notices")).to_contain_text("unsure, says ben")
    before = title(ann)
    press(ann, "d")
    refused = ann.locator(".toast", has_text="ben said unsure")
    expect(refused).to_be_visible()
    assert [row[2] for row in verdicts(demo_database)] == ["ben"]
    refused.get_by_role("button", name="Look again").click()
    expect(ann.locator(".case-head h1")).to_have_text(before)
    expect(ann.locator(".notices")).to_contain_text("says ben")
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
    expect(cards.first).to_be_visible()
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


def test_a_mixed_folder_is_split_by_dragging_and_by_selecting(visit: Open, demo_database: Database) -> None:
    make_mixed(demo_database)
    tab = visit(path="/review?kind=mixed")
    stays, leaves = tab.locator('[data-group="first"] .face'), tab.locator('[data-group="second"] .face')
    expect(leaves).to_have_count(5)
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
    expect(picture.locator(".box")).to_have_count(2)
    expect(picture.locator(".box.taken")).to_have_count(1)
    expect(tab.locator("#answer-same .hint")).to_contain_text("it is ")
    tab.keyboard.press("o")
    expect(picture.locator(".box.free")).to_be_focused()
    expect(tab.locator(".subject .photo > p")).to_contain_text(f"The marked face is {title(tab).split(' ')[0]}"[:22])
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
    expect(tab.locator("#picture .box.said")).to_have_count(0)
    expect(tab.locator("#picture .box.free")).to_have_count(1)
    with demo_database.connection() as conn:
        assert conn.execute("select count(*) from bi.taken_faces").fetchone() == (0,)


def test_what_will_stay_and_what_else_is_settled_is_said_before_and_after_an_answer(
    visit: Open, demo_database: Database, two_faces: TwoFaces
) -> None:
    with demo_database.connection() as conn:
        conn.execute("update facedb.face set box = '{-10, 20, 40, 900}' where id = %s", (two_faces.other,))
        conn.execute("update facedb.finding set identity_b = null where rank = %s", (two_faces.rank,))
    other = double(demo_database, two_faces.rank)
    tab = visit(path=f"/review?kind=stray#{two_faces.rank}")
    picture = tab.locator(".subject .whole")
    expect(picture.locator(".box")).to_have_count(2)
    photo, bar = picture.bounding_box(), tab.locator("main .bar").bounding_box()
    assert photo is not None
    assert bar is not None
    assert photo["y"] + photo["height"] <= bar["y"], "no part of the photo is below the answers"
    for box in picture.locator(".box").all():
        place = box.bounding_box()
        assert place is not None
        assert place["x"] >= photo["x"] - 1, "a box lies within its photo"
        assert place["y"] + place["height"] <= photo["y"] + photo["height"] + 1
    tab.keyboard.press("w")
    options = tab.locator("dialog.picker li")
    expect(options.filter(has_text="score").first).to_be_visible()
    expect(options.last).to_contain_text("New: ")
    tab.keyboard.press("Escape")
    assert verdicts(demo_database) == [], "nobody was named, so nothing is said"
    press(tab, "s")
    expect(tab.locator(".toast", has_text=f"That also settles finding {other}.")).to_be_visible()
    tab.keyboard.press("Backspace")
    expect(tab.locator(".toast", has_text=f"Also open again: finding {other}.")).to_be_visible()
    tab.goto(tab.url.split("/review")[0] + "/review?kind=merge")
    stays = tab.locator(".wins.stays")
    expect(stays).to_have_count(1)
    name = stays.locator("xpath=ancestor::section").get_attribute("aria-label")
    press(tab, "s")
    written(tab, 1)
    tab.goto(tab.url.split("/review")[0] + "/plans")
    tab.get_by_role("button", name="Make a plan").click()
    expect(tab.locator(".way .after h3").first).to_have_text(name or "")


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
    expect(cards.first).to_be_visible()
    count = cards.count()
    tab.locator("dialog.sheet footer .primary").click()
    written(tab, count)
    assert [row[:2] for row in verdicts(demo_database)] == [("link", "different")] * count
