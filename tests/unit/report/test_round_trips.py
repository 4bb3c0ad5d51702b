"""Every file that an export writes comes back in as it went out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedb.core.records import ImageRecord, VectorBatch
from facedb.core.row_schema import table
from facedb.report import vector_files
from facedb.report.embeddings import Embeddings
from facedb.report.result_columns import ListedImage
from facedb.report.row_files import write_rows
from facedb.sources.archives.recordio import IdentityRecordWriter
from facedb.sources.options import SourceOptions
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import content, put, verdict

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
NAMES = ["ann/1.png", "ann/two, b.png", "b\udcff/nächstes.png", 'c"d/3.png']
LABELS = ["ann", "Smith, John", "b\udcff", "7"]


def embeddings(count: int = 4, dim: int = 16) -> Embeddings:
    vectors = np.random.default_rng(3).normal(size=(count, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    paths = NAMES if count == 4 else [f"p{n // 7:05}/{n}.png" for n in range(count)]
    labels = LABELS if count == 4 else [f"p{n // 7:05}" for n in range(count)]
    norms = np.full(count, 9.5, np.float32)
    return Embeddings("m", tuple(paths), tuple(labels), (0,) * count, norms, vectors)


def read_vectors(path: Path, **options: object) -> tuple[list[str], list[str | None], np.ndarray]:
    source = open_source(path, "auto", SourceOptions(**options))  # type: ignore[arg-type]
    batches = [item for item in source.records() if isinstance(item, VectorBatch)]
    paths = [name for batch in batches for name in batch.paths]
    identities = [name for batch in batches for name in batch.identities]
    return paths, identities, np.concatenate([batch.vectors for batch in batches])


@pytest.mark.parametrize("form", ["npz", "parquet", "jsonl", "csv"])
def test_embeddings_come_back_under_their_names_bit_for_bit(tmp_path: Path, form: str) -> None:
    out = embeddings()
    vector_files.write(tmp_path / f"e.{form}", out, form)
    paths, identities, vectors = read_vectors(tmp_path / f"e.{form}")
    assert (paths, identities) == (NAMES, LABELS)
    assert vectors.tobytes() == out.vectors.tobytes()


def test_merged_arrays_are_of_10000_rows_each_and_come_back(tmp_path: Path) -> None:
    out = embeddings(20_001, 4)
    vector_files.write(tmp_path / "e", out, "npy")
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == [
        f"{n:04}.{what}.npy" for n in range(3) for what in ("features", "object_ids")
    ]
    assert np.load(tmp_path / "e/0001.features.npy").shape == (10_000, 4)
    paths, identities, vectors = read_vectors(tmp_path / "e")
    assert (paths, identities) == (list(out.paths), list(out.identities))
    assert vectors.tobytes() == out.vectors.tobytes()


def test_further_faces_of_a_photo_keep_a_name_of_their_own(tmp_path: Path) -> None:
    out = embeddings()
    two = Embeddings("m", ("a.png", "a.png"), ("x", "y"), (0, 1), out.norms[:2], out.vectors[:2])
    for form in ("npz", "parquet", "csv"):
        vector_files.write(tmp_path / f"e.{form}", two, form)
        assert read_vectors(tmp_path / f"e.{form}")[:2] == (["a.png", "a.png#2"], ["x", "y"])


def test_a_face01_tree_comes_back(tmp_path: Path) -> None:
    out = embeddings(20)
    vector_files.write(tmp_path / "e", out, "face01")
    paths, identities, vectors = read_vectors(tmp_path / "e")
    assert (paths, identities) == (list(out.paths), list(out.identities))
    assert vectors.tobytes() == out.vectors.tobytes()


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "npz"])
def test_a_cleaned_list_names_the_same_images_under_the_same_identities(tmp_path: Path, form: str) -> None:
    for name in NAMES:
        put(tmp_path, name, PNG)
    rows = list(zip(NAMES, LABELS, strict=True))
    file = tmp_path / f"list.{form}"
    with file.open("wb") as opened:
        write_rows(opened, table(ListedImage), rows, form)
    records = [item for item in open_source(file).records() if isinstance(item, ImageRecord)]
    assert [(record.path, record.identity) for record in records] == rows
    assert {verdict(record) for record in records} == {"image"}


def test_a_rec_file_comes_back_with_the_names_of_its_identities(tmp_path: Path) -> None:
    with IdentityRecordWriter(tmp_path / "train") as writer:
        for number, identity in enumerate(["Smith, John", "Zoë", "nan", "b\udcff"]):
            writer.write(identity, PNG + bytes([number]))
    found = content(tmp_path / "train.rec")
    assert [identity for identity, _ in found.values()] == ["Smith, John", "Zoë", "nan", "b\udcff"]
    assert content(tmp_path) == found
