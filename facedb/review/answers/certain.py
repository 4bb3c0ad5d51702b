"""Findings that are certain, put as if somebody had said them: what `facedb plan --auto` adds to the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import combinations, pairwise

from facedb.core.counting import counted
from facedb.core.files.paths import display
from facedb.core.finding import CERTAIN
from facedb.db.connection import Connection
from facedb.review import decision_rows
from facedb.review.components import components
from facedb.review.copies import home
from facedb.review.decision_rows import CertainFinding, VerdictRow
from facedb.scan.findings.make import of_another_make
from facedb.scan.which_scan import find_scan

NO_VERDICT = 0
"""The key of what no person said."""


def certain_findings(
    conn: Connection, standing: Sequence[VerdictRow], dataset: str | None
) -> tuple[list[VerdictRow], list[str]]:
    """What the newest finished scan is certain of, where no person said anything: a verdict, also *unsure*, always wins.

    Also returns, in words, what is certain and yet left to people: photos that show several, newcomers, who have no name, and people who
    were hidden from review.
    """
    scan = find_scan(conn, datasets=[dataset]).scan
    said = {_subject(v) for v in standing}
    asked = {key for v in standing if v.kind != "link" for key in (v.image_a_id, v.image_b_id)}
    rows: list[VerdictRow] = []
    crowded, newcomers, hidden = set[int](), 0, 0
    for finding in decision_rows.certain_findings(conn, scan.id, CERTAIN, dataset):
        if finding.hidden:
            hidden += 1
            continue
        if finding.kind == "newcomer":
            newcomers += not asked.issuperset(finding.image_ids + finding.crowded_ids)
            continue
        crowded |= set(finding.crowded_ids) - asked
        who = f"finding {finding.rank} of scan {scan.id} (confidence {finding.confidence:.3f})"
        rows += [row for row in _as_verdicts(finding, who, scan.started_at) if _subject(row) not in said]
    stale = of_another_make(scan)
    return rows, [*_left_out(len(crowded), newcomers, hidden), *([] if stale is None else [stale])]


def _left_out(crowded: int, newcomers: int, hidden: int) -> list[str]:
    found = []
    if hidden:
        name = "names" if hidden == 1 else "name"
        found.append(f"{counted(hidden, 'certain finding')} {name} people hidden from review")
    if crowded:
        shows = "shows" if crowded == 1 else "show"
        found.append(f"{counted(crowded, 'photo')} of certain findings {shows} several people")
    if newcomers:
        found.append(f"{counted(newcomers, 'certain newcomer')} {'has' if newcomers == 1 else 'have'} no name yet")
    return [f"Left out: {', and '.join(found)}; decide with `facedb review`."] if found else []


def without_chains(standing: Sequence[VerdictRow], found: Sequence[VerdictRow]) -> tuple[list[VerdictRow], list[str]]:
    """Leave out merges that would make one person of a chain, and say so.

    What people called the same is one person already; findings may join such persons only where they are certain of
    every two of them.
    """
    said = [_ends(v) for v in standing if v.kind == "link" and v.verdict == "same"]
    person = {key: min(group) for group in components(said) for key in group}
    merges = [v for v in found if v.kind == "link"]
    joined = {v: tuple(sorted(person.get(key, key) for key in _ends(v))) for v in merges}
    known = set(joined.values())
    apart = {
        tuple(sorted(person.get(key, key) for key in _ends(v)))
        for v in standing
        if v.kind == "link" and v.verdict == "different"
    }
    left_out: set[VerdictRow] = set()
    remarks = []
    for group in components((a, b) for a, b in known):
        pairs = set(combinations(sorted(group), 2))
        if pairs <= known and not pairs & apart:
            continue
        chain = [v for v in merges if joined[v][0] in group]
        left_out |= set(chain)
        names = sorted({name for v in chain for name in (v.identity_a, v.identity_b) if name is not None})
        shown = ", ".join(map(display, names))
        why = (
            "somebody called two of them different"
            if pairs & apart
            else "they are certain as a chain, but not pair by pair"
        )
        remarks.append(f"Not merged: {shown}; {why}. Say which are the same.")
    return [v for v in found if v not in left_out], remarks


def _ends(verdict: VerdictRow) -> tuple[int, int]:
    return verdict.identity_a_id or 0, verdict.identity_b_id or 0


def _as_verdicts(finding: CertainFinding, who: str, when: datetime) -> list[VerdictRow]:
    if finding.kind == "merge":
        return [_row(finding, "link", "same", who, when, *sorted((finding.identity_a or 0, finding.identity_b or 0)))]
    if finding.kind == "unlabelled":
        return [_row(finding, "face", "wrong-identity", who, when, None, None, image) for image in finding.image_ids]
    if finding.kind == "stray":
        return [
            _row(finding, "face", "wrong-identity", who, when, finding.identity_a, None, image, None)
            for image in finding.image_ids
        ]
    both = finding.identity_a, finding.identity_b or finding.identity_a
    pairs = [_row(finding, "pair", "duplicate", who, when, *both, a, b) for a, b in pairwise(finding.image_ids)]
    right = home(*both, finding.margin, finding.labels, CERTAIN)
    goes = [(image, label) for image, label in zip(finding.image_ids, finding.labels, strict=True) if label != right]
    return pairs + [
        replace(_row(finding, "face", "duplicate", who, when, label, None, image), target=None, target_id=None)
        for image, label in (goes if right is not None else ())
    ]


def _row(
    finding: CertainFinding,
    kind: str,
    verdict: str,
    who: str,
    when: datetime,
    identity_a: int | None,
    identity_b: int | None,
    image_a: int | None = None,
    image_b: int | None = None,
) -> VerdictRow:
    stray, outside = kind == "face", finding.kind == "unlabelled"
    return VerdictRow(
        id=NO_VERDICT,
        kind=kind,
        verdict=verdict,
        identity_a=None if outside else finding.name_a,
        path_a=None,
        identity_b=None if stray else finding.name_b,
        path_b=None,
        target=None if not stray else finding.name_a if outside else finding.name_b,
        note=None,
        said_by=who,
        said_at=when,
        dataset_a=finding.dataset,
        dataset_b=None,
        identity_a_id=identity_a,
        identity_b_id=identity_b,
        image_a_id=image_a,
        image_b_id=image_b,
        target_id=None if not stray else finding.identity_a if outside else finding.identity_b,
        pairs=None,
        faces_a=None,
        faces_b=None,
    )


def _subject(verdict: VerdictRow) -> tuple[object, ...]:
    if verdict.kind == "link":
        return "link", verdict.identity_a_id, verdict.identity_b_id
    if verdict.kind == "face":
        return "face", verdict.image_a_id
    return "pair", frozenset((verdict.image_a_id, verdict.image_b_id))
