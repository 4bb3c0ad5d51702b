"""A small world for tests from outside: pictures whose likeness is known, a model that sees it, the installed command."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from facedb.cli.app import app
from facedb.core.errors import FacedbError
from tests.acceptance import forks
from tests.processes import Process

SIDE = 32
BLOCKS = 4
DIM = 64
PROGRAM = Path(sys.executable).with_name("facedb")


def portrait(identity: int, shot: int, noise: float = 25.0) -> Image.Image:
    """A picture of 4 x 4 coloured blocks that belong to ``identity``, with noise that belongs to ``shot``."""
    blocks = np.random.default_rng(identity).uniform(20, 235, (BLOCKS, BLOCKS, 3))
    blocks = blocks + np.random.default_rng((identity, shot)).normal(0, noise, blocks.shape)
    pixels = np.kron(np.clip(blocks, 0, 255), np.ones((SIDE // BLOCKS, SIDE // BLOCKS, 1)))
    return Image.fromarray(pixels.astype(np.uint8))


def save(image: Image.Image, path: Path) -> Path:
    """Write a picture, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def people(folder: Path, identities: int = 8, shots: int = 5, *, first: int = 0) -> Path:
    """``shots`` pictures of each of ``identities`` people, one folder each."""
    for identity in range(first, first + identities):
        for shot in range(shots):
            save(portrait(identity, shot), folder / f"person{identity:03d}" / f"{shot}.png")
    return folder


def copy_folder(source: Path, target: Path) -> None:
    """A copy for changing things in, also where ``source`` is read-only, which stops everybody but root."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)


def block_model(path: Path, *, dim: int = DIM, seed: int = 1, gain: float = 1.0, slow: int = 0) -> Path:
    """An ONNX model with its TOML: centred block means through a fixed random matrix; ``slow`` adds idle arithmetic."""
    size = SIDE // BLOCKS
    weights = gain * np.random.default_rng(seed).standard_normal((3 * BLOCKS * BLOCKS, dim)).astype(np.float32)
    initial = [numpy_helper.from_array(weights, "w")]
    nodes = [
        helper.make_node("AveragePool", ["data"], ["map"], kernel_shape=[size] * 2, strides=[size] * 2),
        helper.make_node("Flatten", ["map"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["product"]),
    ]
    last = "product"
    if slow:
        initial.append(numpy_helper.from_array(np.eye(slow, dtype=np.float32), "eye"))
        initial.append(numpy_helper.from_array(np.zeros((slow, dim), np.float32), "none"))
        initial.append(numpy_helper.from_array(np.zeros((3 * BLOCKS * BLOCKS, slow), np.float32), "widen"))
        # It begins with the picture, or ONNX Runtime would fold it into a constant.
        nodes.append(helper.make_node("MatMul", ["flat", "widen"], ["start"]))
        powers = ["start"]
        for k in range(4):
            nodes.append(helper.make_node("MatMul", [powers[-1], "eye"], [f"idle{k}"]))
            powers.append(f"idle{k}")
        nodes.append(helper.make_node("MatMul", [powers[-1], "none"], ["nothing"]))
        nodes.append(helper.make_node("Add", [last, "nothing"], ["sum"]))
        last = "sum"
    nodes.append(helper.make_node("Identity", [last], ["embedding"]))
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dim])],
        initial,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    path.with_suffix(".toml").write_text(
        'colour = "rgb"\nmean = [127.5, 127.5, 127.5]\nstd = [127.5, 127.5, 127.5]\ntemplate = "box"\n'
    )
    return path


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        """stdout as JSON."""
        rows: list[dict[str, Any]] = json.loads(self.out)
        return rows

    @property
    def csv(self) -> list[dict[str, str]]:
        """stdout as CSV."""
        return list(csv.DictReader(io.StringIO(self.out)))


@dataclass(frozen=True)
class Command:
    """The installed ``facedb`` with an environment of its own: ``home`` for the embedded database, or a ``dsn``."""

    home: Path
    dsn: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the command sees: nothing of the tester's own settings."""
        # Without cached bytecode every call would compile the libraries again, which takes longer than the call.
        foreign = ("FACEDB_", "PG", "XDG_", "HOME", "PYTHONDONTWRITEBYTECODE")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        user = self.home / "user"
        user.mkdir(parents=True, exist_ok=True)
        mine = {"HOME": str(user), "FACEDB_HOME": str(self.home / "facedb"), **self.extra}
        return inherited | mine | ({} if self.dsn is None else {"FACEDB_DSN": self.dsn})

    def start(self, *arguments: object, **options: Any) -> Process:
        """Start the command, with stdout and stderr in pipes."""
        usual: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.home}
        command = [str(PROGRAM), *map(str, arguments)]
        return Process(command, env=self.environment, **(usual | options))

    def __call__(self, *arguments: object, code: int = 0) -> Said:
        """Run the command to its end, which must be exit code ``code``."""
        found, *printed = forks.run([str(part) for part in arguments], self.environment, self.home)
        out, err = (part.decode() for part in printed)
        assert found == code, f"{arguments}: {found}\n{out}\n{err}"
        assert "Traceback" not in err, err
        return Said(found, out, err)


