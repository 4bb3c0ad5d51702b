"""From a path and a format name to the source that reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facedb.core.errors import UsageError
from facedb.sources.archives.rec import RecSource
from facedb.sources.archives.tar import TarSource
from facedb.sources.arrays.npy import NpySource
from facedb.sources.arrays.npz import NpzSource
from facedb.sources.exclude import Excluding
from facedb.sources.folder import FolderSource
from facedb.sources.options import SourceOptions
from facedb.sources.source import Source
from facedb.sources.tables.path_list import ListSource
from facedb.sources.tables.table import CsvSource, JsonLinesSource
from facedb.sources.which_format import detect_format


def _parquet(path: Path, options: SourceOptions) -> Source:
    # Arrow takes 36 MB and 210 MB of addresses to import, which other sources do without.
    from facedb.sources.tables.parquet import ParquetSource

    return ParquetSource(path, options)


_SOURCES: dict[str, Callable[[Path, SourceOptions], Source]] = {
    "folder": FolderSource,
    "list": ListSource,
    "csv": CsvSource,
    "jsonl": JsonLinesSource,
    "parquet": _parquet,
    "npz": NpzSource,
    "npy": NpySource,
    "rec": RecSource,
    "tar": TarSource,
}

FORMATS = tuple(_SOURCES)


def open_source(path: Path | str, format: str = "auto", options: SourceOptions | None = None) -> Source:  # noqa: A002
    """Return the source at ``path``; ``format`` is ``auto`` or one of FORMATS.

    Raises InputError where nothing is there or the format is not clear, UsageError for options that do not fit.
    """
    path = Path(path)
    name = detect_format(path) if format == "auto" else format
    if name not in _SOURCES:
        raise UsageError(f"There is no format {name!r}: choose one of {', '.join(FORMATS)}.")
    options = options or SourceOptions()
    source = _SOURCES[name](path, options)
    return Excluding(source, options.exclude) if options.exclude else source
