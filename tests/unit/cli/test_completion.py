"""What a shell offers on TAB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facedb.cli.completion import words
from facedb.db.connection import Database
from tests.db.population import Population, clustered


def offered(line: str, home: Path, dsn: str | None = None) -> list[str]:
    """What bash is told for a line that ends where the cursor is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FACEDB_", "PG"))}
    environment |= {
        "_FACEDB_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "FACEDB_HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
    }
    if dsn is not None:
        environment["FACEDB_DSN"] = dsn
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['facedb']; from facedb.cli.start import main; main()"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("facedb verdict link ann bob ", ["same", "different", "unsure"]),
        ("facedb scan --engine i", ["int8"]),
        ("facedb export embeddings x --format np", ["npz", "npy"]),
    ],
)
def test_words_are_offered_and_a_home_that_is_not_there_is_not_made(
    line: str, expected: list[str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert offered(line, home) == expected
    assert offered("facedb links --dataset ", home) == []
    assert not home.exists()


def test_datasets_and_models_are_those_of_the_database(database: Database, tmp_path: Path) -> None:
    import numpy as np

    vectors = clustered(np.random.default_rng(1), 2, 8, 1)
    Population(database, 8, "mine").add(vectors, ["ann", "bob"], dataset="shop")
    Population(database, 8, "other").add(vectors, ["ann", "bob"], dataset="train")
    assert offered("facedb links -d s", tmp_path, database.dsn) == ["shop"]
    assert offered("facedb scan --datasets shop,", tmp_path, database.dsn) == ["shop,train"]
    assert offered("facedb check photos --model m", tmp_path, database.dsn) == ["mine"]
    assert offered("facedb links -d ", tmp_path, "host=/nowhere dbname=none") == []


def test_words_are_those_that_go_on_with_what_is_typed() -> None:
    assert words("auto", "cpu")("") == ["auto", "cpu"]
    assert words("auto", "cpu")("c") == ["cpu"]
    assert words("auto", "cpu")("x") == []
