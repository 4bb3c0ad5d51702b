"""facedb in Python: what the command line does, with results as frozen objects that become Arrow tables and data frames.

`facedb.connect()` gives a `FaceDB`. Its methods raise the errors of `facedb.core.errors`, whose messages say what to do.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from facedb.core.defaults import THRESHOLD
from facedb.core.errors import UsageError
from facedb.core.progress import Reporter, Silent
from facedb.core.settings import load_settings
from facedb.db.connection import Database, translated
from facedb.db.connection import connect as open_database
from facedb.db.migrate import ensure
from facedb.report.records import Embeddings, Finding, Link, Pair, Rows

if TYPE_CHECKING:
    from facedb.check import CheckSummary
    from facedb.core.settings import Settings
    from facedb.dataset.embed import EmbedSummary, ModelChoice
    from facedb.dataset.ingest import IngestSummary
    from facedb.report.export import Exported
    from facedb.review.apply import Outcome
    from facedb.review.plan import PlanView
    from facedb.scan.run import ScanOptions, ScanSummary

__all__ = ["Embeddings", "FaceDB", "Finding", "Link", "Pair", "Rows", "connect"]

PathLike = str | os.PathLike[str]
Threshold = float | Literal["auto"]
RowT = TypeVar("RowT")


def connect(dsn: str | None = None, *, home: PathLike | None = None, reporter: Reporter | None = None) -> FaceDB:
    """See `facedb.connect`."""
    return FaceDB(load_settings(dsn=dsn, home=None if home is None else Path(home)), reporter or Silent())


class FaceDB:
    """An open database of facedb; a context manager, or closed by ``close()``."""

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self._settings = settings
        self._reporter = reporter
        stack = ExitStack()
        # An embedded server is stopped when the last user lets go of it, so a forgotten close must not keep it up.
        self._close = weakref.finalize(self, stack.close)
        try:
            self._db: Database = stack.enter_context(open_database(settings))
            ensure(self._db)
        except BaseException:
            stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<facedb on {self._db.describe()}{'' if self._close.alive else ', closed'}>"

    def close(self) -> None:
        """Let go of the database; closing twice does nothing."""
        self._close()

    @property
    def dsn(self) -> str:
        """The DSN of the database, for other tools (it may hold a password)."""
        return self._open().dsn

    def _open(self) -> Database:
        if not self._close.alive:
            raise UsageError("This connection is closed: call facedb.connect() again.")
        return self._db

    # Work ----------------------------------------------------------------------------------------------------------

    def check(
        self,
        folder: PathLike,
        *,
        model: PathLike,
        detector: PathLike | None = None,
        threshold: Threshold = THRESHOLD,
        fmr: float | None = None,
        dataset: str | None = None,
        source_format: str = "auto",
        preset: str | None = None,
        faces: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        provider: str = "auto",
        engine: str = "auto",
        threads: int | None = None,
        full: bool = False,
    ) -> CheckSummary:
        """Ingest ``folder``, embed what is new, scan, find: the main job. Run it again after a change, a crash or Ctrl-C.

        ``model`` and ``detector`` are .onnx files or names of known models; without a detector the images are faces already.
        ``threshold`` is a cosine similarity, or "auto"; ``fmr`` a false match rate that chooses it.
        """
        from facedb.check import check

        choice = self._choice(model, detector, preset, faces, overrides, provider)
        options = self._options(threshold, fmr, engine=engine, threads=threads, full=full)
        return check(
            self._open(), Path(folder), choice, options, dataset=dataset, source_format=source_format, reporter=self._reporter
        )  # fmt: skip

    def ingest(
        self,
        source: PathLike,
        *,
        dataset: str | None = None,
        source_format: str = "auto",
        contract: str | None = None,
        prune: bool = False,
    ) -> IngestSummary:
        """Bring a folder, list, table or container into a dataset; ``contract`` names the model of ready-made vectors."""
        from facedb.dataset.ingest import ingest

        return ingest(
            self._open(), Path(source), dataset=dataset, source_format=source_format, contract=contract, prune=prune,
            reporter=self._reporter,
        )  # fmt: skip

    def embed(
        self,
        *,
        model: PathLike,
        detector: PathLike | None = None,
        dataset: str | None = None,
        preset: str | None = None,
        faces: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        provider: str = "auto",
        threads: int | None = None,
    ) -> EmbedSummary:
        """Embed every image that the model has not seen yet."""
        from facedb.dataset.embed import embed

        choice = self._choice(model, detector, preset, faces, overrides, provider)
        return embed(self._open(), choice, dataset=dataset, threads=threads, reporter=self._reporter)

    def scan(
        self,
        *,
        threshold: Threshold = THRESHOLD,
        fmr: float | None = None,
        datasets: Sequence[str] = (),
        model: str | None = None,
        engine: str = "auto",
        threads: int | None = None,
        full: bool = False,
    ) -> ScanSummary:
        """Compare every face with every other, within and across ``datasets`` (default: all), under ``model`` (the one used last)."""
        from facedb.scan.run import scan

        options = self._options(
            threshold, fmr, engine=engine, threads=threads, full=full, datasets=tuple(datasets), model=model
        )
        return scan(self._open(), options, reporter=self._reporter)

    def _options(self, threshold: Threshold, fmr: float | None, **more: Any) -> ScanOptions:
        from facedb.scan.run import ScanOptions
        from facedb.scan.thresholds import ThresholdRule

        chosen = ThresholdRule(fmr) if fmr is not None or threshold == "auto" else float(threshold)
        return ScanOptions(threshold=chosen, cache_dir=self._settings.cache, models_dir=self._settings.models, **more)

    def _choice(
        self,
        model: PathLike,
        detector: PathLike | None,
        preset: str | None,
        faces: str | None,
        overrides: Mapping[str, Any] | None,
        provider: str,
    ) -> ModelChoice:
        from facedb.dataset.embed import ModelChoice
        from facedb.dataset.models import find_file

        models = self._settings.models
        return ModelChoice(
            weights=find_file(os.fspath(model), models),
            detector=None if detector is None else find_file(os.fspath(detector), models),
            preset=preset, faces=faces, overrides=dict(overrides or {}), provider=provider,
        )  # fmt: skip

    # Results -------------------------------------------------------------------------------------------------------

    def findings(
        self,
        *,
        scan: int | None = None,
        kind: str | None = None,
        min_confidence: float | None = None,
        dataset: str | None = None,
        open_only: bool = False,
        denied: bool = False,
        limit: int | None = None,
    ) -> Rows[Finding]:
        """What looks wrong, the most certain first. Default: the newest scan.

        ``open_only`` leaves out what somebody has decided; ``denied`` adds what a person said is not so.
        """
        from facedb.scan import findings

        selection = findings.FindingSelection(scan, kind, min_confidence, dataset, open_only, denied, limit)
        with findings.findings(self._open(), selection) as rows:
            return _rows(findings.FINDING_COLUMNS, Finding, rows)

    def links(
        self,
        *,
        scan: int | None = None,
        min_score: float | None = None,
        dataset: str | None = None,
        limit: int | None = None,
        rejected: bool = False,
    ) -> Rows[Link]:
        """Links between identities, strongest first; ``rejected``: also those that a person called different."""
        from facedb.report import results

        with results.links(self._open(), results.Selection(scan, min_score, dataset, limit, rejected)) as rows:
            return _rows(results.LINK_COLUMNS, Link, rows)

    def pairs(
        self,
        *,
        scan: int | None = None,
        min_score: float | None = None,
        dataset: str | None = None,
        limit: int | None = None,
    ) -> Rows[Pair]:
        """Flagged pairs of faces, highest score first."""
        from facedb.report import results

        with results.pairs(self._open(), results.Selection(scan, min_score, dataset, limit)) as rows:
            return _rows(results.PAIR_COLUMNS, Pair, rows)

    def embeddings(
        self, identity: str | None = None, *, model: str | None = None, dataset: str | None = None
    ) -> Embeddings:
        """The embeddings of an identity (``name`` or ``dataset/name``; default: of all) under a model (the one used last)."""
        from facedb.report.embeddings import load_embeddings
        from facedb.review.verdicts import find_identity

        db = self._open()
        with closing(db.open()) as conn, translated(db.dsn):
            key = None if identity is None else find_identity(conn, identity, dataset)
            found = load_embeddings(
                db, conn, model=model, dataset=None if key is not None else dataset, identity_id=key, reporter=self._reporter
            )  # fmt: skip
        found.vectors.flags.writeable = found.norms.flags.writeable = False
        return Embeddings(found.model, found.paths, found.identities, found.ordinals, found.norms, found.vectors)

    # Decisions -----------------------------------------------------------------------------------------------------

    def say(
        self,
        kind: Literal["link", "pair", "face"],
        a: str,
        verdict: str,
        b: str | None = None,
        *,
        target: str | None = None,
        note: str | None = None,
        by: str | None = None,
        dataset: str | None = None,
    ) -> int:
        """Write a verdict on two identities, two images, or one image and its label; returns its key. See `facedb verdict`."""
        from facedb.review import verdicts

        statement = verdicts.Statement(kind, a, verdict, b, target, note, by)
        return verdicts.say(self._open(), [statement], dataset=dataset)[0]

    def plan(self, *, dataset: str | None = None, auto: bool = False) -> PlanView:
        """Turn verdicts (``auto``: and certain findings) into a plan of steps; touches no file."""
        from facedb.review.plan import make_plan

        return make_plan(self._open(), dataset=dataset, auto=auto)

    def apply(self, plan: int, *, yes: bool = False, labels_only: bool = False) -> Outcome:
        """Carry a plan out; without ``yes`` everything is checked and nothing is changed."""
        from facedb.review.apply import apply

        return apply(self._open(), plan, yes=yes, labels_only=labels_only, reporter=self._reporter)

    def undo(self, plan: int, *, yes: bool = False) -> Outcome:
        """Take back what a plan did; without ``yes`` everything is checked and nothing is changed."""
        from facedb.review.apply import undo

        return undo(self._open(), plan, yes=yes, reporter=self._reporter)

    def export(self, what: str, path: PathLike, *, form: str | None = None, **options: Any) -> Exported:
        """Write ``what`` (list, merge-map, links, pairs, findings, embeddings, rec) to a file; see `facedb export`.

        ``options`` are those of `facedb.report.export.ExportOptions`.
        """
        from facedb.report.export import ExportOptions, export

        chosen = ExportOptions(**options)
        return export(self._open(), what, Path(path), form=form, options=chosen, reporter=self._reporter)


def _rows(columns: Sequence[str], kind: Callable[..., RowT], rows: Iterable[Sequence[Any]]) -> Rows[RowT]:
    return Rows(tuple(columns), tuple(kind(*(tuple(v) if isinstance(v, list) else v for v in row)) for row in rows))
