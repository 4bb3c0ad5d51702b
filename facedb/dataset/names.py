"""From the names that people type to the keys of rows."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from facedb.core.errors import NotFoundError
from facedb.dataset import image_rows
from facedb.db.connection import Connection


def find_datasets(conn: Connection, names: Sequence[str | None]) -> tuple[int, ...] | None:
    """The keys of the datasets called ``names``, in order of the keys; None where no name is given.

    Raises NotFoundError that offers the nearest name for one that does not exist.
    """
    wanted = [name for name in names if name is not None]
    if not wanted:
        return None
    keys = {name: image_rows.find_dataset(conn, name) for name in wanted}
    for name, key in keys.items():
        if key is None:
            there = [known for known, _ in image_rows.datasets(conn)]
            raise NotFoundError(f"There is no dataset {name!r}: {nearest(name, there)}see `facedb datasets`.")
    return tuple(sorted(key for key in keys.values() if key is not None))


def nearest(name: str, there: Sequence[str]) -> str:
    """The half sentence that offers what is most like ``name`` among ``there``; empty where nothing is."""
    near = get_close_matches(name, there, n=3)
    return f"did you mean {' or '.join(near)}? Otherwise " if near else ""
