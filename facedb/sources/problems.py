"""What this package finds wrong with files, as problems with the codes of the reject ledger."""

from __future__ import annotations

import errno
import os

from facedb.core import rejects
from facedb.core.rejects import Problem

EMPTY = rejects.problem(rejects.EMPTY)
NOT_AN_IMAGE = rejects.problem(rejects.NOT_AN_IMAGE)
NOT_A_FILE = rejects.problem(rejects.NOT_A_FILE)
DANGLING_LINK = rejects.problem(rejects.DANGLING_LINK)
CYCLIC_LINK = rejects.problem(rejects.CYCLIC_LINK)
OUTSIDE_ROOT = rejects.problem(rejects.OUTSIDE_ROOT)
MISSING = rejects.problem(rejects.MISSING)

OTHER_FILE = rejects.problem(rejects.OTHER_FILE)
HIDDEN_FILE = rejects.problem(rejects.HIDDEN_FILE)
LINK_NOT_FOLLOWED = rejects.problem(rejects.LINK_NOT_FOLLOWED)
JUNK = rejects.problem(rejects.JUNK)
EXCLUDED = rejects.problem(rejects.EXCLUDED)


def bad_record(detail: str) -> Problem:
    """A row or record of a source that cannot be understood, with what is wrong with it."""
    return rejects.problem(rejects.BAD_RECORD, detail)


def unreadable(error: OSError, what: str = "file") -> Problem:
    """Turn what the operating system said about a file or folder into a problem."""
    match error.errno:
        case errno.ELOOP:
            return CYCLIC_LINK
        case errno.ENOENT:
            return MISSING
        case None:
            return rejects.problem(rejects.UNREADABLE, f"The {what} cannot be read: {error}.")
        case number:
            return rejects.problem(rejects.UNREADABLE, f"The {what} cannot be read: {os.strerror(number)}.")
