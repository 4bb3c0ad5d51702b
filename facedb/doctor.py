"""Doctor: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from facedb.core.counting import counted
from facedb.core.errors import FacedbError
from facedb.core.machine.thermal import read_sensors
from facedb.core.settings import Settings
from facedb.db import migrate
from facedb.db.connection import Database, connect, translated
from facedb.db.server.clusters import clusters
from facedb.db.upkeep import health
from facedb.embedding import cuda, session
from facedb.embedding.model_files.model_hash import weights_sha256
from facedb.join.engine import GPU_ENGINES, available_engines, choose_engine
from facedb.join.gpu.nvidia import card_present, driver_version, missing_gpu
from facedb.join.integer import kernels
from facedb.join.processor import instructions, processor_name


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at: ``state`` is ok, warning or problem, ``cure`` what to do about it.

    What nobody can do anything about, as a machine without a GPU, is ok and has no cure.
    """

    subject: str
    state: str
    finding: str
    cure: str = ""


# Each pair shares one import directory: whichever was installed last has overwritten the other.
_EXCLUSIVE = (
    ("onnxruntime", ("onnxruntime", "onnxruntime-gpu")),
    ("faiss", ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")),
)

_DIMENSIONS = (512, 256, 128)
_PACKAGES = ("facedb", "numpy", "psycopg", "pgvector", "numkong", "pillow")
_FREE_GB = 5


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Look at packages, engines, ONNX Runtime, sensors, disk and database; never raises."""
    yield Diagnosis("facedb", "ok", ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES))
    yield Diagnosis(
        "machine",
        "ok",
        f"{platform.machine()}, {counted(os.cpu_count() or 1, 'core')}, Python {platform.python_version()}",
    )
    yield Diagnosis("processor", "ok", f"{processor_name()}: {', '.join(instructions()) or 'plain C'}")
    for subject, names in _EXCLUSIVE:
        yield _exclusive(subject, names)
    for engine in available_engines():
        subject = f"engine {engine.name}"
        if engine.available:
            yield Diagnosis(subject, "ok", engine.reason)
        elif engine.name in GPU_ENGINES:
            yield _without_gpu(subject, engine.reason)
        else:
            yield Diagnosis(subject, "warning", engine.reason, "install facedb[cpu]")
    chosen = choose_engine("auto")
    yield Diagnosis("engine auto", "ok", f"takes {chosen.name}")
    yield from _kernels()
    yield _onnxruntime()
    yield _gpu()
    sensors = read_sensors()
    hottest = max((s.celsius for s in sensors), default=None)
    yield Diagnosis(
        "temperature",
        "ok",
        f"{counted(len(sensors), 'sensor')}, hottest {hottest:.0f} °C"
        if hottest is not None
        else "no sensor can be read here, so --max-temp has nothing to go by",
    )
    yield _disk(settings)
    yield from _database(settings)
    yield _left_behind(settings)


def _without_gpu(subject: str, missing: str) -> Diagnosis:
    """What works on a GPU alone and does not work here."""
    if card_present() or cuda.device_count():
        return Diagnosis(subject, "warning", missing, "install an NVIDIA driver and facedb[gpu]")
    return Diagnosis(subject, "ok", f"{missing}; this machine has no NVIDIA GPU")


def _kernels() -> Iterator[Diagnosis]:
    """What the kernels of the engine int8 do on one thread at usual dimensions; a scan measures at its own."""
    measured = {dim: {speed.name: speed for speed in kernels.measure(dim)} for dim in _DIMENSIONS}
    for kernel in kernels.KERNELS:
        speeds = [measured[dim][kernel.name] for dim in _DIMENSIONS]
        fault = next((speed.why_not for speed in speeds if speed.why_not is not None), None)
        tera = " / ".join(f"{speed.tera_per_s:.2f}" for speed in speeds if speed.tera_per_s is not None)
        said = f"10^12 operations per second and thread at {' / '.join(map(str, _DIMENSIONS))} values: {tera}"
        yield Diagnosis(f"int8 by {kernel.name}", "ok", said if fault is None else f"not used: {fault}")


def _exclusive(subject: str, names: tuple[str, ...]) -> Diagnosis:
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if not found:
        return Diagnosis(subject, "problem", "not installed", "install facedb[cpu] or facedb[gpu]")
    if len(found) > 1:
        return Diagnosis(
            subject,
            "problem",
            f"{' and '.join(found)} are both installed and share one directory",
            "uninstall both, then install one of them",
        )
    return Diagnosis(subject, "ok", found[0])


def _onnxruntime() -> Diagnosis:
    try:
        fault = cuda.why_not(session.runtime())
    except FacedbError as error:
        return Diagnosis("onnxruntime provider", "problem", str(error))
    return (
        _without_gpu("onnxruntime provider", f"cpu ({fault})")
        if fault
        else Diagnosis("onnxruntime provider", "ok", "cuda")
    )


def _disk(settings: Settings) -> Diagnosis:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    if free > _FREE_GB:
        return Diagnosis("disk", "ok", f"{free:.0f} GB free for {settings.home}")
    return Diagnosis(
        "disk",
        "warning",
        f"{free:.1f} GB free for {settings.home}",
        "make room, or set FACEDB_HOME to another directory",
    )


def _database(settings: Settings) -> Iterator[Diagnosis]:
    try:
        with connect(settings) as db:
            for h in health.look(db):
                yield Diagnosis(h.subject, h.state, h.finding, h.cure)
            yield from _models(db)
            yield from _room(settings, db)
    except FacedbError as error:
        yield Diagnosis("database", "problem", str(error), "see the finding")


def _models(db: Database) -> Iterator[Diagnosis]:
    """Whether the files of the contracts are still what the contracts say, side files included."""
    with closing(db.open(autocommit=True)) as conn, translated(db.dsn):
        if not migrate.current(db).at_head:
            return
        rows = conn.execute(health.SQL["models"]).fetchall()
    for name, weights, path, detector_sha, detector in rows:
        faults = []
        for file, sha in ((path, weights), (detector, detector_sha)):
            if file is None or sha is None:
                continue
            try:
                if not Path(file).is_file():
                    faults.append(f"{file} is gone")
                elif weights_sha256(Path(file)) != sha:
                    faults.append(f"{file} has changed since")
            except FacedbError as error:
                faults.append(str(error))
        said = "; ".join(faults) or f"{path}, as its contract says"
        yield Diagnosis(
            f"model {name}",
            "warning" if faults else "ok",
            said,
            "put the file back, or embed with --model from its new place" if faults else "",
        )


def _room(settings: Settings, db: Database) -> Iterator[Diagnosis]:
    """Whether a rewrite of the largest table (forget, vacuum full) would fit on the disk of the embedded database."""
    if not db.embedded or not migrate.current(db).at_head:
        return
    with closing(db.open(autocommit=True)) as conn, translated(db.dsn):
        rows = conn.execute(health.SQL["tables"]).fetchall()
    need = max((size for _, size, *_ in rows), default=0)
    free = shutil.disk_usage(settings.home).free
    state = "ok" if free > 2 * need else "warning"
    cure = "" if state == "ok" else "make room before a forget, an upgrade or a vacuum full"
    yield Diagnosis(
        "room", state, f"{free / 1e9:,.1f} GB free; rewriting the largest table takes {need / 1e9:,.2f} GB", cure
    )


def _gpu() -> Diagnosis:
    missing = missing_gpu()
    return _without_gpu("gpu", missing) if missing else Diagnosis("gpu", "ok", f"driver {driver_version()}")


def _left_behind(settings: Settings) -> Diagnosis:
    found = [c for c in clusters(settings.home, settings.service_dir) if c.orphaned]
    if not found:
        return Diagnosis("left behind", "ok", "every embedded database belongs to a home")
    size = sum(c.bytes for c in found) / 1e6
    databases = (
        "1 embedded database has lost its" if len(found) == 1 else f"{len(found)} embedded databases have lost their"
    )
    return Diagnosis("left behind", "warning", f"{databases} home ({size:,.0f} MB)", "facedb db remove")
