from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facedb.core.errors import InputError
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import content, images, problem_of, put, verdicts

POINTS = tuple(float(number) for number in range(10))


@pytest.fixture
def base(tmp_path: Path, image_bytes) -> Path:
    for number in range(4):
        put(tmp_path, f"x/{number}.png", image_bytes(number))
    return tmp_path


def csv(base: Path, text: str, name: str = "faces.csv") -> Path:
    return put(base, name, text.encode())


def test_a_csv_gives_identity_box_landmarks_and_keeps_the_rest(base):
    names = ",".join(f"p{n}{axis}" for n in range(1, 6) for axis in "XY")
    table = csv(
        base,
        f"Path,Person ID,x,y,w,h,{names},camera,note\n"
        f'x/0.png,"Zoë, the 2nd",1,2,30.5,40,{",".join(map(str, POINTS))},A7,"two\nlines"\n'
        "x/1.png,bob,,,,,,,,,,,,,,,,\n",
    )
    found = images(table)
    first, second = found["x/0.png"], found["x/1.png"]
    assert (first.identity, first.box, first.landmarks) == ("Zoë, the 2nd", (1, 2, 30.5, 40), POINTS)
    assert first.extra == {"camera": "A7", "note": "two\nlines"}
    assert (second.identity, second.box, second.landmarks, second.extra) == ("bob", None, None, {})


@pytest.mark.parametrize(
    ("header", "cells", "box"),
    [
        ("image_id,x_1,y_1,width,height", "x/0.png,1,2,3,4", (1, 2, 3, 4)),
        ("file,x1,y1,x2,y2", "x/0.png,1,2,4,6", (1, 2, 3, 4)),
        ("filename,left,top,right,bottom", "x/0.png,1,2,4,6", (1, 2, 3, 4)),
        ("image,bbox", 'x/0.png,"[1, 2, 3, 4]"', (1, 2, 3, 4)),
        ("img,box", "x/0.png,1 2 3 4", (1, 2, 3, 4)),
        ("path,width,height", "x/0.png,640,480", None),
    ],
)
def test_boxes_are_understood_under_their_usual_names(base, header, cells, box):
    assert images(csv(base, f"{header}\n{cells}\n"))["x/0.png"].box == box


def test_without_an_identity_column_the_rule_finds_it_in_the_path(base):
    assert images(csv(base, "path\nx/0.png\n"))["x/0.png"].identity == "x"
    assert images(csv(base, "path,label\nx/0.png,\n"))["x/0.png"].identity is None
    assert images(csv(base, "path,label\nx/0.png,7\n"), identity_from="none")["x/0.png"].identity is None


def test_rows_that_make_no_sense_are_problems_with_their_line(base):
    table = csv(
        base,
        "path,identity,x,y,w,h\nx/0.png,a,1,2,3,4\nx/1.png,a,1,2,,4\n,a,1,2,3,4\nx/2.png,a,1,2,0,4\n"
        "x/3.png,a,nan,2,3,4\n\nx/9.png,a\n../y.png,a\n",
    )
    assert verdicts(table) == {
        "x/0.png": "image",
        "faces.csv#3": "bad_record",
        "faces.csv#4": "bad_record",
        "faces.csv#5": "bad_record",
        "faces.csv#6": "bad_record",
        "x/9.png": "missing",
        "../y.png": "outside_root",
    }
    assert images(table)["faces.csv#3"].extra["row"][0] == "x/1.png"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found_in_the_header(base, separator):
    table = csv(base, "path,identity\nx/0.png,a\n".replace(",", separator))
    assert images(table)["x/0.png"].identity == "a"


def test_byte_order_marks_and_other_encodings_are_read(base):
    text = "path,identity\nx/0.png,Jürgen\n"
    for data in (b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
        assert images(put(base, "t.csv", data))["x/0.png"].identity == "Jürgen"
    assert images(put(base, "t.csv", text.encode("latin-1")))["x/0.png"].identity == "J\udcfcrgen"


def test_a_path_that_is_not_utf8_survives_a_csv(base, image_bytes):
    name = b"x/\xe9.png".decode("utf-8", "surrogateescape")
    put(base, name, image_bytes(9))
    assert content(put(base, "t.tsv", b"path\tidentity\nx/\xe9.png\ta\n")) == {name: ("a", image_bytes(9))}


@pytest.mark.parametrize("text", ["", "who,what\na,b\n", "who;what\na;b\n"])
def test_a_table_without_paths_is_an_input_error_that_says_how_it_was_read(base, text):
    with pytest.raises(InputError, match="semicolons" if ";" in text else "path"):
        images(csv(base, text))


def test_parquet_gives_the_same_as_csv_with_typed_extras(base):
    columns = {
        "path": ["x/0.png", "x/1.png", None],
        "label": [7, None, 8],
        "box": [[1.0, 2.0, 3.0, 4.0], None, None],
        "landmarks": [[[float(2 * n), float(2 * n + 1)] for n in range(5)], None, None],
        "taken": [dt.date(2026, 1, 2), None, None],
        "score": [0.5, float("nan"), 1.0],
    }
    pq.write_table(pa.table(columns), base / "t.parquet")
    found = images(base / "t.parquet")
    first = found["x/0.png"]
    assert (first.identity, first.box, first.landmarks) == ("7", (1, 2, 3, 4), POINTS)
    assert json.dumps(dict(first.extra)) == '{"taken": "2026-01-02", "score": 0.5}'
    assert (found["x/1.png"].identity, found["x/1.png"].extra) == (None, {"score": None})
    assert problem_of(found["t.parquet#2"]).code == "bad_record"
    assert open_source(base / "t.parquet").count_hint() == 3


def test_a_parquet_file_of_several_batches_is_read_whole(base):
    table = pa.table({"path": [f"x/{n}.png" for n in range(20_000)], "identity": ["a"] * 20_000})
    pq.write_table(table, base / "t.parquet", row_group_size=3000)
    assert len(images(base / "t.parquet")) == 20_000


def test_a_file_that_is_no_parquet_is_an_input_error(base):
    put(base, "t.parquet", b"PAR1 and nothing more")
    with pytest.raises(InputError):
        images(base / "t.parquet")
    assert open_source(base / "t.parquet").count_hint() is None
