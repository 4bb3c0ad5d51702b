"""WebDataset shards and other tar archives, compressed or not, read as a stream."""

from __future__ import annotations

import json
import lzma
import os
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from facedb.core import rejects
from facedb.core.counting import counted
from facedb.core.errors import first_line
from facedb.core.files.image_format import HEAD_BYTES
from facedb.core.records import ImageRecord
from facedb.core.rejects import Problem
from facedb.sources import problems
from facedb.sources.archives.containers import Containers
from facedb.sources.extensions import has_image_extension
from facedb.sources.files import judge_head
from facedb.sources.identity import identity_rule
from facedb.sources.image_bytes import is_compressed, open_compressed
from facedb.sources.junk import left_aside
from facedb.sources.options import SourceOptions
from facedb.sources.tables.columns import BadRowError, Columns, label

_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_LABELS = ("cls", "json", "txt")
_LABEL_BYTES = 1 << 20
_LONGEST_HEADER = 1 << 20
_LARGEST_MEMBER = 1 << 62
# Python before 3.11.9 searches pax headers in a time that grows with the square of a run of digits (CVE-2024-6232).
_LONG_NUMBER = re.compile(rb"\d{256}")
_GROUP = 128
_BROKEN = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, OverflowError, ValueError, RecursionError)


class TarSource:
    """The images of one archive, of those that a pattern names, or of all below a folder.

    Members that follow each other with the same name up to the first dot are one sample: its ``.cls`` or ``.json`` gives
    the identity of its images (a ``.json`` object also box, landmarks and more), and its ``.txt``, most often a caption,
    does so with ``identity_from`` ``txt``; they have no record of their own. Without a label the identity is found in
    the member's path, not counting a first folder named like the archive.
    """

    format = "tar"

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._containers = Containers(path, "tar archives", follow_links=options.follow_links)
        self.root = self._containers.root
        self._rule = identity_rule(options)
        self._with_labels = options.identity_from != "none"
        self._with_texts = options.identity_from == "txt"
        self._captions = 0

    @property
    def remarks(self) -> list[str]:
        """That texts were taken for captions, where some were."""
        if not self._captions:
            return []
        return [
            f"The .txt of {counted(self._captions, 'image')} were taken as captions, not as labels; --identity-from txt uses "
            "them as labels."
        ]

    def records(self) -> Iterator[ImageRecord]:
        """Yield one record per member that is neither a folder nor a label, and one where an archive breaks off."""
        for found in self._containers.find(lambda name: name.lower().endswith(_SUFFIXES)):
            if isinstance(found, str):
                yield from self._read(found)
            else:
                yield self._containers.left_out(found)

    def count_hint(self) -> None:
        """Return None: an archive does not say how many members it has."""

    def _read(self, path: str) -> Iterator[ImageRecord]:
        try:
            shard = _Shard(self.root / path)
        except _BROKEN as error:
            problem = problems.unreadable(error) if isinstance(error, OSError) else _broken(error)
            yield self._containers.unusable(path, problem)
            return
        try:
            sample = _Sample("")
            for member in shard.members():
                item = self._look_at(path, shard, member)
                if item is None:
                    continue
                if item.key != sample.key or len(sample.images) + len(sample.labels) >= _GROUP:
                    done, sample = sample, sample.split(item)
                    yield from self._finish(done)
                sample.add(item)
            yield from self._finish(sample)
        except _BROKEN as error:
            yield from self._finish(sample)
            yield ImageRecord(path, None, *self._containers.status(path), problem=_broken(error))
        finally:
            shard.close()

    def _look_at(self, path: str, shard: _Shard, member: tarfile.TarInfo) -> _Item | None:
        if member.isdir():
            return None
        name = posixpath.normpath(member.name).lstrip("/")
        record = ImageRecord(f"{path}/{name}", self._identity(path, name), member.size, shard.mtime_ns)
        stem, dot, suffix = posixpath.basename(name).partition(".")
        item = _Item(posixpath.join(posixpath.dirname(name), stem), name, record)
        if (reason := _not_readable(member, name) or shard.cut_off(member)) is not None:
            ignored = reason.code in rejects.IGNORED
            judged = replace(record, ignored=reason) if ignored else replace(record, problem=reason)
            return replace(item, record=judged)
        suffix = suffix.rpartition(".")[2].lower()
        if dot and suffix in _LABELS and member.size <= _LABEL_BYTES:
            return replace(item, label=shard.read(member, member.size))
        head = shard.read(member, HEAD_BYTES)
        record = replace(record, container=path, offset=member.offset_data, length=member.size)
        return replace(item, record=judge_head(record, head, expected=has_image_extension(name)))

    def _identity(self, path: str, name: str) -> str | None:
        own = posixpath.basename(path).partition(".")[0]
        return self._rule(name.removeprefix(own + "/"))

    def _finish(self, sample: _Sample) -> Iterator[ImageRecord]:
        labels = dict(sample.labels)
        used: set[str] = set()
        for item in sample.images:
            if item.record.ignored is not None:
                yield item.record
                continue
            own = [name for name in labels if item.name.startswith(_stem(name) + ".")]
            used.update(own)
            yield self._labelled(item.record, {name.rpartition(".")[2].lower(): labels[name].label for name in own})
        for name, item in labels.items():
            if name not in used:
                yield replace(item.record, ignored=problems.OTHER_FILE)

    def _labelled(self, record: ImageRecord, labels: dict[str, bytes | None]) -> ImageRecord:
        if "txt" in labels and not self._with_texts and self._with_labels:
            labels = {kind: text for kind, text in labels.items() if kind != "txt"}
            self._captions += 1
        try:
            found = _parse_labels(labels)
        except BadRowError as error:
            return replace(record, problem=record.problem or problems.bad_record(str(error)))
        identity = found.pop("identity", None) if self._with_labels else None
        return replace(record, **{**found, "identity": identity or record.identity})


