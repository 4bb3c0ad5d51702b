"""`facedb doctor`: what works here and what does not."""

from __future__ import annotations

import typer

from facedb.cli.context import settings_from
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.errors import ExitCode
from facedb.core.row_schema import table, texts


def doctor(ctx: typer.Context, output: FormatOption = Format.TABLE) -> None:
    """Look at packages, engines, GPU, sensors, disk and database; exits with 1 when something is broken."""
    from facedb.doctor import Diagnosis, examine

    found = list(examine(settings_from(ctx)))
    if output is Format.TABLE:
        # A terminal has no room for a column of cures, which most lines lack, beside what was found.
        cured = [(d.subject, d.state, f"{d.finding}; cure: {d.cure}" if d.cure else d.finding) for d in found]
        emit(texts("subject", "state", "finding"), cured, output)
    else:
        emit(table(Diagnosis), found, output)
    if any(d.state == "problem" for d in found):
        raise typer.Exit(ExitCode.FAILED)
