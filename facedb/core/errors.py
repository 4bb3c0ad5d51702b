"""One tree of errors and one table of exit codes.

A message is one sentence that says what happened and, where there is something to do, what to do next. The CLI prints
the message on stderr and exits with the code of the class; nothing else decides exit codes.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DATABASE = 3
    SCHEMA = 4
    MODEL = 5
    ENGINE = 6
    INPUT = 7
    NOT_FOUND = 8
    TOO_MANY_PAIRS = 9
    CONFLICT = 10
    INTERRUPTED = 130


class FacedbError(Exception):
    """Something went wrong that a person can act on."""

    exit_code = ExitCode.FAILED


class UsageError(FacedbError):
    """The command was called with arguments that do not fit together."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A settings file or variable has a wrong key or value."""


class DatabaseError(FacedbError):
    """The database cannot be reached, started or used."""

    exit_code = ExitCode.DATABASE


class SchemaError(DatabaseError):
    """The schema of the database is missing, too old or too new."""

    exit_code = ExitCode.SCHEMA


class ModelError(FacedbError):
    """A model file, its contract or what it returns is wrong."""

    exit_code = ExitCode.MODEL


class EngineError(FacedbError):
    """A search engine is not available here, or failed its self-test."""

    exit_code = ExitCode.ENGINE


class InputError(FacedbError):
    """What was given as a source cannot be read."""

    exit_code = ExitCode.INPUT


class NotFoundError(FacedbError):
    """A dataset, scan, identity, plan or other named thing does not exist."""

    exit_code = ExitCode.NOT_FOUND


class TooManyPairsError(FacedbError):
    """A scan would flag more pairs than --max-pairs allows."""

    exit_code = ExitCode.TOO_MANY_PAIRS


class ConflictError(FacedbError):
    """Something changed since it was planned, or two things exclude each other."""

    exit_code = ExitCode.CONFLICT


def cannot_read(what: str, error: OSError) -> InputError:
    """The error for a file or folder that the operating system does not give out; ``what`` begins its sentence."""
    return InputError(f"{what} cannot be read ({error.strerror}): check the path and its permissions.")


def first_line(error: BaseException) -> str:
    """The first line of what a library says, which often goes on with a screenful of paths; its type if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
