"""Names made up by number."""

from __future__ import annotations

SYLLABLES = ("ba", "co", "du", "fe", "gi", "ko", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "zi", "mo")


def name_of(k: int) -> str:
    """A name of its own for each number: two words whose consonants tell them apart."""
    first, last = k % 256, k // 256 + 7 * (k % 37)
    return "_".join(
        "".join(SYLLABLES[(part // 16**i) % 16] for i in range(3)) for part in (first + 256 * (k % 11), last)
    )
