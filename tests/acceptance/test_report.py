"""From findings to verdicts by their numbers, `facedb show` and `facedb report`, through the installed command."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import Command, block_model, people, portrait, save

NASTY = "<script>alert(1)"
TAGS = re.compile(r"<script|javascript:|\son\w+=|https?://(?!www\.w3\.org)|url\((?!#)", re.IGNORECASE)


@pytest.fixture(scope="module")
def checked(short_directory: Path) -> Iterator[Command]:
    """Ten people, one of them called like a script, with a stray, a folder under two names and a copy."""
    place = short_directory / "report"
    place.mkdir(mode=0o711)
    folder = people(place / "people", 10, 6)
    (folder / "person009").rename(folder / NASTY)
    shutil.copy(folder / "person001" / "0.png", folder / "person001" / "again.png")
    save(portrait(2, 77), folder / "person003" / "stray.png")
    (folder / "half").mkdir()
    for shot in range(3):
        (folder / "person007" / f"{shot}.png").rename(folder / "half" / f"{shot}.png")
    save(portrait(9, 50), folder / "person004" / "<img src=x onerror=alert(2)>.png")
    facedb = Command(place)
    facedb("check", folder, "--model", block_model(place / "blocks.onnx"), "--threshold", 0.5)
    facedb("db", "start")
    yield facedb
    facedb("db", "stop")


def test_a_report_is_one_file_that_runs_nothing_and_fetches_nothing(checked: Command, tmp_path: Path) -> None:
    checked("report", tmp_path / "noise.html", "--findings", 200)
    page = (tmp_path / "noise.html").read_text(encoding="utf-8")
    assert not TAGS.search(page.replace("&lt;img src=x onerror=alert(2)&gt;", "")), "escaped names are text"
    assert "&lt;script&gt;alert(1)" in page
    assert "data:image/webp;base64," in page
    assert "person003/stray.png" in page
    assert "block" in page
    assert len(page) < 20_000_000


def test_a_redacted_report_holds_no_face_and_no_name(checked: Command, tmp_path: Path) -> None:
    checked("report", tmp_path / "a.html", "--redact")
    checked("report", tmp_path / "b.html", "--redact")
    page, again = (
        re.sub(r"written .*? UTC", "", (tmp_path / name).read_text(encoding="utf-8")) for name in ("a.html", "b.html")
    )
    assert "data:image" not in page
    # How many bytes a file has, tells it among all others.
    for name in ("person0", "stray.png", "again.png", "alert(", " bytes"):
        assert name not in page
    assert page == again, "pseudonyms are stable"


def test_an_existing_file_is_not_replaced_unless_asked(checked: Command, tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("mine")
    said = checked("report", tmp_path / "there.html", code=2)
    assert "--force" in said.err
    assert (tmp_path / "there.html").read_text() == "mine"


def test_show_prints_everything_and_what_may_be_said_and_writes_a_sheet(checked: Command, tmp_path: Path) -> None:
    (stray,) = [
        row
        for row in checked("findings", "--class", "stray", "--format", "csv").csv
        if "person003" in row["identity_a"]
    ]
    said = checked("show", stray["rank"], "--sheet", tmp_path / "sheet.html")
    for part in ("person003/stray.png", "person002", f"verdict finding {stray['rank']} accept", "belongs to person002"):
        assert part in said.out
    assert "data:image/webp" in (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "no finding 999" in checked("show", "999", code=8).err


def test_answers_close_findings_until_none_is_open(checked: Command, tmp_path: Path) -> None:
    rows = checked("findings", "--format", "csv").csv
    stray = next(row for row in rows if row["class"] == "stray" and row["identity_a"] == "person003")
    said = checked("verdict", "finding", stray["rank"], "accept", "--by", "eve")
    assert "person003/stray.png belongs to person002" in said.out
    assert "move person003/stray.png to person002" in said.err
    standing = checked("verdict", "list", "--format", "json").json
    assert [(v["kind"], v["verdict"], v["target"], v["by"]) for v in standing] == [
        ("face", "wrong-identity", "person002", "eve")
    ]
    assert stray["rank"] not in {row["rank"] for row in checked("findings", "--open", "--format", "csv").csv}

    rest = checked("findings", "--open", "--format", "csv").csv
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, list(rest[0]))
    writer.writeheader()
    writer.writerows({**row, "verdict": "reject" if row["class"] == "look-alike" else "yes"} for row in rest)
    (tmp_path / "filled.csv").write_text(sheet.getvalue(), encoding="utf-8")
    checked("verdict", "import", tmp_path / "filled.csv")
    assert checked("findings", "--open", "--format", "csv").csv == []
    short, whole = (len(checked("findings", *option, "--format", "csv").csv) for option in ((), ("--all",)))
    assert f"{whole - short} more findings are answered and need no action ({whole} in all)" in checked("findings").err
    checked("verdict", "import", tmp_path / "filled.csv")
