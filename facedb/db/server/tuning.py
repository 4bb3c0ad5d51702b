"""How the embedded server is tuned for this machine; given on its command line, so every start has the current ones."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from facedb.core.machine.memory import container_limit

_MIB = 1 << 20
_SMALL = 512 * _MIB


def server_settings() -> dict[str, str]:
    """PostgreSQL settings by name. Durability stays on: a commit that facedb was told of survives a power cut."""
    settings = {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        # The usual sizes from 4 GiB on; less than an eighth each where a container allows less.
        "shared_buffers": f"{_share(8, 16, 2048)}MB",
        "work_mem": f"{_share(64, 4, 64)}MB",
        "maintenance_work_mem": f"{_share(16, 32, 256)}MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        # No replica reads this log, and minimal WAL spares what COPY writes into a table made in the same transaction.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # A segment that is used again holds what it held, also of faces that were forgotten since.
        "wal_recycle": "off",
        "random_page_cost": "1.1",
        # Queries here are short or bound by I/O: compiling them costs more than it saves.
        "jit": "off",
        "log_checkpoints": "off",
        # A statement of a killed facedb ends soon, and with it the locks that it holds.
        "client_connection_check_interval": "2s",
        "log_line_prefix": "%m [%p] ",
        # The log names an error and nothing else: keys, lines of a COPY and statements hold names of people and paths.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }
    if _memory() < _SMALL:
        # Each worker that helps with a query takes 10 MB beside what it works with.
        settings["max_parallel_workers"] = "0"
    if _small_shared_memory():
        settings["dynamic_shared_memory_type"] = "mmap"
    return settings


def _share(part: int, least: int, most: int) -> int:
    """One ``part``-th of the memory in MiB, between the ``least`` and the ``most`` that are of use."""
    return min(max(_memory() // _MIB // part, least), most)


def _memory() -> int:
    """The bytes of memory of this machine, of the container around this process, or of its limit, which the server inherits."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    machine = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    allowed = container_limit()
    limits = [
        machine,
        *([] if allowed is None else [allowed]),
        *([soft] if soft != resource.RLIM_INFINITY else []),
    ]
    return min(limits)


def _small_shared_memory() -> bool:
    """Whether /dev/shm is the 64 MB of a container, in which parallel queries fail."""
    shared = Path("/dev/shm")  # noqa: S108
    if not shared.is_dir():
        return False
    found = os.statvfs(shared)
    return found.f_frsize * found.f_blocks < 1024 * _MIB
