"""The leader of a scan: takes tiles as any worker does, keeps its crew at work, and waits for what others have in hand."""

from __future__ import annotations

from facedb.core.counting import counted
from facedb.core.machine.cpus import cpu_count
from facedb.core.machine.in_background import Aside
from facedb.core.progress import Reporter
from facedb.db.connection import Connection, Database
from facedb.db.reconnecting import Work
from facedb.join.engine import GPU_ENGINES
from facedb.join.gpu.nvidia import visible_gpus
from facedb.join.loop import BlockResult, Join
from facedb.join.searcher import EngineInfo
from facedb.scan.faces.compared import Compared
from facedb.scan.loading import ScanOptions
from facedb.scan.pair_store import PairStore
from facedb.scan.tiles import tile_rows
from facedb.scan.tiles.claims import Claims, Found, release_dead
from facedb.scan.tiles.crew import Crew, Helpers
from facedb.scan.tiles.ledger import Ledger, Pause
from facedb.scan.tiles.ray_crew import RayCrew
from facedb.scan.tiles.scan_progress import Bar
from facedb.scan.tiles.tile_rows import TileRow

_GLANCE_SECONDS = 1.0


def threads_of(options: ScanOptions) -> int:
    """How many threads each worker of a scan has."""
    return options.threads or max(1, cpu_count() // options.workers)


def open_join(compared: Compared, options: ScanOptions, engine: EngineInfo, pairs: int) -> Join:
    """The engine with the gallery taken in, for one of the workers that share the search of ``pairs``."""
    return Join(
        compared.gallery,
        threshold=compared.threshold,
        engine=engine.name,
        threads=threads_of(options),
        comparisons=pairs // options.workers,
    )


class Leader:
    """Searches the tiles of one scan with its crew; ``opened`` is the engine where somebody opens it already.

    The pairs of the ``tiles_done`` by this process are added to ``flagged`` (None: nobody wants them); ``tiles_found`` were done before it.
    """

    def __init__(
        self,
        db: Database,
        work: Work,
        ledger: Ledger,
        compared: Compared,
        options: ScanOptions,
        engine: EngineInfo,
        reporter: Reporter,
        flagged: PairStore | None,
        opened: Aside[Join] | None = None,
    ) -> None:
        self._flagged, self._opened = flagged, opened
        self._db, self._work, self._ledger, self._compared = db, work, ledger, compared
        self._options, self._engine, self._reporter = options, engine, reporter
        self._threads = threads_of(options)
        self.tiles_done = self.tiles_found = 0

    def search(self, pause: Pause) -> None:
        """Search what is left, then wait for the tiles that other workers have in hand, and take over those that they lose."""
        scan_id = self._ledger.scan_id
        self._work.unit(lambda conn: release_dead(conn, scan_id))
        counts, still_open = self._work.unit(
            lambda conn: (tile_rows.tile_counts(conn, scan_id), tile_rows.open_tiles(conn, scan_id))
        )
        self.tiles_found = counts.done
        if not still_open:
            return
        pairs = sum(self._ledger.block(tile).comparisons for tile in still_open)
        self._reporter.say(
            f"Comparing {counted(len(self._compared.faces), 'face')} ({counted(pairs, 'pair')}, "
            f"{counted(len(still_open), 'tile')}) with {self._engine.reason}."
        )
        with self._helpers() as helpers, self._reporter.task("scan", pairs, "pairs") as task:
            bar = Bar(task, self._work, scan_id)
            if helpers.enough:
                _look_on(bar, helpers, pause)
            else:
                self._take_part(bar, helpers, pairs, pause)

    def did_all(self, conn: Connection) -> bool:
        """Whether every tile of the scan was searched by this process."""
        return self.tiles_done == tile_rows.tile_counts(conn, self._ledger.scan_id).tiles

    def _take_part(self, bar: Bar, helpers: Helpers, pairs: int, pause: Pause) -> None:
        with (
            self._join(pairs) as opened,
            Claims(self._work, self._db.open, self._ledger.scan_id) as claims,
        ):
            if opened.method:
                self._reporter.say(opened.method)
            while True:
                while (tile := claims.take()) is not None:
                    self._finish(claims, tile, opened.search(self._ledger.block(tile)))
                    helpers.tend(free=False)
                    bar.look(_GLANCE_SECONDS)
                    if pause is not None:
                        pause()
                if not bar.look().left:
                    return
                helpers.tend(free=False)
                bar.wait()

    def _join(self, pairs: int) -> Join:
        if self._opened is not None:
            return self._opened.result()
        return open_join(self._compared, self._options, self._engine, pairs)

    def _finish(self, claims: Claims, tile: TileRow, result: BlockResult) -> None:
        faces = self._compared.faces
        found = Found.of(result, faces.face_ids, faces.identity_ids, links_only=self._options.links_only)
        if claims.finish(tile, found):
            self.tiles_done += 1
            if self._flagged is not None:
                self._flagged.add(result)

    def _helpers(self) -> Helpers:
        """Who works on the scan beside this process."""
        options, scan_id, engine = self._options, self._ledger.scan_id, self._engine.name
        if options.ray is not None:
            return RayCrew(
                self._db, scan_id, options.ray, engine=options.engine, threads=options.threads, say=self._reporter.say
            )
        gpus = visible_gpus() if options.workers > 1 and engine in GPU_ENGINES else []
        # With one GPU for each of them this process only looks on: it would have all of them in sight.
        count = options.workers if gpus else options.workers - 1
        return Crew(self._db, scan_id, count, engine=engine, threads=self._threads, gpus=gpus)


def _look_on(bar: Bar, helpers: Helpers, pause: Pause) -> None:
    """Follow a search that others do, until no tile is left."""
    while (at := bar.look()).left:
        helpers.tend(free=at.free > 0)
        if pause is not None:
            pause()
        bar.wait()
