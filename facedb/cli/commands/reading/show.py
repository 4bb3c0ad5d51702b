"""`facedb show`: one finding whole, with its faces."""

from __future__ import annotations

import webbrowser
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedb.cli.commands.reading.results import ScanOption
from facedb.cli.context import DatasetOption, database, settings_from, state_of
from facedb.cli.output import sentence
from facedb.core.errors import NotFoundError
from facedb.core.files.paths import display

if TYPE_CHECKING:
    from facedb.report.case_rows import Case, CaseFace
    from facedb.report.pictures.thumbnail_cache import Thumbnails

_FACES = 12


def show(
    ctx: typer.Context,
    numbers: Annotated[
        list[str],
        typer.Argument(help="Ranks as facedb findings prints them: 12, 12-20 or 12-20,25.", show_default=False),
    ],
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures", help="Draw the faces; default: where the terminal can.", show_default=False
        ),
    ] = None,
    open_sheet: Annotated[
        bool, typer.Option("--open", help="Write the contact sheet of these findings and open it in the browser.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Write the contact sheet into this .html file.")
    ] = None,
    dataset: DatasetOption = None,
    scan: ScanOption = None,
) -> None:
    """Print whole findings: the evidence, every file, the faces where the terminal can show them, and what each answer would say."""
    from facedb.cli.pictures import can_draw
    from facedb.core.files.whole_file import check_free
    from facedb.db.connection import translated
    from facedb.report.case_rows import cases
    from facedb.review.answers import answer
    from facedb.scan.which_scan import find_scan

    ranks = answer.numbers(numbers)
    settings, reporter = settings_from(ctx), state_of(ctx).reporter
    if sheet is not None:
        check_free(sheet, force=False)
    with database(ctx) as db:
        wanted = can_draw() if pictures is None else pictures
        drawing = _thumbnails(settings.cache) if wanted else nullcontext()
        with closing(db.open()) as conn, translated(db.dsn), drawing as thumbnails:
            scan_id = find_scan(conn, scan, [dataset]).scan.id
            found = list(cases(conn, scan_id, ranks=ranks, faces=_FACES))
            missing = set(ranks) - {case.rank for case in found}
            if missing:
                raise NotFoundError(f"Scan {scan_id} has no finding {min(missing)}: see `facedb findings --all`.")
            said = answer.meanings(conn, scan_id, ranks)
            for k, case in enumerate(found):
                if k:
                    typer.echo("")
                _print(case, scan_id, said[case.rank], thumbnails)
        if open_sheet or sheet is not None:
            from facedb.report.html.page import PageOptions, write_report

            names = "-".join(map(str, ranks[:4])) + ("-more" if len(ranks) > 4 else "")
            file = sheet or _place(settings.cache) / f"scan-{scan_id}-finding-{names}.html"
            write_report(
                db, file, settings.cache, PageOptions(scan=scan_id, findings=len(ranks), ranks=ranks), reporter
            )
            reporter.say(f"Contact sheet: {display(file)}")
            if open_sheet and not webbrowser.open(file.absolute().as_uri()):
                reporter.say("No browser could be opened here: open that file yourself.")


def _thumbnails(cache: Path) -> closing[Thumbnails]:
    # Loaded only where faces are drawn: what decodes pictures takes longer than the rest of the command.
    from facedb.report.pictures.thumbnail_cache import Thumbnails

    return closing(Thumbnails(cache))


def _place(cache: Path) -> Path:
    """The folder of contact sheets, which hold faces: for their owner's eyes only."""
    folder = cache / "sheets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _print(case: Case, scan_id: int, said: dict[str, str], thumbnails: Thumbnails | None) -> None:
    from facedb.core.finding import CERTAIN

    names = " and ".join(case.names)
    typer.echo(f"Finding {case.rank} of scan {scan_id}: {case.kind}, {names}")
    state = (
        "open"
        if case.verdict is None
        else f"{case.verdict}, says {case.verdict_by}"
        if case.verdict_by
        else f"{case.verdict}, from decisions on others"
    )
    note = f" ({display(case.verdict_note)})" if case.verdict_note else ""
    scores = (
        ""
        if case.max_score is None
        else f", best score {case.max_score:.3f}" + ("" if case.mean_score is None else f", mean {case.mean_score:.3f}")
    )
    taught = (
        "" if f"{case.uncalibrated:.4f}" == f"{case.confidence:.4f}" else f", {case.uncalibrated:.4f} before verdicts"
    )
    typer.echo(
        f"confidence {case.confidence:.4f}{' (certain)' if case.confidence >= CERTAIN else ''}{taught}{scores}; {state}{note}"
    )
    sentence(case.sentence)
    titles = {
        "mixed": "The second group",
        "duplicate": "The copies",
        "unlabelled": "Without a label",
        "newcomer": "Without a label",
    }
    if case.subject:
        _side(f"{titles.get(case.kind, 'In question')}:", case.subject, thumbnails, sizes=case.kind == "duplicate")
    for name, count, size, faces in (
        (case.names[0], case.faces_a, case.size_a, case.a),
        (case.names[-1], case.faces_b, case.size_b, case.b),
    ):
        if faces:
            more = f", the first {len(faces)} of them here" if len(faces) == _FACES < size else ""
            concerned = (
                f"{count:,} of {size:,} face{'s' * (size != 1)} concerned"
                if count
                else f"{size:,} face{'s' * (size != 1)}"
            )
            _side(f"{name} ({concerned}{more}):", faces, thumbnails)
    typer.echo("")
    for word, meaning in said.items():
        sentence(f"facedb verdict finding {case.rank} {word:<6}  {meaning}.")


def _side(title: str, faces: tuple[CaseFace, ...], thumbnails: Thumbnails | None, *, sizes: bool = False) -> None:
    typer.echo("")
    typer.echo(title)
    for face in faces:
        facts = "" if face.score is None else f"  {face.score:.3f}"
        if sizes:
            facts += f"  {face.width or '?'} x {face.height or '?'}, {face.bytes:,} bytes"
        typer.echo(f"  {face.path}{facts}")
    if thumbnails is None:
        return
    from facedb.cli.pictures import draw

    made = [thumbnails.face(face.place) for face in faces]
    draw([one.data for one in made if one.missing is None], indent=2)
    lost = [f"{face.path} ({one.missing})" for face, one in zip(faces, made, strict=True) if one.missing is not None]
    if lost:
        typer.echo(f"  not shown: {', '.join(lost)}".replace("_", " "))
