from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb.core.errors import InputError
from facedb.sources.archives.recordio import IdentityRecordWriter, frame_record, join_parts, raw_distance, split_parts
from facedb.sources.registry import open_source
from tests.unit.sources.helpers import content, image_records, images, problem_of, put, verdict, verdicts

MAGIC = struct.pack("<I", 0xCED7230A)


def frame(data: bytes, flag: int = 0) -> bytes:
    return MAGIC + struct.pack("<I", flag << 29 | len(data)) + data + bytes(-len(data) % 4)


def image_record(label: float, image: bytes, *more: float) -> bytes:
    if more:
        return struct.pack("<IfQQ", 1 + len(more), 0, 0, 0) + struct.pack(f"<{1 + len(more)}f", label, *more) + image
    return struct.pack("<IfQQ", 0, label, 0, 0) + image


def ranges(start: int, end: int) -> bytes:
    return struct.pack("<IfQQ", 2, 0, 0, 0) + struct.pack("<2f", start, end)


def insightface_file(folder: Path, image_bytes, *, index: bool = True) -> Path:
    """Five images of two identities as InsightFace lays them out: ranges, images, identities."""
    records = [ranges(6, 8)]
    records += [image_record(label, image_bytes(n)) for n, label in enumerate((0, 0, 0, 1, 1), start=1)]
    records += [ranges(1, 4), ranges(4, 6)]
    lines, data = [], b""
    for key, record in enumerate(records):
        lines.append(f"{key}\t{len(data)}\n")
        data += frame(record)
    if index:
        put(folder, "train.idx", "".join(lines).encode())
    put(folder, "property", b"2,112,112\n")
    return put(folder, "train.rec", data)


@pytest.mark.parametrize("index", [True, False])
def test_images_of_an_insightface_file_come_with_identity_and_bytes(tmp_path, image_bytes, index):
    path = insightface_file(tmp_path, image_bytes, index=index)
    expected = {f"train.rec/{n}": ("0" if n < 4 else "1", image_bytes(n)) for n in range(1, 6)}
    for place in (tmp_path, path, *([tmp_path / "train.idx"] if index else [])):
        assert content(place) == expected
        assert open_source(place).count_hint() == 5


def test_labels_may_be_lists_and_need_not_be_whole(tmp_path, image_bytes):
    records = [image_record(3, image_bytes(1), 9.0), image_record(1.5, image_bytes(2)), image_record(2**24, b"")]
    records += [image_record(4, image_bytes(3), *range(300)), image_record(float("nan"), image_bytes(4))]
    path = put(tmp_path, "a.rec", b"".join(map(frame, records)))
    assert content(path) == {
        "a.rec/0": ("3", image_bytes(1)),
        "a.rec/1": ("1.5", image_bytes(2)),
        "a.rec/3": ("4", image_bytes(3)),
        "a.rec/4": (None, image_bytes(4)),
    }
    assert problem_of(images(path)["a.rec/2"]).code == "empty"
    assert images(path, identity_from="none")["a.rec/0"].identity is None


@pytest.mark.parametrize("cuts", [(0,), (4,), (0, 0), (8, 4, 100)])
def test_images_that_hold_the_magic_are_put_together_from_their_parts(tmp_path, image_bytes, cuts):
    png = image_bytes(1) + bytes(-len(image_bytes(1)) % 4)
    image = png + b"".join(MAGIC + bytes(cut) for cut in cuts) + b"end"
    parts = image_record(5, image).split(MAGIC)
    assert len(parts) == len(cuts) + 1
    data = frame(parts[0], 1) + b"".join(frame(part, 2) for part in parts[1:-1]) + frame(parts[-1], 3)
    path = put(tmp_path, "a.rec", data + frame(image_record(6, image_bytes(2))))
    assert content(path) == {"a.rec/0": ("5", image), "a.rec/1": ("6", image_bytes(2))}


def test_a_label_that_is_the_magic_itself_is_read(tmp_path, image_bytes):
    label = struct.unpack("<f", MAGIC)[0]
    record = image_record(label, image_bytes(1))
    first, second = record.split(MAGIC)
    path = put(tmp_path, "a.rec", frame(first, 1) + frame(second, 3))
    assert content(path) == {"a.rec/0": (str(int(label)), image_bytes(1))}


def test_an_uncut_magic_of_a_careless_writer_is_part_of_the_image(tmp_path, image_bytes):
    image = image_bytes(1) + bytes(-len(image_bytes(1)) % 4) + MAGIC + b"more"
    path = put(tmp_path, "a.rec", frame(image_record(5, image)))
    assert content(path) == {"a.rec/0": ("5", image)}


