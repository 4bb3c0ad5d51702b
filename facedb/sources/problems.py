"""The codes of this package and their sentences: what is wrong with a file, or why it is left out."""

from __future__ import annotations

import errno
import os

from facedb.core.models import Problem

EMPTY = Problem("empty", "The file has no bytes.")
NOT_AN_IMAGE = Problem("not_an_image", "The file is named like an image and its content is not one.")
DANGLING = Problem("dangling_link", "The link points to a file that does not exist.")
CYCLIC = Problem("cyclic_link", "The link leads back to itself or to a folder that holds it.")

HIDDEN = Problem("hidden", "The name, or a folder of the path, starts with a dot.")
OTHER_FILE = Problem("other_file", "Neither the name nor the content is that of an image.")
LINK = Problem("link", "A symbolic link: --follow-links reads what it points to.")
SPECIAL = Problem("special_file", "Not an ordinary file but a pipe, socket or device.")


def unreadable(error: OSError, what: str = "file") -> Problem:
    """Turn what the operating system said about a file or folder into a problem."""
    match error.errno:
        case errno.ELOOP:
            return CYCLIC
        case errno.ENOENT:
            return Problem("missing", f"The {what} does not exist.")
        case None:
            return Problem("unreadable", f"The {what} cannot be read: {error}.")
        case number:
            return Problem("unreadable", f"The {what} cannot be read: {os.strerror(number)}.")