@dataclass(frozen=True)
class Inside:
    """The same command line within this process: for many calls whose process is not what is tested."""

    home: Path
    dsn: str

    def __call__(self, *arguments: object, code: int = 0) -> Said:
        """Run the command to its end, which must be exit code ``code``."""
        environment = {"FACEDB_HOME": str(self.home / "facedb"), "FACEDB_DSN": self.dsn}
        done = CliRunner().invoke(app, [str(part) for part in arguments], env=environment)
        fault = done.exception if isinstance(done.exception, FacedbError) else None
        found = done.exit_code if fault is None else fault.exit_code
        assert found == code, f"{arguments}: {found}\n{done.output}\n{done.exception!r}"
        return Said(found, done.stdout, done.stderr if fault is None else f"{done.stderr}facedb: {fault}\n")


# Everything below is keyed by path, so that two databases can be compared whatever their keys are.

PAIRS = (
    "select path_a, path_b, score, dataset_a, dataset_b from bi.flagged_pairs"
    " where scan_id = (select max(scan_id) from bi.scans where is_latest)"
)
LINKS = (
    "select identity_a, identity_b, pairs, faces_a, faces_b, size_a, size_b, max_score, mean_score::numeric(7, 5),"
    " median_score, centroid_score::numeric(6, 4) from bi.links"
    " where scan_id = (select max(scan_id) from bi.scans where is_latest)"
)
FILES = "select path, identity, file_status, outcome, code, sha256, width, height, format from bi.files"
REJECTS = "select path, outcome, code, detail from bi.rejects"
VECTORS = (
    "select i.path, e.vec::text, e.norm from facedb.embedding e join facedb.face f on f.id = e.face_id"
    " join facedb.image i on i.id = f.image_id"
)

Query = Callable[[str], Sequence[tuple[Any, ...]]]


def either_way(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Pairs or links with their two sides in alphabetic order: keys differ between databases."""
    ordered = []
    for a, b, *rest in rows:
        if a > b:
            a, b = b, a
            if len(rest) > 5:
                rest[1:5] = [rest[2], rest[1], rest[4], rest[3]]
        ordered.append((a, b, *map(str, rest)))
    return sorted(ordered)


def picture_of(query: Query) -> dict[str, list[tuple[Any, ...]]]:
    """All that a check left behind."""
    return {
        "pairs": either_way(query(PAIRS)),
        "links": either_way(query(LINKS)),
        **{
            name: sorted(tuple(map(str, row)) for row in query(statement))
            for name, statement in (("files", FILES), ("rejects", REJECTS), ("vectors", VECTORS))
        },
    }
