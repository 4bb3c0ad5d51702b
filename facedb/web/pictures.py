"""Pictures for the page: thumbnails, and for a photo that cannot be shown one that says why."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from facedb.report.pictures.place import Place
from facedb.report.pictures.thumbnail_cache import SIDE, Thumbnail, Thumbnails
from facedb.web.catalogue import TEXT

PHOTO_SIDE = 2048


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture."""

    data: bytes
    media_type: str


class Pictures:
    """The thumbnails of the page, and their stand-ins; for many threads."""

    def __init__(self, cache: Path) -> None:
        self._thumbnails = Thumbnails(cache)

    def close(self) -> None:
        """Close the containers that were read."""
        self._thumbnails.close()

    def face(self, place: Place) -> Picture:
        """A face as a square of `thumbnails.SIDE` pixels, upright and centred where its landmarks are known."""
        return _shown(self._thumbnails.face(place))

    def photo(self, place: Place, side: int = PHOTO_SIDE) -> Picture:
        """The whole photo, its longer side at most ``side`` pixels."""
        return _shown(self._thumbnails.photo(place, side))

    def tidy(self) -> int:
        """Delete what nobody has looked at for longest until the cache is small enough; returns how many."""
        return self._thumbnails.tidy()


def _shown(found: Thumbnail) -> Picture:
    """The answer, or a picture that says why there is none: an answer without a picture would be an error in the browser's console."""
    if found.missing is None:
        return Picture(found.data, "image/jpeg")
    words = escape(TEXT[f"picture.{found.missing}"])
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" viewBox="0 0 {SIDE} {SIDE}">'
        f'<rect width="100%" height="100%" fill="#7c828a"/>'
        f'<path d="M70 62l52 52M122 62l-52 52" stroke="#fff" stroke-width="7" stroke-linecap="round"/>'
        f'<text x="50%" y="150" fill="#fff" font-family="sans-serif" font-size="17" text-anchor="middle">{words}</text></svg>'
    )
    return Picture(text.encode(), "image/svg+xml")
