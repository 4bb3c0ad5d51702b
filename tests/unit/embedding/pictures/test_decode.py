"""Decoding: what comes in as any image leaves as one upright 8-bit sRGB picture, or with a code."""

from __future__ import annotations

import base64
import struct
import warnings
import zlib
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from facedb.core import rejects
from facedb.core.rejects import Rejected
from facedb.embedding.pictures.decode import decode
from tests.unit.embedding.conftest import encode, picture

LOSSLESS = [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("PPM", {}), ("WEBP", {"lossless": True})]
LOSSY = [("JPEG", {"quality": 95}), ("JPEG", {"quality": 95, "progressive": True}), ("AVIF", {"quality": 95})]

# A drawing of two colours as an iPhone writes its photos, with the EXIF orientation 6.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAaFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ADRpbG9jAAAAAERAAAIAAQAAAAABxQABAAAAAAAAAFIAAgAAAAACFwABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA4GlwcnAAAADAaXBjbwAAAHhodmNDAQNwAAAA"
    "kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoDCBBZbq"
    "SSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABgAAAAQAAAABBw"
    "aXhpAAAAAAMICAgAAAAJaXJvdAMAAAAYaXBtYQAAAAAAAAABAAEFgQIDBIUAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAH5t"
    "ZGF0AAAATigBr1iT/wdJL//7tK5H5pvf/Ohh0bi3SYD/vMPX63goDJcMw6342wd6QchQA9xSlgsGOOe7nzPCQSK2HOlZNURGyZrg"
    "wjh2O+iPz4TwxgAAAAZFeGlmAABNTQAqAAAACAABARIAAwAAAAEABgAAAAAAAA=="
)


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def code_of(data: bytes, **limits: Any) -> str:
    with pytest.raises(Rejected) as caught:
        decode(data, **limits)
    assert caught.value.problem.detail
    return caught.value.problem.code


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_a_lossless_file_of_any_kind_gives_its_pixels(kind: str, options: dict) -> None:
    decoded = decode(encode(picture(), kind, **options))
    assert (decoded.width, decoded.height, decoded.image.mode) == (48, 40, "RGB")
    assert decoded.format == kind
    assert np.array_equal(pixels(decoded.image), pixels(picture()))


@pytest.mark.parametrize(("kind", "options"), LOSSY)
def test_a_lossy_file_gives_nearly_its_pixels(kind: str, options: dict) -> None:
    decoded = decode(encode(picture(96, 80), kind, **options))
    assert np.abs(pixels(decoded.image) - pixels(picture(96, 80))).mean() < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright_once(kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (48, 32), (20, 20, 20))
    upright.paste((240, 240, 240), (0, 0, 24, 16))
    # What the camera stored: the picture that the orientation turns into the upright one.
    stored = {
        1: lambda im: im,
        2: lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda im: im.transpose(Image.Transpose.ROTATE_180),
        4: lambda im: im.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda im: im.transpose(Image.Transpose.TRANSPOSE),
        6: lambda im: im.transpose(Image.Transpose.ROTATE_90),
        7: lambda im: im.transpose(Image.Transpose.TRANSVERSE),
        8: lambda im: im.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    by_kind: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}
    options = by_kind.get(kind, {})
    decoded = decode(encode(stored, kind, exif=exif, **options))
    assert decoded.image.size == (48, 32)
    assert np.abs(pixels(decoded.image) - pixels(upright)).max() < 40


def test_a_sixteen_bit_png_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64)
    decoded = decode(encode(Image.fromarray(ramp), "PNG"))
    assert np.abs(pixels(decoded.image)[..., 0] - np.rint(ramp / 257.0)).max() <= 1


