"""Feature dumps: ``NNNN.features.npy`` (n, d) beside ``NNNN.object_ids.npy`` (n), as many pairs as there are."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from facedb.core.errors import InputError, UsageError
from facedb.core.records import ImageRecord, VectorBatch
from facedb.sources import problems
from facedb.sources.columns import identity_column
from facedb.sources.containers import Containers
from facedb.sources.extensions import has_image_extension
from facedb.sources.identity import IdentityRule, identity_rule
from facedb.sources.npyformat import BadArrayError, TextStream, VectorStream, batch_sizes
from facedb.sources.options import SourceOptions
from facedb.sources.table import csv_rows, open_csv
from facedb.sources.vectors import BatchCollector

_FEATURES = "features.npy"
_IDS = "object_ids.npy"


class NpySource:
    """The vectors of one pair of files, of those a pattern names, or of all pairs below a folder.

    A row is named by its object id, or by what ``image_path`` makes of it: the path of its image. The identity is found
    in the id by the rule, or looked up in ``ids_csv``, which is held in memory. Images beside the pairs are not looked
    at: the row stands for its image.
    """

    format = "npy"

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
        for found in self._containers.find(_is_features):
            if isinstance(found, str):
                yield from self._read(found, rule, collector)
            elif found.broken or not self._belongs(found.path):
                yield self._containers.left_out(found)
        yield from collector.flush()

    def count_hint(self) -> int | None:
        """Return the number of rows that the headers of all files state; None where one cannot be read."""
        total = 0
        for found in self._containers.find(_is_features):
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
                features, ids = self._open_pair(path, stack)
                for count in batch_sizes(features.rows):
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
            raise BadArrayError(f"There is no {os.path.basename(partner)} beside it.")
        ids = TextStream(stack.enter_context((self._folder / partner).open("rb")), partner)
        if features.rows != ids.rows:
            raise BadArrayError(f"There are {features.rows:,} vectors and {ids.rows:,} object ids.")
        return features, ids

    def _belongs(self, path: str) -> bool:
        if path.endswith(_IDS):
            return (self._folder / (path.removesuffix(_IDS) + _FEATURES)).is_file()
        return has_image_extension(path) or (self._folder / path) == self._ids_csv


def identities_of_ids(path: Path) -> dict[str, str]:
    """Return identity by object id from a csv whose first column is the id; the other one, or a named one, the identity.

    Raises InputError for a table without two columns.
    """
    found: dict[str, str] = {}
    with open_csv(path) as file:
        rows = csv_rows(path, file)
        header = next(rows, (0, []))[1]
        column = identity_column(header[1:])
        if column is None:
            raise InputError(f"{path} needs a header and two columns: object_id and identity.")
        for _, cells in rows:
            if len(cells) > column + 1 and cells[column + 1]:
                # The same few identities come many times over: interned, they are held once.
                found[cells[0]] = sys.intern(cells[column + 1])
    return found


def _is_features(path: str) -> bool:
    return path.endswith(_FEATURES)


def _template(pattern: str | None) -> Callable[[str], str]:
    """Return the function that puts an object id into ``pattern``, whole (``{id}``) or in part (``{id[0:2]}``)."""
    if pattern is None:
        return lambda name: name
    pieces = re.split(r"\{id(?:\[(\d*):(\d*)\])?\}", pattern)
    if len(pieces) < 4 or any("{" in piece or "}" in piece for piece in pieces[0::3]):
        raise UsageError(f"--image-path {pattern!r} is no pattern such as 'object/{{id[0:2]}}/{{id}}.jpg'.")
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
