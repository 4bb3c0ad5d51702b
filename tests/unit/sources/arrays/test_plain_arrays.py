"""Arrays of vectors that stand beside a table or an array of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facedb.core.errors import InputError
from facedb.sources.which_format import detect_format
from tests.unit.sources.helpers import put, vectors, verdicts

ROWS = np.random.default_rng(4).normal(size=(3, 8)).astype(np.float32)


@pytest.fixture
def array(tmp_path: Path) -> Path:
    np.save(tmp_path / "X.npy", ROWS)
    return tmp_path / "X.npy"


@pytest.mark.parametrize(
    ("name", "text", "paths", "labels"),
    [
        (
            "X.csv",
            "path,identity\na/1.png,ann\nb/1.png,bob\nc/1.png,nan\n",
            "a/1.png b/1.png c/1.png",
            ["ann", "bob", None],
        ),
        ("labels.csv", "label\nann\nbob\n7\n", "X.npy#0 X.npy#1 X.npy#2", ["ann", "bob", "7"]),
        ("X.txt", "ann\nbob\nbob\n", "X.npy#0 X.npy#1 X.npy#2", ["ann", "bob", "bob"]),
        ("X.tsv", "file\tperson\na.png\tann\nb.png\tbob\nc.png\t\n", "a.png b.png c.png", ["ann", "bob", None]),
        ("labels.txt", "ann/1.png\nbob/1.png\nbob/2.png\n", "ann/1.png bob/1.png bob/2.png", ["ann", "bob", "bob"]),
        ("X.csv", "path;\na/1.png;\nb/1.png;\nc/1.png;\n", "a/1.png b/1.png c/1.png", ["a", "b", "c"]),
    ],
)
def test_a_table_beside_an_array_names_its_rows(array, name, text, paths, labels):
    put(array.parent, name, text.encode())
    for place in (array, array.parent):
        (batch,) = vectors(place)
        assert (batch.paths, batch.identities) == (paths.split(), labels)
        assert np.array_equal(batch.vectors, ROWS)
    assert verdicts(array.parent) == {}


@pytest.mark.parametrize("name", ["y.npy", "labels.npy", "X.labels.npy", "X_labels.npy"])
@pytest.mark.parametrize("labels", [["ann", "bob", "ann"], [1, 2, 1], [1.0, np.nan, 2.0]])
def test_an_array_of_labels_beside_an_array_names_its_rows(array, name, labels):
    np.save(array.with_name(name), np.array(labels))
    expected = [None if label != label else str(label).removesuffix(".0") for label in labels]
    for place in (array, array.parent):
        assert [batch.identities for batch in vectors(place)] == [expected]


def test_a_table_of_another_length_or_of_nothing_known_or_none_is_an_error(array):
    with pytest.raises(InputError, match=r"put X\.csv"):
        vectors(array)
    put(array.parent, "X.csv", b"path\na\nb\n")
    with pytest.raises(InputError, match=r"3 vectors, and \S+ 2 rows"):
        vectors(array)
    put(array.parent, "X.csv", b"who;where\na;b\n")
    with pytest.raises(InputError, match="semicolons"):
        vectors(array)


def test_a_table_may_lie_elsewhere_and_ids_find_their_images(array, tmp_path):
    table = put(tmp_path, "elsewhere/t.csv", b"file,label\nk1,ann\nk2,bob\nk3,ann\n")
    (batch,) = vectors(array, ids_csv=table, image_path="im/{id}.jpg")
    assert (batch.paths, batch.identities) == (["im/k1.jpg", "im/k2.jpg", "im/k3.jpg"], ["ann", "bob", "ann"])


def test_a_folder_of_an_array_and_its_table_is_a_source_of_arrays(array):
    put(array.parent, "X.csv", b"path\na\nb\nc\n")
    assert detect_format(array.parent) == "npy"
