"""`facedb review`: look at the findings and decide them, in a browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from facedb.cli.context import database, settings_from, state_of
from facedb.core.errors import UsageError
from facedb.core.machine.user_name import user_name

PASSWORD_VARIABLE = "FACEDB_REVIEW_PASSWORD"  # noqa: S105 - the name of a variable


def review(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.")] = 8765,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    by: Annotated[
        str | None, typer.Option("--by", help="Who reviews; default: the user of this session.", show_default=False)
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own means plain HTTP on your network.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="With --host: a name that the machine is reached by; may be repeated."),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help=f"File with a password that reviewers may sign in with; or set {PASSWORD_VARIABLE}."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Only look: nothing can be decided or changed.")
    ] = False,
) -> None:
    """Open the review page and serve it until Ctrl-C. The address holds a token that signs in once."""
    from facedb.web.server import serve
    from facedb.web.settings import WebSettings, is_loopback

    reporter = state_of(ctx).reporter
    password = _password(password_file)
    names = frozenset(one.lower() for one in name or ())

    def ready(url: str, own: Callable[[], str]) -> None:
        typer.echo(url)
        sys.stdout.flush()
        reporter.say("Open this address; it signs in once. Ctrl-C ends the review, and everything decided is kept.")
        if not is_loopback(host):
            reporter.say(
                "Faces and decisions travel over plain HTTP: use a network that you trust, or a proxy with TLS."
            )
        if open_browser and _has_screen():
            webbrowser.open(own())

    with database(ctx) as db:
        settings = WebSettings(db, settings_from(ctx).cache, port, host, read_only, password, names)
        serve(settings, by or user_name(), ready=ready)


def _has_screen() -> bool:
    """Whether a browser would open a window: without a screen it would take over the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _password(file: Path | None) -> str | None:
    """The password, which is not taken from the command line: other users of a machine see that."""
    if file is None:
        return os.environ.get(PASSWORD_VARIABLE) or None
    try:
        password = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read as a password: {error}.") from error
    if not password:
        raise UsageError(f"{file} is empty: write a password into it.")
    return password
