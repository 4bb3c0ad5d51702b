"""One definition per result: names, types and order follow from a frozen dataclass."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facedb.core.choices import one_of, within
from facedb.core.errors import UsageError
from facedb.core.row_schema import As, Kind, Real, ad_hoc, table
from facedb.report.python_results import Rows
from facedb.report.row_files import arrow_schema, write_rows


@dataclass(frozen=True, slots=True)
class Example:
    """One column of every kind."""

    kind: Annotated[str, As("class")]
    name: str | None
    count: int
    maybe: int | None
    score: Real
    low: Real | None
    rate: float
    flag: bool
    at: datetime
    paths: tuple[str, ...]


ROWS = [
    Example("merge", None, 3, None, 0.25, None, 1e-6, True, datetime(2026, 11, 26, tzinfo=UTC), ("a.png", "b.png")),
    Example("stray", "ann", 1, 2, 0.5, 0.125, 0.5, False, datetime(2026, 1, 1, tzinfo=UTC), ()),
]
TYPES = [
    pa.string(),
    pa.string(),
    pa.int64(),
    pa.int64(),
    pa.float32(),
    pa.float32(),
    pa.float64(),
    pa.bool_(),
    pa.timestamp("us", tz="UTC"),
    pa.list_(pa.string()),
]


def test_columns_are_named_and_typed_by_the_fields() -> None:
    found = table(Example)
    assert found.names == ("class", "name", "count", "maybe", "score", "low", "rate", "flag", "at", "paths")
    assert [c.name for c in found.columns if c.nullable] == ["name", "maybe", "low"]
    assert found.columns[0].attribute == "kind"
    assert found.columns[4].kind is Kind.REAL
    assert found.row(found.values(ROWS[0])) == ROWS[0]


def test_a_field_that_no_column_can_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="no column holds"):
        ad_hoc({"thing": complex})


@pytest.mark.parametrize("rows", [ROWS, []])
def test_parquet_has_the_same_types_with_rows_and_without(rows: list[Example]) -> None:
    assert arrow_schema(table(Example)).types == TYPES
    sink = io.BytesIO()
    assert write_rows(sink, table(Example), rows, "parquet") == len(rows)
    found = pq.read_table(io.BytesIO(sink.getvalue()))
    assert found.schema.types == TYPES
    assert found.equals(Rows(table(Example), rows).to_arrow())
    assert [row["paths"] for row in found.to_pylist()] == [list(row.paths) for row in rows]


def test_npz_has_one_type_a_column_whatever_is_missing() -> None:
    for rows in (ROWS, ROWS[1:], []):
        sink = io.BytesIO()
        write_rows(sink, table(Example), rows, "npz")
        with np.load(io.BytesIO(sink.getvalue())) as arrays:
            assert arrays["count"].dtype == np.int64
            assert arrays["maybe"].dtype == np.float64
            assert arrays["score"].dtype == arrays["low"].dtype == np.float32
            assert len(arrays["paths"]) == len(rows)


def test_json_and_jsonl_say_the_same_and_csv_writes_lists_as_json() -> None:
    def text(form: str) -> str:
        sink = io.BytesIO()
        write_rows(sink, table(Example), ROWS, form)
        return sink.getvalue().decode()

    lines: list[dict[str, Any]] = [json.loads(line) for line in text("jsonl").splitlines()]
    assert json.loads(text("json")) == lines
    assert lines[0]["class"] == "merge"
    assert lines[0]["paths"] == ["a.png", "b.png"]
    assert '"[""a.png"", ""b.png""]"' in text("csv")


def test_rows_are_a_sequence_that_compares_by_value() -> None:
    rows = Rows(table(Example), ROWS, ["a remark"])
    assert rows[0] is ROWS[0]
    assert list(rows[1:]) == ROWS[1:]
    assert rows == Rows(table(Example), [table(Example).values(row) for row in ROWS])
    assert rows.to_pandas()["class"].tolist() == ["merge", "stray"]
    assert rows.remarks == ("a remark",)


def test_a_misspelt_word_is_answered_with_the_choices_and_the_nearest() -> None:
    assert one_of("A class", None, ["merge"]) is None
    assert one_of("A class", "merge", ["merge", "stray"]) == "merge"
    with pytest.raises(UsageError, match="merge, stray; not 'merg': did you mean 'merge'"):
        one_of("A class", "merg", ["merge", "stray"])
    with pytest.raises(UsageError, match="between 0 and 1; not 2"):
        within("A share", 2.0, 0, 1)
