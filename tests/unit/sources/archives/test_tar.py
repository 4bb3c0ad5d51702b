from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pytest

from facedb.core.errors import InputError
from facedb.sources.image_bytes import ByteReader
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import content, image_records, images, put, verdicts

Member = tuple[str, bytes]


def archive(path: Path, members: Iterable[Member | tarfile.TarInfo]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode: Literal["w", "w:gz", "w:xz"]
    mode = "w:gz" if path.name.endswith("gz") else "w:xz" if path.name.endswith("xz") else "w"
    with tarfile.open(path, mode, encoding="utf-8", errors="surrogateescape") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


@pytest.mark.parametrize("name", ["s-0.tar", "s-0.tar.gz", "s-0.tgz", "s-0.tar.xz"])
def test_a_sample_takes_its_identity_from_its_label(tmp_path, image_bytes, name):
    one, two, three, four = (image_bytes(n) for n in range(4))
    label = json.dumps({"identity": "carol", "box": [1, 2, 3, 4], "camera": "A7"}).encode()
    path = archive(
        tmp_path / name,
        [
            ("0001.jpg", one),
            ("0001.cls", b"7\n"),
            ("0002.txt", "Zoë\n".encode()),
            ("0002.png", two),
            ("0002.webp", three),
            ("0003.json", label),
            ("0003.jpg", four),
            ("people/dave/5.jpg", one),
        ],
    )
    assert content(path, identity_from="txt") == {
        f"{name}/0001.jpg": ("7", one),
        f"{name}/0002.png": ("Zoë", two),
        f"{name}/0002.webp": ("Zoë", three),
        f"{name}/0003.jpg": ("carol", four),
        f"{name}/people/dave/5.jpg": ("people", one),
    }
    found = images(path)[f"{name}/0003.jpg"]
    assert (found.box, found.extra) == ((1, 2, 3, 4), {"camera": "A7"})


def test_without_labels_the_folder_counts_but_not_one_named_like_the_archive(tmp_path, image_bytes):
    path = archive(tmp_path / "faces.tar", [("./alice/1.jpg", image_bytes()), ("faces/bob/x/2.jpg", image_bytes())])
    found = {name: record.identity for name, record in images(path).items()}
    assert found == {"faces.tar/alice/1.jpg": "alice", "faces.tar/faces/bob/x/2.jpg": "bob"}
    assert images(path, identity_from="parent")["faces.tar/faces/bob/x/2.jpg"].identity == "x"


def test_several_shards_come_from_a_folder_or_a_pattern(tmp_path, image_bytes):
    for shard in range(3):
        archive(tmp_path / "shards" / f"s-{shard}.tar", [(f"{shard}.jpg", image_bytes(shard)), (f"{shard}.cls", b"1")])
    put(tmp_path, "shards/README.md", b"hello")
    expected = {f"s-{n}.tar/{n}.jpg": ("1", image_bytes(n)) for n in range(3)}
    assert content(tmp_path / "shards") == content(tmp_path / "shards" / "s-*.tar") == expected
    assert verdicts(tmp_path / "shards").pop("README.md") == "other_file"


def test_every_member_has_exactly_one_record(tmp_path, image_bytes):
    link, hard, pipe, folder = (tarfile.TarInfo(name) for name in ("a/l.jpg", "a/h.jpg", "a/p", "a"))
    link.type, hard.type, pipe.type, folder.type = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE
    link.linkname = hard.linkname = "a/1.jpg"
    odd = "a/caf\udce9\n.jpg"
    path = archive(
        tmp_path / "t.tar",
        [
            folder,
            ("a/1.jpg", image_bytes()),
            link,
            hard,
            pipe,
            (odd, image_bytes()),
            ("a/2.jpg", b""),
            ("a/3.jpg", b"<html>"),
            ("a/4.json", b"{}"),
            ("a/5.jpg", image_bytes()),
            ("a/5.json", b"{not json"),
            ("a/.6.jpg", image_bytes()),
            ("a/notes.md", b"hello"),
            ("../up.jpg", image_bytes()),
            ("a/" + "n" * 200 + ".jpg", image_bytes()),
        ],
    )
    assert verdicts(path) == {
        "t.tar/a/1.jpg": "image",
        "t.tar/a/l.jpg": "link_not_followed",
        "t.tar/a/h.jpg": "link_not_followed",
        "t.tar/a/p": "not_a_file",
        f"t.tar/{odd}": "image",
        "t.tar/a/2.jpg": "empty",
        "t.tar/a/3.jpg": "not_an_image",
        "t.tar/a/4.json": "other_file",
        "t.tar/a/5.jpg": "bad_record",
        "t.tar/a/.6.jpg": "hidden_file",
        "t.tar/a/notes.md": "other_file",
        "t.tar/../up.jpg": "outside_root",
        "t.tar/a/" + "n" * 200 + ".jpg": "image",
    }


def test_dotted_names_share_a_key_and_still_keep_their_own_labels(tmp_path, image_bytes):
    members = []
    for n in range(200):
        members += [(f"img.{n:04}.jpg", image_bytes(n)), (f"img.{n:04}.txt", f"person {n}".encode())]
    path = archive(tmp_path / "t.tar", members)
    assert content(path, identity_from="txt") == {
        f"t.tar/img.{n:04}.jpg": (f"person {n}", image_bytes(n)) for n in range(200)
    }


@pytest.mark.parametrize("name", ["t.tar", "t.tar.gz"])
def test_an_archive_that_breaks_off_keeps_what_came_before_and_says_so(tmp_path, image_bytes, name):
    noise = random.Random(1).randbytes(3000)
    path = archive(tmp_path / name, [(f"a/{n}.jpg", image_bytes(n) + noise) for n in range(20)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    found = verdicts(path)
    assert found.pop(name) == "truncated"
    assert set(found.values()) == {"image"}
    assert 0 < len(found) < 20


def test_a_damaged_header_in_the_middle_does_not_pass_for_the_end(tmp_path, image_bytes):
    path = archive(tmp_path / "t.tar", [(f"a/{n}.jpg", image_bytes(n)) for n in range(4)])
    data = bytearray(path.read_bytes())
    data[2 * 1024 + 5] ^= 0xFF
    path.write_bytes(data)
    assert verdicts(path) == {"t.tar/a/0.jpg": "image", "t.tar/a/1.jpg": "image", "t.tar": "truncated"}


def test_what_is_no_archive_is_an_input_error_alone_and_a_problem_among_others(tmp_path, image_bytes):
    bad = put(tmp_path, "bad.tar", b"nothing of the kind" * 100)
    put(tmp_path, "worse.tar.gz", gzip.compress(b"nothing of the kind"))
    put(tmp_path, "zero.tar", b"")
    archive(tmp_path / "good.tar", [("a/1.jpg", image_bytes())])
    with pytest.raises(InputError):
        images(bad, "tar")
    found = verdicts(tmp_path)
    assert found.pop("good.tar/a/1.jpg") == "image"
    assert sorted(found) == ["bad.tar", "worse.tar.gz", "zero.tar"]


def test_threads_read_a_compressed_archive_out_of_order(tmp_path, image_bytes):
    chance = random.Random(5)
    members = [(f"a/{n}.jpg", image_bytes(n) + chance.randbytes(20_000)) for n in range(120)]
    source = open_source(archive(tmp_path / "t.tar.gz", members))
    records = list(image_records(source))
    for start in range(0, len(records), 16):
        records[start : start + 16] = chance.sample(records[start : start + 16], len(records[start : start + 16]))
    records += chance.sample(records, 4)
    with ByteReader() as reader, ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda r: reader.read(source.root, r.path, r.container, r.offset, r.length), records)
        wanted = dict(members)
        for record, data in zip(records, read, strict=True):
            assert data == wanted[record.path.removeprefix("t.tar.gz/")]


def test_few_containers_stay_open_and_short_ones_raise(tmp_path, image_bytes):
    for n in range(12):
        archive(tmp_path / f"s-{n:02}.tar", [("1.jpg", image_bytes(n))])
    source = open_source(tmp_path)
    with ByteReader(max_open=3) as reader:
        for record in image_records(source):
            reader.read(source.root, record.path, record.container, record.offset, record.length)
            assert len(reader._open) <= 3
        with pytest.raises(OSError, match="ends before"):
            reader.read(source.root, "x", "s-00.tar", 512, 1 << 20)
        with pytest.raises(OSError, match="No such file"):
            reader.read(source.root, "x", "gone.tar", 0, 1)
