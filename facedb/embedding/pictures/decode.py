"""Image bytes to one upright 8-bit sRGB picture, or the reason why not."""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from facedb.core import rejects
from facedb.core.rejects import Rejected, problem
from facedb.embedding.pictures.colour import to_srgb
from facedb.embedding.pictures.decoding_memory import bytes_to_decode, expect_memory
from facedb.embedding.pictures.signature import read_signature

MAX_PIXELS: Final = 100_000_000
HEIF: Final = "HEIF"
MAX_BYTES: Final = 256 * 1024 * 1024

# Importing a plugin registers it; Pillow's own lazy registration would load forty more.
_PLUGINS: Final = (
    JpegImagePlugin.JpegImageFile,
    MpoImagePlugin.MpoImageFile,
    PngImagePlugin.PngImageFile,
    WebPImagePlugin.WebPImageFile,
    BmpImagePlugin.BmpImageFile,
    TiffImagePlugin.TiffImageFile,
    PpmImagePlugin.PpmImageFile,
    GifImagePlugin.GifImageFile,
    AvifImagePlugin.AvifImageFile,
    Jpeg2KImagePlugin.Jpeg2KImageFile,
)
FORMATS: Final = tuple(plugin.format for plugin in _PLUGINS if plugin.format in Image.OPEN)

# What Pillow's decoders raise on hostile bytes; anything else is a fault of this program and must be seen.
DECODER_FAULTS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    AttributeError,
    AssertionError,
    struct.error,
    zlib.error,
)