def test_a_sixteen_bit_pgm_is_scaled_by_its_own_maximum() -> None:
    values = np.linspace(0, 1000, 64).astype(">u2")
    data = b"P5 8 8 1000\n" + values.tobytes()
    assert np.abs(pixels(decode(data).image)[..., 0].ravel() - np.rint(values * 0.255)).max() <= 1


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_a_float_tiff_is_scaled_from_its_range(white: float) -> None:
    ramp = np.linspace(0, white, 64, dtype=np.float32).reshape(8, 8)
    decoded = decode(encode(Image.fromarray(ramp), "TIFF"))
    assert np.abs(pixels(decoded.image)[..., 1] - np.rint(ramp / white * 255)).max() <= 1


def test_a_float_tiff_with_nan_and_infinity_gives_a_picture() -> None:
    values = np.array([[np.nan, np.inf], [0.5, 1.0]], dtype=np.float32)
    assert decode(encode(Image.fromarray(values), "TIFF")).image.mode == "RGB"


def test_transparency_is_laid_over_white() -> None:
    layered = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    layered.putpixel((0, 0), (10, 20, 30, 255))
    image = decode(encode(layered)).image
    assert image.getpixel((0, 0)) == (10, 20, 30)
    assert image.getpixel((3, 3)) == (255, 255, 255)


