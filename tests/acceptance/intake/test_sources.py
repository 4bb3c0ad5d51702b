"""The same faces through every format give the same embeddings, bit for bit, and the same flagged pairs."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facedb.db.connection import Database
from facedb.sources.archives.recordio import IdentityRecordWriter
from tests.acceptance.world import Command, Inside, block_model, copy_folder, people


def as_list(folder: Path, paths: list[str], out: Path) -> list[object]:
    file = out / "objects.txt"
    file.write_text("\n".join(paths) + "\n")
    return [file, "--root", folder]


def as_csv(folder: Path, paths: list[str], out: Path) -> list[object]:
    file = out / "faces.csv"
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["path", "identity", "note"])
        writer.writerows([path, path.split("/")[0], f"row, {n}"] for n, path in enumerate(paths))
    return [file, "--root", folder]


def as_parquet(folder: Path, paths: list[str], out: Path) -> list[object]:
    file = out / "faces.parquet"
    columns = {"path": paths, "identity": [path.split("/")[0] for path in paths], "year": list(range(len(paths)))}
    pq.write_table(pa.table(columns), file)
    return [file, "--root", folder]


def as_rec(folder: Path, paths: list[str], out: Path) -> list[object]:
    (out / "rec").mkdir()
    with IdentityRecordWriter(out / "rec" / "train") as writer:
        for path in paths:
            writer.write(path.split("/")[0], (folder / path).read_bytes())
    return [out / "rec" / "train.rec"]


def as_tar(folder: Path, paths: list[str], out: Path, mode: Literal["w", "w:gz"] = "w") -> list[object]:
    place = out / ("shards" + mode.partition(":")[2])
    place.mkdir()
    suffix = ".tar.gz" if mode.endswith("gz") else ".tar"
    half = len(paths) // 2
    for number, part in enumerate((paths[:half], paths[half:])):
        with tarfile.open(place / f"{number:04d}{suffix}", mode) as shard:
            for path in part:
                stem, _, extension = path.replace("/", "_").rpartition(".")
                for name, data in (
                    (f"{stem}.{extension}", (folder / path).read_bytes()),
                    (f"{stem}.cls", path.split("/")[0].encode()),
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    shard.addfile(member, io.BytesIO(data))
    return [place]


def as_tar_gz(folder: Path, paths: list[str], out: Path) -> list[object]:
    return as_tar(folder, paths, out, "w:gz")


FORMATS: dict[str, Callable[[Path, list[str], Path], list[object]]] = {
    "list": as_list,
    "csv": as_csv,
    "parquet": as_parquet,
    "rec": as_rec,
    "tar": as_tar,
    "targz": as_tar_gz,
}


class Answers:
    """What the database says of each dataset, by the content of the images instead of keys and paths."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._dsn) as conn:
            return conn.execute(statement, values).fetchall()

    def vectors(self, dataset: str) -> dict[str, tuple[str, str]]:
        """sha256 of the image -> (vector, label)."""
        rows = self.ask(
            "select encode(i.sha256, 'hex'), e.vec::text, n.name from facedb.embedding e"
            " join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id"
            " join facedb.identity n on n.id = i.identity_id join facedb.dataset d on d.id = n.dataset_id"
            " where d.name = %s",
            dataset,
        )
        found = {row[0]: (row[1], row[2]) for row in rows}
        assert len(found) == len(rows)
        return found

    def pairs(self, scan: int, key: str = "encode(i.sha256, 'hex')") -> set[tuple[str, str, float]]:
        """Pairs of a scan as (content, content, score)."""
        names = dict(self.ask(f"select f.id, {key} from facedb.face f join facedb.image i on i.id = f.image_id"))  # noqa: S608
        rows = self.ask("select face_a, face_b, score from facedb.flagged_pair where scan_id = %s", scan)
        return {(*sorted((names[a], names[b])), score) for a, b, score in rows}


