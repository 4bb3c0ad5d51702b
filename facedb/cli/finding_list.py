"""Findings for a person: one line of rank, class, confidence, names and files, and the sentence below as far as there is room.

Names and files are never cut; the sentence is wrapped to two lines and shortened last. What is left out is named below.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

from facedb.cli.output import Format, emit, sentence, text
from facedb.core.files.paths import display, from_text
from facedb.core.row_schema import table
from facedb.scan.findings.ranked import Finding

ALL_DECIDED = "Nothing is left to decide."
_SHOWN = ("rank", "class", "confidence", "identity_a", "identity_b", "images", "detail", "verdict")
_SENTENCE_LINES = 2
_WIDE = 100
_FEW_FILES = 4
_JOINED = {"merge": "=", "stray": "->", "mixed": "+", "duplicate": "=", "look-alike": "~"}


def print_findings(found: Sequence[Finding], none: str) -> None:
    """Print findings on stdout, ``none`` where there are none; what is no terminal gets a line for each with every column, for other
    programs."""
    if not sys.stdout.isatty():
        emit(table(Finding), found, Format.TABLE)
        return
    sys.stdout.write("\n".join(listed(found, shutil.get_terminal_size().columns) if found else [none]) + "\n")
    if found:
        left = [name for name in table(Finding).names if name not in _SHOWN]
        sys.stdout.write("\n")
        sentence(
            f"Left out: {', '.join(left)}. All columns: --format csv; one finding whole: facedb show {found[0].rank}", 0
        )
    sys.stdout.flush()


def listed(found: Sequence[Finding], width: int) -> list[str]:
    """The lines of findings, at least one, on a terminal of ``width`` columns."""
    digits = max(4, len(f"{found[-1].rank}"))
    # A narrow terminal has no room for a column of its own.
    indent = " " * (digits + 2 + 10 + 2 + 6 + 2 if width >= _WIDE else digits + 2)
    lines = [f"{'rank':>{digits}}  {'class':<10}  {'conf':>6}  who, which files, and why"]
    for one in found:
        head = f"{one.rank:>{digits}}  {one.kind:<10}  {one.confidence:>6.4f}  "
        names, files = _names(one), _files(one)
        said = f"  [{one.verdict}]" if one.verdict else ""
        whole = f"{names}{said}  {files}"
        # One line where it fits, else names on the first and files on the next ones: neither is ever cut.
        parts = [whole] if len(head) + _cells(whole) <= width else [f"{names}{said}", files]
        for k, part in enumerate(parts):
            lines += textwrap.wrap(
                part,
                max(width, 40),
                initial_indent=indent if k else head,
                subsequent_indent=indent,
                break_on_hyphens=False,
            )
        lines += [indent + line for line in _sentence(one.detail, max(20, width - len(indent)))]
    return lines


def _names(one: Finding) -> str:
    if one.identity_a is None:
        return "(a new person)" if one.kind == "newcomer" else "(no label)"
    a = display(from_text(one.identity_a))
    if one.kind == "unlabelled":
        return f"-> {a}" if one.identity_b is None else f"-> {a} (next best: {display(from_text(one.identity_b))})"
    return a if one.identity_b is None else f"{a} {_JOINED.get(one.kind, '=')} {display(from_text(one.identity_b))}"


def _files(one: Finding) -> str:
    paths = [display(from_text(path)) for path in one.images]
    more = f"  and {len(paths) - _FEW_FILES} more" if len(paths) > _FEW_FILES else ""
    return "  ".join(paths[:_FEW_FILES]) + more


def _sentence(sentence: str, room: int) -> list[str]:
    lines = textwrap.wrap(text(sentence), room, break_on_hyphens=False)
    if len(lines) <= _SENTENCE_LINES:
        return lines
    return [
        *lines[: _SENTENCE_LINES - 1],
        textwrap.shorten(" ".join(lines[_SENTENCE_LINES - 1 :]), room, placeholder=" …"),
    ]


def _cells(line: str) -> int:
    """How many columns a line takes: East Asian characters take two."""
    from rich.cells import cell_len

    return cell_len(line)
