"""Named SQL blocks."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from facedb.db.queries import load, parse

TEXT = """-- Remarks on the file.

-- name: first
-- Counts rows
-- of a table.
select count(*) from t;

-- name: second
-- Does something else.
select 1
-- within
where true;
"""


def test_a_block_is_its_sql_with_a_name_and_an_intent() -> None:
    blocks = parse("x.sql", TEXT)
    assert list(blocks) == ["first", "second"]
    assert blocks["first"] == "select count(*) from t;"
    assert blocks["first"].name == "first"
    assert blocks["first"].intent == "Counts rows of a table."
    assert blocks["second"] == "select 1\n-- within\nwhere true;"


def test_an_unknown_name_or_file_is_named() -> None:
    with pytest.raises(LookupError, match=r"x\.sql has no block named 'third'"):
        parse("x.sql", TEXT)["third"]
    with pytest.raises(LookupError, match=r"nowhere\.sql"):
        load("db", "nowhere")


@pytest.mark.parametrize(
    "text",
    [
        "select 1;",
        "-- name: a\nselect 1;",
        "-- name: a\n-- Intent only.",
        "-- name: a\n-- Twice.\nselect 1;\n-- name: a\n-- Twice.\nselect 2;",
    ],
)
def test_a_malformed_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"x\.sql"):
        parse("x.sql", text)


def test_every_file_of_the_package_is_well_formed() -> None:
    files = sorted(Path(str(resources.files("facedb"))).glob("*/sql/*.sql"))
    assert files
    for file in files:
        assert len(load(file.parent.parent.name, file.stem)) > 0
