"""Findings of a scan: computed with it, in its transaction, and read as ranked rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from facedb.core.files.paths import display
from facedb.core.finding import Kind, Role
from facedb.core.records import Int64Array
from facedb.db.connection import Connection
from facedb.findings.cores.shown_together import Company
from facedb.findings.faceless import Faceless
from facedb.findings.find import Evidence, Findings, find, unlabelled_copies
from facedb.findings.finding_table import FindingTable
from facedb.findings.flagged import Flagged
from facedb.findings.folder_study import FolderStudy
from facedb.findings.photos import PhotoFacts
from facedb.join.gallery import Gallery
from facedb.scan.findings import finding_rows
from facedb.scan.findings.finding_sentences import no_face_in, sentences
from facedb.scan.findings.lessons import weigh

_NO_NOTES: Mapping[int, str] = MappingProxyType({})


def compute_findings(
    conn: Connection,
    scan_id: int,
    gallery: Gallery,
    study: FolderStudy,
    flagged: Flagged,
    evidence: Evidence,
    face_ids: Int64Array,
    note: Callable[[int], str | None],
) -> Findings:
    """Find the mistakes behind the flagged pairs of a scan and write them as its findings; the caller commits.

    ``face_ids`` (n,) are the keys of the rows of ``gallery``, whose labels are keys of identities, then those of the rows outside: photos
    without a face have rows after these. ``note`` is what is to be said of the photo of a face. All else is as `find` takes it. They are
    ranked by what the verdicts on earlier scans taught.
    """
    found = find(gallery, study, flagged, evidence, weigh(conn, scan_id))
    notes = _notes(conn, found.table, gallery, face_ids, evidence.seen, note)
    notes |= _without_face(conn, scan_id, found.table, evidence.faceless)
    rows = _as_rows(found.table, notes, evidence.photos)
    finding_rows.write_findings(conn, scan_id, rows, _faces(conn, found.table, face_ids, evidence.faceless))
    return found


def compute_copies(
    conn: Connection,
    scan_id: int,
    gallery: Gallery,
    flagged: Flagged,
    evidence: Evidence,
    face_ids: Int64Array,
) -> FindingTable:
    """Find the copies among faces without labels and write them as the findings of a scan, as `compute_findings` does."""
    found = unlabelled_copies(gallery, flagged, evidence)
    rows = _as_rows(found, _without_face(conn, scan_id, found, evidence.faceless))
    finding_rows.write_findings(conn, scan_id, rows, _faces(conn, found, face_ids, evidence.faceless))
    return found


def _notes(
    conn: Connection,
    found: FindingTable,
    gallery: Gallery,
    face_ids: Int64Array,
    seen: Company,
    note: Callable[[int], str | None],
) -> dict[int, str]:
    """What is to be added to findings: which face of a photo is meant, and in which photo two people stand together."""
    notes: dict[int, str] = {}
    for member in np.flatnonzero(found.members.role == Role.WRONG).tolist():
        k = int(found.members.finding[member])
        asked = found.kind[k] in (Kind.STRAY, Kind.UNLABELLED)
        said = note(int(face_ids[found.members.row[member]])) if asked else None
        if said is not None:
            notes[k] = said
    both = {}
    for k in np.flatnonzero(found.identity_b >= 0).tolist() if seen.together else []:
        a, b = int(found.identity_a[k]), int(found.identity_b[k])
        row = seen.together.get((min(a, b), max(a, b)))
        if row is not None and found.kind[k] in (Kind.MERGE, Kind.LOOK_ALIKE):
            both[k] = int(gallery.image_ids[row])
    if seen.names is not None:
        for k in np.flatnonzero(np.isin(found.kind, (Kind.MERGE, Kind.LOOK_ALIKE))).tolist():
            said = seen.names.in_words(int(found.identity_a[k]), int(found.identity_b[k]))
            if said is not None:
                notes[k] = said
    paths = finding_rows.image_paths(conn, sorted(set(both.values())))
    for k, image in both.items():
        notes[k] = (
            f"The two appear in one photo ({display(paths.get(image, ''))}), so they are two people, unless it is a mirror or a collage."
        )
    return notes


def _without_face(conn: Connection, scan_id: int, found: FindingTable, faceless: Faceless | None) -> dict[int, str]:
    """Which of the copies have no face, and why, by finding."""
    if faceless is None:
        return {}
    bare = found.members.row >= faceless.first
    images = faceless.images[found.members.row[bare]].tolist()
    why = finding_rows.reject_reasons(conn, scan_id, images)
    said: dict[int, list[tuple[str, str, str]]] = {}
    for k, image in zip(found.members.finding[bare].tolist(), images, strict=True):
        said.setdefault(k, []).extend([why[image]] if image in why else [])
    return {k: no_face_in(reasons) for k, reasons in said.items()}


def _as_rows(
    found: FindingTable, notes: Mapping[int, str] = _NO_NOTES, photos: PhotoFacts | None = None
) -> Iterator[tuple[Any, ...]]:
    """The findings as tuples of `finding_rows.FINDING_COLUMNS`."""
    ranks = range(1, len(found) + 1)
    details = [f"{text} {notes[k]}" if k in notes else text for k, text in enumerate(sentences(found, photos))]
    return zip(
        ranks,
        [Kind(kind).word for kind in found.kind.tolist()],
        found.confidence.tolist(),
        _known(found.identity_a, found.identity_a >= 0),
        _known(found.identity_b, found.identity_b >= 0),
        found.faces_a.tolist(),
        found.faces_b.tolist(),
        found.size_a.tolist(),
        found.size_b.tolist(),
        _real(found.max_score),
        _real(found.mean_score),
        _real(found.own_score),
        _real(found.own_best),
        _real(found.usual),
        _real(found.spread),
        _real(found.sameness),
        _real(found.margin),
        _known(found.distance, found.distance >= 0),
        _known(found.group, found.group > 0),
        _real(found.lowest),
        _known(found.partner + 1, found.partner >= 0),
        details,
        strict=True,
    )


def _faces(
    conn: Connection, found: FindingTable, face_ids: Int64Array, faceless: Faceless | None
) -> Iterator[tuple[int, int, str]]:
    members, words = found.members, {role: role.name.lower() for role in Role}
    keys, bare = np.zeros(len(members.row), np.int64), members.row >= len(face_ids)
    keys[~bare] = face_ids[members.row[~bare]]
    if faceless is not None and bare.any():
        images = faceless.images[members.row[bare]].tolist()
        whole = finding_rows.whole_photos(conn, images)
        # Of those that were pruned meanwhile no row is written.
        keys[bare] = [whole.get(image, 0) for image in images]
    return (
        (finding + 1, face, words[Role(role)])
        for finding, face, role in zip(members.finding.tolist(), keys.tolist(), members.role.tolist(), strict=True)
    )


def _real(values: Any) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _known(values: Any, known: Any) -> list[int | None]:
    return [value if there else None for value, there in zip(values.tolist(), known.tolist(), strict=True)]
