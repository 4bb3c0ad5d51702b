from __future__ import annotations

import os
import socket

import pytest

from facedb.core.errors import InputError, UsageError
from facedb.sources.image_bytes import ByteReader
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import images, problem_of, put, verdict


def test_nested_folders_belong_to_their_top_one_and_files_at_the_top_to_nobody(tmp_path, image_bytes):
    for path in ("安倍 晋三/2019/a.png", "安倍 晋三/b.png", "Zoë/x/y/z/c.png", "d.png"):
        put(tmp_path, path, image_bytes())
    found = {path: record.identity for path, record in images(tmp_path).items()}
    assert found == {
        "Zoë/x/y/z/c.png": "Zoë",
        "d.png": None,
        "安倍 晋三/2019/a.png": "安倍 晋三",
        "安倍 晋三/b.png": "安倍 晋三",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"identity_from": "top"}, "train"),
        ({"identity_from": "parent"}, "alice"),
        ({"identity_from": "none"}, None),
        ({"identity_from": "regex", "identity_regex": r"_p(?P<identity>\d+)_"}, "042"),
        ({"identity_from": "regex", "identity_regex": r"img_(p\d+)"}, "p042"),
        ({"identity_from": "regex", "identity_regex": r"p\d+"}, "p042"),
        ({"identity_from": "regex", "identity_regex": "nothing like it"}, None),
    ],
)
def test_the_identity_follows_the_rule_that_was_asked_for(tmp_path, image_bytes, options, expected):
    put(tmp_path, "train/alice/img_p042_1.png", image_bytes())
    assert images(tmp_path, **options)["train/alice/img_p042_1.png"].identity == expected


@pytest.mark.parametrize(
    "options",
    [
        {"identity_from": "regex"},
        {"identity_from": "regex", "identity_regex": "("},
        {"identity_from": "top", "identity_regex": "a"},
        {"identity_from": "cousin"},
    ],
)
def test_rules_that_make_no_sense_are_refused(tmp_path, options):
    with pytest.raises(UsageError):
        images(tmp_path, **options)


def test_every_file_of_an_ugly_tree_has_exactly_one_record(tmp_path, image_bytes):
    jpeg, png = image_bytes(1, "JPEG"), image_bytes(2, "PNG")
    put(tmp_path, "alice/fine.jpg", jpeg)
    put(tmp_path, "alice/named_wrongly.png", jpeg)
    put(tmp_path, "alice/named like nothing", png)
    put(tmp_path, "alice/with text.txt", png)
    put(tmp_path, "alice/line\nbreak\t\x07.jpg", jpeg)
    put(tmp_path, "bob/zero.jpg", b"")
    put(tmp_path, "bob/zero", b"")
    put(tmp_path, "bob/page.jpg", b"<html>404</html>")
    put(tmp_path, "bob/notes.txt", b"P2 people came to the party")
    put(tmp_path, "bob/Thumbs.db", b"\xd0\xcf\x11\xe0")
    put(tmp_path, "bob/._fine.jpg", b"\x00\x05\x16\x07")
    put(tmp_path, ".cache/deep/x.jpg", jpeg)
    os.mkfifo(tmp_path / "bob" / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
    put(tmp_path, os.fsdecode(b"alice/caf\xe9\xff.jpg"), jpeg)
    (tmp_path / "bob" / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "bob" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "bob" / "link.jpg").symlink_to("../alice/fine.jpg")
    (tmp_path / "bob" / "up").symlink_to("..")
    (tmp_path / "empty folder").mkdir()

    found = {path: verdict(record) for path, record in images(tmp_path).items()}
    assert found == {
        ".cache/deep/x.jpg": "hidden_file",
        "alice/caf\udce9\udcff.jpg": "image",
        "alice/fine.jpg": "image",
        "alice/line\nbreak\t\x07.jpg": "image",
        "alice/named like nothing": "image",
        "alice/named_wrongly.png": "image",
        "alice/with text.txt": "image",
        "bob/._fine.jpg": "hidden_file",
        "bob/Thumbs.db": "junk",
        "bob/gone.jpg": "dangling_link",
        "bob/link.jpg": "link_not_followed",
        "bob/notes.txt": "other_file",
        "bob/page.jpg": "not_an_image",
        "bob/pipe.jpg": "not_a_file",
        "bob/self.jpg": "cyclic_link",
        "bob/up": "link_not_followed",
        "bob/zero": "other_file",
        "bob/zero.jpg": "empty",
        "s": "not_a_file",
    }


def test_followed_links_are_read_and_cycles_end(tmp_path, image_bytes):
    put(tmp_path, "alice/a.png", image_bytes())
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "same.png").symlink_to("../alice/a.png")
    (tmp_path / "bob" / "alice").symlink_to("../alice")
    (tmp_path / "alice" / "bob").symlink_to("../bob")
    (tmp_path / "alice" / "top").symlink_to(tmp_path)
    found = images(tmp_path, follow_links=True)
    assert {path: verdict(record) for path, record in found.items()} == {
        "alice/a.png": "image",
        "alice/bob/alice": "cyclic_link",
        "alice/bob/same.png": "image",
        "alice/top": "cyclic_link",
        "bob/alice/a.png": "image",
        "bob/alice/bob": "cyclic_link",
        "bob/alice/top": "cyclic_link",
        "bob/same.png": "image",
    }
    assert found["bob/same.png"].size == len(image_bytes())


def test_files_and_folders_without_permission_are_problems(open_folder, image_bytes, as_ordinary_user):
    put(open_folder, "alice/fine.png", image_bytes())
    put(open_folder, "alice/locked.png", image_bytes()).chmod(0)
    put(open_folder, "bob/inside.png", image_bytes())
    (open_folder / "bob").chmod(0)
    with as_ordinary_user():
        found = images(open_folder)
    (open_folder / "bob").chmod(0o755)
    assert {path: verdict(record) for path, record in found.items()} == {
        "alice/fine.png": "image",
        "alice/locked.png": "unreadable",
        "bob": "unreadable",
    }
    assert problem_of(found["bob"]).detail == "The file or folder cannot be read: Permission denied."


def test_a_folder_that_does_not_exist_is_an_input_error(tmp_path):
    for format_name in ("auto", "folder"):
        with pytest.raises(InputError):
            list(open_source(tmp_path / "nothing", format_name).records())


def test_the_order_is_the_same_however_the_files_were_made(tmp_path, image_bytes):
    names = [f"{number % 7}/{number}.png" for number in range(60)]
    for base, order in (("one", names), ("two", names[::-1])):
        for name in order:
            put(tmp_path / base, name, image_bytes())
    assert list(images(tmp_path / "one")) == list(images(tmp_path / "two"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "AVIF", "JPEG2000"])
def test_every_format_is_known_by_its_first_bytes_whatever_the_name(tmp_path, image_bytes, kind):
    put(tmp_path, "a/picture.dat", image_bytes(0, kind, size=64))
    assert verdict(images(tmp_path)["a/picture.dat"]) == "image"


def test_size_time_and_bytes_are_those_of_the_file(tmp_path, image_bytes):
    path = put(tmp_path, "alice/a.png", image_bytes(3))
    record = images(tmp_path)["alice/a.png"]
    assert (record.size, record.mtime_ns) == (len(image_bytes(3)), path.stat().st_mtime_ns)
    with ByteReader() as reader:
        data = reader.read(tmp_path, record.path, record.container, record.offset, record.length)
    assert data == image_bytes(3)
