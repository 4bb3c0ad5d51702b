"""facedb in Python: the same rows as the command line, as frozen objects."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import facedb
from facedb.api import FaceDB, Finding, Link, Pair
from facedb.core.errors import DatabaseError, NotFoundError, UsageError
from facedb.db.connection import Database
from facedb.report import results
from facedb.scan import findings
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
    assert tuple(f.name for f in dataclasses.fields(Link)) == results.LINK_COLUMNS
    assert tuple(f.name for f in dataclasses.fields(Pair)) == results.PAIR_COLUMNS
    names = tuple("class" if f.name == "kind" else f.name for f in dataclasses.fields(Finding))
    assert names == findings.FINDING_COLUMNS


def test_links_and_pairs_are_frozen_rows_tables_and_frames(db: FaceDB) -> None:
    links, pairs = db.links(), db.pairs(limit=3)
    assert len(pairs) == 3
    assert pairs[0].score >= pairs[1].score >= 0.7
    assert links[0].rank == 1
    assert [link.rank for link in links[:2]] == [1, 2]
    with pytest.raises(dataclasses.FrozenInstanceError):
        links[0].rank = 2  # type: ignore[misc]
    table, frame = links.to_arrow(), links.to_pandas()
    assert table.column_names == list(results.LINK_COLUMNS)
    assert isinstance(frame, pd.DataFrame)
    assert frame["identity_a"].tolist() == [link.identity_a for link in links]
    assert str(frame["max_score"].dtype) == "float32"
    assert db.pairs(min_score=2.0).to_arrow().num_rows == 0
    assert "rows of rank" in repr(links)


def test_findings_come_ranked(db: FaceDB) -> None:
    found = db.findings()
    assert [finding.rank for finding in found] == sorted(finding.rank for finding in found)
    assert found.to_arrow().column_names == list(findings.FINDING_COLUMNS)
    assert all(finding.kind == "merge" for finding in db.findings(kind="merge"))


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
