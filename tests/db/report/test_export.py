"""Exports: what they hold, that other readers understand them, that facedb reads them again, and that they are whole."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from facedb.core.errors import ConflictError, ExitCode, NotFoundError, UsageError
from facedb.core.progress import Silent
from facedb.core.row_schema import table
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.report import reading
from facedb.report.export import FORMATS, Exported, ExportOptions, export
from facedb.report.reading import Selection
from facedb.report.result_columns import Pair
from facedb.review.verdicts import Statement, say
from facedb.scan.run import ScanOptions, scan
from tests.acceptance.trees import PEOPLE, people, take
from tests.db.population import Population, clustered

SILENT = Silent()


def _export(db: Database, what: str, path: Path, form: str | None = None, **options: object) -> Exported:
    return export(db, what, path, form=form, options=ExportOptions(**options), reporter=SILENT)  # type: ignore[arg-type]


@pytest.fixture
def scanned(database: Database) -> Population:
    """Forty faces of eight identities under one model, scanned."""
    rng = np.random.default_rng(11)
    population = Population(database, 16)
    population.add(clustered(rng, 40, 16, 4), [f"p{k // 5}" for k in range(40)])
    scan(database, ScanOptions(0.7, engine="exact"), reporter=SILENT)
    return population


@pytest.fixture
def root(database: Database, tmp_path: Path) -> Path:
    """The people with a verdict for each kind of step."""
    people(database, tmp_path / "root")
    return tmp_path / "root"


def _pairs(db: Database) -> list[tuple[Any, ...]]:
    with reading.pairs(db, Selection()) as rows:
        return list(rows)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "npz"])
def test_pairs_read_the_same_in_every_format(
    database: Database, scanned: Population, tmp_path: Path, form: str
) -> None:
    expected = _pairs(database)
    done = _export(database, "pairs", tmp_path / f"pairs.{form}")
    assert (done.form, done.rows) == (form, len(expected))
    file = tmp_path / f"pairs.{form}"
    found: list[tuple[Any, ...]]
    if form == "csv":
        with file.open(newline="") as lines:
            found = [(*row[:4], float(row[4])) for row in list(csv.reader(lines))[1:]]
    elif form == "jsonl":
        found = [tuple(json.loads(line).values()) for line in file.read_text().splitlines()]
    elif form == "parquet":
        found = [tuple(row.values()) for row in pq.read_table(file).to_pylist()]
    else:
        with np.load(file) as arrays:
            found = list(zip(*(arrays[name].tolist() for name in table(Pair).names), strict=True))
    assert [(*row[:4], np.float32(row[4])) for row in found] == [(*row[:4], np.float32(row[4])) for row in expected]
    assert scanned.dim == 16


def test_links_leave_out_what_was_called_different_unless_taken_as_they_are(
    database: Database, scanned: Population, tmp_path: Path
) -> None:
    whole = _export(database, "links", tmp_path / "links.csv").rows
    with reading.links(database, Selection(limit=1)) as rows:
        first = next(rows)
    say(database, [Statement("link", first[1], "different", first[2], by="eve")])
    assert _export(database, "links", tmp_path / "fewer.csv").rows == whole - 1
    assert _export(database, "links", tmp_path / "all.csv", as_is=True).rows == whole
    assert scanned.dim == 16


def test_the_published_table_has_names_and_scores(database: Database, scanned: Population, tmp_path: Path) -> None:
    _export(database, "pairs", tmp_path / "published.csv", "published")
    with (tmp_path / "published.csv").open(newline="") as lines:
        table = list(csv.DictReader(lines))
    assert list(table[0]) == ["name1", "name2", "score"]
    assert [(r["name1"], r["name2"], np.float32(r["score"])) for r in table] == [
        (r[0], r[2], np.float32(r[4])) for r in _pairs(database)
    ]
    assert scanned.dim == 16


def test_findings_are_exported_with_their_images(database: Database, scanned: Population, tmp_path: Path) -> None:
    done = _export(database, "findings", tmp_path / "findings.parquet")
    table = pq.read_table(tmp_path / "findings.parquet")
    assert table.num_rows == done.rows
    assert str(table.schema.field("images").type).startswith("list")
    assert scanned.dim == 16


def _vectors(db: Database) -> list[tuple[str, bytes]]:
    with db.connection() as conn:
        rows = conn.execute(
            "select n.name, e.vec::text from facedb.embedding e join facedb.face f on f.id = e.face_id "
            "join facedb.image i on i.id = f.image_id join facedb.identity n on n.id = i.identity_id"
        )
        return sorted((name, np.array(json.loads(text), np.float32).tobytes()) for name, text in rows)


@pytest.mark.parametrize("form", ["npy", "face01"])
def test_exported_vectors_are_ingested_again_bit_for_bit_and_give_the_same_pairs(
    database: Database, empty_database: Database, scanned: Population, tmp_path: Path, form: str
) -> None:
    from facedb.db.migrate import upgrade

    upgrade(empty_database)
    _export(database, "embeddings", tmp_path / "dump", form)
    ingest(empty_database, tmp_path / "dump", dataset="faces", contract="test", reporter=SILENT)
    assert _vectors(empty_database) == _vectors(database)
    scan(empty_database, ScanOptions(0.7, engine="exact"), reporter=SILENT)

    def plain(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        return sorted((*sorted((r[0], r[2])), r[4]) for r in rows)  # type: ignore[type-var]

    assert plain(_pairs(empty_database)) == plain(_pairs(database))
    assert scanned.dim == 16


@pytest.mark.parametrize("form", ["npz", "parquet", "jsonl", "csv"])
def test_embeddings_survive_every_format_bit_for_bit(
    database: Database, scanned: Population, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"vectors.{form}"
    _export(database, "embeddings", file)
    if form == "npz":
        with np.load(file) as arrays:
            names, vectors = arrays["identity"].tolist(), arrays["vector"]
    else:
        text = "" if form == "parquet" else file.read_text()
        rows = (
            pq.read_table(file).to_pylist()
            if form == "parquet"
            else [json.loads(line) for line in text.splitlines()]
            if form == "jsonl"
            else list(csv.DictReader(text.splitlines()))
        )
        names = [row["identity"] for row in rows]
        vectors = np.array([json.loads(r["vector"]) if form == "csv" else r["vector"] for r in rows], np.float32)
    assert sorted((n, v.tobytes()) for n, v in zip(names, vectors, strict=True)) == _vectors(database)
    assert scanned.dim == 16


CLEANED = {
    "ann/1.png": "ann",
    "ann/2.png": "ann",
    "ann/3.png": "ann",
    "anna/1.png": "ann",
    "anna/2.png": "ann",
    "anna/deep/3.png": "ann",
    "bob/stray.png": "ann",
    "bob/twice.png": "bob",
    "cid/only.png": "cid",
}


def test_the_cleaned_list_carries_the_verdicts_out_on_paper(database: Database, root: Path, tmp_path: Path) -> None:
    done = _export(database, "list", tmp_path / "cleaned.csv")
    with (tmp_path / "cleaned.csv").open(newline="") as lines:
        assert {row["path"]: row["identity"] for row in csv.DictReader(lines)} == CLEANED
    assert done.remarks == ("2 images by decisions are left out.",)
    assert _export(database, "list", tmp_path / "all.csv", as_is=True).rows == len(PEOPLE) - 1
    assert (root / "anna" / "1.png").is_file()


def test_a_cleaned_list_is_read_again(database: Database, root: Path, tmp_path: Path) -> None:
    from facedb.sources.options import SourceOptions

    _export(database, "list", tmp_path / "cleaned.csv")
    found = ingest(
        database, tmp_path / "cleaned.csv", dataset="clean", options=SourceOptions(root=root), reporter=SILENT
    )
    assert (found.ready, found.identities, found.rejected) == (len(CLEANED), 3, 0)


def test_the_merge_map_knows_every_identity(database: Database, root: Path, tmp_path: Path) -> None:
    _export(database, "merge-map", tmp_path / "map.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "map.jsonl").read_text().splitlines()]
    assert {row["identity"]: row["becomes"] for row in rows} == {
        "ann": "ann",
        "anna": "ann",
        "bob": "bob",
        "cid": "cid",
    }
    assert root.is_dir()


def test_a_cleaned_rec_holds_the_bytes_that_stay_under_their_new_identities(
    database: Database, root: Path, tmp_path: Path
) -> None:
    done = _export(database, "rec", tmp_path / "train.rec")
    assert (done.rows, done.path) == (len(CLEANED), tmp_path / "train.rec")
    found = ingest(database, tmp_path / "train.rec", dataset="packed", reporter=SILENT)
    assert (found.ready, found.identities) == (len(CLEANED), 3)
    with database.connection() as conn:
        query = "select i.sha256 from facedb.image i join facedb.source s on s.id = i.source_id where s.format = %s and i.status = 'ready'"
        packed = {row[0] for row in conn.execute(query, ["rec"])}
        kept = {row[0] for row in conn.execute(query + " and i.path = any(%s)", ["folder", list(CLEANED)])}
    assert packed == kept
    (root / "cid" / "only.png").write_bytes(PEOPLE["ann/1.png"])
    with pytest.raises(ConflictError, match="changed since it was ingested"):
        _export(database, "rec", tmp_path / "again.rec", force=True)
    assert not list(tmp_path.glob("again*")), "nothing half-written is left"


@pytest.mark.usefixtures("root")
def test_a_property_file_of_somebody_else_is_not_replaced_unasked(database: Database, tmp_path: Path) -> None:
    (tmp_path / "property").write_text("85742,112,112\n")
    with pytest.raises(UsageError, match="--force"):
        _export(database, "rec", tmp_path / "mine.rec")
    assert (tmp_path / "property").read_text() == "85742,112,112\n"
    assert not list(tmp_path.glob("mine*"))
    _export(database, "rec", tmp_path / "mine.rec", force=True)
    with pytest.raises(UsageError, match=r"belongs to mine\.rec"):
        _export(database, "rec", tmp_path / "second.rec")


def test_what_is_not_on_the_disk_is_not_exported(database: Database, root: Path, tmp_path: Path) -> None:
    (root / "ann" / "1.png").unlink()
    done = _export(database, "list", tmp_path / "list.csv", as_is=True)
    assert "ann/1.png" not in (tmp_path / "list.csv").read_text()
    assert any("1 image is not on the disk" in remark for remark in done.remarks)
    root.rename(tmp_path / "away")
    done = _export(database, "list", tmp_path / "all.csv", as_is=True)
    assert any("--moved-from" in remark for remark in done.remarks)


def test_a_file_is_whole_or_not_there_and_never_replaced_unasked(
    database: Database, root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    _export(database, "list", file)
    whole = file.read_bytes()
    with pytest.raises(UsageError, match="--force") as caught:
        _export(database, "list", file)
    assert caught.value.exit_code is ExitCode.USAGE
    _export(database, "list", file, force=True)
    assert file.read_bytes() == whole
    with pytest.raises(NotFoundError):
        _export(database, "pairs", tmp_path / "none.csv")
    with pytest.raises(UsageError, match="make it first"):
        _export(database, "list", tmp_path / "no" / "where.csv")
    take(database, root)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["list.csv", "root"]


def test_a_format_follows_from_the_name_or_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="csv, jsonl, parquet, npz"):
        _export(database, "list", tmp_path / "list.csv", "face01")
    with pytest.raises(UsageError, match="cannot be exported"):
        _export(database, "everything", tmp_path / "all")
    assert all(formats for formats in FORMATS.values())
