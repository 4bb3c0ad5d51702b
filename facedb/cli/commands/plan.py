"""`facedb plan`, `plans`, `apply` and `undo`: from verdicts to files, shown first and taken back at will."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli.context import DatasetOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.counting import counted
from facedb.core.row_schema import table

if TYPE_CHECKING:
    from facedb.core.progress import Reporter
    from facedb.review.files.carrying import Outcome
    from facedb.review.plans.plan import PlanView

_NUMBER = "Number of the plan, as `facedb plan` prints it; default: "
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it; without this it is only checked and shown.")]

# Of a plan where the terminal is narrow.
_STEPS = ("step", "action", "path", "path_to", "state")


def plan(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
    dataset: DatasetOption = None,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto", help="Also include what certain findings (confidence 0.95 or more) call for, without a verdict."
        ),
    ] = False,
    everybody: Annotated[
        bool, typer.Option("--all", help="Show the steps that name people who were hidden from review, too.")
    ] = False,
    show: Annotated[int | None, typer.Option("--show", help="Print this plan again instead of making one.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who makes it; default: the user of this session.")] = None,
) -> None:
    """Turn verdicts into steps: merge, move, quarantine, drop. Prints them and touches no file."""
    from facedb.review.plans import plan as planning

    reporter = state_of(ctx).reporter
    with database(ctx) as db:
        view = (
            planning.show_plan(db, show)
            if show is not None
            else planning.make_plan(db, dataset=dataset, auto=auto, by=by, hidden=everybody)
        )
    _print(view, output, raw, reporter, hidden=everybody)
    for remark in view.remarks:
        reporter.say(remark)
    if not view.steps:
        reporter.say(planning.NOTHING_TO_DO)
    elif view.plan.state == "proposed":
        how = "--yes" if view.has_files else "--labels-only --yes"
        reporter.say(
            f"This is plan {view.plan.id}, {counted(len(view.steps), 'step')}. Do it with: facedb apply {view.plan.id} {how}"
        )


def plans(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    prune: Annotated[
        int | None,
        typer.Option(
            "--prune",
            min=0,
            help="Remove plans that were never begun, or were undone, but keep this many of the newest; with --yes.",
        ),
    ] = None,
    yes: YesOption = False,
    raw: RawOption = False,
) -> None:
    """Print the plans, newest first, and how far each has been carried out."""
    from facedb.review.plans import plan as planning

    if prune is not None:
        with database(ctx) as db:
            old = planning.prune(db, prune, yes=yes)
        numbers = f" ({', '.join(map(str, old))})" if old else ""
        how = "" if yes or not old else f"; do it with: facedb plans --prune {prune} --yes"
        state_of(ctx).reporter.say(f"{'Removed' if yes else 'Would remove'} {counted(len(old), 'plan')}{numbers}{how}.")
        return
    with database(ctx) as db:
        emit(
            table(planning.PlanSummary),
            planning.plans(db),
            output,
            raw=raw,
            narrow=("plan_id", "state", "steps", "done", "created_by", "created_at"),
        )


def apply(
    ctx: typer.Context,
    plan_id: Annotated[
        int | None,
        typer.Argument(help=_NUMBER + "the one that was begun, or the newest if it is new.", show_default=False),
    ] = None,
    yes: YesOption = False,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Change labels in the database and leave the files alone.")
    ] = False,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Carry a plan out. Nothing is overwritten or deleted; after a crash the same command goes on, `undo` takes it back."""
    from facedb.review.files import apply as applying

    reporter = state_of(ctx).reporter
    with database(ctx) as db:
        done = applying.apply(db, plan_id, yes=yes, labels_only=labels_only, reporter=reporter)
    command = f"apply {done.plan.id} --labels-only" if labels_only else f"apply {done.plan.id}"
    _show(done, output, raw, reporter, command, "done" if yes else "to do")


def undo(
    ctx: typer.Context,
    plan_id: Annotated[int | None, typer.Argument(help=_NUMBER + "the one applied last.", show_default=False)] = None,
    yes: YesOption = False,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Take back what a plan did, file by file, to the last byte."""
    from facedb.review.files import apply as applying

    reporter = state_of(ctx).reporter
    with database(ctx) as db:
        done = applying.undo(db, plan_id, yes=yes, reporter=reporter)
    _show(done, output, raw, reporter, f"undo {done.plan.id}", "undone" if yes else "to undo")


def _show(done: Outcome, output: Format, raw: bool, reporter: Reporter, command: str, what: str) -> None:
    from facedb.review.plans.plan import PlanView

    _print(PlanView(done.plan, done.steps), output, raw, reporter)
    reporter.say(f"Plan {done.plan.id}: {done.changed:,} of {counted(len(done.steps), 'step')} {what}.")
    if done.dry:
        reporter.say(f"Everything was checked and nothing was changed. Do it with: facedb {command} --yes")


def _print(view: PlanView, output: Format, raw: bool, reporter: Reporter, *, hidden: bool = False) -> None:
    from facedb.review.plans.plan import PlannedStep

    emit(table(PlannedStep), view.rows(hidden=hidden), output, raw=raw, narrow=_STEPS)
    for remark in () if hidden else view.not_shown():
        reporter.say(remark)
