"""Pictures and embeddings inside parquet, written by pyarrow as Hugging Face's datasets are."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facedb.core.errors import InputError
from facedb.sources.image_bytes import ByteReader
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import content, images, problem_of, put, vectors, verdict, verdicts

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def classes(*names: str) -> dict[bytes, bytes]:
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


def shard(
    path: Path, pictures: list[bytes | None], labels: list[int | None], paths: list[str | None] | None = None
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    given = paths or [None] * len(pictures)
    image = pa.array([{"bytes": b, "path": p} for b, p in zip(pictures, given, strict=True)], PICTURE)
    table = pa.table({"image": image, "label": pa.array(labels, pa.int64())})
    pq.write_table(table.replace_schema_metadata(classes("ann", "bob")), path, row_group_size=3)
    return path


def test_pictures_come_with_the_names_of_their_classes(tmp_path, image_bytes):
    pictures = [image_bytes(n) for n in range(5)]
    path = shard(tmp_path / "train.parquet", pictures, [0, 1, -1, None, 7], ["a.png"] * 5)
    assert content(path) == {
        f"train.parquet/{n}": (label, pictures[n]) for n, label in enumerate(["ann", "bob", None, None, "7"])
    }
    assert images(path)["train.parquet/0"].extra == {"path": "a.png"}
    assert open_source(path).count_hint() == 5


def test_a_folder_of_shards_is_a_dataset_and_so_is_a_pattern(tmp_path, image_bytes):
    for number in range(2):
        shard(tmp_path / f"data/train-{number:05}.parquet", [image_bytes(number)], [number])
    put(tmp_path, "README.md", b"# a dataset")
    assert open_source(tmp_path).format == "parquet"
    assert verdicts(tmp_path) == {
        "README.md": "other_file",
        "data/train-00000.parquet/0": "image",
        "data/train-00001.parquet/0": "image",
    }
    for name in ("data/train-*.parquet", "data/train-{00000..00001}.parquet", "data/{train-00000,train-00001}.parquet"):
        found = content(tmp_path / name)
        assert [label for label, _ in found.values()] == ["ann", "bob"], name


@pytest.mark.parametrize("kind", ["binary", "large", "struct-without-path", "img"])
def test_pictures_under_other_types_and_names_are_found(tmp_path, image_bytes, kind):
    data = [image_bytes(1), image_bytes(2)]
    columns = {
        "binary": pa.array(data, pa.binary()),
        "large": pa.array(data, pa.large_binary()),
        "struct-without-path": pa.array([{"bytes": d} for d in data], pa.struct([("bytes", pa.binary())])),
        "img": pa.array([{"bytes": d, "path": None} for d in data], PICTURE),
    }
    table = {"img" if kind == "img" else "image": columns[kind], "person": ["x", None]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert content(tmp_path / "t.parquet") == {"t.parquet/0": ("x", data[0]), "t.parquet/1": (None, data[1])}


def test_rows_with_a_path_and_no_bytes_name_files_and_rows_with_neither_are_problems(tmp_path, image_bytes):
    put(tmp_path, "ann/1.png", image_bytes(3))
    pictures = [None, None, b"<html>", b"", image_bytes(1)]
    path = shard(tmp_path / "t.parquet", pictures, [0] * 5, ["ann/1.png", None, None, None, None])
    assert verdicts(path) == {
        "ann/1.png": "image",
        "t.parquet/1": "bad_record",
        "t.parquet/2": "not_an_image",
        "t.parquet/3": "empty",
        "t.parquet/4": "image",
    }


def test_without_labels_the_identity_is_found_in_the_path_that_a_row_gives(tmp_path, image_bytes):
    image = pa.array(
        [{"bytes": image_bytes(1), "path": "zoe/1.png"}, {"bytes": image_bytes(2), "path": "2.png"}], PICTURE
    )
    pq.write_table(pa.table({"image": image}), tmp_path / "t.parquet")
    assert [label for label, _ in content(tmp_path / "t.parquet").values()] == ["zoe", None]


def test_pictures_are_read_in_any_order_and_a_changed_file_is_noticed(tmp_path, image_bytes):
    pictures = [image_bytes(n, size=16) + bytes(n) for n in range(40)]
    path = shard(tmp_path / "t.parquet", pictures, [0] * 40)
    order = np.random.default_rng(1).permutation(40)
    with ByteReader() as reader:
        for n in order:
            assert reader.read(tmp_path, "x", "t.parquet", int(n), len(pictures[n])) == pictures[n]
        with pytest.raises(OSError, match="changed"):
            reader.read(tmp_path, "x", "t.parquet", 3, 5)
        with pytest.raises(OSError, match="changed"):
            reader.read(tmp_path, "x", "t.parquet", 40, 5)
    assert path.is_file()


@pytest.mark.parametrize("column", ["list", "fixed", "double", "half", "text"])
def test_embeddings_are_read_from_lists_of_any_kind(tmp_path, column):
    rows = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float16).astype(np.float32)
    values = {
        "list": pa.array(rows.tolist(), pa.list_(pa.float32())),
        "fixed": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 4),
        "double": pa.array(rows.tolist(), pa.large_list(pa.float64())),
        "half": pa.array([list(row) for row in rows.astype(np.float16)], pa.list_(pa.float16())),
        "text": pa.array([str(row.tolist()) for row in rows]),
    }
    table = pa.table(
        {"path": [f"a/{n}.png" for n in range(6)], "embedding": values[column], "label": ["x"] * 5 + ["nan"]}
    )
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    (batch,) = vectors(tmp_path / "t.parquet", vectors=True)
    assert batch.paths == [f"a/{n}.png" for n in range(6)]
    assert batch.identities == ["x"] * 5 + [None]
    assert np.array_equal(batch.vectors, rows)
    assert {problem_of(r).code for r in images(tmp_path / "t.parquet").values()} == {"missing"}


def test_embeddings_that_do_not_fit_are_one_problem_each(tmp_path):
    rows = [[1.0, 2.0], None, [3.0], [4.0, 5.0], [1.0] * 70_000, [6.0, None]]
    pq.write_table(pa.table({"embedding": rows, "identity": list("abcdef")}), tmp_path / "t.parquet")
    (batch,) = vectors(tmp_path / "t.parquet")
    assert batch.paths == ["t.parquet#0", "t.parquet#3", "t.parquet#5"]
    assert batch.identities == ["a", "d", "f"]
    assert np.isnan(batch.vectors[2, 1])
    assert verdicts(tmp_path / "t.parquet") == dict.fromkeys(
        ("t.parquet#1", "t.parquet#2", "t.parquet#4"), "bad_record"
    )


def test_a_table_of_paths_keeps_its_embeddings_out_of_the_extras(tmp_path, image_bytes):
    put(tmp_path, "a/1.png", image_bytes(1))
    pq.write_table(pa.table({"path": ["a/1.png"], "embedding": [[1.0, 2.0]], "camera": ["A7"]}), tmp_path / "t.parquet")
    assert images(tmp_path / "t.parquet")["a/1.png"].extra == {"camera": "A7"}


def test_a_damaged_shard_is_an_error_alone_and_a_problem_among_others(tmp_path, image_bytes):
    shard(tmp_path / "a.parquet", [image_bytes(1)], [0])
    put(tmp_path, "b.parquet", b"PAR1 and nothing more")
    put(tmp_path, "c.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    assert verdicts(tmp_path) == {"a.parquet/0": "image", "b.parquet": "bad_record", "c.parquet": "bad_record"}
    with pytest.raises(InputError, match="parquet"):
        images(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="LFS"):
        images(tmp_path / "c.parquet")


def test_a_huge_cell_is_one_problem(tmp_path, image_bytes):
    put(tmp_path, "a/1.png", image_bytes(1))
    table = pa.table({"path": ["a/1.png", "y" * 30_000_000, "a/1.png"], "note": ["", "", "n" * 2_000_000]})
    pq.write_table(table, tmp_path / "t.parquet")
    found = images(tmp_path / "t.parquet")
    assert {name: verdict(record) for name, record in found.items()} == {
        "a/1.png": "image",
        "t.parquet#1": "bad_record",
        "t.parquet#2": "bad_record",
    }
    assert sum(len(str(record.extra)) for record in found.values()) < 2000


def test_memory_stays_small_while_a_large_file_of_pictures_is_read(tmp_path, image_bytes):
    noise = np.random.default_rng(1).integers(0, 256, 200_000, np.uint8).tobytes()
    schema = pa.schema([("image", PICTURE), ("label", pa.int64())])
    with pq.ParquetWriter(tmp_path / "t.parquet", schema, compression="none") as writer:
        for _ in range(2):
            pictures = pa.array([{"bytes": image_bytes(n) + noise, "path": None} for n in range(200)], PICTURE)
            writer.write_table(pa.table([pictures, pa.array([1] * 200)], schema=schema))
    assert (tmp_path / "t.parquet").stat().st_size > 80_000_000
    program = textwrap.dedent(f"""
        import resource
        from pathlib import Path
        import pyarrow.parquet
        from facedb.sources.registry import open_source
        from facedb.sources.tables import parquet_pictures
        from facedb.sources.image_bytes import ByteReader
        parquet_pictures._WINDOW_BYTES, parquet_pictures._BATCH_BYTES = 4 << 20, 1 << 20
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        source = open_source(Path({str(tmp_path / "t.parquet")!r}))
        with ByteReader() as reader:
            n = sum(len(reader.read(source.root, r.path, r.container, r.offset, r.length)) == r.size for r in source.records())
        assert n == 400, n
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) * (1 if sys.platform == "darwin" else 1024) < 50_000_000