@pytest.mark.parametrize("index", [True, False])
def test_a_damaged_record_is_a_problem_and_reading_goes_on_after_it(tmp_path, image_bytes, index):
    path = insightface_file(tmp_path, image_bytes, index=index)
    data = bytearray(path.read_bytes())
    third = data.index(image_bytes(2)) - 32
    data[third : third + 4] = b"????"
    path.write_bytes(data)
    found = images(path)
    bad = "train.rec/2" if index else f"train.rec/@{third}"
    assert verdict(found[bad]) == "bad_record"
    assert sorted(name for name in found if name != bad) == [f"train.rec/{n}" for n in (1, 3, 4, 5)]
    assert all(verdict(record) == "image" for name, record in found.items() if name != bad)


def test_a_file_that_was_cut_off_says_what_is_lost(tmp_path, image_bytes):
    path = insightface_file(tmp_path, image_bytes)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(image_bytes(4)) + 9])
    assert verdicts(path) == {
        "train.rec/1": "image",
        "train.rec/2": "image",
        "train.rec/3": "image",
        "train.rec/4": "truncated",
        "train.rec/5": "bad_record",
        "train.rec/6": "bad_record",
        "train.rec/7": "bad_record",
    }
    (tmp_path / "train.idx").unlink()
    path.write_bytes(data[: data.index(image_bytes(4)) - 32])
    found = images(path)
    assert [verdict(record) for record in found.values()] == ["image"] * 3 + ["truncated"]
    assert problem_of(found["train.rec"]).detail == "The first record promises 5 images, and the file holds 3."


def test_records_that_the_index_leaves_out_are_ignored_and_entries_without_a_record_are_problems(tmp_path, image_bytes):
    path = insightface_file(tmp_path, image_bytes)
    lines = (tmp_path / "train.idx").read_text().splitlines()
    dropped = lines.pop(2).split("\t")[1]
    (tmp_path / "train.idx").write_text("\n".join([*lines, "99\t12", "100\t99999999", ""]))
    found = verdicts(path)
    assert found.pop(f"train.rec/@{dropped}") == "other_file"
    assert found.pop("train.rec/99") == found.pop("train.rec/100") == "bad_record"
    assert found == {f"train.rec/{n}": "image" for n in (1, 3, 4, 5)}


def test_what_is_no_record_file_is_an_input_error_and_what_is_no_index_is_left_aside(tmp_path, image_bytes):
    with pytest.raises(InputError):
        images(put(tmp_path, "x/a.rec", b"nothing of the kind"), "rec")
    assert verdicts(tmp_path / "x", "rec") == {"a.rec": "bad_record"}
    path = insightface_file(tmp_path, image_bytes)
    put(tmp_path, "train.idx", b"not numbers at all")
    assert list(images(path)) == [f"train.rec/{n}" for n in range(1, 6)]


def test_records_that_are_no_images_are_problems(tmp_path):
    records = [image_record(1, b"raw pixels"), b"short", image_record(1, b"")]
    path = put(tmp_path, "a.rec", b"".join(map(frame, records)))
    assert verdicts(path) == {"a.rec/0": "not_an_image", "a.rec/1": "bad_record", "a.rec/2": "empty"}


def test_other_files_beside_a_record_file_are_accounted_for(tmp_path, image_bytes):
    insightface_file(tmp_path, image_bytes)
    put(tmp_path, "lfw.bin", b"\x80\x03")
    put(tmp_path, ".DS_Store", b"x")
    found = verdicts(tmp_path)
    assert (found.pop("lfw.bin"), found.pop(".DS_Store")) == ("other_file", "hidden_file")
    assert len(found) == 5


def test_what_the_writer_writes_is_the_layout_of_insightface(tmp_path, image_bytes):
    with IdentityRecordWriter(tmp_path / "train", (112, 96)) as writer:
        for number, identity in enumerate(("a", "a", "a", "b", "b"), start=1):
            assert writer.write(identity, image_bytes(number)) == number
        assert writer.identities == ["a", "b"]
    reference = insightface_file(tmp_path / "reference", image_bytes)
    ours, theirs = (tmp_path / "train.rec").read_bytes(), reference.read_bytes()
    assert (tmp_path / "train.idx").read_bytes() == (tmp_path / "reference/train.idx").read_bytes()
    assert len(ours) == len(theirs)
    assert content(tmp_path / "train.rec") == {
        f"train.rec/{n}": ("a" if n < 4 else "b", image_bytes(n)) for n in range(1, 6)
    }
    assert ours[:40] == theirs[:40]
    assert (tmp_path / "property").read_text() == "2,112,96\n"


