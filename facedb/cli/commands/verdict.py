"""`facedb verdict`: say what is true, once, and never be asked again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli import completion
from facedb.cli.context import DatasetOption, LimitOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.counting import are
from facedb.core.row import table

if TYPE_CHECKING:
    from facedb.review.verdicts import Statement

app = typer.Typer(
    name="verdict",
    help="Say what is true of a link, a pair or a face. Nothing is overwritten: the newest verdict stands.",
    no_args_is_help=True,
    epilog="Example: facedb verdict link ann bob same",
)

NoteOption = Annotated[str | None, typer.Option("--note", help="Why, or anything else worth keeping.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who says it; default: the user of this session.")]


@app.command(epilog="Example: facedb verdict link ann anna same --note 'passport photos'")
def link(
    ctx: typer.Context,
    identity_a: Annotated[str, typer.Argument(help="An identity, or dataset/identity.", show_default=False)],
    identity_b: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    verdict: Annotated[
        str,
        typer.Argument(
            help="same, different or unsure.",
            show_default=False,
            autocompletion=completion.words("same", "different", "unsure"),
        ),
    ],
    note: NoteOption = None,
    by: ByOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say whether two identities are one person."""
    from facedb.review.verdicts import Statement

    _say(ctx, Statement("link", identity_a, verdict, identity_b, note=note, by=by), dataset)


@app.command(epilog="Example: facedb verdict pair ann/1.jpg bob/7.jpg different")
def pair(
    ctx: typer.Context,
    path_a: Annotated[str, typer.Argument(help="An image, as facedb prints its path.", show_default=False)],
    path_b: Annotated[str, typer.Argument(help="Another one.", show_default=False)],
    verdict: Annotated[
        str,
        typer.Argument(
            help="same, different, unsure or duplicate.",
            show_default=False,
            autocompletion=completion.words("same", "different", "unsure", "duplicate"),
        ),
    ],
    note: NoteOption = None,
    by: ByOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say whether two images show one person, or are the same photo."""
    from facedb.review.verdicts import Statement

    _say(ctx, Statement("pair", path_a, verdict, path_b, note=note, by=by), dataset)


@app.command(epilog="Example: facedb verdict face ann/9.jpg wrong-identity --to bob")
def face(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(help="An image, as facedb prints its path.", show_default=False)],
    verdict: Annotated[
        str,
        typer.Argument(
            help="wrong-identity, duplicate, unsure, or same: its label is right.",
            show_default=False,
            autocompletion=completion.words("wrong-identity", "duplicate", "unsure", "same"),
        ),
    ],
    to: Annotated[str | None, typer.Option("--to", help="With wrong-identity: where it belongs.")] = None,
    note: NoteOption = None,
    by: ByOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say whether an image carries the right label."""
    from facedb.review.verdicts import Statement

    _say(ctx, Statement("face", path, verdict, target=to, note=note, by=by), dataset)


@app.command(
    "import", epilog="Example: facedb verdict import reviewed.csv --by ann   (columns: kind,a,b,verdict,target,note,by)"
)
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="A csv with the columns kind, a, b, verdict and, if you like, target, note, by.", show_default=False
        ),
    ],
    by: ByOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say everything that a csv holds, or nothing when a row of it is wrong."""
    from facedb.review.verdicts import say_all

    with database(ctx) as db:
        said = say_all(db, file, dataset=dataset, by=by)
    state_of(ctx).reporter.say(f"{are(len(said), 'verdict')} written.")


@app.command("list", epilog="Example: facedb verdict list --format csv > verdicts.csv")
def list_(
    ctx: typer.Context,
    output: FormatOption = Format.TABLE,
    raw: RawOption = False,
    dataset: DatasetOption = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", help="Only link, pair or face.", autocompletion=completion.words("link", "pair", "face")
        ),
    ] = None,
    limit: LimitOption = None,
    history: Annotated[bool, typer.Option("--history", help="Also what something newer replaced.")] = False,
) -> None:
    """Print the verdicts that stand, newest first."""
    from facedb.review import verdicts

    with database(ctx) as db:
        emit(
            table(verdicts.Verdict),
            verdicts.listed(db, dataset=dataset, kind=kind, history=history, limit=limit),
            output,
            raw=raw,
        )


@app.command(epilog="Example: facedb verdict conflicts")
def conflicts(ctx: typer.Context, output: FormatOption = Format.TABLE, raw: RawOption = False) -> None:
    """Print verdicts that cannot all be true, such as A = B, B = C and A ≠ C."""
    from facedb.review import verdicts

    with database(ctx) as db:
        emit(table(verdicts.Contradiction), [conflict.row() for conflict in verdicts.conflicts(db)], output, raw=raw)


def _say(ctx: typer.Context, statement: Statement, dataset: str | None) -> None:
    from facedb.review import verdicts

    with database(ctx) as db:
        (key,) = verdicts.say(db, [statement], dataset=dataset)
        against = [c for c in verdicts.conflicts(db) if key in c.verdict_ids]
    state_of(ctx).reporter.say(f"Verdict {key} is written.")
    for conflict in against:
        row = conflict.row()
        state_of(ctx).reporter.say(f"It contradicts others: {row.said}, but {row.against}. Say one of them anew.")
