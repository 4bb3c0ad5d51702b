"""The peer: whose process on this machine is at the other end of a connection over loopback."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path

_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}
_LOCAL, _REMOTE, _USER = 1, 2, 7
_WORD = 4


def user_of(client: tuple[str, int], server_port: int) -> int | None:
    """The key of the user whose socket has the address ``client`` and is connected to ``server_port``; None where nobody can tell.

    The kernel lists the sockets of this machine with the users that own them (proc(5)); those of other machines and containers are not
    there, and who comes through a proxy is the proxy.
    """
    try:
        address = ip_address(client[0])
        lines = _TABLES[address.version].read_text(encoding="ascii").splitlines()[1:]
    except (OSError, ValueError):
        return None
    # Each four bytes of an address are written as the number that they are to this processor.
    words = (address.packed[k : k + _WORD] for k in range(0, len(address.packed), _WORD))
    local = "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
    mine, theirs = f"{local}:{client[1]:04X}", f":{server_port:04X}"
    for fields in (line.split() for line in lines):
        if fields[_LOCAL] == mine and fields[_REMOTE].endswith(theirs):
            return int(fields[_USER])
    return None
