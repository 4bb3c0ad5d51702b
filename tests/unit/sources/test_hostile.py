"""Containers and tables that lie about themselves: an answer each, at once and in little memory."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from facedb.sources.registry import open_source
from tests.unit.sources.helpers import images, put, read_all, vectors, verdicts


def header(name: str, size: int, kind: bytes = b"0", raw: bytes | None = None) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    if raw is not None:
        block[124:136] = raw
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def whole(name: str, data: bytes, kind: bytes = b"0") -> bytes:
    return header(name, len(data), kind) + data + bytes(-len(data) % 512)


def large(number: int) -> bytes:
    return b"\x80" + number.to_bytes(11, "big")


def negative(number: int) -> bytes:
    return b"\xff" + ((1 << 88) - number).to_bytes(11, "big")


END = bytes(1024)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (header("s/b.png", 0, raw=negative(512)), "truncated"),
        (header("z", 0, b"Z", negative(512)), "truncated"),
        (header("p", 0, b"x", large(1 << 62)), "truncated"),
        (header("././@LongLink", 0, b"L", large((1 << 63) - 1)), "truncated"),
        (header("s/c.png", 0, raw=large(1 << 70)), "truncated"),
        (whole("p", b"1" * 200_000 + b" ", b"x"), "truncated"),
        (whole("p", b"14 size=-1000\n", b"x") + whole("s/d.png", b"x"), "truncated"),
        (whole("p", b"x" * 3_000_000, b"x"), "truncated"),
        (whole("p", b"", b"x") * 3000, "truncated"),
        (b"\xff" * 512, "truncated"),
    ],
)
def test_a_header_that_lies_ends_the_archive_as_one_problem_and_good_members_stay(tmp_path, image_bytes, damage, code):
    put(tmp_path, "t.tar", whole("s/a.png", image_bytes(1)) + damage + END)
    found = verdicts(tmp_path / "t.tar")
    assert found.pop("t.tar/s/a.png") == "image"
    assert list(found.values()) == [code]


def test_a_member_that_says_it_is_longer_than_the_archive_is_cut_off(tmp_path, image_bytes):
    put(tmp_path, "t.tar", whole("s/a.png", image_bytes(1)) + header("s/c.png", 1 << 40) + image_bytes(2) + END)
    found = verdicts(tmp_path / "t.tar")
    assert (found["t.tar/s/a.png"], found["t.tar/s/c.png"]) == ("image", "truncated")


@pytest.mark.parametrize(
    "label",
    [
        b"[" * 200_000,
        b'{"box":[1' + b"0" * 400 + b",1,5,5]}",
        b'{"box":5}',
        b'{"box":' + b"[" * 50_000,
        b"{",
        b'{"box":[1,2]}',
    ],
)
def test_a_label_that_cannot_be_read_is_a_problem_of_its_image_alone(tmp_path, image_bytes, label):
    data = whole("a/1.png", image_bytes(1)) + whole("a/1.json", label) + whole("b/1.png", image_bytes(2)) + END
    put(tmp_path, "t.tar", data)
    assert verdicts(tmp_path / "t.tar") == {"t.tar/a/1.png": "bad_record", "t.tar/b/1.png": "image"}


@pytest.mark.parametrize("word", ["NaN", "null", '"none"', '""'])
def test_a_label_in_json_that_stands_for_nothing_is_none(tmp_path, image_bytes, word):
    put(tmp_path, "t.tar", whole("1.png", image_bytes(1)) + whole("1.json", b'{"label": %s}' % word.encode()) + END)
    assert images(tmp_path / "t.tar")["t.tar/1.png"].identity is None


@pytest.mark.parametrize("caption", ["a person on a red carpet", "Ann Lee", "nan"])
def test_texts_in_an_archive_are_captions_unless_asked_for(tmp_path, image_bytes, caption):
    data = b"".join(whole(f"{n:03}.png", image_bytes(n)) + whole(f"{n:03}.txt", caption.encode()) for n in range(3))
    put(tmp_path, "t.tar", data + END)
    source = open_source(tmp_path / "t.tar")
    assert {record.identity for record in source.records()} == {None}  # type: ignore[union-attr]
    assert "3 images were taken as captions" in source.remarks[0]
    asked = images(tmp_path / "t.tar", identity_from="txt")
    assert {record.identity for record in asked.values()} == {None if caption == "nan" else caption}


@pytest.mark.parametrize(
    "cells",
    [
        '"[1' + "0" * 400 + ',1,5,5]"',
        '"' + "[" * 100_000 + '"',
        '"[1e308,1,1e308,1e308]"',
        '"[1,2,3]"',
        '"[[1],[2]]"',
        "{}",
    ],
)
def test_numbers_that_are_none_are_a_problem_of_their_row_alone(tmp_path, image_bytes, cells):
    put(tmp_path, "a/1.png", image_bytes(1))
    put(tmp_path, "t.csv", f'path,identity,box\na/1.png,a,{cells}\na/1.png,b,"[1,1,20,20]"\n'.encode())
    assert verdicts(tmp_path / "t.csv") == {"t.csv#2": "bad_record", "a/1.png": "image"}


def test_damage_of_any_compression_is_a_problem_of_its_archive_alone(tmp_path):
    vector = np.ones((10, 8), np.float32)
    for kind in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        for person in ("good", "bad"):
            path = tmp_path / f"{kind}/{person}/npKnown.npz"
            path.parent.mkdir(parents=True)
            with zipfile.ZipFile(path, "w", kind) as archive:
                for name, array in (
                    ("efficientnetv2_arcface", vector),
                    ("name", np.array([f"{n}.jpg" for n in range(10)])),
                ):
                    buffer = io.BytesIO()
                    np.save(buffer, array)
                    archive.writestr(f"{name}.npy", buffer.getvalue())
        data = bytearray(path.read_bytes())
        start = data.find(b".npy") + 30
        data[start : start + 40] = b"\xff" * 40
        path.write_bytes(data)
        assert list(verdicts(tmp_path / str(kind))) == ["bad/npKnown.npz"]
        assert sum(len(batch.paths) for batch in vectors(tmp_path / str(kind))) == 10


def test_names_that_are_no_text_are_a_problem_of_their_file(tmp_path):
    np.save(tmp_path / "1.features.npy", np.ones((10, 4), np.float32))
    text = b"{'descr':'<U2','fortran_order':False,'shape':(10,)}"
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    put(tmp_path, "1.object_ids.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\xff" * 80)
    np.save(tmp_path / "2.features.npy", np.ones((3, 4), np.float32))
    np.save(tmp_path / "2.object_ids.npy", np.arange(3))
    assert verdicts(tmp_path) == {"1.features.npy": "bad_record"}
    assert sum(len(batch.paths) for batch in vectors(tmp_path)) == 3


def test_an_image_of_more_bytes_than_are_read_is_too_large(tmp_path, image_bytes):
    put(tmp_path, "a/ok.png", image_bytes(1))
    huge = put(tmp_path, "a/huge.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1" + bytes(50))
    with huge.open("r+b") as file:
        file.truncate(20 << 30)
    assert verdicts(tmp_path) == {"a/ok.png": "image", "a/huge.jpg": "too_large"}


def test_lines_of_json_that_are_none_are_a_problem_each(tmp_path, image_bytes):
    put(tmp_path, "a/1.png", image_bytes(1))
    lines = ['{"path": "a/1.png", "identity": "x"}', "[1]", "{", "[" * 100_000, '{"path": null}', '{"other": 1}']
    put(tmp_path, "t.jsonl", "\n".join(lines).encode())
    assert verdicts(tmp_path / "t.jsonl") == {"a/1.png": "image"} | {f"t.jsonl#{n}": "bad_record" for n in range(2, 7)}
    assert len(read_all(tmp_path / "t.jsonl")) == 6
