"""Talk on stderr: plain lines where stderr is no terminal, nothing when quiet."""

from __future__ import annotations

import pytest

from facedb.cli.progress import ConsoleReporter, human


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
