"""Embeddings as files: npz, parquet, rows, and the two layouts of published work that facedb reads again."""

from __future__ import annotations

import hashlib
import posixpath
import zipfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facedb.core.errors import UsageError
from facedb.core.files.paths import display
from facedb.core.files.whole_file import whole_file, whole_folder
from facedb.core.row_schema import Real, ad_hoc
from facedb.report.embeddings import Embeddings
from facedb.report.row_files import write_rows

_TABLE = ad_hoc({"path": str, "identity": str | None, "ordinal": int, "norm": Real, "vector": object})
_ROWS_PER_FILE = 10_000
_FACE01_VECTORS = "efficientnetv2_arcface"


def write(path: Path, found: Embeddings, form: str, *, raw: bool = False) -> int:
    """Write embeddings as npz, parquet, jsonl, csv, npy (a folder of pairs) or face01 (a folder per person); returns how many.

    Raises UsageError for identities that cannot be folders.
    """
    if form in ("npy", "face01"):
        with whole_folder(path) as folder:
            (_npy_pairs if form == "npy" else _face01)(folder, found)
    else:
        with whole_file(path) as file:
            if form == "npz":
                _npz(file, found)
            elif form == "parquet":
                _parquet(file, found)
            else:
                write_rows(file, _TABLE, _rows(found), form, raw=raw)
    return len(found)


def _rows(found: Embeddings) -> Iterator[tuple[Any, ...]]:
    vectors = (vector.tolist() for vector in found.vectors)
    return zip(found.paths, found.identities, found.ordinals, found.norms.tolist(), vectors, strict=True)


def _npz(file: BinaryIO, found: Embeddings) -> None:
    _write_arrays(
        file,
        path=np.array(found.paths, np.str_),
        identity=np.array([name or "" for name in found.identities], np.str_),
        ordinal=np.array(found.ordinals, np.int32),
        norm=found.norms,
        vector=found.vectors,
        model=np.array(found.model),
    )


def _write_arrays(file: BinaryIO, **arrays: NDArray[Any]) -> None:
    """Write an .npz, as `numpy.savez` does; that of NumPy 2.1 leaves the archive open when a disk is full, and it complains later on."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values, allow_pickle=False)


def _parquet(file: BinaryIO, found: Embeddings) -> None:
    import pyarrow.parquet as pq

    pq.write_table(found.to_arrow(), file)


def _npy_pairs(folder: Path, found: Embeddings) -> None:
    """``NNNN.features.npy`` beside ``NNNN.object_ids.npy``, 10,000 rows each; an id is IDENTITY/PATH, so the label comes back, or PATH."""
    ids = [_object_id(path, name) for path, name in zip(found.paths, found.identities, strict=True)]
    for number, start in enumerate(range(0, max(len(found), 1), _ROWS_PER_FILE)):
        stop = start + _ROWS_PER_FILE
        np.save(folder / f"{number:04d}.features.npy", found.vectors[start:stop])
        np.save(folder / f"{number:04d}.object_ids.npy", np.array(ids[start:stop], np.str_))


def _object_id(path: str, identity: str | None) -> str:
    if identity is None:
        return path
    # The path as it is where its first folder says the identity, so that an export of what was not changed keeps its names.
    return path if path.partition("/")[0] == identity and "/" in path else f"{identity}/{path}"


def _face01(folder: Path, found: Embeddings) -> None:
    """One folder per person with ``npKnown.npz``: names (n,) and vectors (n, 1, d)."""
    if None in found.identities:
        raise UsageError("Images without a label cannot be written as one folder per person: export as npz or npy.")
    at = range(len(found))
    for identity, members in groupby(at, key=lambda k: found.identities[k] or ""):
        rows = list(members)
        if identity in ("", ".", "..") or "/" in identity or "\0" in identity or identity.startswith("."):
            raise UsageError(f"The identity {display(identity)!r} cannot be a folder: export as npz or npy.")
        home = folder / identity
        home.mkdir()
        names = [posixpath.basename(found.paths[k]) for k in rows]
        if len(set(names)) < len(names):
            names = [found.paths[k] for k in rows]
        arrays = {"name": np.array(names, np.str_), _FACE01_VECTORS: found.vectors[rows][:, None, :]}
        with (home / "npKnown.npz").open("wb") as file:
            _write_arrays(file, **arrays)


def sha256(data: bytes) -> bytes:
    """The SHA-256 of some bytes."""
    return hashlib.sha256(data).digest()
