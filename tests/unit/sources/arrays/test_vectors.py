from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedb.core.errors import InputError, UsageError
from facedb.core.records import VectorBatch
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import put, read_all, vectors, verdicts

ARRAY = "efficientnetv2_arcface"


def rows(count: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def npz(path: Path, names: object, values: np.ndarray, *, packed: bool = False, array: str = ARRAY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save = np.savez_compressed if packed else np.savez
    arrays: dict[str, Any] = {"name": np.asarray(names), array: values}
    save(path, **arrays)
    return path


def joined(batches: list[VectorBatch]) -> tuple[list[str], list[str | None], np.ndarray]:
    paths = [path for batch in batches for path in batch.paths]
    identities = [identity for batch in batches for identity in batch.identities]
    return paths, identities, np.concatenate([batch.vectors for batch in batches])


@pytest.mark.parametrize("packed", [True, False])
def test_a_face01_tree_gives_vectors_under_the_names_of_its_folders(tmp_path, packed):
    npz(tmp_path / "安倍/npKnown.npz", ["1.jpg", "2.jpg"], rows(2).reshape(2, 1, 8), packed=packed)
    npz(tmp_path / "bob/npKnown.npz", ["bob", "bob", "bob"], rows(3, seed=1), packed=packed)
    npz(tmp_path / "zoe/npKnown.npz", np.array([], dtype=str), rows(0), packed=packed)
    put(tmp_path, "bob/notes.txt", b"hello")
    batches = vectors(tmp_path)
    paths, identities, values = joined(batches)
    assert len(batches) == 1
    assert values.dtype == np.float32
    assert paths == [*[f"bob/npKnown.npz#{n}" for n in range(3)], "安倍/1.jpg", "安倍/2.jpg"]
    assert identities == ["bob"] * 3 + ["安倍"] * 2
    np.testing.assert_array_equal(values, np.concatenate([rows(3, seed=1), rows(2)]))
    assert verdicts(tmp_path) == {"bob/notes.txt": "other_file"}


def test_names_of_images_are_not_taken_for_identities(tmp_path):
    path = npz(tmp_path / "alice/npKnown.npz", ["1.jpg", "2.jpg"], rows(2))
    assert joined(vectors(path))[:2] == (["1.jpg", "2.jpg"], [None, None])
    path = npz(tmp_path / "all.npz", ["bob/1.jpg", "carol/2.jpg"], rows(2))
    assert joined(vectors(path))[:2] == (["bob/1.jpg", "carol/2.jpg"], ["bob", "carol"])


def test_images_beside_their_vectors_have_one_row_and_those_without_a_vector_are_accounted_for(tmp_path, image_bytes):
    npz(tmp_path / "a/npKnown.npz", ["1.png", "2.png"], rows(2))
    npz(tmp_path / "all.npz", ["b/3.png"], rows(1))
    for name in ("0.png", "1.png", "2.png"):
        put(tmp_path, f"a/{name}", image_bytes())
    put(tmp_path, "b/3.png", image_bytes())
    assert joined(vectors(tmp_path, "npz"))[0] == ["a/1.png", "a/2.png", "b/3.png"]
    assert verdicts(tmp_path, "npz") == {"a/0.png": "other_file"}


@pytest.mark.parametrize("packed", [True, False])
def test_one_large_archive_is_read_in_batches_with_the_name_as_identity(tmp_path, packed):
    count = 20_001
    path = npz(tmp_path / "all.npz", [f"p{n % 500}" for n in range(count)], rows(count, 64), packed=packed)
    batches = vectors(path)
    assert max(len(batch.paths) for batch in batches) == 8192
    paths, identities, values = joined(batches)
    assert (paths[0], paths[-1], len(set(paths))) == ("all.npz#0", "all.npz#20000", count)
    assert (identities[501], identities[-1]) == ("p1", "p0")
    np.testing.assert_array_equal(values, rows(count, 64))
    assert open_source(path).count_hint() == count


@pytest.mark.parametrize("kind", ["<f2", "<f8", ">f4"])
def test_other_float_types_become_float32(tmp_path, kind):
    values = rows(3).astype(kind)
    found = joined(vectors(npz(tmp_path / "a.npz", [b"x", b"y", b"caf\xe9"], values)))
    assert found[1] == ["x", "y", "caf\udce9"]
    np.testing.assert_array_equal(found[2], values.astype(np.float32))


def test_other_arrays_are_read_by_name(tmp_path):
    path = npz(tmp_path / "a.npz", [1, 2], rows(2), array="resnet")
    assert joined(vectors(path, vector_array="resnet"))[1] == ["1", "2"]
    with pytest.raises(InputError, match=r"name, resnet.*--vector-array"):
        vectors(path)


@pytest.mark.parametrize(
    ("names", "values", "complaint"),
    [
        (np.array(["a", None], dtype=object), rows(2), "Python objects"),
        (["a", "b", "c"], rows(2), "2 vectors and 3 names"),
        (["a", "b"], rows(2).astype(np.int32), "int32"),
        (["a", "b"], np.asfortranarray(rows(2)), "column by column"),
        (["a", "b"], np.zeros((2, 2, 8), np.float32), "shape"),
        ([0.5, 1.5], rows(2), "float64"),
    ],
)
def test_arrays_that_do_not_fit_are_an_input_error_alone_and_a_problem_in_a_tree(tmp_path, names, values, complaint):
    path = npz(tmp_path / "a/npKnown.npz", names, values)
    with pytest.raises(InputError, match=complaint):
        vectors(path)
    npz(tmp_path / "b/npKnown.npz", ["1"], rows(1))
    assert verdicts(tmp_path) == {"a/npKnown.npz": "bad_record"}
    assert joined(vectors(tmp_path))[1] == ["b"]


def test_a_damaged_archive_is_a_problem_of_its_own(tmp_path):
    npz(tmp_path / "a/npKnown.npz", ["1"], rows(1))
    damaged = npz(tmp_path / "b/npKnown.npz", ["1"] * 50, rows(50))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)
    put(tmp_path, "c/npKnown.npz", b"PK\x03\x04 and nothing more")
    put(tmp_path, "d/npKnown.npz", b"")
    assert verdicts(tmp_path, "npz") == {f"{name}/npKnown.npz": "bad_record" for name in "bcd"}


def test_vectors_of_another_dimension_come_in_batches_of_their_own(tmp_path):
    npz(tmp_path / "a/x.npz", ["1"], rows(1, 8))
    npz(tmp_path / "b/x.npz", ["1"], rows(1, 4))
    assert [batch.vectors.shape for batch in vectors(tmp_path)] == [(1, 8), (1, 4)]


def test_an_archive_with_a_comment_is_read_like_any_other(tmp_path):
    path = npz(tmp_path / "a.npz", ["1", "2"], rows(2))
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"made by hand"
    np.testing.assert_array_equal(joined(vectors(path))[2], rows(2))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9, 100000000000)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'shape': (1, 4)}",
        "__import__('os').abort()",
        "not python at all (",
        "",
    ],
)
def test_hostile_headers_are_refused(tmp_path, header):
    path = pair(tmp_path, "0000", ["a"], rows(1))
    text = header.encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64))
    with pytest.raises(InputError):
        vectors(path)
    path.write_bytes(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + text)
    with pytest.raises(InputError):
        vectors(path)


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_memory_does_not_grow_with_the_number_of_rows(tmp_path, kind):
    count, dim = 60_000, 64
    if kind == "npy":
        path = pair(tmp_path, "0000", np.arange(count), rows(count, dim))
    else:
        path = npz(tmp_path / "all.npz", [f"p{n}" for n in range(count)], rows(count, dim))
    batch = 8192 * dim * 4
    tracemalloc.start()
    try:
        seen = sum(len(item.paths) for item in open_source(path).records() if isinstance(item, VectorBatch))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == count
    assert peak < 4 * batch


