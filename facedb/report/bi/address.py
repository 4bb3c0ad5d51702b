"""Where a tool finds the database: taken from the DSN, never with its password."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import URL

from facedb.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """Host (or folder of the socket), port, database, user and TLS mode of a server."""

    host: str
    port: int
    database: str
    user: str
    sslmode: str | None

    def url(self) -> str:
        """The address as SQLAlchemy takes it."""
        socket = self.host.startswith("/")
        query = {"host": self.host} if socket else {}
        if self.sslmode is not None:
            query["sslmode"] = self.sslmode
        return URL.create(
            "postgresql",
            username=self.user or None,
            host=None if socket else self.host,
            port=self.port,
            database=self.database,
            query=query,
        ).render_as_string(hide_password=False)


def address_of(dsn: str, *, user: str | None = None) -> Address:
    """The address that a DSN gives; ``user`` takes the place of its user. Raises UsageError for several hosts."""
    parts = conninfo_to_dict(dsn)
    host = str(parts.get("host") or "localhost")
    if "," in host:
        raise UsageError("The DSN names several hosts: give one that the tool can reach, with --dsn.")
    return Address(
        host,
        int(str(parts.get("port") or 5432)),
        str(parts.get("dbname") or "facedb"),
        user or str(parts.get("user") or ""),
        None if parts.get("sslmode") is None else str(parts["sslmode"]),
    )