def compare_formats(
    facedb: Command | Inside, dsn: str, folder: Path, out: Path, model: list[object], threshold: float
) -> None:
    inside = Inside(out / "home", dsn)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".png", ".pgm"))
    facedb("ingest", folder, "--dataset", "folder")
    for name, write in FORMATS.items():
        facedb("ingest", *write(folder, paths, out), "--dataset", name)
    facedb("embed", *model)
    ask = Answers(dsn)
    expected = ask.vectors("folder")
    assert len(expected) == len(paths)

    def scan(dataset: str, *more: object) -> int:
        said = inside("scan", "--datasets", dataset, "--threshold", threshold, "--format", "json", *more)
        return int(said.json[0]["scan_id"])

    first = scan("folder")
    flagged = ask.pairs(first)
    assert flagged
    for name in FORMATS:
        found = ask.vectors(name)
        assert {key: vector for key, (vector, _) in found.items()} == {
            key: vector for key, (vector, _) in expected.items()
        }
        # A .rec file numbers its identities, so labels are compared one to one.
        assert len({(found[key][1], expected[key][1]) for key in expected}) == len(
            {label for _, label in expected.values()}
        )
        assert ask.pairs(scan(name)) == flagged, name

    by_path = ask.pairs(first, "i.path")
    arrays = {
        path: np.array(text.strip("[]").split(","), np.float32)
        for path, text in ask.ask(
            "select i.path, e.vec::text from facedb.embedding e join facedb.face f on f.id = e.face_id"
            " join facedb.image i on i.id = f.image_id join facedb.source s on s.id = i.source_id"
            " join facedb.dataset d on d.id = s.dataset_id where d.name = 'folder'"
        )
    }
    for name, place in (("npz", export_npz(arrays, out)), ("npy", export_npy(arrays, out))):
        facedb("ingest", place, "--dataset", name, "--contract", "exported")
        assert ask.pairs(scan(name, "--model", "exported"), "i.path") == by_path, name
    counts = inside("datasets", "--format", "json").json
    assert all(row["files"] >= len(paths) and row["rejected"] == row["pending"] == 0 for row in counts)


def export_npz(arrays: dict[str, np.ndarray], out: Path) -> Path:
    """A FACE01 tree: one folder with one npKnown.npz for each identity."""
    for label in sorted({path.split("/")[0] for path in arrays}):
        mine = {path: vector for path, vector in arrays.items() if path.split("/")[0] == label}
        place = out / "npz" / label
        place.mkdir(parents=True)
        names = np.array([path.split("/", 1)[1] for path in mine])
        np.savez(place / "npKnown.npz", name=names, efficientnetv2_arcface=np.stack(list(mine.values()))[:, None, :])
    return out / "npz"


def export_npy(arrays: dict[str, np.ndarray], out: Path) -> Path:
    """Feature dumps of at most 150 rows a file."""
    (out / "npy").mkdir()
    paths = list(arrays)
    for number, start in enumerate(range(0, len(paths), 150)):
        part = paths[start : start + 150]
        np.save(out / "npy" / f"{number:04d}.features.npy", np.stack([arrays[path] for path in part]))
        np.save(out / "npy" / f"{number:04d}.object_ids.npy", np.array(part))
    return out / "npy"


def test_drawn_pictures_through_every_format(database: Database, tmp_path: Path) -> None:
    folder = people(tmp_path / "people", 10, 5)
    facedb = Command(tmp_path / "home", dsn=database.dsn)
    model: list[object] = ["--model", block_model(tmp_path / "blocks.onnx")]
    compare_formats(facedb, database.dsn, folder, tmp_path, model, 0.35)


def orl_through_every_format(db: Database, place: Path, real_data: Path, folder: Path, threshold: float) -> None:
    models = real_data / "models"
    model: list[object] = ["--model", models / "mobileface_v2_mit.onnx"]
    model += ["--detector", models / "yunet_s_dynamic.onnx"]
    compare_formats(Inside(place / "home", db.dsn), db.dsn, folder, place, model, threshold)


@pytest.mark.real_data
def test_faces_of_orl_through_every_format(database: Database, tmp_path: Path, real_data: Path) -> None:
    for number in range(1, 6):
        copy_folder(real_data / "faces" / "orl" / f"s{number}", tmp_path / "orl" / f"s{number}")
    orl_through_every_format(database, tmp_path, real_data, tmp_path / "orl", 0.25)


@pytest.mark.long
@pytest.mark.real_data
def test_all_400_faces_of_orl_through_every_format(database: Database, tmp_path: Path, real_data: Path) -> None:
    orl_through_every_format(database, tmp_path, real_data, real_data / "faces" / "orl", 0.35)
