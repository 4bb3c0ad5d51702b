"""Counts in sentences: one image, two images."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """``count`` with its noun, in the singular for one.

    >>> counted(1, "image"), counted(1200, "image"), counted(2, "identity", "identities")
    ('1 image', '1,200 images', '2 identities')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def are(count: int, noun: str) -> str:
    """The same as the subject of a sentence.

    >>> are(1, "image"), are(0, "image")
    ('1 image is', '0 images are')
    """
    return f"{counted(count, noun)} {'is' if count == 1 else 'are'}"
