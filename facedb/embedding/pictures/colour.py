"""Any Pillow mode to 8-bit sRGB."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

_WHITE: Final = (255, 255, 255, 255)
_WITH_PROFILE: Final = frozenset({"RGB", "L", "CMYK", "LAB"})
_WITH_ALPHA: Final = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})


def to_srgb(image: Image.Image) -> Image.Image:
    """The image as mode RGB: transparency over white, an embedded profile converted to sRGB where that is possible."""
    profile = image.info.get("icc_profile")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        image = _over_white(image)
    elif image.mode not in _WITH_PROFILE:
        image = image.convert("RGB")
    if isinstance(profile, bytes) and profile and image.mode in _WITH_PROFILE:
        converted = _with_profile(image, profile)
        if converted is not None:
            return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    layered = image.convert("RGBA")
    paper = Image.new("RGBA", layered.size, _WHITE)
    paper.alpha_composite(layered)
    return paper.convert("RGB")


def _with_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    transform = _transform(profile, image.mode)
    if transform is None:
        return None
    try:
        return transform.apply(image)
    except (ImageCms.PyCMSError, ValueError, OSError):
        return None


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform of one profile to sRGB; None where the profile is sRGB already, broken, or for another mode."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        return ImageCms.ImageCmsTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    except (ImageCms.PyCMSError, ValueError, OSError, TypeError):
        return None
