"""`facedb links`, `pairs`, `rejects`, `datasets` and `scans`: rows for people and tools."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from facedb.cli.context import DatasetOption, LimitOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.counting import are, counted
from facedb.core.row_schema import ad_hoc, table

ScanOption = Annotated[int | None, typer.Option("--scan", help="Number of the scan; default: the newest finished one.")]
MinScoreOption = Annotated[float | None, typer.Option("--min-score", help="Only rows whose score reaches this.")]


def links(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
    limit: LimitOption = None,
    min_score: MinScoreOption = None,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
    rejected: Annotated[bool, typer.Option("--all", help="Also links that a person called different.")] = False,
) -> None:
    """Print the links between identities, strongest first; what a person called different is left out."""
    from facedb.report import reading, result_columns

    with database(ctx) as db:
        selection = reading.Selection(scan, min_score, dataset, limit, rejected)
        with reading.links(db, selection) as rows:
            emit(
                table(result_columns.Link),
                rows,
                output,
                raw=raw,
                narrow=("rank", "identity_a", "identity_b", "pairs", "coverage_a", "coverage_b", "max_score"),
            )
        for line in reading.remarks_on_links(db, selection):
            state_of(ctx).reporter.say(line)


def pairs(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
    limit: LimitOption = None,
    min_score: MinScoreOption = None,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
) -> None:
    """Print the flagged pairs of faces, highest score first."""
    from facedb.report import reading, result_columns

    with database(ctx) as db, reading.pairs(db, reading.Selection(scan, min_score, dataset, limit)) as rows:
        emit(table(result_columns.Pair), rows, output, raw=raw, narrow=("path_a", "path_b", "score"))


class FaceRole(StrEnum):
    """What a face of a photo with several was to a scan."""

    PART = "part"
    NONE_FITS = "none fits"
    BYSTANDER = "bystander"
    AGAIN = "again"


def faces(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    limit: LimitOption = None,
    role: Annotated[
        FaceRole | None,
        typer.Option("--role", metavar="ROLE", help="Only faces in this role: part, 'none fits', bystander or again."),
    ] = None,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
) -> None:
    """Print the faces of photos that show several: which one took part, who the bystanders are, and whom a photo also shows."""
    from facedb.report import reading, result_columns

    with (
        database(ctx) as db,
        reading.faces(db, scan=scan, dataset=dataset, role=None if role is None else role.value, limit=limit) as rows,
    ):
        emit(
            table(result_columns.PhotoFace),
            rows,
            output,
            narrow=("path", "role", "fit", "also_shows"),
        )


def rejects(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
    limit: LimitOption = None,
    dataset: DatasetOption = None,
    code: Annotated[str | None, typer.Option("--code", help="Only this code, such as no_face.")] = None,
    ignored: Annotated[bool, typer.Option("--ignored", help="Also files that were never meant to be faces.")] = False,
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Make files that models rejected pending again; the next embed retries them."),
    ] = False,
) -> None:
    """Print every file that did not become a face, and why."""
    from facedb.report import reading, result_columns

    if retry:
        with database(ctx) as db:
            count = reading.retry_rejects(db, dataset=dataset, code=code)
        state_of(ctx).reporter.say(f"{are(count, 'reject')} pending again; `facedb embed` (or `check`) retries them.")
        return
    with database(ctx) as db, reading.rejects(db, dataset=dataset, code=code, ignored=ignored, limit=limit) as rows:
        emit(table(result_columns.Reject), rows, output, raw=raw, narrow=("path", "code", "detail"))


def datasets(ctx: typer.Context, output: FormatOption = Format.TABLE, raw: RawOption = False) -> None:
    """Print the datasets and how their files stand."""
    from facedb.report import reading, result_columns

    with database(ctx) as db:
        emit(
            table(result_columns.Dataset),
            reading.datasets(db),
            output,
            raw=raw,
            narrow=("dataset", "files", "embedded", "rejected", "pending", "identities"),
        )


def identities(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
    limit: LimitOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Print the identities with their images, and what the newest scan says of them."""
    from facedb.report import reading, result_columns

    with database(ctx) as db, reading.identities(db, dataset=dataset, limit=limit) as rows:
        emit(table(result_columns.Identity), rows, output, raw=raw)


def scans(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    prune: Annotated[
        int | None,
        typer.Option(
            "--prune", min=1, help="Remove all finished scans of each gallery but this many of the newest; with --yes."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove them; without this they are only listed.")] = False,
    raw: RawOption = False,
) -> None:
    """Print the scans, newest first.

    Old ones end by themselves: after a finished scan the 5 newest of its gallery stay (keep_scans in facedb.toml, 0: all), and
    those on which a verdict, a plan or an evaluation rests.
    """
    from facedb.report import reading, result_columns

    if prune is not None:
        _prune_scans(ctx, prune, yes, output)
        return
    with database(ctx) as db:
        emit(
            table(result_columns.Scan),
            reading.scans(db),
            output,
            raw=raw,
            narrow=("scan_id", "status", "threshold", "faces", "pairs", "links", "dataset"),
        )


def _prune_scans(ctx: typer.Context, keep: int, yes: bool, output: Format) -> None:
    from facedb.scan import retention

    with database(ctx) as db:
        with db.connection() as conn:
            found = retention.scans(conn, keep)
        done = retention.prune(db, keep, yes=yes)
    gone = set(done.scans)
    columns = ad_hoc({"scan_id": int, "status": str, "bytes": int, "result": str})
    word = "removed" if yes else "would be removed"
    emit(
        columns,
        [(s.scan_id, s.status, s.bytes, word if s.scan_id in gone else f"stays: {s.reason}") for s in found],
        output,
    )
    count = f"{len(gone):,} of {counted(len(found), 'scan')} ({done.bytes / 1e6:,.1f} MB of pairs)"
    if yes:
        state_of(ctx).reporter.say(f"Removed {count}.")
    elif gone:
        state_of(ctx).reporter.say(f"Would remove {count}; do it with: facedb scans --prune {keep} --yes")
