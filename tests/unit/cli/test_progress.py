"""Talk on stderr: plain lines where stderr is no terminal, nothing when quiet."""

from __future__ import annotations

import json
import re
import sys

import pytest

from facedb.cli.bars import shown_bar
from facedb.cli.progress import ConsoleReporter, hide_log
from facedb.core.counting import human


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (0, "0"),
        (950, "950"),
        (999, "999"),
        (1000, "1.0k"),
        (1234, "1.2k"),
        (3_400_000, "3.4M"),
        (5.6e9, "5.6G"),
        (7.8e12, "7.8T"),
    ],
)
def test_counts_are_short(n: float, shown: str) -> None:
    assert human(n) == shown


def test_long_work_says_how_far_it_is_in_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with ConsoleReporter().task("embed", 1000, "images") as task:
        for _ in range(25):
            now += 1.0
            task.advance(10)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "embed: 100 of 1.0k images, 10 images/s, 90 s left",
        "embed: 200 of 1.0k images, 10 images/s, 80 s left",
    ]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = ConsoleReporter(quiet=True)
    reporter.say("hello")
    with reporter.task("x", None, "y") as task:
        task.advance(5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("title", ["embed with mobileface_v2_mit", "embed with a model of a very long name indeed"])
def test_a_bar_is_one_line_of_a_terminal_of_80_columns(
    title: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with shown_bar(title, 1_234_567, "images") as bar:
        bar.advance(100_000)
        bar.advance(200_000)
    printed = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", printed) if line.strip()]
    assert lines[-1].startswith("embed with ")
    assert re.search(r" 300\.0k/1\.2M images [0-9.]+[kMG]/s 0:00:00 0:00:0[0-9]$", lines[-1])
    assert all(line.startswith("embed with ") and len(line) <= 80 for line in lines)


def test_a_title_with_a_name_of_a_dataset_in_it_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with ConsoleReporter().task("ingest \x1b]0;mine\x07\x9b31mset", None, "files") as bar:
        bar.advance(3)
    printed = capsys.readouterr().err
    assert r"ingest \x1b]0;mine\x07\x9b31mset" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed)
    assert "\x1b]" not in printed


def test_what_is_said_as_json_lines_is_one_printable_line_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    message = "Read \x1b[31m \x9b \u2028 \u202e é"
    ConsoleReporter(form="json").say(message)
    hide_log()
    printed = capsys.readouterr().err
    assert printed.removesuffix("\n").isprintable()
    assert json.loads(printed)["message"] == message
