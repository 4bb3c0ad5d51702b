"""`facedb verdict`: say what is true, once, and never be asked again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli import completion
from facedb.cli.commands.reading.results import ScanOption
from facedb.cli.context import DatasetOption, LimitOption, database, state_of
from facedb.cli.output import Format, FormatOption, RawOption, emit
from facedb.core.counting import are
from facedb.core.row_schema import table

if TYPE_CHECKING:
    from facedb.db.connection import Database
    from facedb.review.verdicts import Statement

app = typer.Typer(
    name="verdict",
    help="Say what is true of a finding, a link, a pair or a face. Nothing is overwritten: the newest verdict stands.",
    no_args_is_help=True,
    epilog="Example: facedb verdict finding 12 accept",
)

NoteOption = Annotated[str | None, typer.Option("--note", help="Why, or anything else worth keeping.")]
NewOption = Annotated[
    bool,
    typer.Option("--new", help="The name may be that of a new person, even if it is only a slip away from another."),
]
ByOption = Annotated[str | None, typer.Option("--by", help="Who says it; default: the user of this session.")]


@app.command(epilog="Example: facedb verdict finding 12-20,25 accept")
def finding(
    ctx: typer.Context,
    numbers: Annotated[
        list[str],
        typer.Argument(help="Ranks as facedb findings prints them: 12, 12-20 or 12-20,25.", show_default=False),
    ],
    answer: Annotated[str, typer.Argument(help="accept, reject or unsure.", show_default=False)],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="With accept: whose the images are, instead of the one that the finding names; a name that is new makes a new person.",
        ),
    ] = None,
    new: NewOption = False,
    note: NoteOption = None,
    by: ByOption = None,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
) -> None:
    """Say whether findings are right: their statement becomes a verdict, whatever their class.

    Accepted: a merge makes the two one person, a stray carries the wrong label and belongs to the other identity, copies are one
    photo, look-alikes are different people; of a mixed folder every photo of the second group carries the wrong label, so that the
    folder is split; a photo that lies in no folder belongs to the one that the finding names, and newcomers to a new person. Rejected:
    the opposite, and the labels stand.
    """
    from facedb.review.answers.answer import Answer
    from facedb.review.answers.answer import answer as give
    from facedb.review.answers.answer import numbers as ranks_of

    with database(ctx) as db:
        answers = [Answer(rank, answer.lower(), to, note, by, new) for rank in ranks_of(numbers)]
        done = give(db, answers, scan=scan, dataset=dataset)
        for one in done:
            typer.echo(f"Finding {one.rank} ({one.kind}): {one.says}.")
        _tell(ctx, db, [key for one in done for key in one.verdicts], dataset)


@app.command(epilog="Example: facedb verdict link ann anna same --note 'passport photos'")
def link(
    ctx: typer.Context,
    identity_a: Annotated[str, typer.Argument(help="An identity, or dataset/identity.", show_default=False)],
    identity_b: Annotated[str, typer.Argument(help="The other one.", show_default=False)],
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
    path_b: Annotated[str, typer.Argument(help="The other one.", show_default=False)],
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
    to: Annotated[
        str | None,
        typer.Option(
            "--to", help="With wrong-identity: where it belongs, also of an image without a label; may be a new person."
        ),
    ] = None,
    new: NewOption = False,
    note: NoteOption = None,
    by: ByOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say whether an image carries the right label."""
    from facedb.review.verdicts import Statement

    _say(ctx, Statement("face", path, verdict, target=to, note=note, by=by, new=new), dataset)


@app.command(epilog="Example: facedb verdict photo ann/9.jpg --at 410,180")
def photo(
    ctx: typer.Context,
    path: Annotated[
        str, typer.Argument(help="A photo with several faces, as facedb prints its path.", show_default=False)
    ],
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="X,Y", help="A point within the face that is meant, in pixels of the upright photo."
        ),
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take it back: the scan chooses the face that fits its folder.")
    ] = False,
    by: ByOption = None,
    dataset: DatasetOption = None,
) -> None:
    """Say which face of a photo stands for its label, from the next scan on; `facedb faces --format csv` tells where they are."""
    from facedb.core.errors import UsageError
    from facedb.review import taken_faces

    point = None if at is None else _point(at)
    if (point is None) != withdraw:
        raise UsageError("Say which face is meant by --at X,Y, or take that back with --withdraw.")
    with database(ctx) as db:
        taken_faces.say(db, path, point, dataset=dataset, by=by)
        done = "The scan chooses its face again" if withdraw else "That face stands for the photo"
        state_of(ctx).reporter.say(f"{done}, from the next scan on.")


def _point(text: str) -> tuple[float, float]:
    from facedb.core.errors import UsageError

    try:
        x, y = (float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        raise UsageError(f"A point is two numbers such as 410,180, not {text!r}.") from None
    return x, y


@app.command(
    "import",
    epilog="Example: facedb findings --format csv > reviewed.csv, fill its column verdict, and: facedb verdict import reviewed.csv",
)
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="What facedb findings --format csv printed, its column verdict filled with accept, reject or unsure; or a csv with "
            "the columns kind, a, b, verdict and, if you like, target, note, by.",
            show_default=False,
        ),
    ],
    by: ByOption = None,
    new: NewOption = False,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
) -> None:
    """Take in every verdict of a csv, or none if a row of it is wrong. Rows without an answer are left alone."""
    from facedb.review.answers import imports

    with database(ctx) as db:
        said = imports.take(db, file, scan=scan, dataset=dataset, by=by, new=new)
        state_of(ctx).reporter.say(f"{are(len(said), 'verdict')} written.")
        if said:
            _tell(ctx, db, said, dataset)


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
    history: Annotated[bool, typer.Option("--history", help="Also verdicts that newer ones replaced.")] = False,
) -> None:
    """Print the verdicts that stand, newest first."""
    from facedb.review import verdicts

    with database(ctx) as db:
        emit(
            table(verdicts.Verdict),
            verdicts.listed(db, dataset=dataset, kind=kind, history=history, limit=limit),
            output,
            raw=raw,
            narrow=("verdict_id", "verdict", "a", "b", "target"),
        )


@app.command(epilog="Example: facedb verdict conflicts")
def conflicts(ctx: typer.Context, output: FormatOption = Format.TABLE, raw: RawOption = False) -> None:
    """Print verdicts that cannot all be true, such as A = B, B = C and A ≠ C."""
    from facedb.review import contradictions

    with database(ctx) as db:
        emit(
            table(contradictions.Contradiction),
            [conflict.row() for conflict in contradictions.conflicts(db)],
            output,
            raw=raw,
        )


def _say(ctx: typer.Context, statement: Statement, dataset: str | None) -> None:
    from facedb.review import verdicts

    with database(ctx) as db:
        keys = verdicts.say(db, [statement], dataset=dataset)
        state_of(ctx).reporter.say(f"Verdict {keys[0]} is written.")
        _tell(ctx, db, keys, dataset)


def _tell(ctx: typer.Context, db: Database, keys: list[int], dataset: str | None) -> None:
    """Say what verdicts contradict, and what a plan would do by them."""
    from facedb.review import contradictions
    from facedb.review.plans.outlook import outlook

    say = state_of(ctx).reporter.say
    written = set(keys)
    for conflict in contradictions.conflicts(db):
        if written & set(conflict.verdict_ids):
            row = conflict.row()
            say(f"It contradicts others: {row.said}, but {row.against}. Change one of these verdicts.")
    for sentence in outlook(db, written, dataset=dataset).sentences():
        say(sentence)
