"""What is left of memory: the groups of the kernel that a process is in, of both versions, its own one and those above."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from facedb.core.machine import memory

V2 = "memory.max", "memory.current", "inactive_file", "active_file"
V1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"


def group(folder: Path, names: tuple[str, str, str, str], limit: str, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {cached // 2}\n{names[3]} {cached}\n")


@pytest.mark.parametrize(
    ("names", "root", "line"),
    [(V2, "", "0::/user.slice/mine.scope"), (V1, "memory", "4:memory:/user.slice/mine.scope")],
    ids=["version 2", "version 1"],
)
@pytest.mark.parametrize("where", ["", "user.slice", "user.slice/mine.scope"])
def test_the_tightest_group_above_this_process_says_what_is_left(
    tmp_path: Path, names: tuple[str, str, str, str], root: str, line: str, where: str
) -> None:
    own = tmp_path / "own"
    own.write_text(f"7:pids:/elsewhere\n{line}\n")
    for folder in ("", "user.slice", "user.slice/mine.scope", "elsewhere"):
        group(tmp_path / root / folder, names, "max" if names == V2 else "9223372036854771712", 5000, 0)
    assert memory.container_limit(tmp_path, own) in (None, 9223372036854771712)
    group(tmp_path / root / where, names, "1000000", 400_000, 100_000)
    group(tmp_path / root / "elsewhere", names, "1000", 0, 0)
    assert memory.container_limit(tmp_path, own) == 1_000_000
    assert memory.available(tmp_path, own) == 700_000


def test_a_container_that_is_told_the_path_of_its_host_looks_at_its_own_root(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("4:memory:/docker/0123abcd\n")
    group(tmp_path / "memory", V1, "1000000", 400_000, 0)
    assert memory.available(tmp_path, tmp_path / "own") == 600_000


def test_where_no_group_has_a_limit_the_machine_decides(tmp_path: Path) -> None:
    left = memory.available(tmp_path, tmp_path / "missing")
    assert left is None or left > 1_000_000


def printed(script: str, limit: int) -> str:
    """What a process whose ``limit`` is 2 GB prints."""
    given = 2_000_000_000, 2_000_000_000
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(limit, given),
    ).stdout


@pytest.mark.parametrize("limit", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_the_limits_of_a_process_count(limit: int) -> None:
    asked = "from facedb.core.machine import memory; print(memory.available(), memory.limit_in_words())"
    left, said = printed(asked, limit).split(maxsplit=1)
    assert 1_000_000_000 < int(left) < 1_600_000_000
    assert "2,000 MB" in said


@pytest.mark.parametrize("limit", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_what_threads_have_taken_already_and_never_touched_is_not_kept_for_them_again(limit: int) -> None:
    asked = """
import mmap
from facedb.core.machine import memory
before = memory.available()
kept = mmap.mmap(-1, 200 << 20, flags=mmap.MAP_PRIVATE)
print(before - memory.available())
"""
    assert abs(int(printed(asked, limit))) < 10_000_000
