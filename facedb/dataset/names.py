"""From the names that people type to the keys of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facedb.core import names as spelling
from facedb.core.errors import NotFoundError
from facedb.core.files.paths import display
from facedb.dataset import dataset_rows
from facedb.db.connection import Connection


def find_datasets(conn: Connection, names: Sequence[str | None]) -> tuple[int, ...] | None:
    """The keys of the datasets called ``names``, in order of the keys; None where no name is given.

    Raises NotFoundError that offers the nearest name for one that does not exist.
    """
    wanted = [name for name in names if name is not None]
    if not wanted:
        return None
    there = dict(dataset_rows.datasets(conn))
    return tuple(sorted(there[find_dataset_name(there, name)] for name in wanted))


def find_dataset_name(there: Iterable[str], name: str) -> str:
    """The dataset that a person means by ``name``; raises NotFoundError that offers the nearest name where there is none."""
    known = list(there)
    found = spelling.alike(name, known)
    if len(found) != 1:
        raise NotFoundError(f"There is no dataset {name!r}: {nearest(name, known)}see `facedb datasets`.")
    return found[0]


def nearest(name: str, there: Iterable[str]) -> str:
    """The half sentence that offers what is most like ``name`` among ``there``; empty where nothing is."""
    near = [display(known) for known in spelling.nearest(name, there)]
    return f"did you mean {' or '.join(near)}? Otherwise " if near else ""