@dataclass(frozen=True, slots=True)
class _Item:
    """One member: its sample's key, its name, its record, and its content where it may be a label."""

    key: str
    name: str
    record: ImageRecord
    label: bytes | None = None


@dataclass(slots=True)
class _Sample:
    key: str
    images: list[_Item] = field(default_factory=list)
    labels: dict[str, _Item] = field(default_factory=dict)

    def split(self, item: _Item) -> _Sample:
        """Return the sample that ``item`` goes into, and hand over what is named like ``item`` but for the suffix.

        So a sample of any number of ``img.0001.jpg``, ``img.0001.txt`` is worked off in portions.
        """
        stem = _stem(item.name)
        images = [image for image in self.images if _stem(image.name) == stem]
        labels = {name: label for name, label in self.labels.items() if _stem(name) == stem}
        self.images = [image for image in self.images if _stem(image.name) != stem]
        self.labels = {name: label for name, label in self.labels.items() if name not in labels}
        return _Sample(item.key, images, labels)

    def add(self, item: _Item) -> None:
        if item.label is None:
            self.images.append(item)
        else:
            self.labels[item.name] = item


class _Shard:
    """One open archive; members are forgotten once seen, so that an archive of millions stays small in memory."""

    def __init__(self, path: Path) -> None:
        raw = path.open("rb")
        try:
            status = os.fstat(raw.fileno())
            self.mtime_ns = status.st_mtime_ns
            self._size: int | None = status.st_size
            if is_compressed(raw.read(6)):
                self._size = None
                raw.close()
                raw = cast(Any, open_compressed(os.fspath(path)))
            raw.seek(0)
            self._stream = _Watched(raw)
            self._tar = tarfile.TarFile(
                fileobj=cast(BinaryIO, self._stream), tarinfo=_Member, encoding="utf-8", errors="surrogateescape"
            )
        except BaseException:
            raw.close()
            raise
        self._raw = raw

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Yield the members; raises TarError where the archive does not end with its mark of zeros."""
        while (member := self._tar.next()) is not None:
            cast(Any, self._tar).members.clear()
            # A pax header may state another size than the one that was checked with the member's own header.
            _check_size(member.size)
            yield member
        if self._stream.last.strip(b"\0"):
            raise tarfile.ReadError("a member's header is damaged")
        if not self._stream.last:
            raise tarfile.ReadError("the mark at the end is missing")

    def cut_off(self, member: tarfile.TarInfo) -> Problem | None:
        """Return the problem of a member that reaches beyond the end of a file that is not compressed."""
        if self._size is None or member.offset_data + member.size <= self._size:
            return None
        return rejects.problem(rejects.TRUNCATED, "The archive ends before the member does.")

    def read(self, member: tarfile.TarInfo, length: int) -> bytes:
        """Return the first bytes of the member that was yielded last."""
        if not member.size:
            return b""
        self._raw.seek(member.offset_data)
        return self._raw.read(min(length, member.size))

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


class _Member(tarfile.TarInfo):
    """A member whose size was looked at before anything believes it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        """Return the member that a header block describes; raises TarError for a size that no member has."""
        member = super().frombuf(buf, encoding, errors)
        _check_size(member.size)
        return member


