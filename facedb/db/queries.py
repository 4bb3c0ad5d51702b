"""SQL that is read as SQL: named blocks in the ``sql`` folder of the subject that runs them, loaded once.

A block begins with ``-- name: word``, followed by at least one comment line of intent; it ends where the next begins::

    -- name: scan_state
    -- How far a scan came.
    select state from facedb.scan where id = %(scan)s
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)


class Query(str):
    """The SQL of one named block, as psycopg takes it, with its ``name`` and the ``intent`` that its comment states."""

    __slots__ = ("intent", "name")
    name: str
    intent: str

    def __new__(cls, sql: str, *, name: str, intent: str) -> Query:
        """Take the SQL as the text itself."""
        query = super().__new__(cls, sql)
        query.name = name
        query.intent = intent
        return query


class Queries(Mapping[str, Query]):
    """The blocks of one file; asking for a name that it lacks raises LookupError when it is asked for."""

    def __init__(self, file: str, blocks: Mapping[str, Query]) -> None:
        self._file = file
        self._blocks = blocks

    def __getitem__(self, name: str) -> Query:
        try:
            return self._blocks[name]
        except KeyError:
            raise LookupError(f"{self._file} has no block named {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)


@cache
def load(subject: str, name: str) -> Queries:
    """The blocks of ``facedb/<subject>/sql/<name>.sql``.

    Raises LookupError where the file is missing, ValueError where it is malformed.
    """
    file = f"facedb/{subject}/sql/{name}.sql"
    source = resources.files(f"facedb.{subject}") / "sql" / f"{name}.sql"
    if not source.is_file():
        raise LookupError(f"{file} does not exist")
    return parse(file, source.read_text(encoding="utf-8"))


def parse(file: str, text: str) -> Queries:
    """The blocks of a text; ``file`` names it in errors."""
    parts = _NAME.split(text)
    if not all(line.startswith("--") for line in parts[0].splitlines() if line.strip()):
        raise ValueError(f"{file} has SQL before its first '-- name:' line")
    blocks: dict[str, Query] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = body.strip("\n").splitlines()
        count = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
        intent = " ".join(line.removeprefix("--").strip() for line in lines[:count])
        sql = "\n".join(lines[count:]).strip()
        if not name.isidentifier() or name in blocks or not intent or not sql:
            raise ValueError(f"block {name!r} of {file} needs a name of its own, a comment of intent and SQL")
        blocks[name] = Query(sql, name=name, intent=intent)
    return Queries(file, blocks)
