"""Confidence: bounded, monotone in every piece of evidence, decided by the weakest."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.findings.confidence import confidence, of_copy


def test_the_weakest_piece_decides() -> None:
    assert confidence(np.array([5.0, 5.0]), np.array([-1.0, 9.0])) == pytest.approx(
        [1 / (1 + np.e), 1 / (1 + np.exp(-5))]
    )


def test_evidence_that_is_not_there_speaks_against() -> None:
    assert confidence(np.array([np.nan]))[0] < 0.001


def test_confidence_never_falls_as_evidence_grows() -> None:
    for distance in (-1, 0, 2, 6, 12):
        assert (np.diff(of_copy(np.linspace(0.9, 1, 50), np.full(50, distance))) >= 0).all()
    assert (np.diff(of_copy(np.full(11, 0.98), np.arange(11))) <= 0).all()
