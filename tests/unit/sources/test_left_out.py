"""What is not looked at: by-products of file managers, and what --exclude names."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest

from facedb.core.errors import InputError, UsageError
from facedb.sources.exclude import pattern
from facedb.sources.junk import left_aside
from facedb.sources.registry import open_source
from facedb.sources.shards import expand
from facedb.sources.which_format import detect_format
from tests.unit.sources.helpers import put, read_all, vectors, verdicts


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("ann/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "junk"),
        ("#recycle/ann/1.jpg", "junk"),
        ("@Recycle/1.jpg", "junk"),
        ("$RECYCLE.BIN/S-1/1.jpg", "junk"),
        ("a/System Volume Information/x", "junk"),
        ("lost+found/1.jpg", "junk"),
        ("__MACOSX/ann/._1.jpg", "junk"),
        ("ann/Thumbs.db", "junk"),
        ("ann/DESKTOP.INI", "junk"),
        ("ann/1.jpg@SynoEAStream", "junk"),
        ("ann/.DS_Store", "hidden_file"),
        ("ann/._1.jpg", "hidden_file"),
        (".thumbnails/1.jpg", "hidden_file"),
        ("#recycled/1.jpg", None),
        ("ann@eaDir/1.jpg", None),
        ("lost+found people/1.jpg", None),
        ("ann/thumbs.jpg", None),
        ("Recycle/1.jpg", None),
    ],
)
def test_by_products_are_known_by_their_whole_names(path, code):
    problem = left_aside(path)
    assert (problem.code if problem else None) == code


def test_by_products_are_ignored_in_folders_and_archives_alike(tmp_path, image_bytes):
    names = ["ann/1.png", "ann/@eaDir/1.png/THUMB.png", "#recycle/2.png", "__MACOSX/ann/1.png"]
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        for name in names:
            put(tmp_path / "tree", name, image_bytes(1))
            member = tarfile.TarInfo(name)
            member.size = len(image_bytes(1))
            tar.addfile(member, io.BytesIO(image_bytes(1)))
    expected = ["image", "junk", "junk", "junk"]
    assert [verdicts(tmp_path / "tree")[name] for name in names] == expected
    assert [verdicts(tmp_path / "t.tar")[f"t.tar/{name}"] for name in names] == expected


@pytest.mark.parametrize(
    ("glob", "excluded"),
    [
        ("thumb_*", ["ann/thumb_1.png", "thumb_2/a.png"]),
        ("ann/old", ["ann/old/1.png"]),
        ("ann/*", ["ann/thumb_1.png", "ann/old/1.png", "ann/1.png"]),
        ("**/1.png", ["ann/old/1.png", "ann/1.png", "1.png"]),
        ("/1.png", ["1.png"]),
        ("*/old/", ["ann/old/1.png"]),
        ("[!t]*.png", ["ann/old/1.png", "ann/1.png", "1.png", "thumb_2/a.png"]),
        ("ANN", []),
    ],
)
def test_globs_name_files_and_folders_anywhere_or_at_a_path(tmp_path, image_bytes, glob, excluded):
    names = ["ann/thumb_1.png", "thumb_2/a.png", "ann/old/1.png", "ann/1.png", "1.png"]
    for name in names:
        put(tmp_path, name, image_bytes(1))
    found = verdicts(tmp_path, exclude=(glob,))
    assert {name for name, code in found.items() if code == "excluded"} == set(excluded)
    assert set(found) == set(names)


def test_several_globs_add_up_and_one_that_names_nothing_is_refused(tmp_path, image_bytes):
    for name in ("a.png", "b.png", "c.png"):
        put(tmp_path, name, image_bytes(1))
    assert list(verdicts(tmp_path, exclude=("a*", "b.png")).values()) == ["excluded", "excluded", "image"]
    for glob in ("", "/", "./"):
        with pytest.raises(UsageError, match="exclude"):
            pattern([glob])


def test_what_is_excluded_is_no_problem_and_vectors_are_left_out_too(tmp_path):
    put(tmp_path, "list.txt", b"gone/1.png\n")
    assert verdicts(tmp_path / "list.txt", exclude=("gone",)) == {"gone/1.png": "excluded"}
    np.save(tmp_path / "a.features.npy", np.eye(3, dtype=np.float32))
    np.save(tmp_path / "a.object_ids.npy", np.array(["x/1", "y/1", "x/2"]))
    (batch,) = vectors(tmp_path / "a.features.npy", exclude=("y",))
    assert (batch.paths, batch.vectors.tolist()) == (["x/1", "x/2"], [[1, 0, 0], [0, 0, 1]])
    assert len(read_all(tmp_path / "a.features.npy", exclude=("y",))) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{000..002}.tar", ["000.tar", "001.tar", "002.tar"]),
        ("{8..11}.tar", ["8.tar", "9.tar", "10.tar", "11.tar"]),
        ("{08..10}.tar", ["08.tar", "09.tar", "10.tar"]),
        ("{2..0}.tar", ["2.tar", "1.tar", "0.tar"]),
        ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
    ],
)
def test_braces_spell_names_as_a_shell_does(tmp_path, text, names):
    assert [path.name for path in expand(tmp_path / text)] == names


def test_shards_are_named_together_and_a_missing_one_is_noticed(tmp_path, image_bytes):
    for number in range(3):
        with tarfile.open(tmp_path / f"{number:03}.tar", "w") as tar:
            member = tarfile.TarInfo("a/1.png")
            member.size = len(image_bytes(number))
            tar.addfile(member, io.BytesIO(image_bytes(number)))
    assert detect_format(tmp_path / "{000..002}.tar") == "tar"
    assert len(verdicts(tmp_path / "{000..002}.tar")) == len(verdicts(tmp_path / "00*.tar")) == 3
    with pytest.raises(InputError, match=r"003\.tar"):
        verdicts(tmp_path / "{000..003}.tar")
    with pytest.raises(InputError, match="more than"):
        open_source(tmp_path / "{0..9999999}.tar")
    put(tmp_path, "{a,b}.tar", (tmp_path / "000.tar").read_bytes())
    assert list(verdicts(tmp_path / "{a,b}.tar")) == ["{a,b}.tar/a/1.png"]
