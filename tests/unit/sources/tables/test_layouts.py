"""Lists without a header that published datasets come with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facedb.sources.registry import open_source
from tests.unit.sources.helpers import image_records, images, put, verdict


@pytest.fixture
def base(tmp_path: Path, image_bytes) -> Path:
    for number, name in enumerate(("ann/0.png", "ann/1.png", "bob lee/0.png", "cy/0.png")):
        put(tmp_path, name, image_bytes(number))
    for name in ("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg", "Bob/Bob_0001.jpg"):
        put(tmp_path, name, image_bytes(9))
    return tmp_path


def labels(path: Path, **options: Any) -> dict[str, str | None]:
    found = images(path, **options)
    assert {verdict(record) for record in found.values()} == {"image"}, found
    return {name: record.identity for name, record in found.items()}


@pytest.mark.parametrize("name", ["list.txt", "list.lst", "list.csv"])
@pytest.mark.parametrize(
    "text",
    [
        "0\t0.000000\tann/0.png\n1\t0.000000\tann/1.png\n2\t1.000000\tbob lee/0.png\n",
        "1\tann/0.png\t0\n1\tann/1.png\t0\n1\tbob lee/0.png\t1\n",
        "0\t0\t17\tann/0.png\n1\t0\t3\tann/1.png\n2\t1\t4\tbob lee/0.png\n",
        "ann/0.png 0\nann/1.png 0\nbob lee/0.png 1\n",
        "ann/0.png,0\r\nann/1.png,0\r\nbob lee/0.png,1\r\n",
        "ann/0.png;0\nann/1.png;0\nbob lee/0.png;1",
        "0 ann/0.png\n0 ann/1.png\n1 bob lee/0.png\n",
        "0|ann/0.png\n0|ann/1.png\n1|bob lee/0.png\n",
    ],
)
def test_lists_of_labels_and_paths_are_understood_in_either_order_and_between_any_separator(base, name, text):
    assert labels(put(base, name, text.encode())) == {"ann/0.png": "0", "ann/1.png": "0", "bob lee/0.png": "1"}


def test_a_list_that_a_windows_shell_wrote_is_read(base):
    assert labels(put(base, "l.txt", "ann/0.png\r\ncy/0.png\r\n".encode("utf-16"))) == {
        "ann/0.png": "ann",
        "cy/0.png": "cy",
    }
    assert labels(put(base, "l.txt", b"\xef\xbb\xbfann/0.png 7\r\ncy/0.png 8\r\n")) == {
        "ann/0.png": "7",
        "cy/0.png": "8",
    }


def test_insightface_lists_bring_boxes_and_landmarks(base):
    points = "\t".join(map(str, range(10)))
    found = images(
        put(
            base, "l.lst", f"0\tann/0.png\t5\t1\t2\t11\t22\t{points}\n0\tcy/0.png\t6\t1\t2\t11\t22\t{points}\n".encode()
        )
    )
    record = found["ann/0.png"]
    assert (record.identity, record.box) == ("5", (1, 2, 10, 20))
    assert record.landmarks == (0, 5, 1, 6, 2, 7, 3, 8, 4, 9)


def test_pairs_and_people_of_lfw_name_their_images(base):
    everyone = {"Ann_Lee/Ann_Lee_0001.jpg": "Ann_Lee", "Ann_Lee/Ann_Lee_0002.jpg": "Ann_Lee", "Bob/Bob_0001.jpg": "Bob"}
    put(base, "pairs.txt", b"10\t300\nAnn_Lee\t1\t2\nBob\t1\tAnn_Lee\t1\n")
    put(base, "peopleDevTest.txt", b"2\nAnn_Lee\t2\nBob\t1\n")
    put(base, "pairsDevTest.txt", b"1\nAnn_Lee 1 2\nAnn_Lee 2 Bob 1\n")
    assert labels(base / "peopleDevTest.txt") == everyone
    for name in ("pairs.txt", "pairsDevTest.txt"):
        records = image_records(open_source(base / name))
        assert {record.path: record.identity for record in records} == everyone


def test_pairs_of_paths_name_both_images(base):
    found = labels(put(base, "pairs.txt", b"ann/0.png ann/1.png 1\ncy/0.png Bob/Bob_0001.jpg 0\n"))
    assert found == {"ann/0.png": "ann", "ann/1.png": "ann", "cy/0.png": "cy", "Bob/Bob_0001.jpg": "Bob"}


def test_vggface2_names_leave_the_suffix_out(base):
    assert labels(put(base, "loose_bb_train.csv", b'NAME_ID,X,Y,W,H\n"Bob/Bob_0001",1,2,3,4\n')) == {
        "Bob/Bob_0001.jpg": "Bob"
    }
    assert labels(put(base, "train_list.txt", b"Bob/Bob_0001\ncy/0\n")) == {"Bob/Bob_0001.jpg": "Bob", "cy/0.png": "cy"}


def test_lists_of_celeba_between_blanks_have_a_header_below_a_count(base):
    found = images(
        put(base, "list_bbox.txt", b"2\nimage_id x_1 y_1 width height\nann/0.png   1  2  3   4\ncy/0.png 5 6 7 8\n")
    )
    assert {name: record.box for name, record in found.items()} == {"ann/0.png": (1, 2, 3, 4), "cy/0.png": (5, 6, 7, 8)}
    names = " ".join(
        f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
    )
    found = images(put(base, "list_landmarks.txt", f"1\n{names}\nann/0.png 0 1 2 3 4 5 6 7 8 9\n".encode()))
    assert found["ann/0.png"].landmarks == tuple(map(float, range(10)))


def test_plain_paths_with_blanks_commas_and_quotes_stay_plain(base, image_bytes):
    names = ["bob lee/0.png", "cy/a, b.png", 'cy/5" tall.png', "cy/2 3.png"]
    for name in names:
        put(base, name, image_bytes(1))
    assert list(labels(put(base, "l.txt", "\n".join(names).encode()))) == names


def test_a_line_unlike_the_others_is_one_problem(base):
    text = b"ann/0.png 0\n" + b"".join(b"p/%d.png 1\n" % n for n in range(60)) + b"one two three\ncy/0.png nan\n"
    found = images(put(base, "l.txt", text))
    assert verdict(found["l.txt#62"]) == "bad_record"
    assert found["cy/0.png"].identity is None
