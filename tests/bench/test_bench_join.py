"""That the benchmark measures what it says, on a gallery small enough for a test; the figures themselves are not judged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from facedb.bench import joining, methods
from facedb.bench.joining import Measured, OtherMethod
from facedb.bench.methods import BASELINES, INVERTED_FILE, NUMPY, RANGE_SEARCH, RIGHT_KERNEL
from facedb.bench.synthetic import synthetic_gallery
from facedb.cli.commands.machine import bench
from facedb.cli.context import State
from facedb.cli.progress import ConsoleReporter
from facedb.core.errors import EngineError, FacedbError
from facedb.join.engine import available_engines
from facedb.join.processor import openblas_core

RANGED = [name for name in (RANGE_SEARCH, RIGHT_KERNEL) if name in BASELINES]


@pytest.fixture(scope="module")
def report():
    def elsewhere(gallery, threshold):
        rows_a, rows_b = methods.numpy_tiles(gallery, threshold, 1)
        return Measured(2.0, None, None, rows_a, rows_b)

    others = [OtherMethod("elsewhere", 500, elsewhere)]
    return joining.run(1_500, 64, ["int8", "exact"], 0.4, 3, 1, rounds=2, others=others)


def test_every_engine_and_complete_method_finds_all_pairs(report):
    rows = {row.method: row for row in report.rows}
    assert set(rows) == {"int8", "exact", *BASELINES, "elsewhere"}
    assert rows["int8"].of_all > 50
    for name in ("int8", "exact", *RANGED, NUMPY, "elsewhere"):
        assert rows[name].found == 1.0
        assert rows[name].pairs == rows[name].of_all
    assert rows[INVERTED_FILE].found < 1.0
    assert rows["elsewhere"].of_all < rows["int8"].of_all


def test_ratios_and_rates_are_per_pair(report):
    rows = {row.method: row for row in report.rows}
    ranged = min((rows[name] for name in RANGED), key=lambda row: row.seconds)
    assert ranged.ratio == pytest.approx(1.0)
    assert rows["int8"].comparisons_per_s == pytest.approx(1_500 * 1_499 / 2 / rows["int8"].seconds)
    per_pair = ranged.seconds / (1_500 * 1_499 / 2)
    assert rows["elsewhere"].ratio == pytest.approx(per_pair * (500 * 499 / 2) / 2.0)


def test_the_fastest_round_counts_and_the_slowest_is_told(report):
    assert report.rounds == 2
    assert all(row.seconds < row.slowest for row in report.rows if row.method != "elsewhere")


def test_peak_memory_is_that_of_the_method_alone(report):
    ballast = np.ones(60_000_000)  # 480 MB in this process must not show in the next ones.
    again = joining.run(200, 64, ["int8"], 0.4, baselines=())
    peak = again.rows[0].peak_mb
    assert peak is not None
    assert peak < 200
    assert ballast[0] == 1.0
    assert all(row.peak_mb is None or row.peak_mb > 20 for row in report.rows)


def test_a_missing_engine_is_refused_before_anything_is_timed():
    missing = next((info.name for info in available_engines() if not info.available), None)
    if missing is None:
        pytest.skip("every engine is available here")
    with pytest.raises(EngineError, match=missing):
        joining.run(200, 64, [missing])


def test_a_method_that_fails_is_an_error_with_its_last_words():
    with pytest.raises(FacedbError, match=r"int8 ended with exit code 1: .*not a cosine"):
        joining.run(50, 64, ["int8"], 5.0, baselines=())


def test_the_command_prints_a_table_or_json():
    state = State(dsn=None, reporter=ConsoleReporter(quiet=True))
    options = ["--size", "300", "--dim", "64", "--engines", "int8", "--no-baselines", "--pgvector-rows", "0"]
    table = CliRunner().invoke(bench.app, options, obj=state)
    assert table.exit_code == 0
    assert "int8" in table.stdout
    told = CliRunner().invoke(bench.app, [*options, "--json"], obj=state)
    assert json.loads(told.stdout)["rows"][0]["found"] == 1.0


def test_without_an_engine_the_complete_baseline_is_the_truth():
    report = joining.run(300, 64, [], baselines=[RANGE_SEARCH])
    assert report.rows[0].found == 1.0
    with pytest.raises(FacedbError, match="add an engine"):
        joining.run(300, 64, [], baselines=[INVERTED_FILE])


def test_baselines_agree_with_the_join_on_every_pair():
    gallery = synthetic_gallery(1_000, 64, seed=2).gallery
    truth = methods.pair_keys(*methods.engine_pairs("exact", gallery, 0.4, 1), 1_000)
    for method in (methods.range_search, methods.numpy_tiles):
        assert (methods.pair_keys(*method(gallery, 0.4, 1), 1_000) == truth).all()


def test_each_row_says_which_kernel_of_which_blas_multiplied(report):
    rows = {row.method: row for row in report.rows}
    assert "kernel" in rows[RANGE_SEARCH].note
    assert "kernel" in rows[NUMPY].note
    if (wanted := openblas_core()) is not None:
        assert f"kernel {wanted}" in rows[RIGHT_KERNEL].note
        assert wanted in RIGHT_KERNEL
    assert report.processor
