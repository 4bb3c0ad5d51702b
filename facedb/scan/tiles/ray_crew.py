"""The crew of a scan on a Ray cluster: a worker as an actor for each GPU, or for each share of the cores, of every node.

Ray starts, watches and ends the workers. It holds no vector, no pair and no list of what is left: those are in PostgreSQL, so a node,
or the whole cluster, may go at any time and costs the tiles that it had in hand.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from facedb.core.counting import counted
from facedb.core.errors import EngineError, FacedbError, UsageError, first_line
from facedb.core.machine.cpus import cpu_count
from facedb.core.progress import Silent
from facedb.core.version import VERSION
from facedb.db.connection import Database
from facedb.db.wait import Say
from facedb.join.engine import AUTO, GPU_ENGINES
from facedb.scan.tiles.claims import worker_name
from facedb.scan.tiles.crew import REPLACEMENTS, release
from facedb.scan.tiles.worker import WorkOptions, work

MOST_THREADS = 16
"""A share of the cores: the threads of one worker have one copy of the vectors, but wait for each other at the end of a tile."""
_MAY_USE_GPUS = (AUTO, *GPU_ENGINES)
_LOOK_SECONDS = 1.0
_CONNECT_SECONDS = 5.0
_AGAIN_SECONDS = 2.0
_STORE_BYTES = 80 << 20


@dataclass(frozen=True, slots=True, order=True)
class Seat:
    """Where a worker belongs: seat ``number`` of the node ``node``, with ``cores`` of it and one GPU or none."""

    node: str
    number: int
    cores: int
    gpu: bool = False


def seats(nodes: Sequence[Mapping[str, Any]], engine: str, threads: int | None, host: str | None = None) -> list[Seat]:
    """The seats of the living ``nodes`` (as `ray.nodes` lists them) for workers of ``engine``.

    A node with GPUs gets a worker for each, with its share of the cores, where the engine may use one; any other node as many as
    it has shares of ``threads`` cores (None: at most `MOST_THREADS`). ``host``: only nodes of that machine.
    """
    found = []
    for node in nodes:
        resources = node.get("Resources", {})
        cores = int(resources.get("CPU", 0))
        gpus = int(resources.get("GPU", 0)) if engine in _MAY_USE_GPUS else 0
        if not node["Alive"] or cores < 1 or (host is not None and node.get("NodeManagerHostname") != host):
            continue
        if gpus:
            share = min(threads or cores, max(1, cores // gpus))
            found += [Seat(node["NodeID"], number, share, gpu=True) for number in range(min(gpus, cores))]
        elif engine not in GPU_ENGINES:
            share = min(threads or MOST_THREADS, cores)
            found += [Seat(node["NodeID"], number, share) for number in range(cores // share)]
    return found


@dataclass(slots=True)
class _Seated:
    """A worker at work: its actor, what it will return, and its name in the ledger."""

    actor: Any
    result: Any
    name: str


@dataclass(slots=True)
class _Vacancy:
    """A seat whose worker left or died: not before ``after`` (monotonic seconds) again, and only where tiles are free if it left."""

    after: float = 0.0
    left: bool = False


class RayCrew:
    """Workers on scan ``scan_id`` all over a Ray cluster, as a `with` block; nodes may come and go meanwhile.

    ``address`` is one that Ray understands; empty: the cluster of RAY_ADDRESS, else one of this machine that ends with the block.
    Every node needs facedb in this version. Raises EngineError where Ray is missing or no cluster answers, UsageError for a database
    that only this machine reaches and a cluster that has no node here.
    """

    enough = True

    def __init__(self, db: Database, scan_id: int, address: str, *, engine: str, threads: int | None, say: Say) -> None:
        self._db, self._scan_id, self._address, self._say = db, scan_id, address, say
        self._engine, self._threads = engine, threads
        self._seated: dict[Seat, _Seated] = {}
        self._vacant: dict[Seat, _Vacancy] = {}
        self._died, self._last, self._looked = 0, "", 0.0
        self._ours = False
        self._told: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        self._ray = ray = _ray()
        if not ray.is_initialized():
            self._connect()
            self._ours = True
        try:
            self.tend(free=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        gone = (self._ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError)
        for worker in self._seated.values():
            # Of a cluster that is gone nothing has to be ended.
            with suppress(*gone):
                self._ray.kill(worker.actor)
            release(self._db, self._scan_id, worker.name)
        self._seated = {}
        if self._ours:
            with suppress(*gone):
                self._ray.shutdown()

    def tend(self, *, free: bool) -> None:
        """Seat workers on new nodes and replace those that died, and those that left while tiles are ``free`` again.

        Raises EngineError where workers die again and again, or where Ray itself is gone.
        """
        now = time.monotonic()
        if now < self._looked + _LOOK_SECONDS:
            return
        self._looked = now
        try:
            nodes = self._ray.nodes()
            wanted = seats(nodes, self._engine, self._threads, socket.gethostname() if self._db.embedded else None)
            if not wanted and self._db.embedded and any(node["Alive"] for node in nodes):
                raise UsageError(
                    "The embedded database is reached from this machine only, and the Ray cluster has no node with a core here: "
                    "give a server with --dsn, or --ray without an address."
                )
            self._see_who_ended(set(wanted))
            for seat in wanted:
                vacancy = self._vacant.get(seat, _Vacancy())
                if seat not in self._seated and now >= vacancy.after and (free or not vacancy.left):
                    self._vacant.pop(seat, None)
                    self._seat(seat)
        except (ConnectionError, self._ray.exceptions.RaySystemError) as error:
            raise EngineError(
                f"The Ray cluster is gone ({first_line(error)}). What was done is kept: run the scan again, with or without --ray."
            ) from error
        self._tell(wanted)

    def _connect(self) -> None:
        address = self._address or os.environ.get("RAY_ADDRESS", "")
        _expect_listener(address)
        usual: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        # Ray sets a handler of its own, by which a scan that is told to end would not leave in order.
        handler = signal.getsignal(signal.SIGTERM)
        try:
            if address:
                self._ray.init(address=address, **usual)
            else:
                self._ray.init(num_cpus=cpu_count(), include_dashboard=False, object_store_memory=_STORE_BYTES, **usual)
        except Exception as error:  # Ray says with a bare one that a node took longer than half a minute to start
            raise _no_cluster(address, error) from error
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)

    def _seat(self, seat: Seat) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        worker = self._ray.remote(_Worker).options(
            num_cpus=seat.cores,
            num_gpus=int(seat.gpu),
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(seat.node, soft=False),
        )
        name = f"ray:{worker_name()}"
        actor = worker.remote()
        options = WorkOptions(self._engine, seat.cores, name=name)
        result = actor.work.remote(VERSION, self._db.dsn, self._db.embedded, self._scan_id, options)
        self._seated[seat] = _Seated(actor, result, name)

    def _see_who_ended(self, wanted: set[Seat]) -> None:
        pending = {worker.result: seat for seat, worker in self._seated.items()}
        if not pending:
            return
        ended, _ = self._ray.wait(list(pending), num_returns=len(pending), timeout=0)
        for result in ended:
            seat = pending[result]
            worker = self._seated.pop(seat)
            try:
                self._ray.get(result)
            except self._ray.exceptions.RayError as error:
                release(self._db, self._scan_id, worker.name)
                self._vacant[seat] = _Vacancy(time.monotonic() + _AGAIN_SECONDS)
                # A node that is gone took its workers with it; that says nothing about them.
                if seat in wanted:
                    self._count_death(error, len(wanted))
            else:
                self._vacant[seat] = _Vacancy(left=True)

    def _count_death(self, error: Exception, places: int) -> None:
        cause = getattr(error, "cause", None)
        said = str(cause) if isinstance(cause, FacedbError) else first_line(cause or error)
        if said != self._last:
            self._say(f"A worker of the Ray cluster died and is replaced: {said}")
        self._died, self._last = self._died + 1, said
        if self._died > REPLACEMENTS * max(places, 1):
            raise EngineError(f"The workers on the Ray cluster keep dying; the last one said: {said}")

    def _tell(self, wanted: Sequence[Seat]) -> None:
        told = len({seat.node for seat in wanted}), len(wanted)
        if told == self._told:
            return
        self._told = told
        if wanted:
            nodes, workers = told
            self._say(f"Ray: {counted(workers, 'worker')} on {counted(nodes, 'node')}.")
        else:
            self._say("Ray: no node has a core or a GPU for this scan; waiting for one.")


class _Worker:
    """What runs as an actor: `facedb work` in a process of the cluster."""

    def work(self, version: str, dsn: str, embedded: bool, scan_id: int, options: WorkOptions) -> int:
        """Work until no tile is free; returns the number of tiles."""
        if version != VERSION:
            raise UsageError(
                f"A node of the Ray cluster has facedb {VERSION} and the scan is of {version}: install one version."
            )
        return work(Database(dsn, embedded), scan_id, options, reporter=Silent()).tiles


def _expect_listener(address: str) -> None:
    """Raise EngineError where nobody listens at HOST:PORT, for which Ray itself would wait two minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> EngineError:
    if not address:
        return EngineError(
            f"Ray could not start on this machine ({first_line(error)}): run this again when it is less busy, or with --workers N, "
            "which needs no Ray."
        )
    return EngineError(
        f"No Ray cluster answers at {address} ({first_line(error)}): start one with `ray start --head`, or give --ray without an address."
    )


def _ray() -> Any:
    if importlib.util.find_spec("ray") is None:
        raise EngineError(
            "Ray is not installed: uv sync --extra ray (or pip install 'facedb[ray]'), or scan without --ray."
        )
    # Nothing is sent anywhere, nodes take the facedb that they have instead of building one, and CPU workers see no GPU.
    for name, value in (
        ("RAY_USAGE_STATS_ENABLED", "0"),
        ("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0"),
        ("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1"),
    ):
        os.environ.setdefault(name, value)
    import ray

    return ray
