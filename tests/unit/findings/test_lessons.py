"""Lessons from verdicts: they keep the order, wait for more than one answer, and mend confidences that are off."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.finding import CERTAIN, SUREST
from facedb.findings.lessons import lesson

TOLD = np.linspace(0.001, 0.999, 50)


def said(true: int, count: int) -> np.ndarray:
    answers = np.zeros(count, bool)
    answers[:true] = True
    return answers


@pytest.mark.parametrize(("true", "count"), [(0, 1), (1, 1), (0, 40), (40, 40), (20, 40), (39, 40)])
def test_more_evidence_is_more_confidence_whatever_people_said(true: int, count: int) -> None:
    found = lesson(np.full(count, SUREST), said(true, count)).confidence(TOLD)
    assert (np.diff(found) > 0).all()
    assert found.min() >= 1 - SUREST
    assert found.max() <= SUREST


def test_answers_that_bear_the_scan_out_change_next_to_nothing() -> None:
    rng = np.random.default_rng(3)
    told = rng.uniform(0.02, 0.999, 600)
    found = lesson(told, rng.random(600) < told).confidence(TOLD)
    assert np.abs(found - TOLD).max() < 0.06
    assert lesson(np.full(1, SUREST), said(1, 1)).confidence(np.array([SUREST]))[0] == pytest.approx(SUREST, abs=1e-5)


def test_the_first_denial_leaves_certain_what_was_certain_and_dozens_do_not() -> None:
    sure = np.array([SUREST])
    assert lesson(np.full(1, SUREST), said(0, 1)).confidence(sure)[0] >= CERTAIN
    assert lesson(np.full(40, SUREST), said(39, 40)).confidence(sure)[0] >= CERTAIN
    assert lesson(np.full(40, SUREST), said(20, 40)).confidence(sure)[0] < 0.75


def test_a_few_denials_in_a_row_swing_nothing_and_ten_do() -> None:
    for told in (SUREST, 0.97):
        few, many = (lesson(np.full(count, told), said(0, count)) for count in (3, 10))
        assert few.confidence(np.array([SUREST]))[0] >= CERTAIN
        assert np.abs(few.confidence(TOLD) - TOLD).max() < 0.15
        assert many.confidence(np.array([0.97]))[0] < 0.7
    assert lesson(np.full(1, 0.97), said(0, 1)).confidence(np.array([0.968]))[0] >= CERTAIN


def test_what_speaks_against_the_likely_makes_nothing_unlikely_likely_and_what_bears_it_out_lowers_nothing() -> None:
    unlikely = np.array([0.0005, 0.003])
    assert (lesson(np.full(10, SUREST), said(0, 10)).confidence(unlikely) < 0.05).all()
    assert (lesson(np.full(40, SUREST), said(20, 40)).confidence(unlikely) < 0.05).all()
    likely = np.array([0.5, 0.8, 0.96, 0.984])
    assert (lesson(np.full(1, SUREST), said(1, 1)).confidence(likely) >= likely - 1e-6).all()
    assert (lesson(np.full(60, 0.6), said(58, 60)).confidence(np.array([0.1, 0.3])) > (0.1, 0.3)).all()


def test_the_first_answers_weigh_less_than_those_that_follow() -> None:
    sure, told, denied_first = np.array([0.97]), np.full(20, 0.97), np.arange(20) >= 4
    first = lesson(told, denied_first).confidence(sure)
    assert first > lesson(told, denied_first[::-1]).confidence(sure)


def test_dozens_of_answers_mend_confidences_that_are_off() -> None:
    rng = np.random.default_rng(7)
    told = rng.uniform(0.05, 0.999, 300)
    truth = told**2
    taught = lesson(told[:100], rng.random(100) < truth[:100])
    left, right = told[100:], truth[100:]
    assert np.abs(taught.confidence(left) - right).mean() < 0.5 * np.abs(left - right).mean()


def test_what_people_agree_with_more_often_than_told_gains() -> None:
    assert lesson(np.full(60, 0.6), said(58, 60)).confidence(np.array([0.6]))[0] > 0.75
