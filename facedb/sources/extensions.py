"""The names that images carry."""

from __future__ import annotations

_EXTENSIONS = "jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff pbm pgm ppm pnm pam jp2 j2k jpx avif heic heif jxl"
IMAGE_EXTENSIONS = frozenset(_EXTENSIONS.split())


def has_image_extension(name: str) -> bool:
    """Say whether the last suffix of ``name`` is one that images carry, in any case."""
    _, dot, suffix = name.rpartition(".")
    return bool(dot) and suffix.lower() in IMAGE_EXTENSIONS
