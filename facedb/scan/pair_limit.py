"""The limit of pairs: a scan that would flag more than anybody could look at is refused before its work begins."""

from __future__ import annotations

from psycopg import sql

from facedb.core.errors import TooManyPairsError
from facedb.dataset.model_rows import partition
from facedb.db.connection import Connection
from facedb.db.queries import load
from facedb.findings.rates.pair_sample import predict_pairs
from facedb.scan import memory_need
from facedb.scan.faces.compared import Compared
from facedb.scan.pair_rows import PairRows

SQL = load("scan", "scan")

_PREDICTION_ROWS = 192
_FEWEST_ROWS = 48
_SHARE = 200
"""Of few new faces a smaller sample is asked, or it would take as long as a good part of the search itself."""


def expect_few_enough(
    compared: Compared, first_new: int, carried: PairRows | None, limit: int, *, kept: bool = True
) -> None:
    """Raise TooManyPairsError where more than ``limit`` pairs are to be expected, those ``carried`` over among them, and
    TooLittleMemoryError where the findings of so many, which are ``kept``, would not fit.

    ``first_new`` is the first row that is searched.
    """
    if len(compared.faces) < 2:
        return
    new = len(compared.faces) - first_new
    rows = min(_PREDICTION_ROWS, max(_FEWEST_ROWS, new // _SHARE))
    predicted = predict_pairs(compared.gallery, compared.threshold, first_new=first_new, sample_rows=rows)
    if carried is not None:
        predicted = predicted.with_known(carried.score)
    if predicted.expected <= limit:
        if kept:
            memory_need.expect_pairs(predicted.expected)
        return
    found = predicted.threshold_for(limit)
    if found is None:
        advice = "even a threshold of 0.999 would flag more than that, as copies do; raise --max-pairs and scan again."
    else:
        threshold, pairs = found
        about = (
            f"about {pairs:,.0f}" if pairs > predicted.unseen else f"fewer than about {pairs + predicted.unseen:,.0f}"
        )
        advice = f"a threshold of {threshold:.3f} would flag {about}; raise one of the two and scan again."
    raise TooManyPairsError(
        f"About {predicted.expected:,.0f} pairs reach {compared.threshold:g}, more than --max-pairs {limit:,}: {advice}"
    )


def expect_room(conn: Connection, scan_id: int) -> None:
    """Raise TooLittleMemoryError where the findings of all pairs that a search has found do not fit, which only an estimate knew before."""
    row = conn.execute(sql.SQL(SQL["count_pairs"]).format(pairs=partition("flagged_pair", scan_id))).fetchone()
    assert row is not None  # noqa: S101 - a count is one row
    memory_need.expect_pairs(row[0])
