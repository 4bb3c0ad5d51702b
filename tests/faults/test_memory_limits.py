"""Half the memory that a command usually takes: the same rows from smaller pieces, or a refusal with the numbers before the work starts."""

from __future__ import annotations

import re
import resource
import secrets
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedb.core.progress import Silent
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.scan.run import ScanOptions, scan
from tests.acceptance.world import Command, block_model, people
from tests.faults.memory_group import MemoryGroup, memory_group

ROWS, DIM = 16_000, 512


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """33 MB of embeddings of 4,000 people."""
    folder = tmp_path / "vectors"
    folder.mkdir()
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((ROWS // 4, DIM)).astype(np.float32)
    rows = np.repeat(centres, 4, axis=0) + 0.8 * rng.standard_normal((ROWS, DIM)).astype(np.float32)
    np.save(folder / "0000.features.npy", rows)
    np.save(folder / "0000.object_ids.npy", np.array([f"p{k // 4:04}/{k}.jpg" for k in range(ROWS)]))
    return folder


def usual_need(facedb: Command, *arguments: object) -> int:
    """The most addresses that a command takes when nobody limits it, in bytes."""
    most = 0
    with facedb.start(*arguments) as process:
        while process.poll() is None:
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                break
            found = re.search(r"VmPeak:\s+(\d+) kB", status)
            most = max(most, int(found[1]) * 1024 if found else 0)
            time.sleep(0.01)
        said = process.communicate()[1].decode()
    assert process.returncode == 0, said
    return most


def limited(facedb: Command, bytes_: int, *arguments: object) -> tuple[int, str, str]:
    """A command with no more addresses than this: its exit code, what it printed, and what it said."""
    process = facedb.start(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_)))
    out, said = (part.decode() for part in process.communicate())
    return process.returncode, out, said


def grouped(facedb: Command, group: MemoryGroup, *arguments: object) -> tuple[int, str, int]:
    """A command in a control group, with the embedded server that it may start: exit code, what it said, the most bytes that were held."""
    most = 0
    with facedb.start(*arguments, preexec_fn=group.enter, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, group.used())
            time.sleep(0.01)
        assert process.stderr is not None
        said = process.stderr.read().decode()
    return process.returncode, said, most


def assert_done_or_refused(code: int, said: str) -> bool:
    """Whether it was done; where not, the sentence says what is needed and what there is, or that there was not enough memory."""
    assert "Traceback" not in said, said
    if code == 0:
        return True
    assert code > 0, f"it was taken down by signal {-code}: {said}"
    assert re.search(r"takes about [\d,]+ MB of memory and only [\d,]+ MB are available|not enough memory", said), said
    return False


