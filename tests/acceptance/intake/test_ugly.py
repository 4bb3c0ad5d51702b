"""A tree of everything that goes wrong with files: nothing crashes, nothing vanishes, and the counts add up exactly."""

from __future__ import annotations

import io
import os
import shutil
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from facedb.core.rejects import IGNORED, REJECTED
from facedb.db.connection import Database
from tests.acceptance.world import Command, Said, block_model, portrait, save


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of ``side`` x ``side`` pixels in a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def good(n: int) -> dict[str, bytes]:
    """Pictures that must work, whatever is unusual about them."""
    face = portrait(n, 0)
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey16 = Image.fromarray(np.asarray(face.convert("L"), np.uint16) * 257)
    translucent = face.convert("RGBA")
    translucent.putalpha(128)
    frames = [portrait(n, k) for k in range(3)]
    return {
        "plain.png": encoded(face, "PNG"),
        "plain.bmp": encoded(face, "BMP"),
        "plain.ppm": encoded(face, "PPM"),
        "plain.pgm": encoded(face.convert("L"), "PPM"),
        "plain.tiff": encoded(face, "TIFF"),
        "plain.webp": encoded(face, "WEBP"),
        "plain.jpg": encoded(face, "JPEG"),
        "progressive.jpg": encoded(face, "JPEG", progressive=True),
        "cmyk.jpg": encoded(face.convert("CMYK"), "JPEG"),
        "grey.jpg": encoded(face.convert("L"), "JPEG"),
        "rotated.jpg": encoded(face, "JPEG", exif=exif),
        "icc.jpg": encoded(face, "JPEG", icc_profile=profile),
        "sixteen.png": encoded(grey16, "PNG"),
        "palette.png": encoded(face.convert("P"), "PNG", transparency=3),
        "alpha.png": encoded(translucent, "PNG"),
        "one-bit.png": encoded(face.convert("1"), "PNG"),
        "animated.webp": encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        "animated.png": encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "jpeg-called.png": encoded(face, "JPEG"),
        "png-called.jpg": encoded(face, "PNG"),
        "UPPER.PNG": encoded(face, "PNG"),
        "spaces and 'quotes'.png": encoded(face, "PNG"),
        "日本語.png": encoded(face, "PNG"),
        "new\nline.png": encoded(face, "PNG"),
        "tab\there.png": encoded(face, "PNG"),
        os.fsdecode(b"latin-\xe9.png"): encoded(face, "PNG"),
    }


BAD = {
    "empty.png": b"",
    "one-byte.jpg": b"\xff",
    "text-called.jpg": b"this is no picture at all\n" * 40,
    "html-called.png": b"<!doctype html><html><body>404</body></html>",
    "cut.jpg": encoded(portrait(3, 1).resize((300, 300)), "JPEG")[:1500],
    "cut.png": encoded(portrait(3, 2).resize((300, 300)), "PNG")[:700],
    "damaged.png": b"\x89PNG\r\n\x1a\n" + bytes(300),
    "bomb.png": bomb(60_000),
}
OTHER = {"notes.txt": b"hello", "Thumbs.db": b"\xd0\xcf\x11\xe0", ".hidden.png": encoded(portrait(4, 4), "PNG")}


def build(root: Path) -> dict[str, int]:
    """Write the tree; returns how many entries should end as what."""
    for identity in ("ann", "bob"):
        for name, data in good(len(identity) + ord(identity[0])).items():
            (root / identity).mkdir(parents=True, exist_ok=True)
            (root / identity / name).write_bytes(data)
    (root / "bad").mkdir()
    for name, data in BAD.items():
        (root / "bad" / name).write_bytes(data)
    (root / "bad" / "dangling.png").symlink_to("nowhere.png")
    (root / "bad" / "loop.png").symlink_to("loop.png")
    (root / "bad" / "folder-loop").symlink_to("..")
    (root / "bad" / "folder.png").mkdir()
    save(portrait(8, 8), root / "bad" / "folder.png" / "inside.png")
    os.mkfifo(root / "bad" / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(root / "bad")
        try:
            server.bind("socket.png")
        finally:
            os.chdir(before)
    (root / "other").mkdir()
    for name, data in OTHER.items():
        (root / "other" / name).write_bytes(data)
    (root / "empty folder").mkdir()
    save(portrait(9, 9), root / "deep" / "a" / "b" / "c" / "d.png")
    # A picture beside the folders has no identity and is embedded all the same.
    shutil.copy(root / "ann" / "plain.png", root / "top-level.png")
    return {"good": 2 * len(good(0)) + 3}


@pytest.fixture
def checked(database: Database, tmp_path: Path) -> tuple[Command, Path, Said, dict[str, int]]:
    """A check over the tree."""
    root = tmp_path / "ugly"
    root.mkdir()
    expected = build(root)
    facedb = Command(tmp_path / "home", dsn=database.dsn)
    model = block_model(tmp_path / "blocks.onnx")
    return facedb, root, facedb("check", root, "--model", model, "--threshold", 0.9), expected


def test_the_counts_of_an_ugly_tree_add_up_exactly(checked: tuple[Command, Path, Said, dict[str, int]]) -> None:
    facedb, root, said, expected = checked
    # Every entry that is no folder, links to folders included.
    entries = sum(
        len(files) + sum((Path(place) / name).is_symlink() for name in folders)
        for place, folders, files in os.walk(root)
    )
    (row,) = facedb("datasets", "--format", "json").json
    assert row["files"] == entries
    assert row["files"] == row["embedded"] + row["rejected"] + row["ignored"] + row["vanished"] + row["pending"]
    assert (row["vanished"], row["pending"]) == (0, 0)
    rejects = facedb("rejects", "--ignored", "--format", "json").json
    assert len(rejects) == row["rejected"] + row["ignored"]
    assert {reject["code"] for reject in rejects} <= REJECTED.keys() | IGNORED.keys()
    assert all(reject["detail"] for reject in rejects)
    assert (
        f"{entries:,} = {row['embedded']:,} embedded + {row['rejected']:,} rejected + {row['ignored']:,} ignored"
        in said.out
    )
    assert not any(reject["path"].startswith(("ann/", "bob/")) for reject in rejects), rejects
    assert row["embedded"] == expected["good"]
    codes = {
        reject["path"].removeprefix("bad/"): reject["code"] for reject in rejects if reject["outcome"] == "rejected"
    }
    assert codes["empty.png"] == "empty"
    assert codes["bomb.png"] == "too_large"
    assert codes["dangling.png"] == "dangling_link"
    assert codes["loop.png"] == "cyclic_link"
    assert codes["pipe.png"] == codes["socket.png"] == "not_a_file"
    assert codes["cut.png"] in ("truncated", "damaged")
    assert codes["cut.jpg"] in ("truncated", "damaged")
    assert codes["text-called.jpg"] == codes["html-called.png"] == "not_an_image"


def test_a_second_check_of_an_ugly_tree_changes_no_row(
    checked: tuple[Command, Path, Said, dict[str, int]], tmp_path: Path
) -> None:
    facedb, root, _, _ = checked
    before = facedb("rejects", "--ignored", "--format", "json").json
    said = facedb("check", root, "--model", tmp_path / "blocks.onnx", "--threshold", 0.9)
    assert "Nothing is new" in said.err
    assert facedb("rejects", "--ignored", "--format", "json").json == before
    # Names that a terminal could trip over are shown on one line each.
    shown = facedb("pairs").out.splitlines()
    assert len(shown) == 1 + len(facedb("pairs", "--format", "json").json)
