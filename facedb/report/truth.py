"""A list of mistakes that people made, to grade findings against: a CSV with the columns of `facedb findings`.

``class`` (merge, stray, duplicate or mixed; rows of other classes name no mistake in the labels and are skipped),
``identity_a``, ``identity_b`` and ``images`` (paths, as a JSON list or separated by semicolons). A merge needs both identities, a stray
its image, a duplicate two images or more (and no identity where they have no label), a mixed folder its identity. So the output of
``facedb findings --format csv``, with the wrong rows deleted and the missing ones added, is such a list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from facedb.core.errors import InputError
from facedb.core.finding import Kind, Role
from facedb.db.connection import Connection
from facedb.findings.evaluation.planting import Item
from facedb.findings.finding_table import FindingTable, Members, table
from facedb.report.evaluation_rows import MissRow
from facedb.scan.findings import finding_rows
from facedb.sources.tables.csv_table import TextTable

_NO_MISTAKES = ("look-alike", "photo", "unlabelled", "newcomer")
CLASSES = ("merge", "stray", "swap", "duplicate", "mixed", *_NO_MISTAKES)


def items(conn: Connection, scan_id: int, file: Path) -> tuple[list[Item], list[MissRow]]:
    """The mistakes of ``file`` in the terms of a scan, rows being keys of images, and as they were listed.

    Raises InputError for a list that cannot be read or names what the scan does not have.
    """
    listed = _read(file)
    identities = finding_rows.scan_identities(conn, scan_id)
    images = finding_rows.scan_images(conn, scan_id, sorted({path for row in listed for path in row.images}))
    return [_item(file, number, row, identities, images) for number, row in enumerate(listed, start=2)], listed


def _read(file: Path) -> list[MissRow]:
    with TextTable(file) as table:
        if not {"class", "identity_a"} <= set(table.header):
            raise InputError(
                f"{file} needs a header with class, identity_a, identity_b and images; it was {table.dialect.separated}."
            )
        rows = [dict(zip(table.header, map(str.strip, cells or ()), strict=False)) for _, cells in table.rows()]
    listed = []
    for number, row in enumerate(rows, start=2):
        if row.get("class") not in CLASSES:
            raise InputError(
                f"{file}, row {number}: the class is one of {', '.join(CLASSES)}; not {row.get('class')!r}."
            )
        if row["class"] not in _NO_MISTAKES:
            images = _paths(file, number, row.get("images", ""))
            listed.append(MissRow(row["class"], row["identity_a"], row.get("identity_b") or None, tuple(images)))
    return listed


def _paths(file: Path, number: int, text: str) -> list[str]:
    if not text.startswith("["):
        return [path.strip() for path in text.split(";") if path.strip()]
    try:
        return [str(path) for path in json.loads(text)]
    except json.JSONDecodeError as error:
        raise InputError(f"{file}, row {number}: images is no JSON list: {error}") from error


def _item(
    file: Path, number: int, row: MissRow, identities: Mapping[str, int], images: Mapping[str, tuple[int, int]]
) -> Item:
    """One listed mistake in keys: labels are keys of identities, rows keys of images."""
    where = f"{file}, row {number}"
    if row.identity_a not in identities and (row.identity_a or row.name != "duplicate"):
        raise InputError(f"{where}: the scan has no identity {row.identity_a!r}.")
    if row.identity_b is not None and row.identity_b not in identities:
        raise InputError(f"{where}: the scan has no identity {row.identity_b!r}.")
    missing = [path for path in row.images if path not in images]
    if missing:
        raise InputError(f"{where}: the scan has no image {missing[0]!r}.")
    if row.name == "duplicate":
        if len(row.images) < 2:
            raise InputError(f"{where}: a duplicate needs two images.")
        first, second = (images[path] for path in row.images[:2])
        return Item("duplicate", first[1], second[1], tuple(images[path][0] for path in row.images))
    a = identities[row.identity_a]
    b = a if row.identity_b is None else identities[row.identity_b]
    if row.name == "merge":
        if a == b:
            raise InputError(f"{where}: a merge needs two identities.")
        return Item("merge", a, b, ())
    if row.name == "mixed":
        return Item("mixed", a, b, ())
    # A stray is followed by the foreign face it is closest to, as in the output of `facedb findings`.
    own = [path for path in row.images if images[path][1] == a]
    if not own:
        raise InputError(f"{where}: a {row.name} needs an image of {row.identity_a!r}.")
    return Item(row.name, a, b, (images[own[0]][0],))


def findings(conn: Connection, scan_id: int) -> FindingTable:
    """The findings of a scan in the order of their ranks; their rows are keys of images."""
    rows = finding_rows.finding_rows(conn, scan_id)
    roles = {role.name.lower(): role for role in Role}
    kinds = {kind.word: kind for kind in Kind}
    of_finding = np.repeat(np.arange(len(rows)), [len(row[7]) for row in rows])
    images = np.array([image for row in rows for image in row[7]], np.int64)
    role = np.array([roles[name] for row in rows for name in row[8]], np.int8)
    columns = [np.array([row[k] for row in rows], np.int64) for k in (3, 4, 5, 6)]
    found = table(
        Kind.MERGE,
        np.array([row[2] for row in rows], np.float64),
        Members.of(of_finding, images, role),
        identity_a=columns[0],
        identity_b=columns[1],
        faces_a=columns[2],
        size_a=columns[3],
    )
    found.kind[:] = [kinds[row[1]] for row in rows]
    return found
