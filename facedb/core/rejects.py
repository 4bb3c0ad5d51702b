"""Why a file did not become a face: every code that the reject ledger knows, defined once.

A code is stable: it is stored in the database, filtered on and counted. The sentence beside it is the meaning that
``facedb rejects`` prints; the detail of a single case comes from the code that found it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an input did not become a face: a stable code and a sentence for a person."""

    code: str
    detail: str


UNREADABLE: Final = "unreadable"
EMPTY: Final = "empty"
NOT_A_FILE: Final = "not_a_file"
DANGLING_LINK: Final = "dangling_link"
CYCLIC_LINK: Final = "cyclic_link"
OUTSIDE_ROOT: Final = "outside_root"
MISSING: Final = "missing"
BAD_RECORD: Final = "bad_record"
DUPLICATE_PATH: Final = "duplicate_path"
NO_IDENTITY: Final = "no_identity"
CHANGED: Final = "changed"
BAD_NAME: Final = "bad_name"
OTHER_LABEL: Final = "other_label"

NOT_AN_IMAGE: Final = "not_an_image"
UNSUPPORTED_FORMAT: Final = "unsupported_format"
TRUNCATED: Final = "truncated"
DAMAGED: Final = "damaged"
TOO_LARGE: Final = "too_large"

NO_FACE: Final = "no_face"
SEVERAL_FACES: Final = "several_faces"
TOO_SMALL: Final = "too_small"
BAD_LANDMARKS: Final = "bad_landmarks"
BAD_VECTOR: Final = "bad_vector"

OTHER_FILE: Final = "other_file"
HIDDEN_FILE: Final = "hidden_file"
LINK_NOT_FOLLOWED: Final = "link_not_followed"
JUNK: Final = "junk"
EXCLUDED: Final = "excluded"
SAME_FILE: Final = "same_file"

REJECTED: Final[dict[str, str]] = {
    UNREADABLE: "The file cannot be opened or read.",
    EMPTY: "The file has no content.",
    NOT_A_FILE: "The name belongs to something that is not a regular file, such as a socket or a device.",
    DANGLING_LINK: "The symbolic link points to nothing.",
    CYCLIC_LINK: "The symbolic link leads back to itself or to a folder that contains it.",
    OUTSIDE_ROOT: "The path leads out of the root of the dataset.",
    MISSING: "The source names a file that does not exist.",
    BAD_RECORD: "The row or record of the source cannot be understood.",
    DUPLICATE_PATH: "The source names the same path a second time.",
    NO_IDENTITY: "The source says nothing from which an identity follows.",
    CHANGED: "The file changed after it was ingested; ingest it again.",
    BAD_NAME: "The path or the label cannot be stored: it is too long, or holds half a character.",
    OTHER_LABEL: "Another name of a file that the dataset has already under another label; the first label counts.",
    NOT_AN_IMAGE: "The content is not that of any image format, whatever the name says.",
    UNSUPPORTED_FORMAT: "The content is an image in a format that cannot be decoded here.",
    TRUNCATED: "The image data end too early.",
    DAMAGED: "The image data are damaged and cannot be decoded.",
    TOO_LARGE: "The image has more pixels or bytes than the limits allow.",
    NO_FACE: "The detector finds no face in the image.",
    SEVERAL_FACES: "The image shows several faces and exactly one was asked for.",
    TOO_SMALL: "The face is smaller than the smallest size asked for.",
    BAD_LANDMARKS: "The box or the landmarks of the face are not usable for alignment.",
    BAD_VECTOR: "The model returned a vector that is zero or not finite.",
}
"""Codes of files that should have become faces and did not, with their meaning."""

IGNORED: Final[dict[str, str]] = {
    OTHER_FILE: "The file is not meant to be an image.",
    HIDDEN_FILE: "The name starts with a dot.",
    LINK_NOT_FOLLOWED: "The symbolic link was not followed; --follow-links does.",
    JUNK: "A file manager, a NAS or a bin put it there: a thumbnail, a deleted file, a note of its own.",
    EXCLUDED: "An --exclude pattern names it.",
    SAME_FILE: "Another name of a file that the dataset has already.",
}
"""Codes of files that were never meant to become faces, with their meaning."""


class Rejected(Exception):  # noqa: N818 - a verdict about one image, not a fault of the program
    """Carries the problem of one image from where it is found to where its result is made; `ImageTask.read` may raise it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def meaning(code: str) -> str:
    """The sentence for a person that belongs to a code; raises KeyError for a code that is in neither table."""
    return REJECTED[code] if code in REJECTED else IGNORED[code]


def problem(code: str, detail: str | None = None) -> Problem:
    """The problem with this code; its detail is the general meaning where nothing more is known."""
    general = meaning(code)
    return Problem(code, detail or general)
