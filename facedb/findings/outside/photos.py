"""Photos outside: every photo without a label, asked once who it shows, beside the copies and the newcomers among them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from facedb.core.finding import LIKELY, Kind, Role
from facedb.core.lookup import run_lengths, run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.cores.folders import folders
from facedb.findings.duplicates import NEAR, Hashes, find_copies
from facedb.findings.finding_table import FindingTable, Members, ranked, table
from facedb.findings.flagged import Pairs
from facedb.findings.folder_study import FolderStudy
from facedb.findings.outside.known import Known, known
from facedb.findings.outside.newcomers import Newcomer, OnePerson, newcomers
from facedb.findings.pictures.candidates import alike_by_hash
from facedb.findings.pictures.same_photo import Pictures


@dataclass(frozen=True, slots=True)
class Outside:
    """What stands beside the folders: rows ``first`` to the end of ``vectors`` float32 (n, d) are faces without a label, those before
    them the gallery's, with its ``labels`` int64 (``first``,); ``images`` int64 (n,) and ``hashes`` of all rows.

    ``rows_a`` < ``rows_b`` int64 (m,) with ``scores`` float32 (m,): the pairs with a face without a label that score high.
    """

    first: int
    vectors: Float32Array
    labels: Int64Array
    images: Int64Array
    hashes: Hashes
    rows_a: Int64Array
    rows_b: Int64Array
    scores: Float32Array


def find_outside(outside: Outside, study: FolderStudy, pictures: Pictures | None = None) -> FindingTable:
    """Find of photos without a label whom they show (UNLABELLED), which are one person without a folder (NEWCOMER), and which are copies
    of others, or of photos in folders (DUPLICATE). Every photo is reported once, with the face that is known best.

    ``pictures`` are those behind all rows. A copy of a photo in a folder is reported as that alone.
    """
    first, count = outside.first, len(outside.vectors) - outside.first
    copies = _copies(outside, pictures)
    in_folder = copies.only((copies.identity_a >= 0) & (copies.confidence >= LIKELY))
    copied = np.isin(outside.images[first:], outside.images[in_folder.members.row])
    who = known(study.who, study.odds, np.ascontiguousarray(outside.vectors[first:]))
    tables = [copies]
    face = _best_faces(outside.images[first:], who.sure)
    sure_image = np.zeros(count, bool)
    sure_image[face] = who.sure[face] >= LIKELY
    strange = ~np.isin(outside.images[first:], outside.images[first:][sure_image]) & ~copied
    new = _newcomers(outside, study, np.flatnonzero(strange), copies, who)
    grouped = np.zeros(count, bool)
    for one in new:
        if one.sure >= LIKELY:
            grouped |= np.isin(outside.images[first:], outside.images[first:][one.faces])
    tables.append(_new_people(outside, new))
    asked = face[~grouped[face] & ~copied[face] & (who.nearest[face] >= 0)]
    tables.append(_who_is_this(outside, study, who, asked))
    return ranked(tables)


def _best_faces(images: Int64Array, sure: Float64Array) -> Int64Array:
    """Of every image the face that is known best; the first of several that are known alike."""
    order = np.lexsort((np.arange(len(images)), -sure, images))
    return np.sort(order[run_starts(images[order])])


def _who_is_this(outside: Outside, study: FolderStudy, who: Known, asked: Int64Array) -> FindingTable:
    parts, first = study.parts, outside.first
    nearest, second = who.nearest[asked], who.second[asked]
    example, best, pairs = _closest(outside, study, asked + first, nearest)
    there = np.flatnonzero(example >= 0)
    order = np.arange(len(asked))
    margin = who.sameness[asked] - np.where(second >= 0, who.second_sameness[asked], 0.0)
    return table(
        Kind.UNLABELLED,
        who.sure[asked],
        Members.of(
            np.r_[order, there],
            np.r_[asked + first, example[there]],
            np.repeat([Role.WRONG, Role.EXAMPLE], [len(asked), len(there)]),
        ),
        identity_a=parts.labels[nearest],
        identity_b=np.where(second >= 0, parts.labels[np.maximum(second, 0)], -1),
        faces_a=np.maximum(pairs, 1),
        size_a=parts.sizes[nearest],
        size_b=np.where(second >= 0, parts.sizes[np.maximum(second, 0)], 0),
        max_score=best,
        mean_score=who.score[asked],
        own_score=who.second_score[asked],
        sameness=who.sameness[asked],
        margin=margin,
        outside=1,
    )


def _closest(
    outside: Outside, study: FolderStudy, rows: Int64Array, folder: Int64Array
) -> tuple[Int64Array, Float64Array, Int64Array]:
    """The face of each ``folder`` (m,) that scores highest with ``rows`` (m,) among the pairs that score high (-1: none does), that
    score (NaN), and how many of its faces do."""
    inside = outside.rows_a < outside.first
    face, other, score = outside.rows_b[inside], outside.rows_a[inside], outside.scores[inside].astype(np.float64)
    home = study.parts.folder_of[other]
    width = len(study.parts.labels) + 1
    key = face * width + home
    order = np.lexsort((other, -score, key))
    key, other, score = key[order], other[order], score[order]
    starts = run_starts(key)
    each = run_lengths(starts, len(key))
    wanted = rows * width + folder
    at = np.searchsorted(key[starts], wanted)
    inner = np.minimum(at, max(len(starts) - 1, 0))
    found = (key[starts][inner] == wanted) if len(starts) else np.zeros(len(rows), bool)
    place = starts[inner] if len(starts) else np.zeros(len(rows), np.int64)
    if not len(key):
        return np.full(len(rows), -1, np.int64), np.full(len(rows), np.nan), np.zeros(len(rows), np.int64)
    return (
        np.where(found, other[place], -1),
        np.where(found, score[place], np.nan),
        np.where(found, each[inner], 0),
    )


def _newcomers(
    outside: Outside, study: FolderStudy, strange: Int64Array, copies: FindingTable, who: Known
) -> list[Newcomer]:
    """Groups of the faces ``strange`` (of those without a label), as rows among these; every photo is in one of them at most."""
    if len(strange) < 2:
        return []
    first = outside.first
    place = np.full(len(outside.vectors), -1, np.int64)
    place[strange + first] = np.arange(len(strange))
    among = (place[outside.rows_a] >= 0) & (place[outside.rows_b] >= 0)
    a, b = place[outside.rows_a[among]], place[outside.rows_b[among]]
    scores = outside.scores[among].astype(np.float64)
    head = _photo_of(outside, copies)[strange + first]
    # Copies of one photo are alike whoever they show: of each photo one stands for all.
    apart = head[a] != head[b]
    total = len(strange) * (len(strange) - 1) / 2
    judge = OnePerson(study.odds, study.who.ends, scores[apart], total)
    found, used = [], set[int]()
    for one in newcomers(outside.vectors[strange + first], outside.images[strange + first], judge, a, b, scores):
        free = np.array(
            [k for k in one.faces.tolist() if int(outside.images[strange[k] + first]) not in used], np.int64
        )
        if len(np.unique(head[free])) < 2 or len(free) < len(one.faces):
            continue
        used |= set(outside.images[strange[free] + first].tolist())
        nobody = 1.0 - float(who.sure[strange[free]].max())
        found.append(replace(one, faces=strange[free], sure=one.sure * nobody))
    return found


def _photo_of(outside: Outside, copies: FindingTable) -> Int64Array:
    """A number for every row (n,) that copies of one photo share: the first image of them."""
    photo = outside.images.copy()
    for k in np.flatnonzero(copies.confidence >= LIKELY).tolist():
        images = outside.images[copies.members.rows_of(k)]
        photo[np.isin(outside.images, images)] = images.min()
    return photo


def _new_people(outside: Outside, new: list[Newcomer]) -> FindingTable:
    sizes = np.array([len(one.faces) for one in new], np.int64)
    rows = np.concatenate([one.faces for one in new]) if new else np.empty(0, np.int64)
    return table(
        Kind.NEWCOMER,
        np.array([one.sure for one in new], np.float64),
        Members.of(np.repeat(np.arange(len(new)), sizes), rows + outside.first, Role.WRONG),
        identity_a=-1,
        faces_a=sizes,
        size_a=len(outside.vectors) - outside.first,
        max_score=np.array([one.highest for one in new], np.float64),
        mean_score=np.array([one.lowest for one in new], np.float64),
        outside=sizes,
    )


def _copies(outside: Outside, pictures: Pictures | None) -> FindingTable:
    """Copies of which at least one has no label, among the faces that may be some: the others were looked at already."""
    rows = _near(outside, pictures)
    place = np.full(len(outside.vectors), -1, np.int64)
    place[rows] = np.arange(len(rows))
    near = (outside.scores >= NEAR) & (place[outside.rows_a] >= 0) & (place[outside.rows_b] >= 0)
    # Every face without a label is a folder of its own here, so that none of them says which label is right.
    labels = np.r_[outside.labels, -1 - np.arange(len(outside.vectors) - outside.first)]
    parts = folders(labels[rows], outside.images[rows])
    found = find_copies(
        np.ascontiguousarray(outside.vectors[rows]),
        outside.images[rows],
        parts,
        Hashes(outside.hashes.content[rows], outside.hashes.look[rows], outside.hashes.has_look[rows]),
        Pairs(place[outside.rows_a[near]], place[outside.rows_b[near]], outside.scores[near]),
        None if pictures is None else replace(pictures, views=pictures.views[rows]),
    ).table
    found = replace(found, members=replace(found.members, row=rows[found.members.row]))
    return _with_labels(outside, found)


def _near(outside: Outside, pictures: Pictures | None) -> Int64Array:
    """The rows without a label, and those of the gallery that may show the same photo as one of them."""
    first, content = outside.first, outside.hashes.content
    wanted = np.zeros(len(outside.vectors), bool)
    wanted[first:] = True
    wanted[outside.rows_a[outside.scores >= NEAR]] = True
    wanted[:first] |= (content[:first] >= 0) & np.isin(content[:first], content[first:])
    if pictures is not None:
        _, heads = np.unique(outside.images, return_index=True)
        one, two = alike_by_hash(pictures.views[heads])
        a, b = heads[one], heads[two]
        mixed = (a >= first) | (b >= first)
        wanted[a[mixed]] = wanted[b[mixed]] = True
    return np.flatnonzero(wanted)


def _with_labels(outside: Outside, found: FindingTable) -> FindingTable:
    """Copies among which one has no label, under the label of the first that has one; copies in folders are findings of their own."""
    free = found.members.row >= outside.first
    loose = np.bincount(found.members.finding[free], minlength=len(found))
    found = found.only(loose > 0)
    loose = loose[loose > 0]
    free = found.members.row >= outside.first
    label = np.full(len(found), -1, np.int64)
    size = np.full(len(found), len(outside.vectors) - outside.first, np.int64)
    labelled = np.flatnonzero(~free)[::-1]
    finding, row = found.members.finding[labelled], found.members.row[labelled]
    label[finding] = outside.labels[row]
    sizes = dict(zip(*np.unique(outside.labels, return_counts=True), strict=True)) if len(outside.labels) else {}
    size[label >= 0] = [sizes[value] for value in label[label >= 0]]
    # One photo of the folder stands beside them: its copies in folders are a finding of their own.
    first_row = np.full(len(found), -1, np.int64)
    first_row[finding] = row
    kept = free | (found.members.row == first_row[found.members.finding])
    faces = np.where(label >= 0, 1, loose)
    return replace(
        found,
        identity_a=label,
        identity_b=np.full(len(found), -1, np.int64),
        faces_a=faces.astype(np.int64),
        faces_b=np.zeros(len(found), np.int64),
        size_a=size,
        size_b=np.zeros(len(found), np.int64),
        outside=loose.astype(np.int64),
        members=found.members.at(kept),
    )
