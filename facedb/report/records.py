"""Results as frozen rows for Python: findings, links, pairs and embeddings, each table also as Arrow or as a data frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from facedb.core.errors import UsageError
from facedb.core.records import Float32Array
from facedb.report import tables
from facedb.report.embeddings import EmbeddingSet
from facedb.report.vector_files import arrow_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement for a person, ranked by ``confidence`` (0 to 1) across all classes; see `facedb findings`."""

    rank: int
    kind: str
    confidence: float
    identity_a: str
    identity_b: str | None
    images: tuple[str, ...]
    faces_a: int
    faces_b: int
    coverage_a: float
    coverage_b: float | None
    max_score: float | None
    mean_score: float | None
    own_score: float | None
    detail: str
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """All flagged pairs between two identities: how many, of how many faces on each side, and their scores."""

    rank: int
    identity_a: str
    identity_b: str
    pairs: int
    faces_a: int
    faces_b: int
    size_a: int
    size_b: int
    coverage_a: float
    coverage_b: float
    max_score: float
    mean_score: float
    median_score: float
    centroid_score: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two faces of different identities whose score (cosine similarity) reached the threshold of the scan."""

    identity_a: str
    path_a: str
    identity_b: str
    path_b: str
    score: float


@dataclass(frozen=True, slots=True, repr=False)
class Rows(Sequence[RowT], Generic[RowT]):
    """A table of frozen rows: a sequence, and as a whole an Arrow table or a data frame with ``columns``."""

    columns: tuple[str, ...]
    _rows: tuple[RowT, ...]

    def __repr__(self) -> str:
        return f"<{len(self):,} rows of {', '.join(self.columns)}>"

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> RowT: ...

    @overload
    def __getitem__(self, at: slice) -> Rows[RowT]: ...

    def __getitem__(self, at: int | slice) -> RowT | Rows[RowT]:
        return Rows(self.columns, self._rows[at]) if isinstance(at, slice) else self._rows[at]

    def __iter__(self) -> Iterator[RowT]:
        return iter(self._rows)

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table; scores are float32, counts int64."""
        import pyarrow as pa

        names = [f.name for f in fields(self._rows[0])] if self._rows else []  # type: ignore[arg-type]
        values = ([getattr(row, name) for name in names] for row in self._rows)
        batches = list(tables.arrow_batches(self.columns, values))
        return pa.Table.from_batches(batches, tables.arrow_schema(self.columns))

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a data frame; raises UsageError where pandas is not installed."""
        return _to_pandas(self.to_arrow())


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Labelled embeddings of one model: ``vectors`` float32 (n, d) of length 1, read-only, in the order of the other fields.

    ``norms`` float32 (n,) are the lengths before normalisation, ``ordinals`` the numbers of the faces within their images.
    """

    model: str
    paths: tuple[str, ...]
    identities: tuple[str, ...]
    ordinals: tuple[int, ...]
    norms: Float32Array = field(repr=False)
    vectors: Float32Array = field(repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    def to_arrow(self) -> pa.Table:
        """path, identity, ordinal, norm and vector (a list of d float32) as an Arrow table."""
        return arrow_table(
            EmbeddingSet(self.model, self.paths, self.identities, self.ordinals, self.norms, self.vectors)
        )

    def to_pandas(self) -> pd.DataFrame:
        """The same as a data frame; raises UsageError where pandas is not installed."""
        return _to_pandas(self.to_arrow())


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    try:
        import pandas  # noqa: F401, ICN001 - only whether it is there
    except ImportError as error:
        raise UsageError("Data frames need pandas: pip install pandas, or use to_arrow().") from error
    return table.to_pandas()
