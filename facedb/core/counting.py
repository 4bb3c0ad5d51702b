"""Counts in words: one image, two images; 1.2k for a narrow place."""

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


def human(n: float) -> str:
    """A count in three or four characters: 950, 1.2k, 3.4M, 5.6G, 7.8T."""
    for unit in ("", "k", "M", "G"):
        if abs(n) < 1000:
            return f"{n:.0f}" if unit == "" else f"{n:.1f}{unit}"
        n /= 1000
    return f"{n:.1f}T"
