"""TCP for the embedded server, only when asked for: on the loopback address, by password (SCRAM), until it is stopped.

The password is made here and lies in the home in a file of libpq's own form, which only the owner can read; the server gets
nothing but its verifier.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from facedb.core.errors import DatabaseError
from facedb.db import session
from facedb.db.server.account import Place, give
from facedb.db.server.process import read_unlinked

ADDRESS = "127.0.0.1"
_PORT_FILE = "tcp-port"
_PASSWORD_FILE = "tcp.pgpass"  # noqa: S105 - the name of a file
_RULES = "pg_hba_tcp.conf"


@dataclass(frozen=True, slots=True)
class Loopback:
    """Where a server listens: ``port`` of `ADDRESS`; ``password_file`` is what libpq takes as ``passfile``."""

    port: int
    password_file: Path

    def url(self, user: str, database: str) -> str:
        """The URL for any libpq client of this user; it names the file of the password and not the password."""
        return (
            f"postgresql://{user}@{ADDRESS}:{self.port}/{database}?passfile={quote(str(self.password_file), safe='')}"
        )


def asked(home: Path) -> Loopback | None:
    """What `ask` noted for a home; None where TCP is off."""
    try:
        text = read_unlinked(home / _PORT_FILE).decode(errors="replace").strip()
    except FileNotFoundError:
        return None
    return Loopback(int(text), home / _PASSWORD_FILE) if text.isdigit() else None


def ask(home: Path, port: int) -> None:
    """Note that the next start of the server of ``home`` listens on ``port``."""
    forget(home)
    _write(home / _PORT_FILE, f"{port}\n")


def forget(home: Path) -> None:
    """The next start listens on no port; a password that was made is gone."""
    for name in (_PORT_FILE, _PASSWORD_FILE):
        (home / name).unlink(missing_ok=True)


def settings(place: Place, user: str, database: str) -> dict[str, str]:
    """The PostgreSQL settings, by name, that make a start listen; none where TCP is off."""
    found = asked(place.home)
    if found is None:
        return {}
    rules = place.cluster / _RULES
    fresh = rules.with_name(f".{secrets.token_hex(8)}")
    # The folder may belong to the account of the server, so nothing that lies there is written to.
    _write(fresh, f"local all all trust\nhost {database} {user} {ADDRESS}/32 scram-sha-256\n")
    give(fresh, place.account)
    fresh.rename(rules)
    return {"listen_addresses": ADDRESS, "port": str(found.port), "hba_file": str(rules)}


def set_password(home: Path, address: str, user: str, database: str) -> None:
    """Make a password, unless there is one, for the server that runs at ``address``; raises DatabaseError."""
    found = asked(home)
    if found is None or found.password_file.exists():
        return
    password = secrets.token_urlsafe(32)
    with session.connect(address, own=True, autocommit=True) as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(user), sql.Literal(verifier)))
    try:
        _write(found.password_file, f"{ADDRESS}:{found.port}:{database}:{user}:{password}\n")
    except OSError as error:
        raise DatabaseError(
            f"The file of the password cannot be written ({error}); make room or access for it, then run this again."
        ) from error


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