def test_an_encrypted_archive_is_refused(tmp_path):
    path = npz(tmp_path / "a.npz", ["1"], rows(1))
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 2
    for mark, distance in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        place = data.find(mark)
        while place >= 0:
            data[place + distance] |= 1
            place = data.find(mark, place + 1)
    path.write_bytes(data)
    with pytest.raises(InputError):
        vectors(path)


def pair(folder: Path, name: str, ids: object, values: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}.features.npy", values)
    np.save(folder / f"{name}.object_ids.npy", np.asarray(ids))
    return folder / f"{name}.features.npy"


def test_pairs_are_read_in_the_order_of_their_names(tmp_path):
    pair(tmp_path, "0001", ["c/3", "4"], rows(2, seed=1))
    pair(tmp_path, "0000", ["a/1", "b/2"], rows(2))
    paths, identities, values = joined(vectors(tmp_path))
    assert paths == ["a/1", "b/2", "c/3", "4"]
    assert identities == ["a", "b", "c", None]
    np.testing.assert_array_equal(values, np.concatenate([rows(2), rows(2, seed=1)]))
    assert open_source(tmp_path).count_hint() == 4
    for name in ("0001.features.npy", "0001.object_ids.npy", "*1.features.npy"):
        assert joined(vectors(tmp_path / name, "npy"))[0] == ["c/3", "4"]


