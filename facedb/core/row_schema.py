"""What a result looks like: one frozen dataclass per result says its columns, their order, their types and their names.

Everything that shows or stores such rows follows it: the SELECT (`facedb.db.rows`), files, stdout and Arrow
(`facedb.report.row_files`), and the objects of the Python API. A column is called like its attribute, except where that
is a word of Python's (``class``, ``from``): then ``Annotated[str, As("class")]`` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, Generic, LiteralString, TypeVar, Union, get_args, get_origin, get_type_hints

RowT = TypeVar("RowT")
Values = Sequence[Any]
"""The values of one row in the order of its columns."""


class Kind(Enum):
    """What a column holds; ``REAL`` is float32 and ``NUMBER`` float64, ``VALUE`` whatever JSON can say."""

    TEXT = "text"
    WHOLE = "int64"
    REAL = "float32"
    NUMBER = "float64"
    FLAG = "bool"
    TIME = "timestamp"
    TEXTS = "list of text"
    VALUE = "value"


Real = Annotated[float, Kind.REAL]
"""A number with the precision of float32: scores, shares, norms."""

_KINDS: dict[Any, Kind] = {
    str: Kind.TEXT,
    int: Kind.WHOLE,
    float: Kind.NUMBER,
    bool: Kind.FLAG,
    datetime: Kind.TIME,
    tuple[str, ...]: Kind.TEXTS,
    object: Kind.VALUE,
}


@dataclass(frozen=True, slots=True)
class As:
    """Annotates a field whose column is not called like the attribute but ``name``, or comes from an expression of its view."""

    name: str | None = None
    sql: LiteralString | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its ``name`` outside of Python, the ``attribute`` within, and the SQL it comes from (None: its name)."""

    name: str
    kind: Kind
    nullable: bool = False
    attribute: str = ""
    sql: LiteralString | None = None

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in (Kind.WHOLE, Kind.REAL, Kind.NUMBER)


class Table(Generic[RowT]):
    """The columns of a result and the type of its rows."""

    __slots__ = ("_read", "_row_type", "columns", "names")

    def __init__(self, columns: Sequence[Column], row_type: Callable[..., RowT]) -> None:
        self.columns = tuple(columns)
        self.names = tuple(column.name for column in columns)
        self._row_type = row_type
        self._read = attrgetter(*(column.attribute for column in columns)) if len(columns) > 1 else None

    @property
    def title(self) -> str:
        """The name of the row type, in lower case."""
        return getattr(self._row_type, "__name__", "row").lower()

    def row(self, values: Values) -> RowT:
        """The frozen row of some values."""
        return self._row_type(*(tuple(v) if isinstance(v, list) else v for v in values))

    def values(self, row: RowT | Values) -> Values:
        """The values of a frozen row; of values, themselves."""
        if isinstance(row, (tuple, list)):
            return row
        return self._read(row) if self._read else (getattr(row, self.columns[0].attribute),)

    def at(self, name: str) -> int:
        """The position of a column; raises ValueError for a name that it lacks."""
        return self.names.index(name)


@cache
def table(row_type: type[RowT]) -> Table[RowT]:
    """The columns that a frozen dataclass stands for; raises TypeError for a field of a type that no column has."""
    hints = get_type_hints(row_type, include_extras=True)
    return Table([_column(f.name, hints[f.name]) for f in fields(row_type)], row_type)  # type: ignore[arg-type]


def _column(attribute: str, hint: Any) -> Column:
    told = next((mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, As)), As())
    kind, nullable = _kind(hint)
    return Column(told.name or attribute, kind, nullable, attribute, told.sql)


def ad_hoc(kinds: Mapping[str, Any]) -> Table[tuple[Any, ...]]:
    """Columns by name and type for what is only printed, such as timings; the rows are tuples."""
    return Table([_column(name, hint) for name, hint in kinds.items()], lambda *values: values)


def texts(*names: str) -> Table[tuple[Any, ...]]:
    """Columns of text and of single values that are only printed."""
    return ad_hoc(dict.fromkeys(names, object))


def _kind(hint: Any) -> tuple[Kind, bool]:
    """The kind that a type stands for, and whether None may stand in its place."""
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        told = next((mark for mark in hint.__metadata__ if isinstance(mark, Kind)), None)
        return (told, False) if told is not None else _kind(arguments[0])
    if NoneType in arguments:
        rest = tuple(part for part in arguments if part is not NoneType)
        return _kind(rest[0] if len(rest) == 1 else Union[rest])[0], True  # noqa: UP007 - made of parts
    try:
        return _KINDS[hint], hint is object
    except KeyError:
        raise TypeError(f"no column holds {hint!r}") from None
