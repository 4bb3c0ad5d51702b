"""The command line: registers the command groups, turns errors into one sentence and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, cast

import typer

from facedb import __version__
from facedb.cli import help_page
from facedb.cli.command_list import CommandList
from facedb.cli.commands import calibrate, check, forget, model, plan, review, search, steps, verdict, work
from facedb.cli.commands.machine import bench, db, demo, doctor
from facedb.cli.commands.reading import bi, diff, evaluate, export, findings, report, results, show
from facedb.cli.context import State
from facedb.cli.interrupt import leave, on_interrupt
from facedb.cli.optional_value import ValueMayFollow
from facedb.cli.output import ReaderGoneError, watch_stderr, watch_stdout
from facedb.cli.progress import ConsoleReporter, complain
from facedb.core.choices import one_of
from facedb.core.errors import ExitCode, FacedbError
from facedb.core.machine import memory

# The base of every complaint about arguments, of whichever click this typer runs on.
_ArgumentError = cast("type[Exception]", typer.BadParameter.__base__)

_commands = CommandList()
app = typer.Typer(
    name="facedb",
    cls=_commands.group_class(),
    help="Find the mistakes in a face dataset: compare every face with every other, exactly, and keep the answer in PostgreSQL.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": list(help_page.NAMES)},
    epilog="Start with: facedb demo. Then: facedb check FOLDER, with one sub-folder for each person.",
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"facedb {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    dsn: Annotated[
        str | None,
        typer.Option(
            help="PostgreSQL to use, in any libpq form; default FACEDB_DSN, facedb.toml, else an embedded one.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", help="Log every SQL statement too, by name with its time, on stderr and in the log file."
        ),
    ] = False,
    log_format: Annotated[
        str, typer.Option("--log-format", help="Format of stderr: text, or json with one object per line.")
    ] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress or remarks on stderr.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the global options."""
    one_of("The format of the log", log_format, ("text", "json"))
    if not help_page.is_asked_for(sys.argv[1:]):
        memory.expect_any_work()
    reporter = ConsoleReporter(quiet=quiet, verbose=verbose, form="json" if log_format == "json" else "text")
    ctx.obj = State(dsn=dsn, reporter=reporter, verbose=verbose)


_commands.add(check.check, example="facedb check photos/ --model arcface.onnx --detector yunet.onnx --threshold 0.45")
_commands.add(demo.demo, example="facedb demo")
_commands.add(steps.ingest, example="facedb ingest photos/ --dataset crawl-2026")
_commands.add(steps.embed, example="facedb embed --model arcface.onnx --detector yunet.onnx --dataset crawl-2026")
_commands.add(steps.scan, cls=ValueMayFollow, example="facedb scan --threshold 0.45 --datasets train,test")
_commands.add(work.work, example="facedb work --any --threads 8")
_commands.add(results.links, example="facedb links --limit 20")
_commands.add(findings.findings, example="facedb findings --limit 50 --class stray")
_commands.add(show.show, example="facedb show 12 --open")
_commands.add(
    report.report,
    example="facedb report noise.html --findings 200, or for strangers: facedb report noise.html --redact",
)
_commands.add(calibrate.calibrate, example="facedb calibrate --fmr 1e-5 --plot scores.svg")
_commands.add(evaluate.evaluate, example="facedb evaluate --inject merge=2%,stray=3%,swap=1%,duplicate=1% --seed 7")
_commands.add(results.pairs, example="facedb pairs --min-score 0.6 --format csv > pairs.csv")
_commands.add(results.faces, example="facedb faces --role bystander")
_commands.add(results.rejects, example="facedb rejects --code no_face")
_commands.add(results.datasets, example="facedb datasets")
_commands.add(results.identities, example="facedb identities --dataset faces --format csv")
_commands.add(results.scans, example="facedb scans --format json")
_commands.add(diff.diff, example="facedb diff 3 4 --only new")
_commands.add(plan.plan, example="facedb plan --format csv > plan.csv")
_commands.add(plan.plans, example="facedb plans")
_commands.add(plan.apply, example="facedb apply, and when it looks right: facedb apply --yes")
_commands.add(plan.undo, example="facedb undo, and when it looks right: facedb undo --yes")
_commands.add(export.export, example="facedb export list cleaned.csv")
_commands.add(search.search, example="facedb search photo.jpg --top 5")
_commands.add(
    forget.forget, example='facedb forget --identity "Juno Oakes", and when the counts are right: the same with --yes'
)
_commands.add(review.review, example="facedb review --by ann")
_commands.add(doctor.doctor, example="facedb doctor")
_commands.add_group(model.app)
_commands.add_group(verdict.app)
_commands.add_group(bench.app)
_commands.add_group(bi.app)
_commands.add_group(db.app)


def main() -> None:
    """Run the command line and exit with a code of `facedb.core.errors.ExitCode`."""
    watch_stderr()
    watch_stdout()
    try:
        code = _run()
        sys.stdout.flush()
    except ReaderGoneError:
        # The reader of stdout has seen enough (head, less): that is no error, but Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = ExitCode.OK
    except OSError as error:
        # A full disk behind stdout, a folder that may not be read: nothing that a traceback would explain better.
        where = f" ({error.filename})" if error.filename else ""
        complain(f"{error.strerror or error}{where}; make room or access for it, then run this again.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = ExitCode.FAILED
    sys.exit(code)


def _run() -> int:
    try:
        try:
            # In order: what is done is committed, and the embedded server is stopped by its last user.
            on_interrupt(signal.default_int_handler)
            if help_page.is_asked_for(sys.argv[1:]):
                help_page.load()
            code = app(standalone_mode=False)
        finally:
            # Only words are left to say: one more Ctrl-C among them would end in a traceback.
            on_interrupt(leave)
    except FacedbError as error:
        complain(str(error))
        return error.exit_code
    except _ArgumentError as error:
        sentence = _sentence(error)
        if sentence:
            complain(sentence)
        return ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        # Before RuntimeError, which Abort (Ctrl-C or Ctrl-D at a question) is one of.
        code = ExitCode.INTERRUPTED
    except (ImportError, MemoryError, OSError, RuntimeError, SystemError) as error:
        if not memory.is_short(error):
            raise
        complain(
            f"There was not enough memory{memory.limit_in_words()}; everything finished so far is kept: give it more, or do less at once, "
            "and run it again."
        )
        return ExitCode.FAILED
    # typer turns Ctrl-C into this code without a word.
    if code == ExitCode.INTERRUPTED:
        complain("interrupted; everything finished so far is kept, and the same command continues there.")
    return code if isinstance(code, int) else ExitCode.OK


def _sentence(error: Exception) -> str:
    """What was wrong with the arguments, and where help is; an error without a message has printed the help itself."""
    message = " ".join(str(getattr(error, "format_message", lambda: error)()).split()).replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    if not message or context is None:
        return message
    return f"{message.rstrip('.')}{'' if message.endswith('?') else ';'} see: {context.command_path} --help"