def test_the_writer_cuts_images_at_the_magic_as_readers_expect(tmp_path, image_bytes):
    image = image_bytes(1) + bytes(-len(image_bytes(1)) % 4) + MAGIC + MAGIC + b"abc" + MAGIC + b"x" + MAGIC
    with IdentityRecordWriter(tmp_path / "train") as writer:
        writer.write("a", image)
        writer.write("b", image_bytes(2))
    assert content(tmp_path / "train.rec") == {"train.rec/1": ("a", image), "train.rec/2": ("b", image_bytes(2))}
    data = (tmp_path / "train.rec").read_bytes()
    flags = []
    position = 0
    while position < len(data):
        magic, word = struct.unpack_from("<II", data, position)
        assert magic == 0xCED7230A
        flags.append(word >> 29)
        position += 8 + ((word & 0x1FFFFFFF) + 3) // 4 * 4
    assert flags == [0, 1, 2, 2, 3, 0, 0, 0]


@given(
    st.lists(st.sampled_from([MAGIC, b"a", b"bc", b"defg", MAGIC[:2], MAGIC[2:], bytes(4)]), max_size=30).map(b"".join)
)
def test_any_bytes_come_back_from_the_parts_they_are_cut_into(data):
    framed = frame_record(data)
    assert len(framed) % 4 == 0
    parts = split_parts(data)
    span = framed[8 : len(framed) - (-len(parts[-1]) % 4)]
    assert join_parts(span) == data
    for distance in range(0, len(data), 4):
        start = raw_distance([len(part) for part in parts], distance)
        assert join_parts(span[start:]) == data[distance:]


def test_the_writer_refuses_scattered_identities_and_leaves_nothing_behind(tmp_path, image_bytes):
    def write_all() -> None:
        with IdentityRecordWriter(tmp_path / "train") as writer:
            for identity in ("a", "b", "a"):
                writer.write(identity, image_bytes(1))

    with pytest.raises(InputError):
        write_all()
    assert list(tmp_path.iterdir()) == []


def cut_index(tmp_path: Path, image_bytes, keep: int, tail: str = "") -> Path:
    path = insightface_file(tmp_path, image_bytes)
    lines = (tmp_path / "train.idx").read_text().splitlines()
    (tmp_path / "train.idx").write_text("".join(line + "\n" for line in lines[:keep]) + tail)
    return path


@pytest.mark.parametrize(
    ("keep", "tail"), [(0, ""), (1, ""), (3, ""), (3, "3"), (3, "3\t"), (3, "3\t1"), (2, "2\t7"), (5, "")]
)
def test_an_index_that_was_cut_short_is_completed_from_the_file_and_said(tmp_path, image_bytes, keep, tail):
    path = cut_index(tmp_path, image_bytes, keep, tail)
    source = open_source(path)
    records = {record.path: record for record in image_records(source)}
    assert list(records) == [f"train.rec/{n}" for n in range(1, 6)]
    assert {verdict(record) for record in records.values()} == {"image"}
    assert any("train.idx ends before train.rec does" in remark for remark in source.remarks)


@pytest.mark.parametrize(
    ("index", "why"),
    [
        ("".join(f"1\t{n}\n" for n in range(0, 800, 100)), "one key to several"),
        ("".join(f"{n}\t{7 * n + 3}\n" for n in range(12)), "does not belong"),
        ("<html>not found</html>", "not an index"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not an index"),
        ("0,0\n1,100\n", "not an index"),
    ],
)
def test_an_index_that_cannot_be_right_is_left_aside_and_said(tmp_path, image_bytes, index, why):
    path = insightface_file(tmp_path, image_bytes)
    (tmp_path / "train.idx").write_text(index)
    source = open_source(path)
    records = {record.path: record for record in image_records(source)}
    assert list(records) == [f"train.rec/{n}" for n in range(1, 6)]
    assert [record.identity for record in records.values()] == ["0"] * 3 + ["1"] * 2
    assert why in source.remarks[0]


def test_a_record_file_that_is_a_pointer_is_named_as_that(tmp_path):
    put(tmp_path, "train.rec", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match="git lfs pull"):
        images(tmp_path / "train.rec")
