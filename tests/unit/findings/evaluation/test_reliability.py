"""The reliability table and the expected calibration error, against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.findings.evaluation.reliability import calibration_error, reliability


def test_each_tenth_says_how_often_its_statements_held() -> None:
    said = np.array([0.0, 0.04, 0.1, 0.95, 0.97, 1.0])
    held = np.array([False, True, False, True, True, False])
    table = reliability(said, held)
    assert [t.findings for t in table] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 3]
    assert table[0].confidence == pytest.approx(0.02)
    assert table[0].precision == 0.5
    assert (table[9].above, table[9].true) == (0.9, 2)
    assert table[9].precision == pytest.approx(2 / 3)
    assert (table[5].confidence, table[5].precision) == (None, None)
    by_hand = (2 * 0.48 + 1 * 0.1 + 3 * abs(2.92 / 3 - 2 / 3)) / 6
    assert calibration_error(table) == pytest.approx(by_hand)


def test_without_statements_nothing_is_said_of_them() -> None:
    table = reliability(np.empty(0), np.empty(0, bool))
    assert all(t.findings == 0 for t in table)
    assert calibration_error(table) is None


def test_draws_that_keep_their_word_have_a_small_error_and_boasts_a_large_one() -> None:
    rng = np.random.default_rng(3)
    said = rng.random(20_000)
    assert (calibration_error(reliability(said, rng.random(20_000) < said)) or 0) < 0.01
    assert (calibration_error(reliability(np.sqrt(said), rng.random(20_000) < said)) or 0) > 0.1
