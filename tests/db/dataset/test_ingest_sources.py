"""What an ingest says of sources that are not as they should be, and exports that come back through the database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facedb.core.errors import ExitCode, InputError, UsageError
from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.report.export import ExportOptions, export
from facedb.sources.options import SourceOptions
from tests.db.dataset.folders import picture, rows
from tests.db.population import Population, clustered


class Heard(Silent):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("list.txt", "gone/1.png\ngone/2.png\n", "--root"),
        ("table.csv", "path,identity\n../a.png,x\n../b.png,y\n", "outside_root"),
        ("table.csv", "path,box\na.png,1\nb.png,2\n", "bad_record"),
        ("table.jsonl", '{"path": "gone.png"}\n{"path": "gone2.png"}\n', "missing"),
    ],
)
def test_a_source_of_which_every_row_fails_is_an_error_and_its_rows_say_why(
    database: Database, tmp_path: Path, name: str, text: str, word: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"Nothing in .*2 of 2.*{word}") as raised:
        ingest(database, tmp_path / name, reporter=Silent())
    assert raised.value.exit_code == ExitCode.INPUT
    assert [status for _, _, status, _ in rows(database).values()] == ["rejected", "rejected"]


def test_pictures_that_are_all_pointers_are_named_as_that(database: Database, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match=r"3 of 3 are not_an_image .*git lfs pull"):
        ingest(database, tmp_path, reporter=Silent())


def test_one_good_row_among_bad_ones_is_no_error(database: Database, tmp_path: Path) -> None:
    picture(tmp_path / "ann" / "1.png", 1)
    (tmp_path / "list.txt").write_text("ann/1.png\ngone/2.png\n")
    done = ingest(database, tmp_path / "list.txt", reporter=Silent())
    assert (done.ready, done.rejected) == (1, 1)


def test_nothing_of_a_table_with_a_stray_quote_is_ingested(database: Database, tmp_path: Path) -> None:
    picture(tmp_path / "ann" / "1.png", 1)
    (tmp_path / "t.csv").write_text("path,identity\n" + "ann/1.png,a\n" * 9000 + 'ann/1.png,"b\nann/1.png,c\n')
    with pytest.raises(InputError, match="line 9002"):
        ingest(database, tmp_path / "t.csv", reporter=Silent())
    assert rows(database) == {}


def test_labels_that_are_different_for_every_image_are_remarked_on(database: Database, tmp_path: Path) -> None:
    names = [picture(tmp_path / f"{n}.png", n).name for n in range(12)]
    (tmp_path / "t.csv").write_text("path,label\n" + "".join(f"{name},caption of {name}\n" for name in names))
    heard = Heard()
    ingest(database, tmp_path / "t.csv", reporter=heard)
    assert any("12 for 12 images" in line for line in heard.said)


def test_what_is_excluded_stays_out_as_ignored_rows(database: Database, tmp_path: Path) -> None:
    for name in ("ann/1.png", "ann/thumbs/1.png", "@eaDir/2.png"):
        picture(tmp_path / name, 1)
    done = ingest(database, tmp_path, options=SourceOptions(exclude=("thumbs",)), reporter=Silent())
    assert (done.ready, done.ignored) == (1, 2)
    assert {path: code for path, (*_, code) in rows(database).items()} == {
        "ann/1.png": None,
        "ann/thumbs/1.png": "excluded",
        "@eaDir/2.png": "junk",
    }


def test_pictures_in_parquet_are_read_once_and_known_again(database: Database, tmp_path: Path) -> None:
    data = [picture(tmp_path / "x.png", n).read_bytes() for n in range(6)]
    (tmp_path / "x.png").unlink()
    for number in range(2):
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        image = pa.array([{"bytes": b, "path": None} for b in data[3 * number : 3 * number + 3]], kind)
        pq.write_table(pa.table({"image": image, "label": ["ann", "bob", None]}), tmp_path / f"{number}.parquet")
    first = ingest(database, tmp_path, reporter=Silent())
    again = ingest(database, tmp_path, reporter=Silent())
    assert (first.format, first.new, first.ready, first.identities) == ("parquet", 6, 6, 2)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 6)


@pytest.mark.parametrize("form", ["npz", "parquet", "jsonl", "csv", "npy"])
def test_exported_embeddings_come_back_as_they_went_out(database: Database, tmp_path: Path, form: str) -> None:
    population = Population(database, 16)
    population.add(clustered(np.random.default_rng(5), 30, 16, 5), [f"p{k // 6}" for k in range(30)])
    place = tmp_path / ("e" if form == "npy" else f"e.{form}")
    done = export(database, "embeddings", place, form=form, options=ExportOptions(), reporter=Silent())
    assert done.rows == 30
    if form != "npy":
        with pytest.raises(UsageError, match="--contract"):
            ingest(database, place, dataset="back", reporter=Silent())
    back = ingest(database, place, dataset="back", contract="again", reporter=Silent())
    assert (back.ready, back.identities) == (30, 5)
    with database.connection() as conn:
        found = conn.execute(
            "select count(*), count(distinct n.name), count(distinct e.vec::text) from facedb.embedding e"
            " join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id"
            " join facedb.identity n on n.id = i.identity_id join facedb.dataset d on d.id = n.dataset_id group by d.name"
        ).fetchall()
        both = conn.execute("select count(distinct vec::text) from facedb.embedding").fetchone()
    assert found == [(30, 5, 30), (30, 5, 30)]
    assert both == (30,)
    again = ingest(database, place, dataset="back", contract="again", reporter=Silent())
    assert (again.new, again.changed, again.unchanged) == (0, 0, 30)