def test_a_scan_at_half_of_its_memory_has_the_same_rows_or_is_refused_with_the_numbers(
    database: Database, vectors: Path, tmp_path: Path
) -> None:
    ingest(database, vectors, contract="given", reporter=Silent())
    facedb = Command(tmp_path, dsn=database.dsn)
    need = usual_need(facedb, "scan", "--threshold", 0.5)
    code, _, said = limited(facedb, need // 2, "scan", "--threshold", 0.5, "--full")
    if assert_done_or_refused(code, said):
        with database.connection() as conn:
            assert len(conn.execute("select distinct faces, pairs, links from facedb.scan").fetchall()) == 1
    else:
        assert "takes about" in said, "a refusal comes before the work, from an estimate"
        with database.connection() as conn:
            assert conn.execute("select count(*) from facedb.scan").fetchone() == (1,)
    assert facedb("scan", "--threshold", 0.5).out


@pytest.mark.parametrize(
    "share", [0.5, pytest.param(0.7, marks=pytest.mark.long), pytest.param(0.9, marks=pytest.mark.long)]
)
def test_a_scan_in_a_control_group_has_the_same_rows_or_is_refused_and_never_killed(
    database: Database, vectors: Path, tmp_path: Path, share: float
) -> None:
    ingest(database, vectors, contract="given", reporter=Silent())
    facedb = Command(tmp_path, dsn=database.dsn)
    with memory_group() as group:
        code, said, need = grouped(facedb, group, "scan", "--threshold", 0.5)
        assert code == 0, said
        group.allow(int(share * need))
        code, said, _ = grouped(facedb, group, "scan", "--threshold", 0.5, "--full")
        assert_done_or_refused(code, said)
        assert group.killed() == 0
    with database.connection() as conn:
        assert len(conn.execute("select distinct faces, pairs, links from facedb.scan").fetchall()) == 1


def test_a_photo_that_takes_more_memory_than_a_control_group_has_is_a_row_that_says_so(
    database: Database, tmp_path: Path
) -> None:
    photos = people(tmp_path / "photos", 2, 2)
    Image.new("RGB", (9000, 9000)).save(photos / "person000" / "huge.png", compress_level=1)
    facedb = Command(tmp_path, dsn=database.dsn)
    facedb("ingest", photos)
    with memory_group() as group:
        group.allow(300_000_000)
        code, said, _ = grouped(facedb, group, "embed", "--model", block_model(tmp_path / "blocks.onnx"))
        assert code == 0, said
        assert group.killed() == 0
    with database.connection() as conn:
        rows = conn.execute("select path, code, detail from bi.rejects").fetchall()
    assert [(path, code) for path, code, _ in rows] == [("person000/huge.png", "too_large")]
    assert re.search(
        r"9000 x 9000 pixels takes about [\d,]+ MB of memory and only \d+ MB were available; .*--retry", rows[0][2]
    )
    facedb("embed", "--retry")
    assert facedb("rejects", "--format", "json").json == []


def _new() -> str:
    """The name of a dataset that nobody knows yet: what is known already costs a look."""
    return f"new-{secrets.token_hex(4)}"


@pytest.mark.parametrize("megabytes", [100, 180, 460])
def test_less_than_any_command_takes_is_said_before_a_library_fails_in_its_own_way(
    tmp_path: Path, megabytes: int
) -> None:
    facedb = Command(tmp_path)
    code, _, said = limited(facedb, megabytes * 10**6, "doctor")
    assert code == 1
    assert re.search(r"^facedb: Any work takes about \d+ MB of memory and only \d+ MB are available: .*\n$", said), said
    assert limited(facedb, megabytes * 10**6, "doctor", "--help")[0] == 0


@pytest.mark.parametrize("megabytes", [20, 24, 32, 40])
def test_less_than_python_takes_to_load_the_commands_is_a_sentence(tmp_path: Path, megabytes: int) -> None:
    code, _, said = limited(Command(tmp_path), megabytes << 20, "datasets")
    assert not assert_done_or_refused(code, said)
    assert said.count("\n") == 1


def test_less_than_any_command_takes_is_said_in_a_control_group(tmp_path: Path) -> None:
    with memory_group() as group:
        group.allow(35_000_000)
        code, said, _ = grouped(Command(tmp_path), group, "datasets")
        assert not assert_done_or_refused(code, said)
        assert group.killed() == 0


def vectors_in(vectors: Path, _photos: Path, _place: Path) -> tuple[object, ...]:
    return ("ingest", vectors, "--dataset", _new(), "--contract", "other")


def photos_in(_vectors: Path, photos: Path, _place: Path) -> tuple[object, ...]:
    return ("ingest", photos, "--dataset", _new())


def checked(_vectors: Path, photos: Path, place: Path) -> tuple[object, ...]:
    model = block_model(place / "blocks.onnx")
    return ("check", photos, "--dataset", _new(), "--model", model, "--threshold", 0.3)


def found(_vectors: Path, _photos: Path, _place: Path) -> tuple[object, ...]:
    return ("findings", "--limit", 50)


def exported(_vectors: Path, _photos: Path, place: Path) -> tuple[object, ...]:
    return ("export", "embeddings", place / "all.npz", "--force")


def evaluated(_vectors: Path, _photos: Path, _place: Path) -> tuple[object, ...]:
    return ("evaluate", "--inject", "merge=2%")


def listed(_vectors: Path, _photos: Path, _place: Path) -> tuple[object, ...]:
    return ("links", "--limit", 50)


def told(_vectors: Path, _photos: Path, place: Path) -> tuple[object, ...]:
    return ("report", place / "noise.html", "--force")


@pytest.mark.long
@pytest.mark.parametrize("share", [0.7, 0.5, 0.35])
@pytest.mark.parametrize("what", [vectors_in, photos_in, checked, found, exported, told])
def test_every_command_is_done_or_refused_at_a_share_of_its_memory(
    database: Database, vectors: Path, tmp_path: Path, what: Callable[..., tuple[object, ...]], share: float
) -> None:
    ingest(database, vectors, contract="given", reporter=Silent())
    scan(database, ScanOptions(threshold=0.5), reporter=Silent())
    facedb = Command(tmp_path, dsn=database.dsn)
    photos = people(tmp_path / "photos", 3, 3)
    need = usual_need(facedb, *what(vectors, photos, tmp_path))
    arguments = what(vectors, photos, tmp_path)
    code, _, said = limited(facedb, int(share * need), *arguments)
    assert_done_or_refused(code, said)
    facedb(*arguments)


@pytest.mark.long
@pytest.mark.parametrize("share", [0.9, 0.5])
@pytest.mark.parametrize("what", [vectors_in, photos_in, checked, found, exported, told, evaluated, listed])
def test_every_command_with_its_embedded_server_is_done_or_refused_in_a_control_group(
    short_directory: Path, vectors: Path, tmp_path: Path, what: Callable[..., tuple[object, ...]], share: float
) -> None:
    facedb = Command(short_directory / secrets.token_hex(4))
    facedb("ingest", vectors, "--contract", "given")
    facedb("scan", "--threshold", 0.5)
    photos = people(tmp_path / "photos", 3, 3)
    with memory_group() as group:
        code, said, need = grouped(facedb, group, *what(vectors, photos, tmp_path))
        assert code == 0, said
        group.allow(int(share * need))
        arguments = what(vectors, photos, tmp_path)
        code, said, _ = grouped(facedb, group, *arguments)
        assert_done_or_refused(code, said)
        assert group.killed() == 0
    facedb(*arguments)
