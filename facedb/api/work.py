"""The steps: check, ingest, embed, scan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedb.api.opened import Opened, PathLike, Threshold

if TYPE_CHECKING:
    from facedb.check import CheckSummary
    from facedb.dataset.embed import EmbedSummary, ModelChoice
    from facedb.dataset.ingest import IngestSummary
    from facedb.dataset.places.remembered_options import Asked
    from facedb.scan.run import ScanOptions, ScanSummary
    from facedb.sources.options import IdentityFrom


class Work(Opened):
    """The steps that bring faces in and compare them."""

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
        identity_from: IdentityFrom | None = None,
        identity_regex: str | None = None,
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
        ``threshold`` is a cosine similarity, "auto", or a budget of pairs ("pairs=1e7"); ``fmr`` a false match rate that chooses it.
        ``exclude`` are globs of what is left out, as --exclude takes them; ``identity_from`` and ``identity_regex`` say where the
        identity is in a path, as for `facedb ingest`, and are remembered.
        """
        from facedb.check import check

        said = {"exclude": tuple(exclude) or None, "identity_from": identity_from, "identity_regex": identity_regex}

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
            source_options={key: value for key, value in said.items() if value is not None},
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
        from facedb.scan.scores.thresholds import ThresholdRule, threshold_in_words

        chosen: float | ThresholdRule | None = None
        if fmr is not None:
            chosen = ThresholdRule(fmr)
        elif threshold is not None:
            chosen = threshold_in_words(threshold) if isinstance(threshold, str) else float(threshold)
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
