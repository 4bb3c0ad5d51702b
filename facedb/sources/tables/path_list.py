"""A text file with one image path a line, such as ``objects.txt``, or each ended by a zero byte (``find -print0``).

Lists that say more, with a header or in a layout of published datasets, are read for what they say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from facedb.core import rejects
from facedb.core.errors import cannot_read
from facedb.core.records import ImageRecord
from facedb.sources import problems
from facedb.sources.extensions import has_image_extension
from facedb.sources.files import inspect_file
from facedb.sources.identity import IdentityRule, identity_rule
from facedb.sources.options import SourceOptions
from facedb.sources.paths import below
from facedb.sources.tables.columns import BadRowError, Columns, has_path_column, label
from facedb.sources.tables.csv_table import TextTable
from facedb.sources.tables.layouts import Layout, recognise

_CHUNK = 1 << 16
LONGEST_PATH = 4096
# Lists of LFW and VGGFace2 leave the suffix out.
_USUAL_SUFFIXES = (".jpg", ".png", ".jpeg", ".JPG")


class ListSource:
    """The files that a list names; a path that comes twice in the list comes out twice."""

    format = "list"
    remarks: Sequence[str] = ()

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._list = path.absolute()
        self.root = (options.root or self._list.parent).absolute()
        self._options = options
        self._identity = identity_rule(options)

    def records(self) -> Iterator[ImageRecord]:
        """Yield one record per image that a line names, blank lines left out, in the order of the list."""
        if _holds_zero(self._list):
            for name in _ended_by_zero(self._list):
                yield named_file(self.root, os.fsdecode(name), self._identity)
            return
        with TextTable(self._list, quotes=False) as table:
            lines = table.sample()
            there = is_there(self.root)
            if (start := _header(lines, there)) is not None:
                yield from self._spaced_table(table, start)
            elif (layout := recognise(lines, there)) is not None:
                yield from by_layout(table, layout, self.root, self._options)
            else:
                for number, line in table.plain_lines():
                    if line is None or len(line) > LONGEST_PATH:
                        yield _bad_line(self._list, number, "The line is too long to be a path.")
                    else:
                        yield named_file(self.root, line, self._identity)

    def count_hint(self) -> int | None:
        """Return the number of lines."""
        return count_lines(self._list)

    def _spaced_table(self, table: TextTable, start: int) -> Iterator[ImageRecord]:
        """The rows below a header, cells between white space, as CelebA's lists of boxes and landmarks are written."""
        names = table.sample()[start].split()
        if not has_path_column(names):
            names = ["path", *names]
        columns = Columns(names)
        for number, line in islice(table.plain_lines(), start + 1, None):
            cells = [] if line is None else line.split()
            if len(cells) != len(names):
                yield _bad_line(self._list, number, f"The line has {len(cells)} cells and the header {len(names)}.")
                continue
            try:
                row = columns.read(cells)
            except BadRowError as error:
                yield _bad_line(self._list, number, str(error))
                continue
            record = named_file(self.root, row.path or "", self._identity)
            identity = row.identity if columns.has_identity else record.identity
            yield replace(record, identity=identity, box=row.box, landmarks=row.landmarks, extra=row.extra)


def by_layout(table: TextTable, layout: Layout, root: Path, options: SourceOptions) -> Iterator[ImageRecord]:
    """Yield the records of a list of a known layout; its label is the identity unless a rule was chosen that has none."""
    rule = identity_rule(options)
    labelled = layout.has_label and options.identity_from in ("top", "txt")
    for number, line in islice(table.plain_lines(), layout.skip, None):
        named = None if line is None else layout.read(line)
        if named is None:
            yield _bad_line(table.path, number, "The line does not look like the first lines of the list.")
            continue
        for image in named:
            record = named_file(root, image.path, rule)
            identity = label(image.identity) if labelled else record.identity
            yield replace(record, identity=identity, box=image.box, landmarks=image.landmarks)


def check_length(path: str) -> None:
    """Raise BadRowError for a path that is longer than a path can be."""
    if len(path) > LONGEST_PATH:
        raise BadRowError(f"The path has {len(path):,} characters, more than a path can have.")


def named_file(root: Path, given: str, identity: IdentityRule) -> ImageRecord:
    """Return the record of a file that a list or table names as an image, its identity found by the rule.

    A name without a suffix may leave out that of its file.
    """
    path = below(root, given)
    if path is None:
        detail = f"The path leads out of {root}: name the folder that holds all the images as the root."
        return ImageRecord(given, None, 0, problem=replace(problems.OUTSIDE_ROOT, detail=detail))
    record = inspect_file(os.path.join(root, path), path, identity(path), named=True)
    if record.problem is not None and record.problem.code == rejects.MISSING and not has_image_extension(path):
        for suffix in _USUAL_SUFFIXES:
            longer = path + suffix
            if os.path.exists(os.path.join(root, longer)):
                return inspect_file(os.path.join(root, longer), longer, identity(longer), named=True)
    return record


def is_there(root: Path) -> Callable[[str], bool]:
    """Return the function that says whether a path below ``root`` names something on disk."""

    def there(given: str) -> bool:
        return "\0" not in given and len(given) <= LONGEST_PATH and os.path.exists(os.path.join(root, given))

    return there


def count_lines(path: Path, end: bytes | None = None) -> int | None:
    """Return how many lines a file has, or names that end in a zero byte; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            if end is None:
                end = b"\0" if _zeros_end_names(file.read(_CHUNK)) else b"\n"
                file.seek(0)
            lines, last = 0, end
            while chunk := file.read(1 << 20):
                lines += chunk.count(end)
                last = chunk[-1:]
            return lines + (last != end)
    except OSError:
        return None


def _bad_line(path: Path, number: int, detail: str) -> ImageRecord:
    return ImageRecord(f"{path.name}#{number}", None, 0, problem=problems.bad_record(detail))


def _header(lines: Sequence[str], there: Callable[[str], bool]) -> int | None:
    """Return the number of the line that is the header of a table between white space, which may stand below a count."""
    start = int(len(lines) > 1 and lines[0].strip().isdigit())
    if len(lines) < start + 2 or there(lines[start]):
        return None
    names = lines[start].split()
    width = len(lines[start + 1].split())
    if not names or any(map(has_image_extension, names)):
        return None
    if has_path_column(names) and len(names) == width:
        return start
    boxed = len(names) + 1 == width and start == 1
    return start if boxed and has_image_extension(lines[start + 1].split()[0]) else None


def _zeros_end_names(start: bytes) -> bool:
    # In UTF-16 every other byte of plain text is zero; names that end in zeros are longer than one byte.
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff")) or 2.5 * start.count(0) > len(start)
    # A few zeros are damage of a list of lines; a name that holds a newline, which is why zeros end them, is rare.
    return b"\0" in start and not wide and len(start.split(b"\0")) >= len(start.split(b"\n"))


def _holds_zero(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _zeros_end_names(file.read(_CHUNK))
    except OSError as error:
        raise cannot_read(f"The list {path}", error) from error


def _ended_by_zero(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            rest = b""
            while chunk := file.read(_CHUNK):
                *names, rest = (rest + chunk).split(b"\0")
                yield from filter(None, names)
            if rest:
                yield rest
    except OSError as error:
        raise cannot_read(f"The list {path}", error) from error
