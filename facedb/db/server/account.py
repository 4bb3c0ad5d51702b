"""Who runs the embedded PostgreSQL when facedb itself runs as root, and where that user can reach its files.

PostgreSQL refuses to run as root. An ordinary user runs it as itself. Root runs it under a numeric user and group of
its own that no line of /etc/passwd names, so no account is created, none is shared, and nobody can log in as it. No
mode of a directory that facedb did not create is ever changed: a home that such a user cannot reach gets its database
below :data:`SERVICE_DIR` instead, through a symbolic link in the home.
"""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from facedb.core.errors import DatabaseError
from facedb.core.files.paths import quoted
from facedb.core.settings import DEFAULT_SERVICE_DIR

SERVICE_DIR = DEFAULT_SERVICE_DIR

# Neither Debian, nor systemd (by its table of user ids), nor adduser hands these out.
SERVICE_IDS = range(60706, 61184)


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that own and run a server; both None where facedb runs it as its own user."""

    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server lives: ``cluster`` (mode 0700) holds ``data`` and ``run``; ``parent`` holds the cluster."""

    home: Path
    cluster: Path
    account: Account

    @property
    def parent(self) -> Path:
        """The directory that holds the cluster, on the same file system."""
        return self.cluster.parent

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.cluster / "data"

    @property
    def log(self) -> Path:
        """What the server wrote; in the home, so that root never writes into a directory that another user owns."""
        return server_log(self.home)


def server_log(home: Path) -> Path:
    """Where the server of a home writes what it has to say."""
    return home / "server.log"


def is_root() -> bool:
    """Whether this process may not run PostgreSQL as itself."""
    return os.geteuid() == 0


def prepare(home: Path, service_dir: Path = SERVICE_DIR) -> Place:
    """Create what is missing of the home and the directory of its server, and say where they are.

    Call it while holding the home's server lock. Raises DatabaseError where the directories belong to somebody else or
    cannot be made.
    """
    try:
        return _prepare_as_root(home, service_dir) if is_root() else _prepare_as_user(home)
    except OSError as error:
        raise DatabaseError(
            f"The directory of the embedded database cannot be prepared ({error}); set FACEDB_HOME to another one."
        ) from error


def make_home(home: Path, service_dir: Path = SERVICE_DIR) -> Path:
    """Create the home (mode 0700; for root 0710 and the group of the server) unless it exists; return it resolved."""
    home = home.resolve()
    if is_root() and home.is_dir() and home.stat().st_uid != 0:
        # Before anything is opened or made in a folder of somebody else.
        raise DatabaseError(
            f"{home} belongs to user {home.stat().st_uid}: run facedb as that user, or set FACEDB_HOME to another directory."
        )
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        if is_root():
            _make_with_group(home, _service_account(service_dir))
        else:
            home.mkdir(mode=0o700, exist_ok=True)
    return home


def reachable(directory: Path, account: Account) -> bool:
    """Whether the account may pass through the directory and all its parents."""
    for step in (directory, *directory.parents):
        found = step.stat()
        if not (found.st_mode & stat.S_IXOTH or (found.st_gid == account.gid and found.st_mode & stat.S_IXGRP)):
            return False
    return True


def own_directory(path: Path, account: Account) -> Path:
    """Create a directory of mode 0700 that belongs to the account, or check that it is one; returns it.

    Raises DatabaseError where it exists and belongs to somebody else, is a link, or is open to others.
    """
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        owner = os.geteuid() if account.uid is None else account.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise DatabaseError(
                f"{path} is not a private directory of user {owner}; remove it, or set FACEDB_HOME to another directory."
            ) from None
        return path
    give(path, account)
    return path


def give(path: Path, account: Account) -> None:
    """Hand a file or directory that facedb made over to the account; nothing to do where that is facedb's own user."""
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def initdb_account(account: Account) -> Account:
    """The account for ``initdb``, which insists on a user name: any named user but root, in the server's own group."""
    if account.uid is None:
        if not _named(os.geteuid()):
            raise DatabaseError(
                f"User {os.geteuid()} has no line in /etc/passwd, which PostgreSQL's initdb needs; add one, or use --dsn."
            )
        return account
    try:
        return Account(pwd.getpwnam("nobody").pw_uid, account.gid)
    except KeyError:
        for entry in pwd.getpwall():
            if entry.pw_uid != 0:
                return Account(entry.pw_uid, account.gid)
    raise DatabaseError(
        "/etc/passwd lists no user but root, and initdb needs another one; run facedb as an ordinary user."
    )


def _prepare_as_user(home: Path) -> Place:
    home = make_home(home)
    return Place(home, own_directory(home / "postgres", Account()), Account())


def _prepare_as_root(home: Path, service_dir: Path) -> Place:
    account = _service_account(service_dir)
    home = make_home(home, service_dir)
    link = home / "postgres"
    if link.is_symlink():
        return Place(home, _followed(link), _owner(link, account))
    if link.is_dir():
        return Place(home, link, _owner(link, account))
    if reachable(home, account):
        return Place(home, own_directory(link, account), account)
    cluster = own_directory(service_dir.resolve() / f"home-{secrets.token_hex(6)}", account)
    link.symlink_to(cluster)
    return Place(home, cluster, account)


def _followed(link: Path) -> Path:
    target = link.resolve()
    if not target.is_dir():
        raise DatabaseError(
            f"The database of this home was in {target}, which is gone; remove {link} to start again with an empty one."
        )
    return target


def _owner(cluster: Path, account: Account) -> Account:
    uid = cluster.stat().st_uid
    if uid == 0:
        raise DatabaseError(
            f"{cluster} belongs to root, which cannot run PostgreSQL: if it is a copy, give it to the account of its server "
            f"(chown -R {account.uid}:{account.gid} {quoted(cluster)}); otherwise move it away."
        )
    return Account(uid, account.gid)


def _service_account(service_dir: Path) -> Account:
    """The server's user and group: the group of the service directory, or a free id, with which it is created."""
    if service_dir.is_dir() and service_dir.stat().st_gid in SERVICE_IDS:
        number = service_dir.stat().st_gid
        return Account(number, number)
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    number = next(number for number in SERVICE_IDS if number not in taken)
    account = Account(number, number)
    if service_dir.is_dir():
        # Made by somebody else, a container volume perhaps: usable as it is, or not at all.
        if service_dir.stat().st_uid != 0 or not reachable(service_dir.resolve(), account):
            raise DatabaseError(
                f"The user of the server cannot reach {service_dir}; set FACEDB_SERVICE_DIR to another directory."
            )
        return account
    service_dir.parent.mkdir(parents=True, exist_ok=True)
    _make_with_group(service_dir, account)
    if not reachable(service_dir.resolve(), account):
        service_dir.rmdir()
        raise DatabaseError(
            f"An unprivileged user cannot reach {service_dir}; set FACEDB_SERVICE_DIR to another directory."
        )
    return account


def _make_with_group(path: Path, account: Account) -> None:
    """Make a directory of root (mode 0710) that the account's group may pass through, unless there is one."""
    # Made under another name and renamed, so that no other process sees it before it has its group.
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    fresh.mkdir(mode=0o710)
    try:
        os.chown(fresh, 0, account.gid or 0)
        fresh.chmod(0o710)
        fresh.rename(path)
    except OSError:
        fresh.rmdir()
        if not path.is_dir():
            raise


def _named(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
