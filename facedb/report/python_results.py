"""A whole result in Python: a sequence of frozen rows that becomes an Arrow table or a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from facedb.core.errors import UsageError
from facedb.core.row_schema import Table, Values
from facedb.report.row_files import arrow_batches, arrow_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

RowT = TypeVar("RowT")


class Rows(Sequence[RowT], Generic[RowT]):
    """Frozen rows: a sequence, and as a whole an Arrow table or a data frame with ``columns``.

    ``remarks`` are sentences that the command line prints beside the rows.
    """

    __slots__ = ("_rows", "_table", "remarks")

    def __init__(self, table: Table[RowT], rows: Iterable[RowT | Values], remarks: Iterable[str] = ()) -> None:
        self._table = table
        self._rows: tuple[RowT, ...] = tuple(
            table.row(row) if isinstance(row, (tuple, list)) else cast("RowT", row) for row in rows
        )
        self.remarks = tuple(remarks)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, as in SQL and in files."""
        return self._table.names

    def __repr__(self) -> str:
        return f"<{len(self):,} rows of {', '.join(self.columns)}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and (self.columns, self._rows) == (other.columns, other._rows)

    def __hash__(self) -> int:
        return hash((self.columns, self._rows))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> RowT: ...

    @overload
    def __getitem__(self, at: slice) -> Rows[RowT]: ...

    def __getitem__(self, at: int | slice) -> RowT | Rows[RowT]:
        return Rows(self._table, self._rows[at], self.remarks) if isinstance(at, slice) else self._rows[at]

    def __iter__(self) -> Iterator[RowT]:
        return iter(self._rows)

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table, with the types that `export` and stdout give, also when there are none."""
        import pyarrow as pa

        values = (self._table.values(row) for row in self._rows)
        return pa.Table.from_batches(list(arrow_batches(self._table, values)), arrow_schema(self._table))

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a data frame; raises UsageError where pandas is not installed."""
        return to_pandas(self.to_arrow())


def to_pandas(arrow: Any) -> pd.DataFrame:
    """An Arrow table as a data frame; raises UsageError where pandas is not installed."""
    try:
        import pandas  # noqa: F401, ICN001 - only whether it is there
    except ImportError as error:
        raise UsageError("Data frames need pandas: pip install pandas, or use to_arrow().") from error
    return arrow.to_pandas()
