"""facedb in Python: what the command line does, with results as frozen objects that become Arrow tables and data frames.

`facedb.connect()` gives a `FaceDB`. Its methods raise the errors of `facedb.core.errors`, whose messages say what to do.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from facedb.core.choices import one_of
from facedb.core.errors import UsageError
from facedb.core.progress import Reporter, Silent
from facedb.core.result_columns import table
from facedb.core.settings import load_settings
from facedb.db.connection import Database, translated
from facedb.db.connection import connect as open_database
from facedb.db.migrate import ensure
from facedb.report.embeddings import Embeddings
from facedb.report.python_results import Rows
from facedb.report.result_rows import Dataset, Identity, Link, Pair, Reject, Scan
from facedb.scan.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

    from facedb.check import CheckSummary
    from facedb.core.settings import Settings
    from facedb.dataset.embed import EmbedSummary, ModelChoice
    from facedb.dataset.ingest import IngestSummary
    from facedb.dataset.remembered_options import Asked
    from facedb.report.diff import LinkChange, PairDifference
    from facedb.report.evaluate import Evaluation
    from facedb.report.export import Exported
    from facedb.review.answers import Answered
    from facedb.review.apply import Outcome
    from facedb.review.plan import PlanSummary, PlanView
    from facedb.review.verdicts import Contradiction, Statement, Verdict
    from facedb.scan.calibrate import ErrorRates
    from facedb.scan.run import ScanOptions, ScanSummary
    from facedb.scan.search import Match

__all__ = [
    "Dataset",
    "Embeddings",
    "FaceDB",
    "Finding",
    "Identity",
    "Link",
    "Pair",
    "Reject",
    "Rows",
    "Scan",
    "connect",
]

PathLike = str | os.PathLike[str]
Threshold = float | Literal["auto"]


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
        model: PathLike | None = None,
        detector: PathLike | None = None,
        threshold: Threshold | None = None,
        fmr: float | None = None,
        dataset: str | None = None,
        source_format: str = "auto",
        exclude: Sequence[str] = (),
        preset: str | None = None,
        faces: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        provider: str = "auto",
        max_pixels: int | None = None,
        engine: str = "auto",
        threads: int | None = None,
        full: bool = False,
    ) -> CheckSummary:
        """Ingest ``folder``, embed what is new, scan, find: the main job. Run it again after a change, a crash or Ctrl-C.

        ``model`` and ``detector`` are .onnx files or names of known models, a pack of InsightFace names both; without a model the
        one that the dataset had before is taken, and the detector with it (detector="none": the images are faces already).
        ``threshold`` is a cosine similarity, or "auto"; ``fmr`` a false match rate that chooses it. ``exclude`` are globs of
        what is left out, as --exclude takes them.
        """
        from facedb.check import check

        choice = self._choice(
            model, detector, preset, faces, overrides, provider, max_pixels, dataset=dataset, source=Path(folder)
        )
        options = self._options(threshold, fmr, engine=engine, threads=threads, full=full)
        return check(
            self._open(),
            Path(folder),
            choice,
            options,
            dataset=dataset,
            source_format=source_format,
            source_options={"exclude": tuple(exclude)} if exclude else None,
            reporter=self._reporter,
        )

    def ingest(
        self,
        source: PathLike,
        *,
        dataset: str | None = None,
        source_format: str = "auto",
        contract: str | None = None,
        prune: bool = False,
        options: Asked = None,
        moved_from: PathLike | None = None,
        allow_empty: bool = False,
    ) -> IngestSummary:
        """Bring a folder, list, table or container into a dataset; ``contract`` names the model of ready-made vectors.

        ``options`` are those of `facedb ingest` by name, such as ``{"identity_from": "parent"}``; a later ingest and check
        repeat them. ``moved_from`` is where the source was before.
        """
        from facedb.dataset.ingest import ingest

        return ingest(
            self._open(),
            Path(source),
            dataset=dataset,
            source_format=source_format,
            contract=contract,
            prune=prune,
            options=options,
            moved_from=None if moved_from is None else os.fspath(moved_from),
            allow_empty=allow_empty,
            reporter=self._reporter,
        )

    def embed(
        self,
        *,
        model: PathLike | None = None,
        detector: PathLike | None = None,
        dataset: str | None = None,
        preset: str | None = None,
        faces: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        provider: str = "auto",
        max_pixels: int | None = None,
        threads: int | None = None,
    ) -> EmbedSummary:
        """Embed every image that the model has not seen yet."""
        from facedb.dataset.embed import embed

        choice = self._choice(model, detector, preset, faces, overrides, provider, max_pixels, dataset=dataset)
        return embed(self._open(), choice, dataset=dataset, threads=threads, reporter=self._reporter)

    def scan(
        self,
        *,
        threshold: Threshold | None = None,
        fmr: float | None = None,
        datasets: Sequence[str] = (),
        model: str | None = None,
        unlabelled: bool | None = None,
        engine: str = "auto",
        threads: int | None = None,
        full: bool = False,
    ) -> ScanSummary:
        """Compare every face with every other, within and across ``datasets`` (default: all), under ``model`` (the one used last).

        ``unlabelled``: the faces without a label, of which duplicates are told; None: those, where nothing has a label.
        """
        from facedb.scan.run import scan

        options = self._options(
            threshold,
            fmr,
            engine=engine,
            threads=threads,
            full=full,
            datasets=tuple(datasets),
            model=model,
            unlabelled=unlabelled,
        )
        return scan(self._open(), options, reporter=self._reporter)

    def _options(self, threshold: Threshold | None, fmr: float | None, **more: Any) -> ScanOptions:
        from facedb.scan.run import ScanOptions
        from facedb.scan.thresholds import ThresholdRule

        chosen: float | ThresholdRule | None = None
        if fmr is not None or threshold == "auto":
            chosen = ThresholdRule(fmr)
        elif threshold is not None:
            chosen = float(threshold)
        return ScanOptions(
            threshold=chosen,
            cache_dir=self._settings.cache,
            models_dir=self._settings.models,
            keep_scans=self._settings.keep_scans,
            **more,
        )

    def _choice(
        self,
        model: PathLike | None,
        detector: PathLike | None,
        preset: str | None,
        faces: str | None,
        overrides: Mapping[str, Any] | None,
        provider: str,
        max_pixels: int | None,
        *,
        dataset: str | None,
        source: Path | None = None,
    ) -> ModelChoice:
        from facedb.dataset.model_options import ModelOptions, choose

        options = ModelOptions(
            model=None if model is None else os.fspath(model),
            detector=None if detector is None else os.fspath(detector),
            preset=preset,
            faces=faces,
            overrides=dict(overrides or {}),
            provider=provider,
            max_pixels=max_pixels or self._settings.max_pixels,
        )
        return choose(
            self._open(), options, self._settings.models, dataset=dataset, source=source, reporter=self._reporter
        )

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
            return Rows(table(Finding), rows)

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
        from facedb.report import reading as results

        with results.links(self._open(), results.Selection(scan, min_score, dataset, limit, rejected)) as rows:
            return Rows(table(Link), rows)

    def pairs(
        self,
        *,
        scan: int | None = None,
        min_score: float | None = None,
        dataset: str | None = None,
        limit: int | None = None,
    ) -> Rows[Pair]:
        """Flagged pairs of faces, highest score first."""
        from facedb.report import reading as results

        with results.pairs(self._open(), results.Selection(scan, min_score, dataset, limit)) as rows:
            return Rows(table(Pair), rows)

    def embeddings(
        self, identity: str | None = None, *, model: str | None = None, dataset: str | None = None
    ) -> Embeddings:
        """The embeddings of an identity (``name`` or ``dataset/name``; default: of all) under a model (the one used last)."""
        from facedb.report.embeddings import load_embeddings
        from facedb.review.verdicts import find_identity

        db = self._open()
        with closing(db.open()) as conn, translated(db.dsn):
            key = None if identity is None else find_identity(conn, identity, dataset)
            return load_embeddings(
                db,
                conn,
                model=model,
                dataset=None if key is not None else dataset,
                identity_id=key,
                reporter=self._reporter,
            )

    def rejects(
        self, *, dataset: str | None = None, code: str | None = None, ignored: bool = False, limit: int | None = None
    ) -> Rows[Reject]:
        """Every file that did not become a face, and why; ``ignored``: also those that were never meant to."""
        from facedb.report import reading as results

        with results.rejects(self._open(), dataset=dataset, code=code, ignored=ignored, limit=limit) as rows:
            return Rows(table(Reject), rows)

    def datasets(self) -> Rows[Dataset]:
        """The datasets and how their files stand."""
        from facedb.report import reading as results

        return Rows(table(Dataset), results.datasets(self._open()))

    def identities(self, *, dataset: str | None = None, limit: int | None = None) -> Rows[Identity]:
        """The identities with their images, faces, links and findings, by dataset and name."""
        from facedb.report import reading as results

        with results.identities(self._open(), dataset=dataset, limit=limit) as rows:
            return Rows(table(Identity), rows)

    def scans(self) -> Rows[Scan]:
        """The scans, newest first."""
        from facedb.report import reading as results

        return Rows(table(Scan), results.scans(self._open()))

    def diff(
        self, before: int, after: int, *, pairs: bool = False, change: str | None = None, limit: int | None = None
    ) -> Rows[LinkChange] | Rows[PairDifference]:
        """What scan ``after`` flagged differently from ``before``: links, or ``pairs``; ``change``: only new, gone or changed."""
        from facedb.report import diff as comparing

        comparing.check_change(change)
        found = islice(comparing.rows(comparing.diff(self._open(), before, after), pairs=pairs, change=change), limit)
        if pairs:
            return Rows(table(comparing.PairDifference), found)
        return Rows(table(comparing.LinkChange), found)

    def search(
        self,
        image: PathLike,
        *,
        top: int = 20,
        min_score: float | None = None,
        model: str | None = None,
        faces: str = "all",
        approximate: bool = False,
    ) -> Rows[Match]:
        """The ``top`` faces of the gallery most like each face of a photo; ``faces``: which of its faces (all, largest, …)."""
        from facedb.scan import search as work

        if top < 1:
            raise UsageError(f"A search gives at least one face, not {top}.")
        found = work.search(
            self._open(),
            Path(image),
            model_name=model,
            top=top,
            min_score=min_score,
            approximate=approximate,
            faces=faces,
        )
        return Rows(table(work.Match), found)

    def calibrate(
        self,
        *,
        threshold: float | None = None,
        fmr: float | None = None,
        scan: int | None = None,
        dataset: str | None = None,
        model: str | None = None,
        sample: bool = False,
    ) -> Rows[ErrorRates]:
        """Error rates at thresholds: at the two lines (review and certain), round rates, ``threshold`` and ``fmr``.

        From the newest scan, from ``scan``, or with ``sample`` from a sample of the gallery under ``model``.
        """
        from facedb.scan import calibrate as work
        from facedb.scan.thresholds import ThresholdRule

        if fmr is not None:
            ThresholdRule(fmr)
        found = work.calibrate(
            self._open(), scan=scan, dataset=dataset, model=model, sample=sample, reporter=self._reporter
        )
        return Rows(table(work.ErrorRates), found.rows(threshold, fmr), found.remarks(fmr))

    def evaluate(
        self,
        *,
        inject: str | None = None,
        seed: int = 7,
        truth: PathLike | None = None,
        scan: int | None = None,
        dataset: str | None = None,
        engine: str = "auto",
        threads: int | None = None,
    ) -> Evaluation:
        """How well mistakes are found: planted ones (``inject``, in memory), or those of a csv that people made (``truth``)."""
        from facedb.report import evaluate as work

        if truth is not None and inject is not None:
            raise UsageError("Give inject or truth, not both.")
        if truth is not None:
            return work.against_truth(self._open(), Path(truth), scan=scan, dataset=dataset)
        return work.inject(
            self._open(),
            inject or work.DEFAULT_INJECT,
            seed,
            scan=scan,
            dataset=dataset,
            engine=engine,
            threads=threads,
            cache_dir=self._settings.cache,
            reporter=self._reporter,
        )

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

    def answer(
        self,
        findings: int | Iterable[int],
        word: Literal["accept", "reject", "unsure"],
        *,
        to: str | None = None,
        note: str | None = None,
        by: str | None = None,
        scan: int | None = None,
        dataset: str | None = None,
    ) -> list[Answered]:
        """Say whether findings are right, by their ranks; ``to``: whose an accepted stray is. See `facedb verdict finding`."""
        from facedb.review import answers

        ranks = [findings] if isinstance(findings, int) else list(findings)
        given = [answers.Answer(rank, word, to, note, by) for rank in ranks]
        return answers.answer(self._open(), given, scan=scan, dataset=dataset)

    def say_all(
        self,
        statements: PathLike | Iterable[Statement | Mapping[str, Any]] | pd.DataFrame,
        *,
        dataset: str | None = None,
        by: str | None = None,
    ) -> list[int]:
        """Write many verdicts, all of them or none; returns their keys.

        ``statements``: a csv of findings whose column verdict was filled with accept, reject or unsure; or one with the columns
        kind, a, b, verdict and, where wanted, target, note, by; the same as mappings
        or a data frame; or `facedb.review.verdicts.Statement`. ``by`` is who says what names nobody.
        """
        from facedb.review import imports, verdicts

        if isinstance(statements, (str, os.PathLike)):
            return imports.take(self._open(), Path(statements), dataset=dataset, by=by)
        if hasattr(statements, "to_dict"):
            statements = statements.to_dict("records")
        said = [s if isinstance(s, verdicts.Statement) else verdicts.statement_of(s) for s in statements]
        return verdicts.say(self._open(), [replace(s, by=s.by or by) for s in said], dataset=dataset)

    def verdicts(self, *, dataset: str | None = None, kind: str | None = None, history: bool = False) -> Rows[Verdict]:
        """The verdicts that stand, newest first; ``history``: also what something newer replaced."""
        from facedb.review import verdicts

        found = verdicts.listed(self._open(), dataset=dataset, kind=kind, history=history)
        return Rows(table(verdicts.Verdict), found)

    def conflicts(self) -> Rows[Contradiction]:
        """Verdicts that cannot all be true."""
        from facedb.review import verdicts

        found = [conflict.row() for conflict in verdicts.conflicts(self._open())]
        return Rows(table(verdicts.Contradiction), found)

    def plans(self) -> Rows[PlanSummary]:
        """The plans, newest first, and how far they are carried out."""
        from facedb.review import plan

        return Rows(table(plan.PlanSummary), plan.plans(self._open()))

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

        ``options`` are those of `facedb.report.export.ExportOptions`; raises UsageError for others.
        """
        from facedb.report.export import ExportOptions, export

        for name in options:
            one_of("An option of an export", name, [f.name for f in fields(ExportOptions)])
        chosen = ExportOptions(**options)
        return export(self._open(), what, Path(path), form=form, options=chosen, reporter=self._reporter)
