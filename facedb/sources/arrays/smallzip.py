"""The members of a small zip archive that was read whole.

``zipfile`` takes longer to open an archive of ten vectors than the vectors take to write to the database, and a set of
100,000 people has 100,000 of them. What is not plain (zip64 directories, encryption, comments, members that unpack to a
lot) is left to ``zipfile``.
"""

from __future__ import annotations

import struct
import zipfile
import zlib

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_LARGEST = 64 << 20

Member = tuple[int, int, int, int, int]


def read_directory(data: bytes) -> dict[str, Member] | None:
    """Return by name (method, crc, packed size, size, offset of the local header); None for what is not a plain archive."""
    if len(data) < _END.size:
        return None
    mark, _, _, _, count, size, start, comment = _END.unpack_from(data, len(data) - _END.size)
    if mark != b"PK\x05\x06" or comment or start + size + _END.size != len(data):
        return None
    found: dict[str, Member] = {}
    position = start
    for _ in range(count):
        if position + _ENTRY.size > start + size:
            return None
        fields = _ENTRY.unpack_from(data, position)
        flags, method, crc, packed, unpacked, name_length, extra_length, comment_length = (
            fields[3],
            fields[4],
            *fields[7:13],
        )
        if fields[0] != b"PK\x01\x02" or flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
            return None
        if unpacked > _LARGEST:
            return None
        name_end = position + _ENTRY.size + name_length
        name = data[position + _ENTRY.size : name_end]
        if not name.isascii():
            return None
        found[name.decode("ascii")] = (method, crc, packed, unpacked, fields[16])
        position = name_end + extra_length + comment_length
    return found if len(found) == count else None


def read_member(data: bytes, entry: Member) -> bytes:
    """Return the content of a member; raises zipfile.BadZipFile where it is damaged, zlib.error where it cannot be unpacked."""
    method, crc, packed, unpacked, offset = entry
    if offset + _LOCAL.size > len(data):
        raise zipfile.BadZipFile("a member lies outside the file")
    fields = _LOCAL.unpack_from(data, offset)
    start = offset + _LOCAL.size + fields[9] + fields[10]
    content = data[start : start + packed]
    if method == _DEFLATED:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        content = unpacker.decompress(content, unpacked + 1)
    if fields[0] != b"PK\x03\x04" or len(content) != unpacked or zlib.crc32(content) != crc:
        raise zipfile.BadZipFile("a member is damaged")
    return content
