"""Reading: findings, links, pairs, embeddings and what else was found, as frozen rows."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from facedb.api.opened import Opened, PathLike
from facedb.core.defaults import TOP
from facedb.core.errors import UsageError
from facedb.core.row_schema import table
from facedb.db.connection import translated
from facedb.report.embeddings import Embeddings
from facedb.report.python_results import Rows
from facedb.report.result_columns import Dataset, Identity, Link, Pair, Reject, Scan
from facedb.scan.findings.ranked import Finding

if TYPE_CHECKING:
    from facedb.report.comparison.diff import PairDifference
    from facedb.report.comparison.diff_links import LinkChange
    from facedb.report.evaluation import Evaluation
    from facedb.scan.scores.calibrate import ErrorRates
    from facedb.scan.search import Match


class Results(Opened):
    """What was found."""

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
        """What looks wrong, the likeliest first. Default: the newest scan.

        ``open_only`` leaves out what somebody has decided; ``denied`` adds what a person answered so that nothing is left to do,
        and what names people who were hidden from review.
        """
        from facedb.scan.findings import ranked

        selection = ranked.FindingSelection(
            scan, kind, min_confidence, dataset, open_only, denied=denied, hidden=denied, limit=limit
        )
        with ranked.findings(self._open(), selection) as rows:
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
        from facedb.report import reading

        with reading.links(self._open(), reading.Selection(scan, min_score, dataset, limit, rejected)) as rows:
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
        from facedb.report import reading

        with reading.pairs(self._open(), reading.Selection(scan, min_score, dataset, limit)) as rows:
            return Rows(table(Pair), rows)

    def embeddings(
        self, identity: str | None = None, *, model: str | None = None, dataset: str | None = None
    ) -> Embeddings:
        """The embeddings of an identity (``name`` or ``dataset/name``; default: all) under a model (default: the one used last)."""
        from facedb.report.embeddings import load_embeddings
        from facedb.review.people import find_identity

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
        """Every file that did not become a face, and why; ``ignored``: also those that were never meant to be faces."""
        from facedb.report import reading

        with reading.rejects(self._open(), dataset=dataset, code=code, ignored=ignored, limit=limit) as rows:
            return Rows(table(Reject), rows)

    def datasets(self) -> Rows[Dataset]:
        """The datasets and the state of their files."""
        from facedb.report import reading

        return Rows(table(Dataset), reading.datasets(self._open()))

    def identities(self, *, dataset: str | None = None, limit: int | None = None) -> Rows[Identity]:
        """The identities with their images, faces, links and findings, by dataset and name."""
        from facedb.report import reading

        with reading.identities(self._open(), dataset=dataset, limit=limit) as rows:
            return Rows(table(Identity), rows)

    def scans(self) -> Rows[Scan]:
        """The scans, newest first."""
        from facedb.report import reading

        return Rows(table(Scan), reading.scans(self._open()))

    def diff(
        self, before: int, after: int, *, pairs: bool = False, change: str | None = None, limit: int | None = None
    ) -> Rows[LinkChange] | Rows[PairDifference]:
        """What scan ``after`` flagged differently from ``before``: links, or ``pairs``; ``change``: only new, gone or changed."""
        from facedb.report.comparison import diff as comparing
        from facedb.report.comparison.diff_links import LinkChange

        comparing.check_change(change)
        with comparing.diff(self._open(), before, after) as found:
            rows = islice(comparing.rows(found, pairs=pairs, change=change), limit)
            if pairs:
                return Rows(table(comparing.PairDifference), rows)
            return Rows(table(LinkChange), rows)

    def search(
        self,
        image: PathLike,
        *,
        top: int = TOP,
        dataset: str | None = None,
        min_score: float | None = None,
        model: str | None = None,
        faces: str = "all",
        approximate: bool = False,
    ) -> Rows[Match]:
        """The ``top`` faces of the gallery, or of one ``dataset``, most like each face of a photo; ``faces``: which of its faces (all,
        largest, …)."""
        from facedb.scan import search as work

        if top < 1:
            raise UsageError(f"A search gives at least one face, not {top}.")
        found = work.search(
            self._open(),
            Path(image),
            model_name=model,
            dataset=dataset,
            top=top,
            min_score=min_score,
            approximate=approximate,
            faces=faces,
            reporter=self._reporter,
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
        from facedb.scan.scores import calibrate as work
        from facedb.scan.scores.thresholds import ThresholdRule

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
        """How well mistakes are found: planted ones (``inject``, in memory), or those of a csv that people made (``truth``). With both,
        the csv tells what was wrong before anything was planted."""
        from facedb.report import evaluate as work

        return work.evaluate(
            self._open(),
            planted=inject,
            seed=seed,
            listed=None if truth is None else Path(truth),
            scan=scan,
            dataset=dataset,
            engine=engine,
            threads=threads,
            cache_dir=self._settings.cache,
            reporter=self._reporter,
        )
