"""Real files of every kind that facedb reads, damaged, and hostile words on the command line: an answer each, in time, in bounded memory.

Everything runs in this process, so a hang or a crash ends the test with its seed. `-m long` tries thousands of mutants, others
each time; the gate tries the same ones in every run.
"""

from __future__ import annotations

import io
import json
import random
import resource
import secrets
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from facedb.cli.app import app
from facedb.core.errors import FacedbError
from facedb.core.files.paths import shown
from facedb.core.records import ImageRecord
from facedb.core.rejects import Rejected
from facedb.core.settings import load_settings
from facedb.db.connection import Database
from facedb.embedding.model_files.model_hash import model_files
from facedb.embedding.pictures import decode
from facedb.sources.archives.recordio import IdentityRecordWriter
from facedb.sources.image_bytes import ByteReader
from facedb.sources.options import SourceOptions
from facedb.sources.registry import open_source
from tests.acceptance.world import Inside, block_model, people, portrait

SLOWEST_SECONDS = 10.0
MOST_BYTES = 1 << 30


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    portrait(1, 1).resize((64, 64)).save(out, kind)
    return out.getvalue()


def made(kind: str, folder: Path) -> Path:
    """A good file of a kind."""
    names = np.array([f"p{k // 2}/{k}.png" for k in range(12)])
    vectors = np.random.default_rng(1).standard_normal((12, 8)).astype(np.float32)
    file = folder / f"good.{kind}"
    match kind:
        case "jpeg" | "png" | "webp" | "bmp" | "gif" | "tiff":
            file.write_bytes(picture(kind))
        case "tar" | "tgz":
            with tarfile.open(file, "w:gz" if kind == "tgz" else "w", format=tarfile.PAX_FORMAT) as archive:
                for name in names:
                    member = tarfile.TarInfo(str(name))
                    data = picture("png")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
        case "npz":
            file = folder / "npKnown.npz"
            np.savez(file, name=names, efficientnetv2_arcface=vectors)
        case "npy":
            file = folder / "0000.features.npy"
            np.save(file, vectors)
            np.save(folder / "0000.object_ids.npy", names)
        case "csv":
            file.write_text("path,identity,x,y\n" + "".join(f'"{name}",p{k},{k},1.5\n' for k, name in enumerate(names)))
        case "jsonl":
            file.write_text("".join(json.dumps({"path": str(n), "identity": "p"}) + "\n" for n in names))
        case "parquet":
            table = pa.table({"path": names, "identity": names, "image": [picture("png")] * 12})
            pq.write_table(table, file)
        case "rec":
            with IdentityRecordWriter(folder / "good") as writer:
                for k in range(12):
                    writer.write(f"p{k // 4}", picture("png"))
        case "onnx":
            block_model(file)
        case "toml":
            file.write_text('home = "here"\nkeep_scans = "3"\ndsn = "postgresql://a@b/c"\n')
    return file


def mutant(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to six changes of the kinds that disks, networks and attackers make."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, length = rng.randrange(len(out) + 1), rng.choice((1, 1, 2, 4, 8, 64))
        match rng.randrange(7):
            case 0 if out:
                out[min(at, len(out) - 1)] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + length] = rng.randbytes(length)
            case 2:
                out[at : at + length] = rng.choice((b"\xff", b"\x00", b"\x7f", b"\x80")) * length
            case 3 if len(out) > 8:
                del out[rng.randrange(len(out) // 2, len(out)) :]
            case 4:
                del out[at : at + length]
            case 5:
                out[at:at] = out[at : at + length] * rng.randint(1, 9)
            case _:
                number = rng.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, -1))
                out[at : at + 8] = (number & 2**64 - 1).to_bytes(8, rng.choice(("little", "big")))
        out = out or bytearray(b"\0")
    return bytes(out)


def decoded(file: Path) -> None:
    decode.decode(file.read_bytes())


def taken_in(file: Path) -> None:
    """Read a source to its end, the bytes of its pictures too."""
    source = open_source(file, "auto", SourceOptions())
    with ByteReader() as reader:
        for record in source.records():
            if isinstance(record, ImageRecord) and not record.problem and not record.ignored:
                try:
                    data = reader.read(source.root, record.path, record.container, record.offset, record.length)
                    decode.decode(data)
                except (OSError, Rejected):
                    continue


def graph(file: Path) -> None:
    model_files(file)


def settings(file: Path) -> None:
    place = file.parent / "facedb.toml"
    place.write_bytes(file.read_bytes())
    load_settings(environ={}, directory=file.parent)


PICTURES = ("jpeg", "png", "webp", "bmp", "gif", "tiff")
READERS: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(PICTURES, decoded),
    **dict.fromkeys(("tar", "tgz", "npz", "npy", "csv", "jsonl", "parquet", "rec"), taken_in),
    "onnx": graph,
    "toml": settings,
}


@pytest.mark.parametrize(
    ("count", "seed"), [(40, 1), pytest.param(1500, secrets.randbits(32), marks=pytest.mark.long, id="long")]
)
@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_an_answer(kind: str, count: int, seed: int, tmp_path: Path) -> None:
    good = made(kind, tmp_path)
    data, read = good.read_bytes(), READERS[kind]
    read(good)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        good.write_bytes(mutant(data, rng))
        begun = time.process_time()
        try:
            read(good)
        except (FacedbError, Rejected, OSError):
            pass
        except BaseException as fault:
            raise AssertionError(f"{kind}: mutant {number} of seed {seed}") from fault
        assert time.process_time() - begun < SLOWEST_SECONDS, f"{kind}: mutant {number} of seed {seed} took too long"
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
    assert grown < MOST_BYTES, f"{kind}: {grown / 1e6:.0f} MB, seed {seed}"
    print(f"{kind}: {count} mutants of seed {seed}, {grown / 1e6:.0f} MB more memory")  # noqa: T201


