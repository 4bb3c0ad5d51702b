"""`facedb bi`: dashboards for the tools that people have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedb.cli.context import database, state_of

app = typer.Typer(
    name="bi",
    help="Write ready dashboards over the views of schema bi for Apache Superset and Grafana.",
    no_args_is_help=True,
    epilog="Example: facedb bi superset facedb.zip",
)
UserOption = Annotated[
    str | None, typer.Option("--user", help="The role that the tool connects as (see `facedb db grant-reader`).")
]


@app.command(epilog="Example: facedb bi superset facedb.zip && superset import-dashboards -p facedb.zip -u admin")
def superset(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(help="The .zip to write.", show_default=False)],
    user: UserOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write database, datasets, charts and a dashboard as Apache Superset imports them; a second import replaces the first."""
    from facedb.report.bi.address import address_of
    from facedb.report.bi.superset import write_superset

    with database(ctx) as db:
        count = write_superset(db, out, address_of(db.dsn, user=user), force=force)
    state_of(ctx).reporter.say(
        f"{count} charts are in {out}. No password is in it: Superset asks for it, or give it under Settings, Database Connections."
    )


@app.command(epilog="Example: facedb bi grafana provisioning/")
def grafana(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(help="The folder to write.", show_default=False)],
    user: UserOption = None,
    dashboards: Annotated[
        str, typer.Option("--dashboards", help="Where Grafana will find the folder of dashboards.")
    ] = "/etc/grafana/provisioning/dashboards",
) -> None:
    """Write a provisioning folder for Grafana: the data source and a dashboard."""
    from facedb.report.bi.address import address_of
    from facedb.report.bi.grafana import PASSWORD_VARIABLE, write_grafana

    with database(ctx) as db:
        count = write_grafana(out, address_of(db.dsn, user=user), dashboards=dashboards)
    state_of(ctx).reporter.say(
        f"{count} panels are in {out}: mount it as /etc/grafana/provisioning and give Grafana the password in {PASSWORD_VARIABLE}."
    )
