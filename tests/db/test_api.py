"""facedb in Python: the same rows as the command line, as frozen objects."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import facedb
from facedb.api import FaceDB, Finding, Link, Pair
from facedb.core.errors import DatabaseError, ModelError, NotFoundError, UsageError
from facedb.core.row_schema import table
from facedb.db.connection import Database
from tests.acceptance.trees import PEOPLE, grow, png
from tests.db.population import Population, clustered


@pytest.fixture
def db(database: Database) -> FaceDB:
    """A connection to a database with forty faces, scanned."""
    rng = np.random.default_rng(11)
    Population(database, 16).add(clustered(rng, 40, 16, 4), [f"p{k // 5}" for k in range(40)])
    opened = facedb.connect(database.dsn)
    opened.scan(threshold=0.7, engine="exact")
    return opened


def test_rows_have_the_columns_of_the_command_line() -> None:
    for row_type in (Link, Pair, Finding):
        names = tuple("class" if f.name == "kind" else f.name for f in dataclasses.fields(row_type))
        assert names == table(row_type).names


def test_links_and_pairs_are_frozen_rows_tables_and_frames(db: FaceDB) -> None:
    links, pairs = db.links(), db.pairs(limit=3)
    assert len(pairs) == 3
    assert pairs[0].score >= pairs[1].score >= 0.7
    assert links[0].rank == 1
    assert [link.rank for link in links[:2]] == [1, 2]
    with pytest.raises(dataclasses.FrozenInstanceError):
        links[0].rank = 2  # type: ignore[misc]
    arrow, frame = links.to_arrow(), links.to_pandas()
    assert arrow.column_names == list(table(Link).names)
    assert isinstance(frame, pd.DataFrame)
    assert frame["identity_a"].tolist() == [link.identity_a for link in links]
    assert str(frame["max_score"].dtype) == "float32"
    assert db.pairs(min_score=2.0).to_arrow().num_rows == 0
    assert "rows of rank" in repr(links)


def test_findings_come_ranked(db: FaceDB) -> None:
    found = db.findings()
    assert [finding.rank for finding in found] == sorted(finding.rank for finding in found)
    assert found.to_arrow().column_names == list(table(Finding).names)
    assert all(finding.kind == "merge" for finding in db.findings(kind="merge"))


def test_python_has_what_the_command_line_has(db: FaceDB, tmp_path: Path) -> None:
    (dataset,) = db.datasets()
    assert (dataset.files, dataset.embedded, dataset.identities) == (40, 40, 8)
    assert len(db.identities()) == 8
    assert sum(identity.faces for identity in db.identities(dataset="faces")) == 40
    first = db.scans()[0]
    assert (first.status, first.dataset) == ("finished", "faces")
    assert len(db.rejects()) == 0
    assert db.rejects().to_arrow().schema.field("code").type == "string"
    db.scan(threshold=0.9, engine="exact")
    changes = db.diff(first.scan_id, db.scans()[0].scan_id, change="gone", limit=1)
    assert {change.change for change in changes} <= {"gone"}
    assert len(db.diff(first.scan_id, first.scan_id, pairs=True)) == 0
    rates = db.calibrate(threshold=0.8, fmr=1e-3)
    assert {"review above", "asked", "fmr 0.001"} <= {row.line for row in rates}
    assert rates.remarks
    assert rates.to_pandas()["impostor_pairs"].dtype == "int64"
    assert db.evaluate(inject="stray=2", seed=3).planted == 2
    with pytest.raises(ModelError, match="came without their model"):
        db.search(tmp_path_photo(tmp_path))


def tmp_path_photo(folder: Path) -> Path:
    (folder / "photo.png").write_bytes(png("somebody"))
    return folder / "photo.png"


def test_verdicts_in_bulk_are_all_written_or_none(db: FaceDB) -> None:
    rows: list[dict[str, Any]] = [
        {"kind": "link", "a": "p0", "b": "p1", "verdict": "same", "by": "ann"},
        {"kind": "link", "a": "p2", "b": "p3", "verdict": "different", "note": None},
    ]
    assert len(db.say_all(rows, by="eve")) == 2
    assert [(v.a, v.b, v.verdict, v.by) for v in db.verdicts()] == [
        ("p2", "p3", "different", "eve"),
        ("p0", "p1", "same", "ann"),
    ]
    assert len(db.say_all(pd.DataFrame(rows), by="eve")) == 2
    assert len(db.verdicts(history=True)) == 4
    with pytest.raises(NotFoundError):
        db.say_all([rows[0], {**rows[1], "b": "nobody"}])
    assert len(db.verdicts(history=True)) == 4
    db.say("link", "p0", "different", "p1", by="eve")
    assert len(db.conflicts()) == 0
    assert len(db.plans()) == 0


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda db: db.findings(kind="merg"), "merge"),
        (lambda db: db.verdicts(kind="lnik"), "link"),
        (lambda db: db.rejects(code="no_fase"), "no_face"),
        (lambda db: db.diff(1, 1, change="gon"), "gone"),
        (lambda db: db.say("lnk", "p0", "same", "p1"), "link"),
        (lambda db: db.say("link", "p0", "diferent", "p1"), "different"),
        (lambda db: db.say_all([{"kind": "link", "a": "p0", "b": "p1", "verdct": "same"}]), "verdict"),
        (lambda db: db.export("finding", "x.csv"), "findings"),
        (lambda db: db.export("findings", "x.csv", datset="faces"), "dataset"),
    ],
)
def test_a_misspelt_word_is_an_error_that_names_the_nearest(
    db: FaceDB, call: Callable[[FaceDB], object], near: str
) -> None:
    with pytest.raises(UsageError, match=f"did you mean '{near}'"):
        call(db)


def test_an_impossible_confidence_is_an_error(db: FaceDB) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        db.findings(min_confidence=2)
    with pytest.raises(NotFoundError, match="did you mean faces"):
        db.identities(dataset="face")


def test_embeddings_of_one_identity_are_its_unit_vectors(db: FaceDB) -> None:
    found = db.embeddings("p3")
    assert set(found.identities) == {"p3"}
    assert found.vectors.shape == (5, 16)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        found.vectors[0] = 0
    assert len(db.embeddings()) == 40
    assert found.to_arrow().num_rows == 5
    assert np.array_equal(np.stack(found.to_pandas()["vector"]), found.vectors)
    with pytest.raises(NotFoundError):
        db.embeddings("nobody")


def test_a_closed_connection_says_so_and_a_block_closes(db: FaceDB, database: Database) -> None:
    db.close()
    db.close()
    with pytest.raises(UsageError, match="connect"):
        db.links()
    with facedb.connect(database.dsn) as again:
        assert len(again.links()) > 0
    assert "closed" in repr(again)
    with pytest.raises(DatabaseError):
        facedb.connect("host=127.0.0.1 port=1 connect_timeout=2")


def test_decisions_are_made_and_carried_out_in_python(database: Database, tmp_path: Path) -> None:
    root = tmp_path / "root"
    grow(root, {**PEOPLE, "bob/more.png": png("more")})
    with facedb.connect(database.dsn) as db:
        assert db.ingest(root).identities == 4
        db.say("link", "ann", "same", "anna", by="eve")
        plan = db.plan()
        assert {step.action for step in plan.steps} == {"merge"}
        assert db.apply(plan.plan.id).dry
        assert db.apply(plan.plan.id, yes=True).changed == 3
        assert db.export("list", tmp_path / "list.csv").rows == len(PEOPLE)
        assert db.undo(plan.plan.id, yes=True).plan.state == "undone"
    assert (root / "anna" / "1.png").is_file()


def test_importing_facedb_loads_neither_the_driver_nor_numpy() -> None:
    code = "import facedb, sys; print(*sorted({'numpy', 'psycopg', 'typer', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