def test_a_palette_with_transparent_entries_is_laid_over_white() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 10, 10] + [0] * 762)
    image.putpixel((0, 0), 0)
    data = encode(image, "PNG", transparency=bytes([0, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoded = decode(data).image
    assert decoded.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.getpixel((3, 3)) == (200, 10, 10)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr", "I;16", "RGBX"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    grey = picture().convert("L")
    image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else picture().convert(mode)
    decoded = decode(encode(image, "PNG" if mode in ("1", "L", "LA", "P", "I;16") else "TIFF")).image
    assert decoded.mode == "RGB"
    assert decoded.size == (48, 40)


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    image = Image.new("RGB", (32, 32), (200, 40, 40)).convert("CMYK")
    red, green, _ = pixel(decode(encode(image, "JPEG", quality=95)).image, 16, 16)
    assert red > 150
    assert green < 100


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert pixel(decode(data).image, 8, 8)[0] > 240


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    image = Image.merge("LAB", [Image.new("L", (8, 8), 128) for _ in range(3)])
    data = encode(image, "TIFF", icc_profile=lab)
    grey = pixel(decode(data).image, 4, 4)
    assert max(grey) - min(grey) <= 6
    assert 90 < grey[0] < 150


def test_a_broken_profile_is_ignored() -> None:
    data = encode(picture(), "PNG", icc_profile=b"this is no profile")
    assert np.array_equal(pixels(decode(data).image), pixels(picture()))


def test_an_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(pixels(decode(encode(picture(), "PNG", icc_profile=profile)).image), pixels(picture()))


def test_no_bytes_are_empty() -> None:
    assert code_of(b"") == rejects.EMPTY


@pytest.mark.parametrize("data", [b"hello, world\n" * 20, b"\x00" * 500, b"%PDF-1.7\n" + b"x" * 300, b"<svg></svg>"])
def test_other_content_is_not_an_image(data: bytes) -> None:
    assert code_of(data) == rejects.NOT_AN_IMAGE


def test_an_image_in_a_format_without_a_decoder_says_so() -> None:
    assert code_of(b"8BPS" + b"\x00" * 200) == rejects.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(("kind", "options"), [*LOSSLESS, *LOSSY, ("GIF", {})])
@pytest.mark.parametrize("part", [0.3, 0.7])
def test_an_image_cut_short_is_truncated(kind: str, options: dict, part: float) -> None:
    rng = np.random.default_rng(3)
    noisy = Image.fromarray(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8))
    data = encode(noisy, kind, **options)
    assert code_of(data[: int(len(data) * part)]) == rejects.TRUNCATED


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_file_of_a_few_bytes_of_header_is_truncated(kind: str) -> None:
    assert code_of(encode(picture(), kind)[:24]) == rejects.TRUNCATED


def test_the_pixel_limit_is_checked_on_the_header_alone() -> None:
    # A PNG that announces 20,000 x 20,000 pixels and holds none.
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    assert code_of(bomb) == rejects.TOO_LARGE
    assert code_of(bomb, max_pixels=10**9) in (rejects.TOO_LARGE, rejects.TRUNCATED, rejects.DAMAGED)


def test_both_limits_are_inclusive() -> None:
    data = encode(picture(10, 10))
    assert decode(data, max_pixels=100, max_bytes=len(data)).width == 10
    assert code_of(data, max_pixels=99) == rejects.TOO_LARGE
    assert code_of(data, max_bytes=len(data) - 1) == rejects.TOO_LARGE


def test_an_image_above_pillows_own_limits_decodes_without_a_warning_since_the_limit_is_facedbs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode(encode(picture(40, 40))).width == 40
    for kind in ("PNG", "JPEG"):
        assert decode(encode(picture(60, 60), kind)).width == 60
    for kind in ("WEBP", "TIFF"):
        assert code_of(encode(picture(60, 60), kind)) == rejects.TOO_LARGE


@pytest.mark.parametrize(("limit", "reduction"), [(6000, 1), (4000, 2), (1000, 4), (250, 8)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_jpeg_above_the_limit_is_decoded_at_a_fraction_and_keeps_its_size(
    limit: int, reduction: int, turned: bool
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    data = encode(picture(88, 64), "JPEG", exif=exif.tobytes(), quality=95)
    found = decode(data, max_pixels=limit)
    assert (found.width, found.height, found.reduction) == ((64, 88) if turned else (88, 64)) + (reduction,)
    assert found.image.width * found.image.height <= limit
    assert found.image.width == -(-found.width // reduction)
    whole = decode(data).image.resize(found.image.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(found.image).astype(int) - np.asarray(whole)).mean() < 6


@pytest.mark.parametrize(("kind", "limit"), [("PNG", 5000), ("TIFF", 5000), ("JPEG", 80), ("BMP", 100)])
def test_what_cannot_be_reduced_names_the_option_that_raises_the_limit(kind: str, limit: int) -> None:
    with pytest.raises(Rejected, match="--max-pixels"):
        decode(encode(picture(88, 64), kind), max_pixels=limit)


def test_a_photo_of_an_iphone_is_decoded_upright() -> None:
    found = decode(HEIC)
    assert (found.format, found.width, found.height) == ("HEIF", 64, 96)
    # Drawn 96 x 64 with its left half blue, and turned by a quarter.
    blue, red = found.image.getpixel((32, 8)), found.image.getpixel((32, 88))
    assert isinstance(blue, tuple)
    assert isinstance(red, tuple)
    assert blue[2] > 150 > blue[0]
    assert red[0] > 150 > red[2]
    with pytest.raises(Rejected) as cut:
        decode(HEIC[:300])
    assert cut.value.problem.code in (rejects.TRUNCATED, rejects.DAMAGED)


@pytest.mark.parametrize(("kind", "options"), [*LOSSLESS, *LOSSY, ("GIF", {}), ("JPEG2000", {})])
def test_damaged_bytes_give_a_picture_or_a_code_and_never_an_exception(kind: str, options: dict) -> None:
    rng = np.random.default_rng(11)
    data = encode(picture(), kind, **options)
    for _ in range(60):
        spoilt = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 12)):
            spoilt[place] = rng.integers(0, 256)
        with suppress(Rejected):
            assert decode(bytes(spoilt), max_pixels=10**6).image.mode == "RGB"


def test_corrupt_exif_does_not_cost_the_picture() -> None:
    data = encode(picture(), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\x01\x12\x00\x03")
    assert decode(data).width == 48


def test_the_same_bytes_give_the_same_pixels_every_time() -> None:
    data = encode(picture(), "JPEG")
    assert decode(data).image.tobytes() == decode(bytes(BytesIO(data).getvalue())).image.tobytes()
