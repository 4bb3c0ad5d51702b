"""`facedb forget`: the right to erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli import completion
from facedb.cli.context import database, settings_from, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.counting import are, counted
from facedb.core.errors import UsageError
from facedb.core.row_schema import ad_hoc

if TYPE_CHECKING:
    from facedb.review.forget import Forgotten, Subject


def forget(
    ctx: typer.Context,
    identity: Annotated[str | None, typer.Option("--identity", help="A person: the name of an identity.")] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="A photo: its path, as `facedb pairs` prints it.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="A dataset, all of it; with --identity or --image: the dataset that it is in.",
            autocompletion=completion.datasets,
        ),
    ] = None,
    files: Annotated[
        bool, typer.Option("--files", help="Delete the files as well, not only what facedb holds.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do it; without this, what would be removed is only counted.")
    ] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Forget a person, a photo or a whole dataset for good: rows, vectors, caches, and their bytes in the database's own files.

    --dataset alone forgets the dataset; with --identity or --image it says in which one. There is no way back.
    """
    from facedb.db.upkeep import wipe
    from facedb.review import forget

    say = state_of(ctx).reporter.say
    home = settings_from(ctx).home
    subject = _subject(identity, image, dataset)
    with database(ctx) as db:
        if subject is None:
            if not wipe.due(db):
                raise UsageError("Say what to forget: --identity NAME, --image PATH or --dataset NAME.")
            if yes:
                forget.finish(db, home=home, say=say)
            say(
                "What was forgotten is wiped from the files."
                if yes
                else "A wipe was interrupted: finish it with: facedb forget --yes"
            )
            return
        done = forget.forget(db, subject, yes=yes, files=files, home=home, say=say)
        emit(ad_hoc({"what": str, "count": int}), done.rows(), output)
        for line in _remarks(done, files=files, yes=yes):
            say(line)


def _subject(identity: str | None, image: str | None, dataset: str | None) -> Subject | None:
    from facedb.review.forget import Subject

    if identity is not None and image is not None:
        raise UsageError("Give --identity or --image, not both.")
    if identity is not None:
        return Subject("identity", identity, dataset)
    if image is not None:
        return Subject("image", image, dataset)
    return None if dataset is None else Subject("dataset", dataset)


def _remarks(done: Forgotten, *, files: bool, yes: bool) -> list[str]:
    lines = []
    if done.files_left:
        why = "part of an archive, or changed since" if files and yes else "left in place; --files deletes them too"
        lines.append(
            f"{are(done.files_left, 'file')} {why}. As long as a file is in a source, the next ingest brings it in again."
        )
    if done.same_bytes_elsewhere:
        lines.append(
            f"The same bytes are under other labels too, in {counted(done.same_bytes_elsewhere, 'row')}: forget those as well."
        )
    lines.append(
        "Exports and backups written earlier (see bi.audit) still hold what they held; deleting those is up to you."
    )
    if not yes:
        lines.append(
            "Nothing has been forgotten yet. If the counts are what you expected, run the same command with --yes; "
            "there is no way back then."
        )
    return lines
