"""Doctor: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from facedb.core.errors import FacedbError
from facedb.core.machine.thermal import read_sensors
from facedb.core.settings import Settings
from facedb.db.connection import connect
from facedb.db.server.clusters import clusters
from facedb.embedding import cuda, session
from facedb.join.engine import available_engines, choose_engine
from facedb.join.integer import kernels
from facedb.join.processor import instructions, processor_name


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at: ``state`` is ok, warning or problem."""

    subject: str
    state: str
    finding: str


# Each pair shares one import directory: whichever was installed last has overwritten the other.
_EXCLUSIVE = (
    ("onnxruntime", ("onnxruntime", "onnxruntime-gpu")),
    ("faiss", ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")),
)

_DIMENSIONS = (512, 256, 128)


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Look at packages, engines, ONNX Runtime, sensors, disk and database; never raises."""
    yield Diagnosis(
        "machine", "ok", f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    yield Diagnosis("processor", "ok", f"{processor_name()}: {', '.join(instructions()) or 'plain C'}")
    for subject, names in _EXCLUSIVE:
        yield _exclusive(subject, names)
    for engine in available_engines():
        yield Diagnosis(f"engine {engine.name}", "ok" if engine.available else "warning", engine.reason)
    chosen = choose_engine("auto")
    yield Diagnosis("engine auto", "ok", f"takes {chosen.name}")
    yield from _kernels()
    yield _onnxruntime()
    sensors = read_sensors()
    hottest = max((s.celsius for s in sensors), default=None)
    yield Diagnosis(
        "temperature", "ok" if sensors else "warning",
        f"{len(sensors)} sensors, hottest {hottest:.0f} °C" if hottest is not None else "no sensor can be read, so --max-temp cannot guard",
    )  # fmt: skip
    yield _disk(settings)
    yield _database(settings)
    yield _left_behind(settings)


def _kernels() -> Iterator[Diagnosis]:
    """What the kernels of the engine int8 do on one thread at usual dimensions; a scan measures at its own."""
    measured = {dim: {speed.name: speed for speed in kernels.measure(dim)} for dim in _DIMENSIONS}
    for kernel in kernels.KERNELS:
        speeds = [measured[dim][kernel.name] for dim in _DIMENSIONS]
        fault = next((speed.why_not for speed in speeds if speed.why_not is not None), None)
        tera = " / ".join(f"{speed.tera_per_s:.2f}" for speed in speeds if speed.tera_per_s is not None)
        said = f"10^12 operations a second and thread at {' / '.join(map(str, _DIMENSIONS))} values: {tera}"
        yield Diagnosis(f"int8 by {kernel.name}", "warning" if fault else "ok", fault or said)


def _exclusive(subject: str, names: tuple[str, ...]) -> Diagnosis:
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if not found:
        return Diagnosis(subject, "problem", "not installed: install facedb[cpu] or facedb[gpu]")
    if len(found) > 1:
        return Diagnosis(
            subject, "problem",
            f"{' and '.join(found)} are both installed and share one directory: uninstall both, then install one of them",
        )  # fmt: skip
    return Diagnosis(subject, "ok", found[0])


def _onnxruntime() -> Diagnosis:
    try:
        fault = cuda.why_not(session.runtime())
    except FacedbError as error:
        return Diagnosis("onnxruntime provider", "problem", str(error))
    return Diagnosis("onnxruntime provider", "warning" if fault else "ok", f"cpu ({fault})" if fault else "cuda")


def _disk(settings: Settings) -> Diagnosis:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    return Diagnosis("disk", "ok" if free > 5 else "warning", f"{free:.0f} GB free for {settings.home}")


def _database(settings: Settings) -> Diagnosis:
    try:
        with connect(settings) as db, closing(db.open()) as conn:
            row = conn.execute(
                "select current_setting('server_version'),"
                " (select max(version) from pg_available_extension_versions where name = 'vector')"
            ).fetchone()
            where = db.describe()
    except FacedbError as error:
        return Diagnosis("database", "problem", str(error))
    version, vector = row or ("?", None)
    if vector is None:
        return Diagnosis("database", "problem", f"PostgreSQL {version} without pgvector: install its extension package")
    return Diagnosis("database", "ok", f"PostgreSQL {version}, pgvector {vector}, {where}")


def _left_behind(settings: Settings) -> Diagnosis:
    found = [c for c in clusters(settings.home, settings.service_dir) if c.orphaned]
    if not found:
        return Diagnosis("left behind", "ok", "every embedded database belongs to a home")
    size = sum(c.bytes for c in found) / 1e6
    databases = "1 embedded database has" if len(found) == 1 else f"{len(found)} embedded databases have"
    return Diagnosis("left behind", "warning", f"{databases} lost the home ({size:,.0f} MB): facedb db remove")
