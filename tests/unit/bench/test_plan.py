"""The plan of a scan: its arithmetic, checked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facedb.bench.plan import DATABASE_BYTES, LOOK_SECONDS, OF_THREAD, Fleet, estimate
from facedb.bench.plan_lines import in_words, sized
from facedb.scan.tiles.worker import WHOLE_TIMES

CORE = Fleet("threads", 1, 1, 0.5, 1.0, 0.0, 1e12)


def test_a_plan_is_the_arithmetic_that_it_says() -> None:
    found = estimate(CORE, 1_000_000, 512, fmr=1e-6)
    assert found.pairs == 499_999_500_000
    assert found.operations == 2.0 * 512 * 499_999_500_000
    assert found.seconds == pytest.approx(499_999_500_000 * 1024 / 0.5e12)
    assert (found.vector_bytes, found.read_bytes) == (2_048_000_000, 2_048_000_000)
    assert found.chance_pairs == pytest.approx(499_999.5)


def test_many_machines_share_the_seconds_and_each_reads_the_vectors() -> None:
    one = estimate(replace(CORE, look=LOOK_SECONDS), 17_000_000, 512, fmr=1e-6)
    many = estimate(replace(CORE, look=LOOK_SECONDS, machines=64, units=32), 17_000_000, 512, fmr=1e-6)
    assert many.seconds == pytest.approx(one.seconds / 64 / 32)
    assert many.read_bytes == 64 * one.read_bytes


def test_vectors_that_do_not_fit_are_read_column_by_column() -> None:
    small = estimate(replace(CORE, memory=1e9), 1_000_000, 512, fmr=0.0)
    higher = estimate(replace(CORE, memory=1e9), 1_000_000, 512, fmr=0.0, rows=65_536)
    assert small.read_bytes == pytest.approx(499_999_500_000 / 8192 * 2048)
    assert higher.read_bytes == pytest.approx(small.read_bytes / 8)
    assert not small.held


def test_what_fits_is_what_a_worker_takes_for_fitting() -> None:
    vectors = 4 * 512 * 1_000_000
    assert estimate(replace(CORE, memory=WHOLE_TIMES * vectors), 1_000_000, 512, fmr=0.0).held
    assert not estimate(replace(CORE, memory=WHOLE_TIMES * vectors - 1), 1_000_000, 512, fmr=0.0).held


def test_machines_read_over_networks_of_their_own_and_all_out_of_one_database() -> None:
    one = estimate(replace(CORE, network=1e9), 1_000_000, 512, fmr=0.0)
    many = estimate(replace(CORE, network=1e9, machines=64), 1_000_000, 512, fmr=0.0)
    assert one.read_seconds == many.read_seconds == pytest.approx(2.048)
    assert many.database_seconds == pytest.approx(64 * 2_048_000_000 / DATABASE_BYTES)


def test_the_million_that_was_scanned_here_is_foretold() -> None:
    # Two threads of 0.6 took 181 s for the whole scan, what begins and ends it included.
    here = Fleet("threads", 1, 2, 0.6, OF_THREAD, LOOK_SECONDS, 8e9)
    assert 181 / 1.5 < estimate(here, 1_000_000, 128, fmr=0.0).seconds < 181


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.46, "0.46 s"), (59, "59 s"), (138, "2.3 minutes"), (31320, "8.7 hours"), (2e5, "2.3 days")],
)
def test_seconds_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(5e11, "500.0 GB"), (8.45e15, "8.4 PB"), (12, "12 bytes")])
def test_bytes_are_said_as_people_say_them(count: float, words: str) -> None:
    assert sized(count) == words