_TRUNCATION_WORDS = ("truncat", "not enough", "unexpected end", "premature", "end of file", "eof", "data stream")
_ORIENTATION_TAG = 0x0112
_UPRIGHT: Final[dict[int, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What libjpeg can divide the sides by while it decodes.
_SCALES: Final = (1, 2, 4, 8)
_PILLOW: Final = r"PIL\."
_filter_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture: ``image`` is upright, mode RGB, 8 bits a channel, sRGB; ``format`` is what the content is.

    ``width`` and ``height`` are those of the upright photo; one pixel of ``image`` stands for ``reduction`` x ``reduction`` of its
    pixels (1 but for huge JPEGs, and for those that are only looked at).
    """

    image: Image.Image
    format: str
    width: int
    height: int
    reduction: int = 1


def decode(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    spare: Callable[[int, int], float] | None = None,
) -> Decoded:
    """Decode the first frame of any supported image, whatever its file was called.

    The limits are checked on the header, before pixels are decoded. A JPEG of more than ``max_pixels`` is decoded at a half, a
    quarter or an eighth of its sides, whichever first fits: no network here looks at more. Smaller ones are decoded in full, since
    vectors must not depend on a limit. Whoever only looks says by ``spare``, of the width and height of the file, by how much the sides
    may be divided: a JPEG is then decoded that much smaller, which is faster. Transparency is laid over white; 16-bit and float
    images are scaled to 8 bits; an embedded colour profile is converted to sRGB where it is valid and ignored where not.

    Raises Rejected with ``empty``, ``too_large`` (also where memory is short), ``not_an_image``, ``unsupported_format``,
    ``truncated`` or ``damaged``.
    """
    if not data:
        raise Rejected(problem(rejects.EMPTY))
    if len(data) > max_bytes:
        raise Rejected(problem(rejects.TOO_LARGE, f"The file has {len(data):,} bytes; the limit is {max_bytes:,}."))
    _keep_pillow_quiet()
    with _open(data) as opened:
        name = opened.format or "unknown"
        width, height = opened.size
        reduction = _reduction(opened, max_pixels)
        if reduction is None:
            detail = f"The image has {width} x {height} pixels; the limit is {max_pixels:,}: --max-pixels raises it."
            raise Rejected(problem(rejects.TOO_LARGE, detail))
        if spare is not None and isinstance(opened, JpegImagePlugin.JpegImageFile):
            reduction = max(reduction, *(scale for scale in _SCALES if scale <= max(1.0, spare(width, height))))
        expect_memory(opened, reduction)
        try:
            if reduction > 1:
                opened.draft(opened.mode, (width // reduction, height // reduction))
            opened.load()
            upright = _upright(opened)
            picture = to_srgb(_eight_bit(upright, name))
        except (MemoryError, Image.DecompressionBombError):
            detail = f"No memory for {width} x {height} pixels, or more than Pillow decodes of a {name}."
            raise Rejected(problem(rejects.TOO_LARGE, detail)) from None
        except DECODER_FAULTS as fault:
            raise _rejection(data, fault) from None
    # The side that the reduced one stands for, whatever was cut off at the edge.
    if (picture.width > picture.height) != (width > height):
        width, height = height, width
    return Decoded(picture, "JPEG" if name == "MPO" else name, width, height, reduction)


def memory_to_decode(data: bytes, max_pixels: int = MAX_PIXELS) -> int:
    """How many bytes of memory ``decode`` will take for these bytes, from the header alone; 0 where it refuses them."""
    _keep_pillow_quiet()
    try:
        with _open(data) as opened:
            reduction = _reduction(opened, max_pixels)
            return 0 if reduction is None else bytes_to_decode(opened, reduction)
    except Rejected:
        return 0


def _reduction(opened: Image.Image, max_pixels: int) -> int | None:
    """By how much the sides of an opened image are divided while it is decoded; None where it is too large for that."""
    scales = _SCALES if isinstance(opened, JpegImagePlugin.JpegImageFile) else (1,)
    # libjpeg rounds up.
    fits = (scale for scale in scales if -(-opened.width // scale) * -(-opened.height // scale) <= max_pixels)
    return next(fits, None)


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        # Pillow's limit belongs to the whole process; the limit here is facedb's own.
        return _open_by_plugin(data)
    except UnidentifiedImageError:
        found = read_signature(data)
        if found is None:
            raise Rejected(problem(rejects.NOT_AN_IMAGE)) from None
        if found.format == HEIF and _register_heif():
            return _open_by_plugin(data)
        if found.format not in FORMATS:
            hint = "; install facedb with the extra 'heif' for it" if found.format == HEIF else ""
            detail = f"The content is {found.format}, which cannot be decoded here{hint}."
            raise Rejected(problem(rejects.UNSUPPORTED_FORMAT, detail)) from None
        code = rejects.TRUNCATED if found.truncated else rejects.DAMAGED
        raise Rejected(problem(code, f"The content starts like {found.format} but its header is broken.")) from None
    except MemoryError:
        raise Rejected(problem(rejects.TOO_LARGE)) from None
    except DECODER_FAULTS as fault:
        raise _rejection(data, fault) from None


def _open_by_plugin(data: bytes) -> Image.Image:
    """An image opened by the plugin of the format that its bytes show, past `Image.open`."""
    found = read_signature(data)
    try:
        if found is not None and found.format in (*FORMATS, HEIF):
            factory, _ = Image.OPEN[found.format]
            opened = factory(BytesIO(data), "")
            if isinstance(opened, Image.Image):
                return opened
    except Image.DecompressionBombError:
        detail = f"The image has more pixels than Pillow decodes of a {found.format if found else 'file'}."
        raise Rejected(problem(rejects.TOO_LARGE, detail)) from None
    except DECODER_FAULTS as fault:
        raise _rejection(data, fault) from None
    raise Rejected(problem(rejects.NOT_AN_IMAGE))


def _register_heif() -> bool:
    """Whether HEIF, the photos of iPhones, can be decoded here: its plug-in is an extra and loaded when one is met."""
    if HEIF in Image.OPEN:
        return True
    try:
        import pi_heif
    except ImportError:
        return False
    pi_heif.register_heif_opener()
    return HEIF in Image.OPEN


def _rejection(data: bytes, fault: BaseException) -> Rejected:
    """The verdict on bytes that a decoder gave up on; ``truncated`` where decoder or container say so."""
    text = str(fault).strip() or type(fault).__name__
    found = read_signature(data)
    cut = isinstance(fault, EOFError) or (found is not None and found.truncated)
    if cut or any(word in text.lower() for word in _TRUNCATION_WORDS):
        return Rejected(problem(rejects.TRUNCATED, f"The image data end too early: {text}."))
    return Rejected(problem(rejects.DAMAGED, f"The image data cannot be decoded: {text}."))


def _upright(image: Image.Image) -> Image.Image:
    # Read after load(): Pillow applies the orientation of a TIFF itself while loading and then removes the tag.
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except DECODER_FAULTS:
        orientation = None
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    if method is None:
        return image
    turned = image.transpose(method)
    turned.info = dict(image.info)
    return turned


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    """The image with 8 bits a channel: integers and floats are scaled from their range, never clipped to it."""
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint16)
        return _grey(_from_range(wide, 65535.0), image)
    if image.mode == "I":
        values = np.asarray(image)
        # Pillow scales every PGM of more than 8 bits to 0..65535; a 32-bit TIFF does not say its range.
        return _grey(_from_range(values, 65535.0 if name == "PPM" else _range_of(values)), image)
    if image.mode == "F":
        floats = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
        return _grey(_from_range(floats, 1.0 if floats.max(initial=0.0) <= 1.0 else _range_of(floats)), image)
    return image


def _range_of(values: NDArray[np.generic]) -> float:
    largest = float(np.max(values, initial=0))
    return next((limit for limit in (255.0, 65535.0) if largest <= limit), largest)


def _from_range(values: NDArray[np.generic], white: float) -> NDArray[np.uint8]:
    scaled = values.astype(np.float64) * (255.0 / white)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _grey(values: NDArray[np.uint8], source: Image.Image) -> Image.Image:
    image = Image.fromarray(values)
    if "icc_profile" in source.info:
        image.info["icc_profile"] = source.info["icc_profile"]
    return image


def _keep_pillow_quiet() -> None:
    """Ignore Pillow's warnings about odd files: what is wrong with a file is said by its reject, once.

    catch_warnings is not safe between threads, so the filter is put in place and stays.
    """
    with _filter_lock:
        if not any(action == "ignore" and _pattern(module) == _PILLOW for action, _, _, module, _ in warnings.filters):
            warnings.filterwarnings("ignore", module=_PILLOW)


def _pattern(module: object) -> object:
    return getattr(module, "pattern", module)
