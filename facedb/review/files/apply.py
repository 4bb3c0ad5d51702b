"""Apply and undo: carry a plan out on the files and the tables, so that a crash anywhere can be continued or undone.

The files are the journal's witness. Before the first change the folders are noted and the plan is marked as begun; then
each step moves one file and, in one transaction, writes where its image is now and that the step is done. After a crash
the files say how far the step that was under way came, and it is finished from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from facedb.core.errors import ConflictError, InputError, UsageError
from facedb.core.files.paths import display
from facedb.core.machine.disk import is_full, short_of
from facedb.core.progress import Reporter
from facedb.dataset.intake.storable import storable_time
from facedb.dataset.outcomes import count_outcomes
from facedb.dataset.places import source_rows
from facedb.db.connection import Database, translated
from facedb.review import decision_rows
from facedb.review.files import labels
from facedb.review.files.carrying import Carrying, Outcome, refuse
from facedb.review.files.checkpoints import reached
from facedb.review.files.on_disk import check_kept
from facedb.review.files.safe_moves import FolderState, parents
from facedb.review.plans import plan_rows
from facedb.review.plans.plan import plan_meant
from facedb.review.plans.plan_rows import FolderRow, StepRow


def apply(
    db: Database,
    plan_id: int | None = None,
    *,
    yes: bool = False,
    labels_only: bool = False,
    hard_links: bool = True,
    reporter: Reporter,
) -> Outcome:
    """Carry a plan out (None: see `plan_meant`); without ``yes`` check everything and change nothing. A plan that is applied already stays
    as it is.

    One that was undone, or half undone, is carried out again.

    Raises NotFoundError for an unknown plan, UsageError where files cannot be moved (use ``labels_only``), ConflictError
    where a file or label changed since the plan was made, a name is taken, or another process is at work. Nothing is
    touched before every step that is left has been checked.
    """
    plan_id = plan_meant(db, undo=False) if plan_id is None else plan_id
    with closing(db.open()) as conn, translated(db.dsn), Carrying(conn, plan_id, hard_links) as work:
        if work.plan.state == "applied":
            return work.outcome(0, dry=False)
        if work.plan.state in ("undoing", "undone"):
            # Kept only when it is carried out: a dry run is rolled back with its connection.
            work.reopen()
        if work.plan.state == "applying" and bool(work.plan.labels_only) != labels_only:
            how = "with" if work.plan.labels_only else "without"
            raise UsageError(f"Plan {plan_id} was begun {how} --labels-only: go on {how} it, or undo it first.")
        todo = [step for step in work.steps if step.state == "pending"]
        if labels_only:
            labels.check(work, todo)
        else:
            _check_files(work, todo)
        if yes and labels_only:
            labels.apply(work, todo)
        elif yes:
            _apply_files(work, todo, reporter)
        outcome = work.outcome(len(todo), dry=not yes)
    count_outcomes(db)
    return outcome


def undo(
    db: Database, plan_id: int | None = None, *, yes: bool = False, hard_links: bool = True, reporter: Reporter
) -> Outcome:
    """Take back whatever a plan did (None: see `plan_meant`); without ``yes`` check everything and change nothing.

    Raises what `apply` raises: a file that changed since stays where it is, and so does everything else.
    """
    plan_id = plan_meant(db, undo=True) if plan_id is None else plan_id
    with closing(db.open()) as conn, translated(db.dsn), Carrying(conn, plan_id, hard_links) as work:
        if work.plan.state == "proposed":
            raise ConflictError(f"Plan {plan_id} is proposed: nothing was done that could be undone.")
        if work.plan.state == "undone":
            return work.outcome(0, dry=False)
        if work.plan.labels_only:
            todo = [step for step in work.steps if step.state == "done"]
            labels.check_done(work, todo)
            if yes:
                labels.undo(work, todo)
        else:
            todo = [step for step in reversed(work.steps) if _taken(work, step)]
            if yes:
                _undo_files(work, reporter)
        outcome = work.outcome(len(todo), dry=not yes)
    count_outcomes(db)
    return outcome


def _check_files(work: Carrying, todo: Iterable[StepRow]) -> None:
    """Refuse before anything is touched when a step cannot be taken."""
    begun = work.plan.state == "applying"
    problems = []
    for step in todo:
        if step.path_to is None:
            raise UsageError(
                f"{display(step.path_from)} is in a source of format {step.format} or has no place to go to: "
                "files cannot be moved there; use --labels-only, then facedb export."
            )
        try:
            if not begun:
                work.check_row(step)
            tree = work.tree(step.source_id)
            if tree.where(step.path_from, step.path_to, step.sha256, begun=begun) == "before":
                _check_kept(work, step)
                tree.check_writable(step.path_from)
                tree.check_writable(step.path_to)
        except (ConflictError, OSError) as error:
            problems.append(_sentence(error, step))
    refuse(problems)


def _sentence(error: Exception, step: StepRow) -> str:
    return _cannot(step, error) if isinstance(error, OSError) else str(error)


def _cannot(step: StepRow, error: OSError, *, back: bool = False) -> str:
    start, end = (step.path_to or "", step.path_from) if back else (step.path_from, step.path_to or "")
    room = ""
    if is_full(error):
        size = next(
            (file.stat().st_size for path in (start, end) if (file := Path(step.root, path)).is_file()),
            0,
        )
        room = f" ({short_of(Path(step.root, end), size)})"
    return f"{display(start)} cannot be moved to {display(end)}: {error.strerror or error}{room}."


def _check_kept(work: Carrying, step: StepRow) -> None:
    """Raise ConflictError where the image that a dropped one is a duplicate of is not what it was."""
    if step.action != "drop":
        return
    if step.kept_image is None:
        if step.reason.startswith("a duplicate of "):
            raise ConflictError(
                f"{display(step.path_from)}: this plan was made by an older facedb and does not say what is kept: make a new one."
            )
        return
    kept = source_rows.image_place(work.conn, step.kept_image)
    places = [] if kept is None else [kept.path]
    # A crash may have moved it within this plan before its row was written.
    places += [path for s in work.steps if s.image_id == step.kept_image for path in (s.path_from, s.path_to) if path]
    check_kept(kept, places, Path(step.root) / step.path_from, display(step.path_from))


def _apply_files(work: Carrying, todo: Sequence[StepRow], reporter: Reporter) -> None:
    conn, plan_id = work.conn, work.plan.id
    if work.plan.state == "proposed":
        plan_rows.set_plan_state(conn, plan_id, "applying", labels_only=False)
        plan_rows.add_folders(conn, plan_id, list(_folders(work)))
        work.commit("begun")
    with reporter.task(f"apply plan {plan_id}", len(todo), "images") as task:
        for step in todo:
            try:
                _take(work, step)
            except OSError as error:
                raise _stopped(work, step, error) from error
            task.advance()
    emptied = {(step.source_id, path) for step in work.steps for path in parents(step.path_from)[1:]}
    for folder in plan_rows.folders(conn, plan_id):
        if folder.existed and (folder.source_id, folder.path) in emptied:
            work.tree(folder.source_id).remove_empty_folder(folder.path)
    plan_rows.set_plan_state(conn, plan_id, "applied")
    work.commit("applied")


def _stopped(work: Carrying, step: StepRow, error: OSError, *, back: bool = False) -> InputError:
    work.conn.rollback()
    return InputError(
        f"{_cannot(step, error, back=back)} What was done so far is kept; once that is fixed, `facedb apply {work.plan.id} --yes` goes on "
        f"and `facedb undo {work.plan.id} --yes` takes it back."
    )


def _folders(work: Carrying) -> Iterable[FolderRow]:
    """Every folder above a path of the plan as it is now."""
    wanted = {
        (step.source_id, step.root, folder)
        for step in work.steps
        for path in (step.path_from, step.path_to)
        if path is not None
        for folder in parents(path)
    }
    for source_id, root, path in sorted(wanted):
        state = work.tree(source_id).folder_state(path)
        mode, mtime_ns = (None, None) if state is None else (state.mode, state.mtime_ns)
        yield FolderRow(source_id, root, path, state is not None, mode, mtime_ns)


def _take(work: Carrying, step: StepRow) -> None:
    assert step.path_to is not None  # noqa: S101 - checked before the first step
    tree = work.tree(step.source_id)
    if tree.where(step.path_from, step.path_to, step.sha256, begun=True) == "before":
        _check_kept(work, step)
    tree.make_folder(parents(step.path_to)[-1])
    status = tree.move(step.path_from, step.path_to, step.sha256)
    now = decision_rows.image_now(work.conn, step.image_id)
    # An ingest between a crash and this resumption may have given the row to another file: then it knows better.
    if now is not None and now.path in (step.path_from, step.path_to):
        leaves = step.identity_to is None
        decision_rows.place_image(
            work.conn,
            step.image_id,
            step.source_id,
            path=step.path_to,
            identity_id=step.identity_from if step.identity_to is None else step.identity_to,
            labelled_by=step.labelled_by if leaves else "source",
            status="vanished" if leaves else "ready",
            size=status.st_size,
            mtime_ns=storable_time(status.st_mtime_ns) or 0,
            sha256=step.sha256,
            detail=f"Taken out by plan {work.plan.id}: {step.reason}." if leaves else None,
        )
    plan_rows.set_step_state(work.conn, work.plan.id, step.step, "done")
    work.commit("step")


def _taken(work: Carrying, step: StepRow) -> bool:
    """Whether a step was taken, at least in part; raises ConflictError where its file changed since."""
    if step.path_to is None:
        return False
    return work.tree(step.source_id).where(step.path_to, step.path_from, step.sha256, begun=True) != "after"


def _undo_files(work: Carrying, reporter: Reporter) -> None:
    conn, plan_id = work.conn, work.plan.id
    plan_rows.set_plan_state(conn, plan_id, "undoing")
    work.commit("undo begun")
    folders = plan_rows.folders(conn, plan_id)
    with reporter.task(f"undo plan {plan_id}", len(work.steps), "images") as task:
        for step in reversed(work.steps):
            if step.state != "undone":
                try:
                    _take_back(work, step)
                except OSError as error:
                    raise _stopped(work, step, error, back=True) from error
            task.advance()
    for f in folders:
        if not f.existed and not work.tree(f.source_id).remove_empty_folder(f.path):
            reporter.say(f"{display(f.path)} was made by the plan and holds other files now, so it stays.")
    for f in reversed(folders):
        if f.existed:
            work.tree(f.source_id).make_folder(f.path)
    # The deepest first, and after everything else: making and removing below would change the time again.
    for f in folders:
        if f.existed and f.mode is not None and f.mtime_ns is not None:
            work.tree(f.source_id).restore_folder(f.path, FolderState(f.mode, f.mtime_ns))
            reached("restored folder")
    plan_rows.set_plan_state(conn, plan_id, "undone")
    work.commit("undone")


def _take_back(work: Carrying, step: StepRow) -> None:
    assert step.path_to is not None  # noqa: S101 - its plan was applied to files
    tree = work.tree(step.source_id)
    if _taken(work, step):
        # Without its mode: a folder that may not be written to could not take its files back.
        tree.make_folder(parents(step.path_from)[-1])
        tree.move(step.path_to, step.path_from, step.sha256)
    else:
        tree.clean_up(step.path_to)
    status = tree.status(step.path_from)
    now = decision_rows.image_now(work.conn, step.image_id)
    if now is not None and now.path in (step.path_from, step.path_to):
        decision_rows.place_image(
            work.conn,
            step.image_id,
            step.source_id,
            path=step.path_from,
            identity_id=step.identity_from,
            labelled_by=step.labelled_by,
            status="ready",
            size=status.st_size,
            mtime_ns=storable_time(status.st_mtime_ns) or 0,
            sha256=step.sha256,
            detail=None,
        )
    plan_rows.set_step_state(work.conn, work.plan.id, step.step, "undone")
    work.commit("step undone")
