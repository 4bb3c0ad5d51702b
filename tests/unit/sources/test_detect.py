from __future__ import annotations

import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facedb.core.errors import InputError, UsageError
from facedb.sources.archives.recordio import IdentityRecordWriter
from facedb.sources.registry import FORMATS, open_source
from facedb.sources.which_format import detect_format
from tests.unit.sources.helpers import put


def test_files_are_known_by_content_first_and_name_second(tmp_path, image_bytes):
    pq.write_table(pa.table({"path": ["a"]}), tmp_path / "a.dat")
    np.save(tmp_path / "b.npy", np.zeros(3))
    np.savez(tmp_path / "c.npz", name=np.zeros(3))
    with tarfile.open(tmp_path / "d", "w") as tar:
        tar.addfile(tarfile.TarInfo("x"), io.BytesIO())
    with IdentityRecordWriter(tmp_path / "e") as writer:
        writer.write("a", image_bytes())
    for name in ("f.csv", "g.TSV", "h.txt", "i.lst"):
        put(tmp_path, name, b"path\n")
    found = {
        path.name: detect_format(path) for path in tmp_path.iterdir() if path.name not in ("property", "e.names.csv")
    }
    assert found == {
        "a.dat": "parquet",
        "b.npy": "npy",
        "c.npz": "npz",
        "d": "tar",
        "e.rec": "rec",
        "e.idx": "rec",
        "f.csv": "csv",
        "g.TSV": "csv",
        "h.txt": "list",
        "i.lst": "list",
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["alice/1.jpg", "list.txt", "labels.csv"], "folder"),
        (["notes.md"], "folder"),
        (["alice/npKnown.npz", "bob/npKnown.npz"], "npz"),
        (["0000.features.npy", "0000.object_ids.npy"], "npy"),
        (["train.rec", "train.idx", "property", "lfw.bin"], "rec"),
        (["s-0.tar", "s-1.tar"], "tar"),
    ],
)
def test_a_folder_is_what_it_holds(tmp_path, files, expected):
    for name in files:
        put(tmp_path, name, b"")
    assert detect_format(tmp_path) == expected


def test_a_folder_that_holds_two_kinds_is_not_guessed_at(tmp_path):
    for name in ("a/1.jpg", "a/2.jpg", "a/npKnown.npz"):
        put(tmp_path, name, b"")
    with pytest.raises(InputError, match=r"2 images and 1 \.npz.*--format"):
        detect_format(tmp_path)
    assert open_source(tmp_path, "folder").format == "folder"


def test_what_is_no_source_is_refused_with_a_hint(tmp_path, image_bytes):
    with pytest.raises(InputError, match="single image"):
        detect_format(put(tmp_path, "a.csv", image_bytes()))
    with pytest.raises(InputError, match="--format"):
        detect_format(put(tmp_path, "a.docx", b"PK"))
    with pytest.raises(InputError, match="nothing at"):
        detect_format(tmp_path / "missing*.tar")
    put(tmp_path, "x.tar", b"")
    with pytest.raises(InputError, match="can be named together"):
        detect_format(tmp_path / "*")
    with pytest.raises(UsageError, match="folder, list"):
        open_source(tmp_path, "zip")


def test_every_format_can_be_asked_for_by_name():
    assert FORMATS == ("folder", "list", "csv", "jsonl", "parquet", "npz", "npy", "rec", "tar")
