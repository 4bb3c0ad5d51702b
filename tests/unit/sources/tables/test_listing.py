from __future__ import annotations

import os

import pytest

from facedb.core.errors import InputError
from facedb.core.records import ImageRecord
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import content, images, put, verdicts


def test_a_list_names_files_by_relative_path_and_the_rule_finds_the_identity(tmp_path, image_bytes):
    put(tmp_path, "object/00/01/abc.png", image_bytes(1))
    put(tmp_path, "b b.png", image_bytes(2))
    put(tmp_path, "objects.txt", b"\xef\xbb\xbfobject/00/01/abc.png\r\n\n./b b.png\n")
    assert content(tmp_path / "objects.txt") == {
        "object/00/01/abc.png": ("object", image_bytes(1)),
        "b b.png": (None, image_bytes(2)),
    }
    assert images(tmp_path / "objects.txt", identity_from="none")["object/00/01/abc.png"].identity is None


def test_whatever_is_wrong_with_a_listed_file_is_a_problem_not_a_reason_to_leave_it_out(tmp_path, image_bytes):
    put(tmp_path, "base/a/.hidden.png", image_bytes())
    put(tmp_path, "base/a/notes", b"text")
    put(tmp_path, "base/a/empty", b"")
    put(tmp_path, "outside.png", image_bytes())
    (tmp_path / "base/a/link.png").symlink_to(".hidden.png")
    (tmp_path / "base/a/gone.png").symlink_to("nothing")
    lines = ["a/.hidden.png", "a/notes", "a/empty", "a/link.png", "a/gone.png", "a/missing.png", "a", "../outside.png"]
    lines += ["a/../a/link2.png", str(tmp_path / "outside.png"), str(tmp_path / "base/a/same.png")]
    put(tmp_path, "base/list.txt", "\n".join(lines).encode())
    assert verdicts(tmp_path / "base/list.txt") == {
        "a/.hidden.png": "image",
        "a/notes": "not_an_image",
        "a/empty": "empty",
        "a/link.png": "image",
        "a/gone.png": "dangling_link",
        "a/missing.png": "missing",
        "a": "not_a_file",
        "../outside.png": "outside_root",
        "a/link2.png": "missing",
        str(tmp_path / "outside.png"): "outside_root",
        "a/same.png": "missing",
    }


def test_names_that_are_not_utf8_and_names_with_newlines_survive(tmp_path, image_bytes):
    first, second = os.fsdecode(b"a/\xff.png"), "a/two\nlines.png"
    put(tmp_path, first, image_bytes(1))
    put(tmp_path, second, image_bytes(2))
    put(tmp_path, "zero.txt", os.fsencode(first) + b"\0" + os.fsencode(second) + b"\0")
    put(tmp_path, "lines.txt", os.fsencode(first) + b"\n")
    assert content(tmp_path / "zero.txt") == {first: ("a", image_bytes(1)), second: ("a", image_bytes(2))}
    assert content(tmp_path / "lines.txt") == {first: ("a", image_bytes(1))}
    assert open_source(tmp_path / "zero.txt").count_hint() == 2


@pytest.mark.parametrize("damage", [b"\0\n", b"half\0 a name.png\n", b"\0" * 40], ids=["a line", "a name", "the end"])
def test_a_zero_byte_in_a_list_of_lines_is_one_bad_line(tmp_path, image_bytes, damage):
    put(tmp_path, "a/1.png", image_bytes(1))
    put(tmp_path, "a/2.png", image_bytes(2))
    put(tmp_path, "list.txt", b"a/1.png\na/2.png\n" + damage)
    records = [record for record in open_source(tmp_path / "list.txt").records() if isinstance(record, ImageRecord)]
    assert [(record.path, record.problem) for record in records[:2]] == [("a/1.png", None), ("a/2.png", None)]
    assert [record.problem is not None for record in records[2:]] == [True]


def test_the_root_may_be_another_folder_than_that_of_the_list(tmp_path, image_bytes):
    put(tmp_path, "images/a/1.png", image_bytes())
    put(tmp_path, "lists/all.lst", b"a/1.png\na/2.png")
    source = open_source(tmp_path / "lists/all.lst")
    assert (source.format, source.count_hint()) == ("list", 2)
    assert verdicts(tmp_path / "lists/all.lst", root=tmp_path / "images") == {"a/1.png": "image", "a/2.png": "missing"}


def test_a_list_that_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputError):
        images(tmp_path / "no.txt", "list")
