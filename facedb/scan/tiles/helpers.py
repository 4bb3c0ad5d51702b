"""Who works on a scan beside its own process: processes of this machine, one for each of its GPUs, or workers on a Ray cluster."""

from __future__ import annotations

from facedb.db.connection import Database
from facedb.db.wait import Say
from facedb.join.engine import GPU_ENGINES, EngineInfo
from facedb.join.gpu.nvidia import visible_gpus
from facedb.scan.loading import ScanOptions
from facedb.scan.tiles.crew import Crew, Helpers
from facedb.scan.tiles.ray_crew import RayCrew


def helpers(db: Database, scan_id: int, options: ScanOptions, engine: EngineInfo, threads: int, say: Say) -> Helpers:
    """The helpers that ``options`` ask for, to be entered; ``engine`` is the one of this machine, with ``threads`` for each process."""
    if options.ray is not None:
        return RayCrew(db, scan_id, options.ray, engine=options.engine, threads=options.threads, say=say)
    gpus = visible_gpus() if options.workers > 1 and engine.name in GPU_ENGINES else []
    # With one GPU for each of them the scan only looks on: it would have all of them in sight.
    count = options.workers if gpus else options.workers - 1
    return Crew(db, scan_id, count, engine=engine.name, threads=threads, gpus=gpus)
