"""Calibration of a scan, and thresholds that are chosen from the data."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from facedb.core.errors import NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from facedb.scan.scores.calibrate import calibrate, scan_meaning
from facedb.scan.scores.thresholds import ThresholdRule, threshold_in_words
from tests.db.population import Population
from tests.db.scan.findings.folders import PEOPLE, Talk, name, populate, run
from tests.unit.findings.people import DIM, Crowd


def test_calibration_reads_a_scan_and_agrees_with_a_sample_of_everything(database: Database) -> None:
    populate(database)
    with pytest.raises(NotFoundError):
        calibrate(database, scan=5, dataset=None, model=None, sample=False, reporter=Silent())
    before = calibrate(database, scan=None, dataset=None, model=None, sample=False, reporter=Silent())
    assert before.scan_threshold is None
    done = run(database)
    after = calibrate(database, scan=None, dataset=None, model=None, sample=False, reporter=Silent())
    assert after.scan_threshold == done.scan.threshold
    assert after.calibration.genuine.total == before.calibration.genuine.total
    exact = before.calibration.false_match(0.45)
    assert after.calibration.false_match(0.45).errors == pytest.approx(exact.errors, abs=1) == done.scan.pairs
    rows = [asdict(row) for row in after.rows(0.3, 1e-5)]
    assert [row["threshold"] for row in rows] == sorted(row["threshold"] for row in rows)
    assert {"review above", "certain above", "this scan", "asked", "fmr 1e-05"} <= {row["line"] for row in rows}
    assert any("too few" in remark for remark in after.remarks(1e-5))
    assert "certain above" in scan_meaning(database, done.scan.id, done.scan.threshold, done.scan.faces)


def test_a_threshold_is_chosen_from_the_data_and_stays_when_little_changes(database: Database) -> None:
    populate(database)
    talk = Talk()
    options = ScanOptions(threshold=ThresholdRule(), engine="exact", threads=1)
    first = scan(database, options, reporter=talk)
    assert any("will be chance" in said for said in talk.said)
    again = scan(database, options, reporter=talk)
    assert again.reused
    crowd = Crowd(PEOPLE, seed=6)
    more = Population(database, DIM)
    more.add(crowd.faces(2, 2), [name(2)] * 2)
    later = scan(database, options, reporter=talk)
    assert later.scan.threshold == first.scan.threshold
    assert later.scan.base_scan_id == first.scan.id
    rated = scan(database, ScanOptions(threshold=ThresholdRule(1e-6), engine="exact"), reporter=talk)
    assert rated.scan.threshold > first.scan.threshold
    assert any("too few to show a rate of 1e-06" in said for said in talk.said)


def test_one_identity_gives_no_threshold(database: Database) -> None:
    Population(database, DIM).add(Crowd(1).faces(0, 4), ["alone"] * 4)
    with pytest.raises(UsageError, match="fewer than two identities"):
        scan(database, ScanOptions(threshold=ThresholdRule(), engine="exact"), reporter=Silent())


@pytest.mark.parametrize("budget", [20.0, 300.0])
def test_a_budget_of_pairs_chooses_the_lowest_threshold_that_keeps_it(database: Database, budget: float) -> None:
    populate(database)
    talk = Talk()
    done = scan(database, ScanOptions(ThresholdRule(pairs=budget), engine="exact"), reporter=talk).scan
    # The set is smaller than the sample, so what is expected is what there is.
    assert done.pairs <= budget
    lower = scan(database, ScanOptions(done.threshold - 0.002, engine="exact"), reporter=talk).scan
    assert lower.pairs > budget
    assert any(f"at most about {budget:,.0f} pairs" in said for said in talk.said)


def test_a_budget_above_the_brake_is_refused_before_anything_is_read(database: Database) -> None:
    populate(database)
    options = ScanOptions(ThresholdRule(pairs=1e5), engine="exact", max_pairs=1000)
    with pytest.raises(UsageError, match="above --max-pairs 1,000"):
        scan(database, options, reporter=Silent())


@pytest.mark.parametrize("text", ["pairs=0", "pairs=-1", "pairs=inf", "pairs=nan", "pairs=", "pairs=many", "0,45"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        threshold_in_words(text)


def test_a_budget_is_written_as_people_write_numbers() -> None:
    assert {threshold_in_words(text) for text in ("pairs=1e7", "PAIRS=10,000,000")} == {ThresholdRule(pairs=1e7)}
    assert threshold_in_words("0.45") == 0.45


@pytest.mark.parametrize("rate", [0.0, 1.0, -1e-3])
def test_a_rate_is_between_zero_and_one(rate: float) -> None:
    with pytest.raises(UsageError):
        ThresholdRule(rate)
