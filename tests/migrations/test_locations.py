"""A database that the version before filled: its sources are found under their spelling, its plans do not guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb.core.errors import ConflictError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db import migrate
from facedb.db.connection import Database
from facedb.review.files.apply import apply
from facedb.review.plans.plan import make_plan
from facedb.review.verdicts import Statement, say
from tests.acceptance.trees import grow, png


def test_a_filled_database_of_the_version_before_upgrades_and_its_duplicates_are_planned_anew(
    database: Database, tmp_path: Path
) -> None:
    grow(tmp_path / "set", {"ann/1.png": png("1"), "ann/2.png": png("2") + b"more"})
    (tmp_path / "sub").mkdir()
    ingest(database, tmp_path / "set", reporter=Silent())
    say(database, [Statement("pair", "ann/1.png", "duplicate", "ann/2.png", by="eve")])
    old = make_plan(database).plan.id
    with database.connection() as conn:
        spelt = f"{tmp_path}/sub/../set"
        conn.execute("update facedb.source set location = %s, root = %s", (spelt, spelt))
    migrate.downgrade(database, "0003")
    migrate.upgrade(database)
    with pytest.raises(ConflictError, match="older facedb"):
        apply(database, old, yes=True, reporter=Silent())
    assert ingest(database, tmp_path / "set", reporter=Silent()).unchanged == 2
    new = make_plan(database)
    assert new.plan.id != old
    assert [step.kept_image is not None for step in new.steps] == [True]
    assert apply(database, new.plan.id, yes=True, reporter=Silent()).plan.state == "applied"
