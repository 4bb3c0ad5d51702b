"""`facedb check` and what can be asked afterwards, through the installed command and its own embedded database."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow.parquet as pq
import pytest

from facedb.db.connection import Database
from facedb.db.migrate import upgrade
from facedb.db.server import embedded
from facedb.db.server.account import SERVICE_DIR
from tests.acceptance.world import LINKS, PROGRAM, Command, Said, block_model, people, portrait, save
from tests.processes import LONGEST_SECONDS, until

THRESHOLD = 0.5
PSQL = "select identity_a, identity_b, pairs from bi.links where scan_id <= {} order by rank, scan_id limit 5"


def plant(folder: Path) -> Path:
    """Twelve people; person000 has three pictures of person001, and half of person007 is filed under ``again``."""
    people(folder, 12, 6)
    for shot in range(3):
        shutil.copy(folder / "person001" / f"{shot}.png", folder / "person000" / f"copy{shot}.png")
    (folder / "again").mkdir()
    for shot in range(3):
        (folder / "person007" / f"{shot}.png").rename(folder / "again" / f"{shot}.png")
    (folder / "person002" / "notes.txt").write_text("not an image")
    (folder / "person002" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


class Checked:
    """A home in which a check has run."""

    def __init__(self, place: Path) -> None:
        self.folder = plant(place / "people")
        self.model = block_model(place / "blocks.onnx")
        self.facedb = Command(place)
        self.arguments = ("check", self.folder, "--model", self.model, "--threshold", THRESHOLD)
        self.verdict: Said = self.facedb(*self.arguments)


@pytest.fixture(scope="module")
def checked(short_directory: Path) -> Iterator[Checked]:
    """One check for all the questions; its server stays up between them, as after `facedb db start`."""
    place = short_directory / "checked"
    place.mkdir(mode=0o711)
    done = Checked(place)
    done.facedb("db", "start")
    yield done
    done.facedb("db", "stop")


def test_the_verdict_counts_every_file_and_names_the_planted_mistakes_first(checked: Checked) -> None:
    said = checked.verdict.out
    assert "77 = 75 embedded + 1 rejected + 1 ignored" in said
    assert "75 of 13 identities" in said
    assert f"{75 * 74 // 2:,} pairs of faces" in said
    rows = [
        line.split() for line in said.splitlines() if re.match(r"\s*[0-9]+  (merge|stray|mixed|duplicate|look)", line)
    ]
    named = [{word for word in row[3:] if word in ("person000", "person001", "again", "person007")} for row in rows]
    assert {"again", "person007"} in named
    assert any("person000" in names for names in named)
    assert len(rows) <= 10
    assert "facedb rejects" in said
    assert "facedb show" in said


def test_a_second_check_does_nothing_new(checked: Checked) -> None:
    said = checked.facedb(*checked.arguments)
    assert "Nothing is new" in said.err
    assert len(checked.facedb("scans", "--format", "json").json) == 1


def test_a_check_after_a_change_does_only_what_is_new(checked: Checked) -> None:
    extra = save(portrait(7, 55), checked.folder / "again" / "late.png")
    said = checked.facedb(*checked.arguments)
    assert "Building on scan 1: 1 of 76 faces" in said.err
    extra.unlink()
    said = checked.facedb(*checked.arguments)
    assert "75 of 75" not in said.err
    assert "and 1 vanished" in said.out


def _single(row: dict[str, object]) -> dict[str, object]:
    return {name: np.float32(value) if isinstance(value, float) else value for name, value in row.items()}


@pytest.mark.parametrize("command", ["links", "rejects"])
def test_every_format_says_the_same(checked: Checked, command: str) -> None:
    more = ["--ignored"] if command == "rejects" else []
    as_json = checked.facedb(command, *more, "--format", "json").json
    assert as_json
    lines = checked.facedb(command, *more, "--format", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == as_json
    as_csv = checked.facedb(command, *more, "--format", "csv").csv
    columns = list(as_json[0])
    assert list(as_csv[0]) == columns
    for a, b in zip(as_json, as_csv, strict=True):
        for column in columns:
            if isinstance(a[column], float):
                assert float(b[column]) == a[column]
            else:
                assert b[column] == ("" if a[column] is None else str(a[column]))
    with checked.facedb.start(command, *more, "--format", "parquet") as process:
        data, complaint = process.communicate()
    assert process.returncode == 0, complaint
    table = pq.read_table(io.BytesIO(data))
    assert table.column_names == columns
    # Scores are float32 in every file; as text they are the shortest number that reads back as the same float32.
    assert [_single(row) for row in table.to_pylist()] == [_single(row) for row in as_json]
    shown = checked.facedb(command, *more).out.splitlines()
    assert shown[0].split() == columns
    assert len(shown) == len(as_json) + 1


@pytest.mark.parametrize("command", ["datasets", "scans"])
def test_what_is_there_is_listed(checked: Checked, command: str) -> None:
    (row, *_) = checked.facedb(command, "--format", "json").json
    if command == "datasets":
        assert row["files"] == row["embedded"] + row["rejected"] + row["ignored"] + row["vanished"] + row["pending"]
        assert row["from"] == str(checked.folder)
    else:
        assert (row["status"], row["threshold"]) == ("finished", THRESHOLD)


def test_the_contract_columns_of_links_and_pairs(checked: Checked) -> None:
    links = checked.facedb("links", "--format", "csv").out.splitlines()[0]
    assert links == (
        "rank,identity_a,identity_b,pairs,faces_a,faces_b,size_a,size_b,coverage_a,coverage_b,"
        "max_score,mean_score,median_score,centroid_score"
    )
    pairs = checked.facedb("pairs", "--format", "csv").out.splitlines()[0]
    assert pairs == "identity_a,path_a,identity_b,path_b,score"


def test_selections_narrow_what_is_printed(checked: Checked) -> None:
    everything = checked.facedb("pairs", "--format", "json").json
    assert [row["score"] for row in everything] == sorted((row["score"] for row in everything), reverse=True)
    assert checked.facedb("pairs", "--limit", 3, "--format", "json").json == everything[:3]
    line = everything[5]["score"]
    assert checked.facedb("pairs", "--min-score", line, "--format", "json").json == [
        row for row in everything if row["score"] >= line
    ]
    assert checked.facedb("pairs", "--dataset", "people", "--format", "json").json == everything
    assert [row["rank"] for row in checked.facedb("links", "-n", 2, "--format", "json").json] == [1, 2]
    assert {row["code"] for row in checked.facedb("rejects", "--code", "no_face", "--format", "json").json} == set()


def test_stdout_is_data_and_stderr_is_talk(checked: Checked) -> None:
    said = checked.facedb("scan", "--threshold", THRESHOLD, "--full", "--format", "json")
    assert len(said.json) == 1
    assert "Comparing" in said.err
    quiet = checked.facedb("--quiet", "scan", "--threshold", THRESHOLD, "--full", "--format", "json")
    assert (len(quiet.json), quiet.err) == (1, "")


def test_tables_are_neither_coloured_nor_folded_without_a_terminal(checked: Checked) -> None:
    long = "very long name " * 12 + "end"
    save(portrait(1, 77), checked.folder / long / "x.png")
    try:
        checked.facedb(*checked.arguments)
        for extra in ({"NO_COLOR": "1"}, {"COLUMNS": "20", "TERM": "xterm-256color"}):
            said = Command(checked.facedb.home, extra=extra)("links")
            assert "\x1b" not in said.out
            assert any(long in line for line in said.out.splitlines())
    finally:
        shutil.rmtree(checked.folder / long)
        checked.facedb(*checked.arguments)


def test_a_reader_that_goes_away_is_no_error(checked: Checked) -> None:
    checked.facedb("--quiet", "scan", "--threshold", -1, "--full")
    newest = max(row["scan_id"] for row in checked.facedb("scans", "--format", "json").json)
    for arguments in (f"pairs --scan {newest} --format csv", "links --limit 3"):
        done = subprocess.run(
            ["/bin/bash", "-c", f"set -o pipefail; '{PROGRAM}' {arguments} | head -1"],
            env=checked.facedb.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=checked.facedb.home,
            timeout=LONGEST_SECONDS,
        )
        assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


def test_psql_answers_while_facedb_is_idle_and_while_it_runs(checked: Checked) -> None:
    url = checked.facedb("db", "url").out.strip()
    psql = shutil.which("psql")
    if psql is None:
        from facedb.db.server.binaries import bin_dir

        psql = str(bin_dir() / "psql")

    def ask() -> list[str]:
        done = subprocess.run(
            [psql, url, "--no-psqlrc", "-At", "-c", question],
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST_SECONDS,
        )
        return done.stdout.splitlines()

    # A second scan, so that there are five links whichever test came before. The third is seen a moment before its process ends.
    checked.facedb("scan", "--threshold", 0.3)
    (newest, *_) = checked.facedb("scans", "--format", "json").json
    question = PSQL.format(newest["scan_id"])
    idle = ask()
    assert len(idle) == 5
    process = checked.facedb.start("scan", "--threshold", 0.2, "--block-rows", 2)
    answers = 0
    while process.poll() is None:
        assert ask() == idle or process.poll() is not None
        answers += 1
    process.communicate()
    assert process.returncode == 0
    assert answers > 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("links", "--nope"), 2, "--nope"),
        (("links", "--limit", "0"), 2, "--limit"),
        (("links", "--format", "xml"), 2, "xml"),
        (("nonsense",), 2, "nonsense"),
        (("check",), 2, "folder"),
        (("scan", "--threshold", "1.5"), 2, "between -1 and 1"),
        (("scan", "--engine", "steam"), 2, "steam"),
        (("links", "--scan", "4711"), 8, "facedb scans"),
        (("links", "--dataset", "nowhere"), 8, "facedb datasets"),
        (("scan", "--datasets", "people,nowhere"), 8, "nowhere"),
        (("scan", "--threshold", "-1", "--max-pairs", "10", "--full"), 9, "--max-pairs"),
        (("check", "missing", "--model", "{model}"), 7, "missing"),
        (("check", "{folder}", "--model", "missing.onnx"), 5, "missing.onnx"),
        (("check", "{folder}", "--model", "{model}", "--set", "colour"), 2, "KEY=VALUE"),
        (("check", "{folder}", "--model", "{model}", "--set", "colour=blue"), 5, "blue"),
        (("--dsn", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2", "links"), 3, "127.0.0.1"),
        (("--dsn", "not a dsn", "links"), 2, "DSN"),
    ],
)
def test_a_wrong_call_gives_its_exit_code_and_one_sentence(
    checked: Checked, arguments: tuple[str, ...], code: int, words: str
) -> None:
    filled = [part.format(folder=checked.folder, model=checked.model) for part in arguments]
    said = checked.facedb(*filled, code=code)
    assert said.out == ""
    complaint = said.err.splitlines()[-1]
    assert complaint.startswith("facedb: ")
    assert words in complaint
    assert sum(line.startswith("facedb: ") for line in said.err.splitlines()) == 1


def test_nothing_found_no_scan_yet_and_nothing_to_check_are_told_apart(short_directory: Path, checked: Checked) -> None:
    place = short_directory / "fresh"
    place.mkdir(mode=0o711)
    said = Command(place)("links", code=8)
    assert "facedb check" in said.err
    (place / "blank").mkdir()
    assert "There are no files in" in Command(place)("check", place / "blank", "--model", checked.model, code=7).err
    assert checked.facedb("links", "--min-score", 1.1, "--format", "csv").csv == []


def test_ctrl_c_ends_quickly_keeps_what_is_done_and_the_same_command_goes_on(short_directory: Path) -> None:
    place = short_directory / "interrupted"
    place.mkdir(mode=0o711)
    facedb = Command(place)
    # More than are written at once, of which the second part stands still.
    folder = people(place / "people", 30, 20)
    arguments = ("check", folder, "--model", block_model(place / "blocks.onnx"), "--threads", 1)
    with embedded.server(place / "facedb", service_dir=SERVICE_DIR) as url:
        upgrade(Database(url, embedded=True))
        with psycopg.connect(url) as conn:
            conn.execute(
                "create function facedb.stand_still() returns trigger language plpgsql as $$ begin"
                " if exists (select from facedb.embedding) then perform pg_sleep(600); end if; return null; end $$"
            )
            conn.execute(
                "create trigger still before insert on facedb.face for each statement execute function facedb.stand_still()"
            )
    process = facedb.start(*arguments, "--threshold", THRESHOLD, start_new_session=True)

    def asked(statement: str) -> list[tuple[Any, ...]]:
        try:
            with psycopg.connect(url) as conn:
                return conn.execute(statement).fetchall()
        except psycopg.Error:
            return []

    stands = "select from pg_stat_activity where wait_event = 'PgSleep'"
    until(lambda: process.poll() is not None or asked(stands), "the second part")
    # To the whole group, as a terminal does: the server must not take it as a wish to stop.
    os.killpg(process.pid, signal.SIGINT)
    out, err = (part.decode() for part in process.communicate())
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("facedb: interrupted")
    facedb("db", "start")
    ((kept,),) = asked("select count(*) from facedb.embedding")
    assert 0 < kept < 600
    with psycopg.connect(url) as conn:
        conn.execute("drop trigger still on facedb.face")
    said = facedb(*arguments, "--threshold", THRESHOLD)
    assert "600 = 600 embedded" in said.out
    assert len(asked(LINKS)) == len(facedb("links", "--format", "json").json)
    facedb("db", "stop")
