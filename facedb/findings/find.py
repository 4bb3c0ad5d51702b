"""Findings: from flagged pairs, the scores inside folders and the hashes to ranked statements for a person.

Every mistake is reported once. First each folder is taken apart into its core and the faces beside it (`folder_study`); then

 * copies of one photo are grouped (`duplicates`), and a face that came out badly on one is left out of all the rest (`spoiled`);
 * faces beside a core become strays, pointing to the core they fit, or the second person of a mixed folder (`misplaced`);
 * what is left of the pairs, those between cores, makes merges and look-alikes (`likenesses`).

So the pairs of a stray with its true identity make no merge of two folders, and a person split over two folders, whose
cores are alike, makes no strays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import LIKELY, Kind, Role
from facedb.findings.cores.folders import folders
from facedb.findings.cores.shown_together import Company
from facedb.findings.duplicates import NEAR, Copies, Hashes, find_copies, proven_across
from facedb.findings.faceless import Faceless, find_faceless_copies
from facedb.findings.finding_table import FindingTable, Weigh, ranked
from facedb.findings.flagged import Flagged, Pairs, likest
from facedb.findings.folder_study import FolderStudy
from facedb.findings.homes import with_homes
from facedb.findings.likenesses import compare_cores, find_likenesses, find_single_images, namesakes
from facedb.findings.misplaced import find_misplaced, whole_images
from facedb.findings.photos import PhotoFacts, find_photos
from facedb.findings.pictures.same_photo import Pictures
from facedb.findings.rates.explained_pairs import Explanation
from facedb.findings.spoiled import spoiled_faces
from facedb.findings.strays import swaps
from facedb.join.gallery import Gallery

CLOSE_SHARE = 0.65
"""Two identities are look-alikes when their cores are closer than chance brings any two, or when their best pair scores
this share of the way from impostor to genuine (chosen by hand); other links are in `facedb links` only."""
_ALONE = Company()


@dataclass(frozen=True, slots=True)
class Findings:
    """The ranked ``table``, and how far it explains flagged pairs."""

    table: FindingTable
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the photos beside their scores.

    ``hashes`` are those of the files of the rows, ``seen`` is what photos with several faces say of who is who, ``pictures`` are those
    behind the rows, and ``photos`` is what was measured of them (None: nothing is known). ``outside`` are the findings about faces without
    a label, whose rows follow those of the gallery, and ``faceless`` the photos without a face, whose rows follow these.
    """

    hashes: Hashes
    seen: Company = _ALONE
    pictures: Pictures | None = None
    photos: PhotoFacts | None = None
    outside: FindingTable | None = None
    faceless: Faceless | None = None

    def copies_without_face(self, copies: Copies) -> list[FindingTable]:
        """The findings about photos without a face, beside the ``copies`` among the others."""
        if self.faceless is None or self.pictures is None:
            return []
        return [find_faceless_copies(self.faceless, self.pictures, copies)]


def find(
    gallery: Gallery, study: FolderStudy, flagged: Flagged, evidence: Evidence, weigh: Weigh | None = None
) -> Findings:
    """Find the mistakes of a gallery.

    ``study`` is `study_folders` of it. No pair but the ``flagged`` ones is looked at, but every face beside a core is compared with every
    core. ``weigh`` is as `ranked` takes it.
    """
    seen, photos, outside = evidence.seen, evidence.photos, evidence.outside
    parts, peeled, who = study.parts, study.peeled, study.who
    near = Pairs.of([Pairs(peeled.near_a, peeled.near_b, peeled.near_score), likest(flagged, NEAR)])
    alike = find_copies(gallery.vectors, gallery.image_ids, parts, evidence.hashes, near, evidence.pictures)
    copies = alike.table
    sharpness = None if photos is None else photos.sharpness
    spoiled = spoiled_faces(gallery, study, copies)
    strays, mixed = find_misplaced(gallery, study, flagged, copies, spoiled, sharpness)
    copies = copies.only(~_reported_as_strays(len(gallery), strays, copies))
    explained = spoiled | _explained(len(gallery), [strays, mixed])
    explained |= whole_images(gallery, np.flatnonzero(_explained(len(gallery), [copies])))
    left = (part.only(~(explained[part.rows_a] | explained[part.rows_b])) for part in flagged.together(parts.folder_of))
    likeness = compare_cores(study, seen, left)
    single, alone = find_single_images(study, likeness)
    close = (
        likeness.merges()
        | (likeness.sameness >= study.rules.alike)
        | (likeness.links.max_score >= who.ends.cut(CLOSE_SHARE))
    )
    tables = [find_likenesses(likeness, close & ~single), alone, strays, mixed, with_homes(gallery, study, copies)]
    if seen.names is not None:
        tables.append(namesakes(gallery.vectors, study, seen.names, likeness, explained))
    if photos is not None:
        tables.append(find_photos(parts, photos, gallery.image_ids))
    found = ranked(tables)
    explanation = Explanation(found, parts)
    beside = [*([] if outside is None else [outside]), *evidence.copies_without_face(alike)]
    if beside or weigh is not None:
        found = ranked([found, *beside], weigh)
    return Findings(replace(found, partner=swaps(found)), explanation)


def unlabelled_copies(gallery: Gallery, flagged: Flagged, evidence: Evidence) -> FindingTable:
    """Find the same photo twice among faces without labels, whatever ``gallery`` carries as such, from their hashes and pictures."""
    parts = folders(np.zeros(len(gallery), np.int64), gallery.image_ids)
    near = Pairs.of(part.only(part.scores >= NEAR) for part in flagged)
    copies = find_copies(gallery.vectors, gallery.image_ids, parts, evidence.hashes, near, evidence.pictures)
    found = ranked([copies.table, *evidence.copies_without_face(copies)])
    return replace(found, identity_a=np.full(len(found), -1), outside=np.zeros(len(found), np.int64))


def _reported_as_strays(count: int, strays: FindingTable, copies: FindingTable) -> NDArray[np.bool_]:
    """Near copies across folders of which one is a stray: two photos of one sitting, so the stray is the mistake to report."""
    stray = np.zeros(count, bool)
    sure = (strays.members.role == Role.WRONG) & (strays.confidence >= LIKELY)[strays.members.finding]
    stray[strays.members.row[sure]] = True
    reported = np.zeros(len(copies), bool)
    reported[copies.members.finding[stray[copies.members.row]]] = True
    return reported & (copies.identity_b >= 0) & ~proven_across(copies)


def _explained(count: int, tables: list[FindingTable]) -> NDArray[np.bool_]:
    """Rows whose pairs need no further explanation: strays, second persons, and photos copied across folders."""
    explained = np.zeros(count, bool)
    for part in tables:
        sure = (part.confidence >= LIKELY) & ((part.kind != Kind.DUPLICATE) | (part.identity_b >= 0))
        wrong = (part.members.role != Role.EXAMPLE) & sure[part.members.finding]
        explained[part.members.row[wrong]] = True
    return explained
