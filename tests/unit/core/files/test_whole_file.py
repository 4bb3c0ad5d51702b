"""Files that are whole or not there, and tables that are the same in every format."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from facedb.core.errors import InputError, UsageError
from facedb.core.files.whole_file import check_free, whole_file, whole_folder
from facedb.core.row_schema import Real, ad_hoc
from facedb.report.row_files import write_rows
from facedb.review.components import components
from facedb.review.verdicts import Statement, read_csv

TABLE = ad_hoc({"path": str, "images": tuple[str, ...], "pairs": int, "max_score": Real | None})
ROWS = [("ann/1.jpg", ["a", "b"], 3, 0.5), ("b\u00e9a/\udcff.jpg", [], 4, None)]


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out.bin") as file:
        file.write(b"half")
        assert not (tmp_path / "out.bin").exists()
    assert (tmp_path / "out.bin").read_bytes() == b"half"


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "out.bin").write_bytes(b"old")

    def fail_halfway() -> None:
        with whole_file(tmp_path / "out.bin") as file:
            file.write(b"new")
            raise ZeroDivisionError

    def fail_in_a_folder() -> None:
        with whole_folder(tmp_path / "folder") as folder:
            (folder / "x").write_bytes(b"new")
            raise ZeroDivisionError

    for fail in (fail_halfway, fail_in_a_folder):
        with pytest.raises(ZeroDivisionError):
            fail()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"out.bin": b"old"}


def test_what_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="--force"):
        check_free(tmp_path / "file", force=False)
    check_free(tmp_path / "file", force=True)
    with pytest.raises(UsageError, match="folder that exists"):
        check_free(tmp_path, force=True)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "npz"])
def test_rows_are_the_same_in_every_format_and_hold_any_file_name(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"rows.{form}"
    with path.open("wb") as file:
        assert write_rows(file, TABLE, iter(ROWS), form) == 2
    if form == "csv":
        assert path.read_bytes().splitlines()[2] == b"b\xc3\xa9a/\xff.jpg,[],4,"
    elif form == "jsonl":
        second = json.loads(path.read_text().splitlines()[1])
        assert second == {"path": "bytes:b%C3%A9a/%FF.jpg", "images": [], "pairs": 4, "max_score": None}
    elif form == "parquet":
        table = pq.read_table(path)
        assert table.column("images").to_pylist() == [["a", "b"], []]
        assert [str(field.type) for field in table.schema][2:] == ["int64", "float"]
    else:
        with np.load(path) as arrays:
            assert arrays["path"].tolist() == [row[0] for row in ROWS]
            assert np.isnan(arrays["max_score"][1])
            assert arrays["pairs"].dtype == np.int64


def test_no_rows_are_a_table_all_the_same() -> None:
    for form in ("csv", "jsonl", "parquet", "npz"):
        file = io.BytesIO()
        assert write_rows(file, TABLE, iter(()), form) == 0


def test_groups_are_connected_and_ordered() -> None:
    assert components([(5, 4), (1, 2), (2, 3), (4, 6)]) == [{1, 2, 3}, {4, 5, 6}]
    assert components([]) == []


def test_a_csv_of_verdicts_is_read_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    file.write_text("\ufeffkind,a,b,verdict,target\nface,ann/1.jpg,,wrong-identity,bob\n", encoding="utf-8")
    assert read_csv(file) == [Statement("face", "ann/1.jpg", "wrong-identity", target="bob")]
    file.write_bytes(b"kind,a,b,verdict\nlink,\xff,b,same\n")
    assert read_csv(file) == [Statement("link", "\udcff", "same", "b")]
    file.write_text('kind,a,b,verdict\nlink,"ann,b,same\nlink,c,d,same\n')
    with pytest.raises(InputError, match="line 2"):
        read_csv(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "none.csv")
