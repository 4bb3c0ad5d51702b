"""The rule that finds an identity in a path."""

from __future__ import annotations

import re
from collections.abc import Callable

from facedb.core.errors import UsageError
from facedb.sources.options import SourceOptions

IdentityRule = Callable[[str], str | None]


def identity_rule(options: SourceOptions) -> IdentityRule:
    """Return the function from a relative path (with ``/``) to its identity, or None where the rule finds none.

    Raises UsageError for a missing or malformed regular expression.
    """
    if options.identity_regex is not None and options.identity_from != "regex":
        raise UsageError("--identity-regex is only used with --identity-from regex: give both, or neither.")
    match options.identity_from:
        case "top" | "txt":
            return _top_folder
        case "parent":
            return _parent_folder
        case "regex":
            return _by_pattern(options.identity_regex)
        case "none":
            return _nobody
        case unknown:
            raise UsageError(f"--identity-from is {unknown!r}: choose top, parent, regex, none or txt.")


def _top_folder(path: str) -> str | None:
    top, slash, _ = path.partition("/")
    return top if slash and top else None


def _parent_folder(path: str) -> str | None:
    folder = path.rpartition("/")[0]
    return folder.rpartition("/")[2] or None


def _nobody(_path: str) -> None:
    return None


def _by_pattern(pattern: str | None) -> IdentityRule:
    if not pattern:
        raise UsageError("--identity-from regex needs --identity-regex PATTERN.")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--identity-regex {pattern!r} is not a regular expression: {error}.") from error
    group: int | str = "identity" if "identity" in compiled.groupindex else min(compiled.groups, 1)

    def search(path: str) -> str | None:
        found = compiled.search(path)
        return (found.group(group) or None) if found else None

    return search
