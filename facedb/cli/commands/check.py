"""`facedb check`: the main job."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli import choices
from facedb.cli.context import IntoDatasetOption, database, settings_from, state_of
from facedb.cli.output import sentence
from facedb.core.counting import counted
from facedb.core.files.paths import display
from facedb.core.row_schema import table

if TYPE_CHECKING:
    from facedb.check import CheckSummary
    from facedb.db.connection import Database

_TOP = 10
# Wide enough for the longest name in the verdict.
_NAMES = len("threshold  ")


def check(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of faces: one sub-folder per identity.", show_default=False)],
    model: choices.ModelOption = None,
    detector: choices.DetectorOption = None,
    threshold: choices.ThresholdOption = choices.DEFAULT_THRESHOLD,
    fmr: choices.FmrOption = None,
    dataset: IntoDatasetOption = None,
    preset: choices.PresetOption = None,
    faces: choices.FacesOption = None,
    exclude: choices.ExcludeOption = None,
    identity_from: choices.IdentityFromOption = "top",
    identity_regex: choices.IdentityRegexOption = None,
    overrides: choices.SetOption = None,
    provider: choices.ProviderOption = "auto",
    max_pixels: choices.MaxPixelsOption = None,
    yes: choices.YesOption = False,
    engine: choices.EngineOption = "auto",
    threads: choices.ThreadsOption = None,
    names: choices.NamesOption = True,
    full: Annotated[bool, typer.Option("--full", help="Scan everything again, not only what is new.")] = False,
    moved_from: choices.MovedFromOption = None,
    max_temp: choices.MaxTempOption = None,
    cool_to: choices.CoolToOption = None,
) -> None:
    """Check a folder of faces: ingest, embed, compare every face with every other, and show what looks wrong.

    Run it again after a change, a crash or Ctrl-C: it does only what is left or new.
    """
    from facedb.check import check as run
    from facedb.scan.run import ScanOptions

    settings = settings_from(ctx)
    chosen = choices.model_options(ctx, model, detector, preset, faces, overrides, provider, max_pixels)
    options = ScanOptions(
        threshold=choices.threshold_choice(ctx, threshold, fmr),
        engine=engine,
        threads=threads,
        full=full,
        cache_dir=settings.cache,
        models_dir=settings.models,
        keep_scans=settings.keep_scans,
        names=names,
    )
    with database(ctx) as db:
        reporter = state_of(ctx).reporter
        pause = choices.guard(max_temp, cool_to, reporter)
        choice = choices.model_choice(ctx, db, chosen, dataset=dataset, source=folder, moved_from=moved_from, yes=yes)
        summary = run(
            db,
            folder,
            choice,
            options,
            dataset=dataset,
            source_options=choices.given_options(
                ctx, exclude=exclude, identity_from=identity_from, identity_regex=identity_regex
            ),
            moved_from=moved_from,
            pause=pause,
            reporter=reporter,
        )
        print_verdict(db, summary)


def print_verdict(db: Database, summary: CheckSummary) -> None:
    """Print the verdict of a check on stdout: what went in, what came out, the first findings, where everything is."""
    from facedb.cli.finding_list import ALL_DECIDED, listed
    from facedb.scan.findings.ranked import Finding, FindingSelection, finding_counts, findings, findings_in_words
    from facedb.scan.scores.calibrate import scan_meaning

    taken, embedded, scan = summary.ingest, summary.embed, summary.scan.scan
    rejected = taken.rejected + embedded.rejected
    total = taken.ready + taken.ignored + taken.rejected
    parts = [f"{embedded.images:,} embedded", f"{rejected:,} rejected", f"{taken.ignored:,} ignored"]
    if embedded.pending:
        parts.append(f"{embedded.pending:,} pending")
    vanished = f" (and {taken.vanished:,} vanished)" if taken.vanished else ""
    counts = finding_counts(db, scan.id)
    typer.echo("")
    for name, said in (
        ("dataset", display(taken.dataset)),
        ("files", f"{total:,} = {' + '.join(parts)}{vanished}"),
        (
            "faces",
            f"{embedded.faces:,} of {counted(taken.identities, 'identity', 'identities')}, by {display(embedded.model.name)}",
        ),
        ("compared", f"{counted(scan.comparisons, 'pair')} of faces in {scan.join_seconds:.2f} s by {scan.engine}"),
        (
            "flagged",
            f"{counted(scan.pairs, 'pair')} in {counted(scan.links, 'link')} at a score of {scan.threshold:g} or more",
        ),
        ("threshold", scan_meaning(db, scan.id, scan.threshold, scan.faces)),
        ("findings", findings_in_words(counts)),
    ):
        sentence(f"{name:<{_NAMES}}{said}", _NAMES)
    with findings(db, FindingSelection(scan=scan.id, open=True, limit=_TOP)) as rows:
        first = [table(Finding).row(row) for row in rows]
    if first:
        typer.echo("")
        for line in listed(first, shutil.get_terminal_size((120, 24)).columns):
            typer.echo(line)
    elif counts:
        typer.echo(f"\n{ALL_DECIDED}")
    typer.echo("")
    hints = (
        ["facedb findings"]
        + ([f"facedb show {first[0].rank}"] if first else [])
        + ["facedb report OUT.html"]
        + (["facedb rejects"] if rejected else [])
        + ["facedb db url"]
    )
    sentence(f"Everything is in {db.describe()}, scan {scan.id}. Look closer: {' · '.join(hints)}", 0)
