"""The conclusion of a scan: pairs rolled up to links and findings, and its histograms, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from facedb.core.lookup import Lookup
from facedb.db import audit
from facedb.db.connection import Connection
from facedb.findings.cores.shown_together import Company
from facedb.findings.duplicates import Hashes
from facedb.findings.find import Evidence
from facedb.findings.flagged import Flagged, Pairs
from facedb.findings.folder_study import FolderStudy
from facedb.findings.links import Links, between, roll_up
from facedb.findings.names.evidence import names as names_of
from facedb.findings.outside.photos import Outside, find_outside
from facedb.scan import pair_rows, scan_rows
from facedb.scan.faces.compared import Compared
from facedb.scan.faces.outside import either
from facedb.scan.faces.pictures import photo_facts, pictures_of
from facedb.scan.findings import finding_rows, lessons
from facedb.scan.findings.computed import compute_copies, compute_findings
from facedb.scan.findings.make import make
from facedb.scan.pair_rows import PairRows
from facedb.scan.scores import histograms
from facedb.scan.scores.histograms import Distributions
from facedb.scan.tiles import ledger_rows, link_parts


@dataclass(frozen=True, slots=True)
class Beside:
    """What other threads see to while findings are made, each to be waited for: ``scores``, the distributions under the labels, and
    ``indexed``, the indexes of the pairs."""

    scores: Callable[[], Distributions | None]
    indexed: Callable[[], object]


def conclude(
    conn: Connection,
    scan_id: int,
    compared: Compared,
    flagged: Flagged | None,
    studied: FolderStudy | None,
    strangers: Outside | None,
    beside: Beside,
    *,
    names: bool,
) -> None:
    """Write links, findings and histograms of a scan and close it; the caller commits.

    ``flagged`` are its pairs, None for a scan that kept links alone; ``studied`` what `study_folders` gave, None without labels;
    ``strangers`` what the search of the faces outside gave. With ``names`` labels that look like names are evidence.
    """
    if studied is None:
        assert flagged is not None  # noqa: S101 - faces without labels have no links to keep
        _write_copies(conn, scan_id, compared, flagged)
        total, links, certain_above = sum(map(len, flagged)), 0, None
    else:
        total, links = _write_labelled(conn, scan_id, compared, flagged, studied, strangers, beside, names=names)
        certain_above = studied.odds.certain_above(studied.who.ends)
    beside.indexed()
    scan_rows.finish_scan(
        conn,
        scan_id,
        pairs=total,
        links=links,
        certain_above=certain_above,
        made_by=make(),
        faceless=compared.faceless.digest,
    )
    lessons.follow_on(conn, scan_id)
    audit.note(conn, "scan", "scan", scan_id, faces=len(compared.faces), pairs=total, links=links)


def _write_copies(conn: Connection, scan_id: int, compared: Compared, flagged: Flagged) -> None:
    """Of faces without labels: copies, and no histograms."""
    histograms.write_none(conn, scan_id)
    faces, bare = compared.faces, compared.faceless
    pictures = pictures_of(conn, np.r_[faces.image_ids, bare.image_ids])
    evidence = Evidence(_hashes(compared), pictures=pictures, faceless=bare.beside(faces))
    compute_copies(conn, scan_id, compared.gallery, flagged, evidence, faces.face_ids)


def _write_labelled(
    conn: Connection,
    scan_id: int,
    compared: Compared,
    flagged: Flagged | None,
    folders: FolderStudy,
    strangers: Outside | None,
    beside: Beside,
    *,
    names: bool,
) -> tuple[int, int]:
    """Links, findings and histograms; the numbers of pairs and of links."""
    faces, gallery, outside, bare = compared.faces, compared.gallery, compared.outside, compared.faceless
    parts, best = folders.parts, None
    if flagged is None:
        links = roll_up(gallery.vectors, parts, link_parts.read(conn, scan_id, parts))
        flagged = best = _keep_best(conn, scan_id, compared, links)
    else:
        links = roll_up(gallery.vectors, parts, between(parts, flagged.together(parts.folder_of)))
    _write_links(conn, scan_id, links)
    seen = _seen(conn, scan_id, compared, folders, names=names)
    pictures = pictures_of(conn, np.r_[faces.image_ids, outside.faces.image_ids, bare.image_ids])
    unlabelled = None if strangers is None else find_outside(strangers, folders, pictures)
    ledger_rows.write_outsiders(conn, scan_id, outside.faces.embedding_ids, outside.faces.face_ids)
    evidence = Evidence(_hashes(compared), seen, pictures, photo_facts(faces, compared.choice), unlabelled)
    evidence = replace(evidence, faceless=bare.beside(faces, outside.faces))
    face_ids = np.r_[faces.face_ids, outside.faces.face_ids]
    note = either(compared.choice.note, outside.note(conn))
    found = compute_findings(conn, scan_id, gallery, folders, flagged, evidence, face_ids, note)
    if best is None:
        explained = found.explanation.of(flagged)
    else:
        mated = found.explanation.mated(best.rows_a, best.rows_b)
        explained = link_parts.explained(conn, scan_id, parts, links, mated)
        link_parts.drop(conn, scan_id)
    scores = beside.scores()
    assert scores is not None  # noqa: S101 - there are labels
    histograms.write(conn, scan_id, scores, explained, compared.threshold)
    return int(explained.pairs.sum()), len(links)


def _keep_best(conn: Connection, scan_id: int, compared: Compared, links: Links) -> Pairs:
    """Keep the pair that scores highest of each of ``links``, of which the scan kept nothing else, as a flagged one."""
    best = PairRows.between(links.best_a, links.best_b, links.max_score.astype(np.float32))
    pair_rows.write_pairs(conn, scan_id, best)
    lookup = Lookup(compared.faces.face_ids)
    return Pairs(lookup.rows(best.face_a), lookup.rows(best.face_b), best.score)


def _write_links(conn: Connection, scan_id: int, links: Links) -> None:
    pair_rows.write_links(conn, scan_id, {name: getattr(links, name) for name in links.__dataclass_fields__})


def _seen(conn: Connection, scan_id: int, compared: Compared, folders: FolderStudy, *, names: bool) -> Company:
    """What photos with several faces tell of the folders, and with ``names`` what their labels tell."""
    faces = compared.faces
    seen = compared.choice.seen(conn, scan_id, faces, folders)
    if not names:
        return seen
    labels = finding_rows.identity_names(conn, np.unique(faces.identity_ids).tolist())
    return replace(seen, names=names_of({key: name for key, (name, _) in labels.items()}))


def _hashes(compared: Compared) -> Hashes:
    return Hashes(compared.faces.content, compared.faces.look, compared.faces.has_look)