def test_large_pairs_are_read_in_batches(tmp_path):
    pair(tmp_path, "0000", np.arange(20_000), rows(20_000, 4))
    batches = vectors(tmp_path, identity_from="regex", identity_regex=r"^\d\d")
    assert [len(batch.paths) for batch in batches] == [8192, 8192, 3616]
    paths, identities, values = joined(batches)
    assert (paths[12345], identities[12345]) == ("12345", "12")
    np.testing.assert_array_equal(values, rows(20_000, 4))


def test_the_identity_of_an_id_may_come_from_a_csv(tmp_path):
    pair(tmp_path / "f", "0000", ["aa11", "bb22", "cc33"], rows(3))
    ids = put(tmp_path, "ids.csv", "object_id,when,person\naa11,x,Zoë\nbb22,y,bob\n".encode())
    assert joined(vectors(tmp_path / "f", ids_csv=ids))[1] == ["Zoë", "bob", None]
    ids.write_text("object_id,anything\naa11,Zoë\n")
    assert joined(vectors(tmp_path / "f", ids_csv=ids))[1] == ["Zoë", None, None]
    ids.write_text("aa11\n")
    with pytest.raises(InputError):
        vectors(tmp_path / "f", ids_csv=ids)


def test_an_id_becomes_the_path_of_its_image_by_a_pattern(tmp_path):
    pair(tmp_path, "0000", ["aabbcc", "ddeeff"], rows(2))
    found = joined(vectors(tmp_path, image_path="object/{id[0:2]}/{id[2:4]}/{id}.jpg"))[0]
    assert found == ["object/aa/bb/aabbcc.jpg", "object/dd/ee/ddeeff.jpg"]
    for pattern in ("no id", "{name}.jpg", "{id}{"):
        with pytest.raises(UsageError):
            vectors(tmp_path, image_path=pattern)


def test_pairs_that_do_not_fit_are_problems_in_a_folder_and_errors_alone(tmp_path):
    pair(tmp_path, "good", ["1"], rows(1))
    pair(tmp_path, "lengths", ["1"], rows(2))
    pair(tmp_path, "objects", np.array(["1"], dtype=object), rows(1))
    pair(tmp_path, "alone", ["1"], rows(1))
    pair(tmp_path, "cut", ["1"] * 9, rows(9))
    pair(tmp_path, "orphan", ["1"], rows(1)).unlink()
    (tmp_path / "alone.object_ids.npy").unlink()
    cut = tmp_path / "cut.features.npy"
    cut.write_bytes(cut.read_bytes()[:-4])
    put(tmp_path, "other.npy", b"x")
    bad = ["alone", "cut", "lengths", "objects"]
    assert verdicts(tmp_path) == {
        **{f"{name}.features.npy": "bad_record" for name in bad},
        "orphan.object_ids.npy": "other_file",
        "other.npy": "other_file",
    }
    for name in bad:
        with pytest.raises(InputError):
            read_all(tmp_path / f"{name}.features.npy")
