"""Which scan, contract and datasets a name means, with two datasets under two contracts in one database."""

from __future__ import annotations

import numpy as np
import pytest

from facedb.core.errors import NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.report import reading
from facedb.report.export import ExportOptions, cleaned
from facedb.scan.run import ScanOptions, ScanSummary, scan
from facedb.scan.which_scan import find_scan, find_scope
from tests.db.population import Population, clustered

FACES = ["ann", "bob", "ann", "bob", "cy", "cy"]


@pytest.fixture
def two(database: Database) -> Database:
    """``old`` embedded under contract ``first``, then ``new`` under contract ``second``."""
    rng = np.random.default_rng(3)
    Population(database, 8, "first").add(clustered(rng, 6, 8, 3), FACES, dataset="old")
    Population(database, 16, "second").add(clustered(rng, 6, 16, 3), FACES, dataset="new")
    return database


def run(db: Database, *datasets: str, threshold: float = 0.1, model: str | None = None) -> ScanSummary:
    return scan(db, ScanOptions(threshold=threshold, datasets=datasets, model=model, engine="exact"), reporter=Silent())


def test_a_dataset_is_scanned_under_the_contract_that_embedded_it_though_another_one_worked_since(
    two: Database,
) -> None:
    summary = run(two, "old")
    assert summary.scan.faces == 6
    with two.connection() as conn:
        assert find_scope(conn, ["old"]).model.name == "first"
        assert find_scope(conn, ["new"]).model.name == "second"
        assert find_scope(conn).model.name == "second"
        assert find_scope(conn, ["old", "new"]).model.name == "second"


def test_a_scan_without_a_face_to_compare_is_refused_and_leaves_nothing(two: Database) -> None:
    with pytest.raises(NotFoundError, match="No labelled face of first"):
        run(two, "new", model="first")
    assert reading.scans(two) == []


def test_the_newest_scan_is_that_of_the_dataset_and_the_contract_that_are_asked_for(two: Database) -> None:
    old, new = run(two, "old").scan, run(two, "new").scan
    both = run(two, "old", "new").scan
    with two.connection() as conn:
        assert find_scan(conn).scan.id == both.id
        assert find_scan(conn, datasets=["old"], model="first").scan.id == old.id
        assert find_scan(conn, datasets=["new"]).scan.id == both.id
        assert find_scan(conn, new.id).scan.id == new.id
        assert find_scan(conn, old.id).model.name == "first"
        with pytest.raises(NotFoundError, match="no finished scan of old and new"):
            find_scan(conn, datasets=["old", "new"], model="first")


def test_an_interrupted_scan_is_no_result(two: Database) -> None:
    with two.connection() as conn:
        done = run(two, "old").scan
        conn.execute("update facedb.scan set status = 'running', finished_at = null where id = %s", (done.id,))
        conn.commit()
        with pytest.raises(UsageError, match=rf"Scan {done.id} is running, and only finished scans"):
            find_scan(conn, done.id)
        with pytest.raises(NotFoundError, match="no finished scan"):
            find_scan(conn)
    with pytest.raises(UsageError), reading.pairs(two, reading.Selection(scan=done.id)):
        pass


def test_a_file_that_the_datasets_own_contract_refused_is_not_in_its_list(two: Database) -> None:
    with two.connection() as conn:
        image, model = conn.execute(
            "select i.id, m.id from facedb.image i join facedb.source s on s.id = i.source_id"
            " join facedb.dataset d on d.id = s.dataset_id, facedb.model m"
            " where d.name = 'old' and m.name = 'first' order by i.id limit 1"
        ).fetchone() or (0, 0)
        conn.execute(
            "delete from facedb.embedding where face_id in (select id from facedb.face where image_id = %s)", (image,)
        )
        conn.execute(
            "insert into facedb.embed_reject (image_id, model_id, code, detail) values (%s, %s, 'no_face', 'none')",
            (image, model),
        )
        listed, remarks = cleaned(conn, ExportOptions(dataset="old"))
    assert len(listed) == 5
    assert "1 image without a usable face is left out." in remarks


def test_a_name_that_does_not_exist_is_answered_with_the_nearest(two: Database) -> None:
    with two.connection() as conn:
        with pytest.raises(NotFoundError, match="There is no dataset 'odl': did you mean old"):
            find_scope(conn, ["odl"])
        with pytest.raises(NotFoundError, match="There is no model 'frist': did you mean first"):
            find_scope(conn, model="frist")
