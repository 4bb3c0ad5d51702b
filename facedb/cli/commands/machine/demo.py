"""`facedb demo`: see it work in a minute, on drawings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedb.cli.choices import EngineOption
from facedb.cli.commands.check import print_verdict
from facedb.cli.context import database, settings_from, state_of
from facedb.cli.output import Format, emit
from facedb.core.counting import are
from facedb.core.row_schema import ad_hoc


def demo(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Option(help="Where to draw; default: below facedb's data directory.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=899, help="Another seed draws other people and plants other mistakes.")
    ] = 11,
    engine: EngineOption = "auto",
) -> None:
    """Draw a small dataset of faces, plant mistakes in it, check it and compare what was planted with what was found.

    The faces are drawn and the model was trained on such drawings: this shows the tool at work, not how well a model does
    on photos.
    """
    from facedb.demo.run import demo as run

    settings = settings_from(ctx)
    reporter = state_of(ctx).reporter
    place = folder or settings.home / "demo" / f"seed-{seed}"
    reporter.say("These faces are drawn, and the model was trained on such drawings: a demonstration, not a benchmark.")
    with database(ctx) as db:
        done = run(db, place, settings.cache, seed=seed, engine=engine, reporter=reporter)
        print_verdict(db, done.check)
    found = done.comparison
    typer.echo(f"\nPlanted mistakes, {found.found} of {len(found.mistakes)} found (the drawings are in {place}):\n")
    emit(
        ad_hoc({"planted": str, "what": str, "found": bool, "evidence": str}),
        [(m.mistake.kind.value, m.mistake.what, m.found, m.evidence) for m in found.mistakes],
        Format.TABLE,
    )
    wrong = len(found.false_links)
    typer.echo(
        f"\nOf the flagged pairs {found.true_pairs:,} show one person (of {found.possible_pairs:,} there are) "
        f"and {found.false_pairs:,} show two; {are(wrong, 'link')} {'a false alarm' if wrong == 1 else 'false alarms'}."
    )
