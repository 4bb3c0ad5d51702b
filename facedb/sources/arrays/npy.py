"""Arrays of vectors: ``NNNN.features.npy`` (n, d) beside ``NNNN.object_ids.npy`` (n), or ``X.npy`` beside a table of labels."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from facedb.core.counting import counted
from facedb.core.errors import InputError, UsageError
from facedb.core.records import ImageRecord, VectorBatch
from facedb.sources import problems
from facedb.sources.archives.containers import Containers
from facedb.sources.arrays.npyformat import BadArrayError, TextStream, VectorStream, batch_sizes
from facedb.sources.arrays.vectors import BatchCollector
from facedb.sources.extensions import has_image_extension
from facedb.sources.identity import IdentityRule, identity_rule
from facedb.sources.options import SourceOptions
from facedb.sources.tables.columns import IDENTITY_NAMES, PATH_NAMES, column_of, identity_column, label
from facedb.sources.tables.csv_table import TextTable

_FEATURES = "features.npy"
_IDS = "object_ids.npy"
_LABEL_ARRAYS = ("labels.npy", "label.npy", "identities.npy", "y.npy")


class NpySource:
    """The vectors of one pair of files, of those a pattern names, or of all pairs below a folder.

    A row is named by its object id, or by what ``image_path`` makes of it: the path of its image. The identity is found
    in the id by the rule, or looked up in ``ids_csv``, which is held in memory. Images beside the pairs are not looked
    at: the row stands for its image.

    An array without such a partner takes paths and identities from a table of as many rows, in their order: ``X.csv`` (tsv,
    txt) or ``labels.csv`` beside ``X.npy``, or from an array, ``X.labels.npy``, ``X_labels.npy``, ``labels.npy`` or ``y.npy``.
    """

    format = "npy"
    remarks: Sequence[str] = ()

    def __init__(self, path: Path, options: SourceOptions) -> None:
        if path.name.endswith(_IDS) and not path.is_dir():
            path = path.with_name(path.name.removesuffix(_IDS) + _FEATURES)
        self._containers = Containers(
            path, "pairs of features.npy and object_ids.npy", follow_links=options.follow_links
        )
        self.root = (options.root or self._containers.root).absolute()
        self._folder = self._containers.root
        self._ids_csv = options.ids_csv
        self._rule = identity_rule(options)
        self._image_path = _template(options.image_path)

    def records(self) -> Iterator[ImageRecord | VectorBatch]:
        """Yield batches of vectors, and a record for each file that is none or has no partner."""
        rule = identities_of_ids(self._ids_csv).get if self._ids_csv else self._rule
        collector = BatchCollector()
        for found in self._containers.find(self._is_vectors):
            if isinstance(found, str):
                yield from self._read(found, rule, collector)
            elif found.broken or not self._belongs(found.path):
                yield self._containers.left_out(found)
        yield from collector.flush()

    def count_hint(self) -> int | None:
        """Return the number of rows that the headers of all files state; None where one cannot be read."""
        total = 0
        for found in self._containers.find(self._is_vectors):
            if isinstance(found, str):
                try:
                    with (self._folder / found).open("rb") as file:
                        total += VectorStream(file, found).rows
                except (BadArrayError, OSError):
                    return None
        return total

    def _read(self, path: str, rule: IdentityRule, collector: BatchCollector) -> Iterator[ImageRecord | VectorBatch]:
        try:
            with ExitStack() as stack:
                if not self._is_pair(path):
                    array = VectorStream(stack.enter_context((self._folder / path).open("rb")), path)
                    yield from self._labelled(path, array, collector)
                    return
                features, ids = self._open_pair(path, stack)
                for count in batch_sizes(features, ids):
                    vectors, names = features.read_rows(count), ids.read_rows(count)
                    yield from collector.add(list(map(self._image_path, names)), list(map(rule, names)), vectors)
        except BadArrayError as error:
            yield self._containers.unusable(path, problems.bad_record(str(error)))
        except OSError as error:
            yield self._containers.unusable(path, problems.unreadable(error))

    def _open_pair(self, path: str, stack: ExitStack) -> tuple[VectorStream, TextStream]:
        features = VectorStream(stack.enter_context((self._folder / path).open("rb")), path)
        partner = path.removesuffix(_FEATURES) + _IDS
        if not (self._folder / partner).is_file():
            raise BadArrayError(f"There is no {os.path.basename(partner)} beside it: put it there.")
        ids = TextStream(stack.enter_context((self._folder / partner).open("rb")), partner)
        if features.rows != ids.rows:
            raise BadArrayError(
                f"It holds {counted(features.rows, 'vector')}, and {os.path.basename(partner)} "
                f"{counted(ids.rows, 'object id')}: there must be one each."
            )
        return features, ids

    def _labelled(self, path: str, vectors: VectorStream, collector: BatchCollector) -> Iterator[VectorBatch]:
        """The rows of an array whose names and identities stand in a table or array beside it."""
        table = self._ids_csv or self._table_of(path)
        if table is None:
            stem = os.path.basename(path).removesuffix(".npy")
            raise BadArrayError(
                f"There is nothing beside it that names its rows: put {stem}.csv with a column of paths or identities there, "
                f"or name the table with --ids-csv."
            )
        rows = RowNames(table, path, self._rule)
        if rows.count != vectors.rows:
            raise BadArrayError(
                f"It holds {counted(vectors.rows, 'vector')}, and {table.name} {counted(rows.count, 'row')}: there must be one each."
            )
        for count in batch_sizes(vectors):
            paths, identities = rows.take(count)
            yield from collector.add(list(map(self._image_path, paths)), identities, vectors.read_rows(count))

    def _is_vectors(self, path: str) -> bool:
        if not path.endswith(".npy") or path.endswith(_IDS):
            return False
        if self._is_pair(path) or self._containers.named:
            return True
        return not self._is_labels(path) and self._table_of(path) is not None

    def _is_pair(self, path: str) -> bool:
        return path.endswith(_FEATURES) and not self._plain_features(path)

    def _plain_features(self, path: str) -> bool:
        # A dump of features without its ids may still have a table of labels.
        return not (self._folder / (path.removesuffix(_FEATURES) + _IDS)).is_file() and self._table_of(path) is not None

    def _is_labels(self, path: str) -> bool:
        """Whether an array is beside the vectors that it labels: its name says so, and it is not one of vectors itself."""
        if self._containers.named:
            return False
        name = os.path.basename(path)
        return name in _LABEL_ARRAYS or name.endswith((".labels.npy", "_labels.npy"))

    def _table_of(self, path: str) -> Path | None:
        full = self._folder / path
        stem = full.name.removesuffix(".npy")
        own = [stem + end for end in (".csv", ".tsv", ".txt", ".labels.npy", "_labels.npy")]
        names = [*own, "labels.csv", "labels.tsv", "labels.txt", *_LABEL_ARRAYS]
        found = (full.with_name(name) for name in names if name != full.name)
        return next((table for table in found if table.is_file()), None)

    def _belongs(self, path: str) -> bool:
        if path.endswith(_IDS):
            return (self._folder / (path.removesuffix(_IDS) + _FEATURES)).is_file()
        if self._is_labels(path) or path.endswith((".csv", ".tsv", ".txt")):
            return True
        return has_image_extension(path) or (self._folder / path) == self._ids_csv


def identities_of_ids(path: Path) -> dict[str, str]:
    """Return identity by object id from a csv whose first column is the id; the other one, or a named one, the identity.

    Raises InputError for a table without two columns.
    """
    found: dict[str, str] = {}
    with TextTable(path) as table:
        column = identity_column(table.header[1:])
        if column is None:
            raise InputError(
                f"{path} needs a header and two columns, object_id and identity; it was {table.dialect.separated}."
            )
        for _, cells in table.rows():
            name = None if cells is None else label(cells[column + 1])
            if cells is not None and name is not None:
                # The same few identities come many times over: interned, they are held once.
                found[cells[0]] = sys.intern(name)
    return found


class RowNames:
    """Path and identity of each row of an array, from a table or an array of as many rows; ``count`` is how many it has."""

    def __init__(self, table: Path, array: str, rule: IdentityRule) -> None:
        """Read how many rows there are; raises BadArrayError or InputError for a table that names nothing."""
        self._array = array
        self._rule = rule
        self._start = 0
        rows = list(_label_array(table)) if table.suffix == ".npy" else list(_label_table(table))
        self.count = len(rows)
        self._rows = iter(rows)

    def take(self, count: int) -> tuple[list[str], list[str | None]]:
        """Return the paths and identities of the next rows."""
        paths: list[str] = []
        identities: list[str | None] = []
        for number, (path, identity, labelled) in enumerate(islice(self._rows, count), self._start):
            paths.append(path or f"{self._array}#{number}")
            identities.append(identity if labelled or path is None else self._rule(path))
        self._start += count
        return paths, identities


def _label_array(file: Path) -> Iterator[tuple[str | None, str | None, bool]]:
    with file.open("rb") as opened:
        names = TextStream(opened, file.name, floats=True)
        for count in batch_sizes(names):
            yield from ((None, label(name), True) for name in names.read_rows(count))


def _label_table(file: Path) -> Iterator[tuple[str | None, str | None, bool]]:
    """Path, identity and whether there is a column of identities; a table of one column without a header holds labels."""
    with TextTable(file) as table:
        path, identity = column_of(table.header, PATH_NAMES), column_of(table.header, IDENTITY_NAMES)
        if path is None and identity is None:
            if len(table.header) != 1:
                raise InputError(
                    f"{file} has neither a column of paths nor one of identities (seen: {', '.join(table.header)[:300]}; "
                    f"{table.dialect.separated}): name one of them 'path' or 'identity'."
                )
            images = has_image_extension(table.header[0])
            for _, line in table.plain_lines():
                yield (line, None, False) if images else (None, label(line), True)
            return
        for _, cells in table.rows():
            given = None if cells is None or path is None else cells[path] or None
            yield given, label(cells[identity]) if cells and identity is not None else None, identity is not None


def _template(pattern: str | None) -> Callable[[str], str]:
    """Return the function that puts an object id into ``pattern``, whole (``{id}``) or in part (``{id[0:2]}``)."""
    if pattern is None:
        return lambda name: name
    pieces = re.split(r"\{id(?:\[(\d*):(\d*)\])?\}", pattern)
    if len(pieces) < 4 or any("{" in piece or "}" in piece for piece in pieces[0::3]):
        raise UsageError(f"--image-path {pattern!r} is not a pattern such as 'object/{{id[0:2]}}/{{id}}.jpg'.")
    texts = pieces[0::3]
    cuts = [
        slice(int(start) if start else None, int(stop) if stop else None)
        for start, stop in zip(pieces[1::3], pieces[2::3], strict=True)
    ]

    def fill(name: str) -> str:
        parts = [texts[0]]
        for cut, text in zip(cuts, texts[1:], strict=True):
            parts += (name[cut], text)
        return "".join(parts)

    return fill