WORDS = (
    "'; drop table facedb.image; --",
    '" or 1=1 --',
    "%s %(name)s {} {0}",
    "\udcff\udc80",
    "../../../../etc/passwd",
    "/dev/zero",
    "-1",
    "9" * 30,
    "nan",
    "inf",
    "a" * 10_000,
    "\x1b[2J\x1b]0;title\x07",
    "\u202emoc.elpmaxe",
    "",
    " ",
    "a\nb",
    "*",
)
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("ingest", "WORD"),
    ("ingest", "PHOTOS", "--dataset", "WORD"),
    ("ingest", "PHOTOS", "--exclude", "WORD"),
    ("ingest", "PHOTOS", "--identity-from", "regex", "--identity-regex", "WORD"),
    ("ingest", "PHOTOS", "--moved-from", "WORD"),
    ("embed", "--model", "WORD"),
    ("embed", "--dataset", "WORD"),
    ("scan", "--datasets", "WORD"),
    ("scan", "--model", "WORD"),
    ("scan", "--threshold", "WORD"),
    ("scan", "--engine", "WORD"),
    ("scan", "--min-face", "WORD"),
    ("scan", "--min-quality", "WORD"),
    ("work", "WORD"),
    ("links", "--dataset", "WORD"),
    ("links", "--scan", "WORD"),
    ("pairs", "--min-score", "WORD"),
    ("findings", "--class", "WORD"),
    ("identities", "--dataset", "WORD"),
    ("rejects", "--code", "WORD"),
    ("faces", "--role", "WORD"),
    ("show", "WORD"),
    ("diff", "WORD", "1"),
    ("search", "WORD"),
    ("calibrate", "--fmr", "WORD"),
    ("evaluate", "--inject", "WORD"),
    ("bench", "plan", "--faces", "WORD"),
    ("bench", "plan", "--memory", "WORD"),
    ("plan", "--dataset", "WORD"),
    ("apply", "WORD", "--yes"),
    ("undo", "WORD", "--yes"),
    ("export", "list", "OUT", "--dataset", "WORD"),
    ("export", "WORD", "OUT"),
    ("forget", "--identity", "WORD", "--yes"),
    ("forget", "--image", "WORD", "--yes"),
    ("forget", "--dataset", "WORD", "--yes"),
    ("verdict", "link", "WORD", "person000", "same"),
    ("verdict", "face", "WORD", "wrong-identity", "--to", "WORD"),
    ("verdict", "import", "WORD"),
    ("model", "show", "WORD"),
    ("model", "add", "WORD"),
    ("model", "remove", "WORD", "--yes"),
    ("db", "restore", "WORD"),
    ("db", "grant-reader", "WORD"),
)


def _trials(command: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    # What other words name is a role that is there for every user, or a good name for one.
    return [(command, word) for word in WORDS if command[:2] != ("db", "grant-reader") or not word.strip()]


@pytest.fixture
def checked(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The test's database with a small dataset that was checked, from the folder in which the commands run."""
    photos, model = people(tmp_path / "photos", 3, 2), block_model(tmp_path / "blocks.onnx")
    monkeypatch.chdir(tmp_path)
    Inside(tmp_path, database.dsn)("check", photos, "--model", model, "--threshold", 0.3)
    return database


def _held(db: Database) -> list[tuple[Any, ...]]:
    """The images of the dataset, and the roles of the server."""
    with db.connection() as conn:
        return conn.execute(
            "select i.path from facedb.image i join facedb.source s on s.id = i.source_id"
            " join facedb.dataset d on d.id = s.dataset_id where d.name = 'photos'"
            " union all select rolname from pg_roles order by 1"
        ).fetchall()


def _assert_answered(db: Database, folder: Path, trials: Sequence[tuple[tuple[str, ...], str]]) -> None:
    """Each command answers to its word, within a limit of CPU time, and what is there stays."""
    before, peak = _held(db), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    environment = {"FACEDB_HOME": str(folder / "facedb"), "FACEDB_DSN": db.dsn}
    for number, (command, word) in enumerate(trials):
        places = {"WORD": word, "PHOTOS": str(folder / "photos"), "OUT": str(folder / f"out{number}.csv")}
        arguments = [places.get(part, part) for part in command]
        begun = time.process_time()
        done = CliRunner().invoke(app, arguments, env=environment)
        assert time.process_time() - begun < SLOWEST_SECONDS, arguments
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
        assert grown < MOST_BYTES, f"{arguments}: {grown / 1e6:.0f} MB"
        fault = done.exception
        assert fault is None or isinstance(fault, FacedbError | SystemExit | OSError), f"{arguments!r}: {fault!r}"
        if isinstance(fault, FacedbError):
            assert "PostgreSQL refused" not in str(fault), f"{arguments!r}: {fault}"
            assert "\x1b" not in shown(str(fault))
    assert _held(db) == before


def test_hostile_words_are_an_answer_and_change_nothing(checked: Database, tmp_path: Path) -> None:
    trials = [trial for command in COMMANDS for trial in _trials(command)]
    endless = [(command, "/dev/zero") for command in (("search", "WORD"), ("verdict", "import", "WORD"))]
    _assert_answered(checked, tmp_path, [*random.Random(1).sample(trials, 12), *endless])


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_hostile_word_is_an_answer_to_this_command_and_changes_nothing(
    checked: Database, tmp_path: Path, command: tuple[str, ...]
) -> None:
    trials = _trials(command)
    _assert_answered(checked, tmp_path, trials)
    print(f"{len(trials)} hostile arguments to {' '.join(command)}")  # noqa: T201
