"""`facedb bench embed`: the embedding bench with the database as its writing leg."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from facedb.bench.database import scratch
from facedb.bench.embedding import EmbedBench, EmbedSetup, bench_embed
from facedb.core.errors import InputError
from facedb.core.progress import Reporter, Silent
from facedb.core.records import ImageRecord, ImageResult
from facedb.dataset import embedding_rows
from facedb.dataset.embed import ModelChoice, open_embedder, register
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.sources.registry import open_source


def run(
    db: Database, folder: Path, choice: ModelChoice, *, threads: int | None, repeat: int, reporter: Reporter
) -> EmbedBench:
    """Time embedding of the images in ``folder``, writing into a scratch database that is dropped afterwards."""
    source = open_source(folder)
    files = [
        source.root / record.path
        for record in source.records()
        if isinstance(record, ImageRecord) and not record.ignored and not record.problem and record.container is None
    ]
    if not files:
        raise InputError(f"There is no image in {folder}: give a folder that holds some.")
    with open_embedder(choice, reporter, threads=threads) as embedder:
        contract = embedder.contract
        setup = EmbedSetup(choice.weights, contract, choice.detector, embedder.threads, contract.provider)
    with scratch(db) as inner:
        ingest(inner, folder, dataset="bench", reporter=Silent())
        with closing(inner.open()) as conn:
            model = register(conn, contract, choice)
            conn.commit()
            images = [row[0] for row in conn.execute("select id from facedb.image where status = 'ready' order by id")]

            def write(results: Sequence[ImageResult]) -> None:
                embedding_rows.write_results(conn, model, [_as_image(r, images) for r in results])
                # Images taken several times would meet their own rows, so nothing is kept.
                conn.rollback()

            return bench_embed(files, setup, repeat=repeat, write=write)


def _as_image(result: ImageResult, images: Sequence[int]) -> ImageResult:
    return ImageResult(images[result.image_id % len(images)], result.facts, result.faces, result.problem)