def _check_size(size: int) -> None:
    if not 0 <= size <= _LARGEST_MEMBER:
        raise tarfile.ReadError(f"a member's header states a size of {size:.3g} bytes")


class _Watched:
    """A stream that remembers what was read last: tarfile ends at a damaged header as quietly as at the end mark.

    What tarfile reads at once is a header, so a long one, or one that takes long to search, is refused.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.last = b""
        self.tell = stream.tell
        self.seek = stream.seek

    def read(self, size: int = -1) -> bytes:
        if size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header states a length of {size:.3g} bytes")
        self.last = self._stream.read(size)
        if size > tarfile.BLOCKSIZE and _LONG_NUMBER.search(self.last):
            raise tarfile.ReadError("a header holds a number of hundreds of digits")
        return self.last


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _not_readable(member: tarfile.TarInfo, name: str) -> Problem | None:
    if name == ".." or name.startswith("../"):
        return problems.OUTSIDE_ROOT
    if member.issym() or member.islnk():
        return replace(problems.LINK_NOT_FOLLOWED, detail="A link inside an archive is not followed.")
    if not member.isreg():
        return problems.NOT_A_FILE
    if member.sparse is not None:
        return problems.bad_record("The member is stored as a sparse file: pack it without --sparse.")
    return left_aside(name)


def _broken(error: BaseException) -> Problem:
    return rejects.problem(rejects.TRUNCATED, f"The archive breaks off: {error}.")


def _parse_labels(labels: dict[str, bytes | None]) -> dict[str, Any]:
    """Return what ``.cls``, ``.json`` and ``.txt`` of a sample say, as fields of an ImageRecord; the first identity stands."""
    found: dict[str, Any] = {}
    texts = {
        kind: (labels[kind] or b"").decode("utf-8", "surrogateescape").strip() for kind in _LABELS if kind in labels
    }
    if "json" in texts:
        found = _parse_json(texts["json"])
    for kind in ("txt", "cls"):
        # Read last, .cls wins over .json, which wins over .txt.
        text = label(texts.get(kind))
        if text and (kind == "cls" or not found.get("identity")):
            found["identity"] = text
    return found


def _parse_json(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise BadRowError(f"The .json of the sample is not JSON: {first_line(error)[:200]}.") from None
    except RecursionError:
        raise BadRowError("The .json of the sample is nested too deep.") from None
    if not isinstance(parsed, dict):
        return {"identity": label(parsed)} if isinstance(parsed, (str, int)) else {}
    row = Columns(list(parsed), needs_path=False).read(list(parsed.values()))
    extra = row.extra if row.path is None else {**row.extra, "path": row.path}
    return {"identity": row.identity, "box": row.box, "landmarks": row.landmarks, "extra": extra}
