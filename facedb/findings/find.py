"""Findings: from flagged pairs, the scores inside folders and the hashes to ranked statements for a person.

Every mistake is told once. First each folder is taken apart into its core and the faces beside it (`peel`); then

 * copies of one photo are grouped (`copies`);
 * faces beside a core become strays, pointing to the core they fit, or the second person of a mixed folder (`strays`);
 * what is left of the pairs, those between cores, makes merges and look-alikes (`likenesses`).

So the pairs of a stray with its true identity make no merge of two folders, and a person split over two folders, whose
cores are alike, makes no strays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facedb.core.finding import CERTAIN, LIKELY, Kind, Role
from facedb.core.lookup import best_of_runs, places, run_starts
from facedb.core.records import Float32Array, Float64Array, Int64Array
from facedb.findings.confidence import Rules
from facedb.findings.cores.asides import find_asides, find_ties, settle_ties
from facedb.findings.cores.folders import Folders, folders
from facedb.findings.cores.peel import Peeled, nearest_few, peel
from facedb.findings.cores.persons import Ends, Persons, ends, ends_of_cores, folder_sums, mean_scores, noise, persons
from facedb.findings.cores.shown_together import Company
from facedb.findings.duplicates import EQUAL, NEAR, Hashes, find_copies
from facedb.findings.finding_table import FindingTable, Weigh, ranked, table
from facedb.findings.likenesses import Likeness, compare_cores, find_likenesses, namesakes
from facedb.findings.odds.same_person import TwoGroups, two_groups
from facedb.findings.photos import PhotoFacts, find_photos
from facedb.findings.pictures.same_photo import Pictures
from facedb.findings.rates.explained_pairs import Told, told_pairs
from facedb.findings.rates.genuine_scores import GenuineScores
from facedb.findings.strays import find_mixed, find_strays, swaps
from facedb.join.gallery import Gallery

PEEL_SHARE = 0.45
"""A face is beside the core when its mean score to it is below this share of the way from impostor to genuine."""
CLOSE_SHARE = 0.65
"""Two identities are look-alikes when their cores are closer than chance brings any two, or when their best pair scores
this share of the way from impostor to genuine; other links are in `facedb links` only."""
MISFILED = 0.05
"""Where the scores of the cores say that the genuine end lies so much higher, the folders are taken apart once more."""
ROUGHLY = 1_000_000
"""So many pairs of cores tell which of two halves of a folder is at home; all are measured once that is settled."""
_SLACK = 0.05
ALONE = Company()


@dataclass(frozen=True, slots=True)
class Findings:
    """The ranked ``table`` with what it was measured against: the scale's ``ends`` and the ``rules``; ``told`` is
    what the findings say of the flagged pairs (m,)."""

    table: FindingTable
    told: Told
    ends: Ends
    rules: Rules


@dataclass(frozen=True, slots=True)
class FolderStudy:
    """What the folders of a gallery tell by themselves, whatever is flagged between them: needed by `find`.

    ``genuine`` has counted the scores inside the folders that were compared many at once, and can count the rest.
    """

    parts: Folders
    ends: Ends
    peeled: Peeled
    who: Persons
    rules: Rules
    odds: TwoGroups
    genuine: GenuineScores


def study_folders(gallery: Gallery) -> FolderStudy:
    """Take the folders apart; the time goes into the scores inside them (sum of squared folder sizes)."""
    parts = folders(gallery.identity_ids, gallery.image_ids)
    sums = folder_sums(gallery.vectors, parts)
    scale = ends(gallery.vectors, parts, sums)
    genuine = GenuineScores()
    peeled = peel(gallery.vectors, gallery.image_ids, parts, cut=scale.cut(PEEL_SHARE), near=NEAR, told=genuine.add)
    clean = ends_of_cores(scale, peeled.own_mean, peeled.group)
    if clean.genuine > scale.genuine + MISFILED:
        scale = clean
        peeled = peel(gallery.vectors, gallery.image_ids, parts, cut=scale.cut(PEEL_SHARE), near=NEAR)
    who = persons(gallery.vectors, parts, scale, sums, peeled.group)
    rough, mates_hold = None, True
    if ties := find_ties(gallery.vectors, parts, who, peeled.group):
        rough = two_groups(gallery.vectors, parts, who, peeled.own_mean, peeled.group, most=ROUGHLY)
        changed = settle_ties(ties, parts, who, rough, peeled.group)
        mates_hold = bool((who.faces[changed] < 2).all())
        if len(changed):
            who = persons(gallery.vectors, parts, scale, sums, peeled.group)
            _measure_again(gallery, parts, peeled)
    odds = two_groups(gallery.vectors, parts, who, peeled.own_mean, peeled.group, start=rough, mates_hold=mates_hold)
    rules = Rules.of(noise(gallery, parts, who, peeled.own_mean, peeled.group))
    return FolderStudy(parts, scale, peeled, who, rules, odds, genuine)


def find(
    gallery: Gallery,
    study: FolderStudy,
    rows_a: Int64Array,
    rows_b: Int64Array,
    scores: Float32Array,
    hashes: Hashes,
    seen: Company = ALONE,
    pictures: Pictures | None = None,
    photos: PhotoFacts | None = None,
    outside: FindingTable | None = None,
    weigh: Weigh | None = None,
) -> Findings:
    """Find the mistakes of a gallery.

    ``seen`` is what photos with several faces tell; ``pictures`` are those behind the rows, and ``photos`` what was measured of them
    (None: nothing is known). ``outside`` is what is told of faces without a label, whose rows follow those of the gallery;
    ``weigh`` is as `ranked` takes it.

    ``study`` is `study_folders` of it; ``rows_a``, ``rows_b`` (m,) are the rows of the flagged pairs with ``scores`` float32
    (m,). No other pair is looked at, but every face beside a core is compared with every core.
    """
    parts, peeled, who, rules, odds = study.parts, study.peeled, study.who, study.rules, study.odds
    near = nearest_few(rows_a, rows_b, scores, NEAR)
    copies = find_copies(
        gallery.vectors,
        gallery.image_ids,
        parts,
        hashes,
        np.r_[peeled.near_a, rows_a[near]],
        np.r_[peeled.near_b, rows_b[near]],
        np.r_[peeled.near_score, scores[near]],
        pictures,
    )
    pairs = _Pairs(rows_a, rows_b, scores)
    sharpness = None if photos is None else photos.sharpness
    strays, mixed = _beside_cores(gallery, parts, who, rules, odds, peeled, pairs, copies, sharpness)
    copies = copies.only(~_told_as_strays(len(gallery), strays, copies))
    explained = _explained(len(gallery), [strays, mixed])
    explained |= _whole_images(gallery, np.flatnonzero(_explained(len(gallery), [copies])))
    left = ~(explained[rows_a] | explained[rows_b])
    likeness = compare_cores(parts, who, odds, seen, rows_a[left], rows_b[left], scores[left])
    single, alone = _folders_of_one(parts, likeness)
    close = (
        likeness.merges()
        | (likeness.sameness >= rules.alike)
        | (likeness.links.max_score >= study.ends.cut(CLOSE_SHARE))
    )
    told = [find_likenesses(likeness, close & ~single), alone, strays, mixed, copies]
    if seen.names is not None:
        told.append(namesakes(gallery.vectors, parts, who, odds, seen.names, likeness, explained))
    if photos is not None:
        told.append(find_photos(parts, photos, gallery.image_ids))
    found = ranked(told)
    told_of = told_pairs(found, parts, rows_a, rows_b, scores)
    if outside is not None or weigh is not None:
        found = ranked([found, *([] if outside is None else [outside])], weigh)
    return Findings(replace(found, partner=swaps(found)), told_of, study.ends, rules)


def unlabelled_copies(
    gallery: Gallery, hashes: Hashes, rows_a: Int64Array, rows_b: Int64Array, scores: Float32Array
) -> FindingTable:
    """Find the same photo twice among faces without labels, whatever ``gallery`` carries as such; arrays as in `find`."""
    parts = folders(np.zeros(len(gallery), np.int64), gallery.image_ids)
    near = scores >= NEAR
    copies = find_copies(gallery.vectors, gallery.image_ids, parts, hashes, rows_a[near], rows_b[near], scores[near])
    return ranked([replace(copies, identity_a=np.full(len(copies), -1))])


@dataclass(frozen=True, slots=True)
class _Pairs:
    rows_a: Int64Array
    rows_b: Int64Array
    scores: Float32Array

    def by_face(self, parts: Folders, chosen: NDArray[np.bool_]) -> tuple[Int64Array, Int64Array, Int64Array]:
        """The best pair of each ``chosen`` row (n,) with each foreign folder: rows, folders, the rows at the other end."""
        at_a, at_b = np.flatnonzero(chosen[self.rows_a]), np.flatnonzero(chosen[self.rows_b])
        face = np.r_[self.rows_a[at_a], self.rows_b[at_b]]
        across = np.r_[self.rows_b[at_a], self.rows_a[at_b]]
        score = np.r_[self.scores[at_a], self.scores[at_b]]
        folders = len(parts.labels)
        key = face * folders + parts.folder_of[across]
        order = np.argsort(key)
        key = key[order]
        starts = run_starts(key)
        nearest, _ = best_of_runs(starts, score[order], across[order], across[order])
        face, folder = np.divmod(key[starts], max(folders, 1))
        return face, folder, nearest


def _measure_again(gallery: Gallery, parts: Folders, peeled: Peeled) -> None:
    """Own scores of the folders whose core was exchanged; they are small, so one by one."""
    core = peeled.group == 0
    for k in np.unique(parts.folder_of[np.flatnonzero(~core)]).tolist():
        rows = parts.order[parts.starts[k] : parts.starts[k] + parts.sizes[k]]
        inside = rows[core[rows]]
        if len(inside) == 0 or len(inside) * 2 > len(rows):
            continue
        score = gallery.vectors[rows] @ gallery.vectors[inside].T
        apart = gallery.image_ids[rows][:, None] != gallery.image_ids[inside][None, :]
        others = apart.sum(axis=1)
        mean = np.where(apart, score, 0).sum(axis=1) / np.maximum(others, 1)
        peeled.own_mean[rows] = np.where(others > 0, mean, np.nan)
        peeled.own_best[rows] = np.where(others > 0, np.where(apart, score, -2).max(axis=1), np.nan)


def _beside_cores(
    gallery: Gallery,
    parts: Folders,
    who: Persons,
    rules: Rules,
    odds: TwoGroups,
    peeled: Peeled,
    pairs: _Pairs,
    copies: FindingTable,
    sharpness: Float64Array | None,
) -> tuple[FindingTable, FindingTable]:
    """Strays and mixed folders: of the faces beside cores, and of the faces inside that fit another core much better."""
    vectors = gallery.vectors
    asides = find_asides(vectors, parts, who, peeled.group)
    is_second = asides.is_second_person(rules, who)
    mixed = find_mixed(parts, who, odds, peeled, asides, np.flatnonzero(is_second))
    lone = ~is_second[asides.at]
    copied = _copies_across(gallery, peeled, copies)
    lone &= ~(copied | _copies_of_core(gallery, peeled, parts, copies))[asides.rows]
    rows, other = asides.rows[lone], asides.other[asides.at[lone]]
    runner_up = asides.runner_up[asides.at[lone]]
    inside, inside_other, inside_next = _better_elsewhere(gallery, parts, who, odds, peeled, pairs, copied)
    rows, other = np.r_[rows, inside], np.r_[other, inside_other]
    runner_up = np.r_[runner_up, inside_next]
    nearest = _nearest(gallery, parts, pairs, rows, other)
    return find_strays(vectors, parts, who, odds, peeled, rows, other, runner_up, nearest, sharpness), mixed


def _better_elsewhere(
    gallery: Gallery,
    parts: Folders,
    who: Persons,
    odds: TwoGroups,
    peeled: Peeled,
    pairs: _Pairs,
    copied: NDArray[np.bool_],
) -> tuple[Int64Array, Int64Array, Float64Array]:
    """Faces of cores that are likelier to a foreign core: the faces, the best such core, and the sameness of the next one.

    Cores that are one person (merges) take no faces from each other. A core of one face is left to `likenesses`.
    """
    core = (peeled.group == 0) & ~copied & (who.faces[parts.folder_of] >= 2)
    own = np.nan_to_num(peeled.own_mean, nan=-1.0)
    hopeful = np.zeros(len(gallery), bool)
    for rows in (pairs.rows_a, pairs.rows_b):
        hopeful[rows[pairs.scores >= own[rows] - _SLACK]] = True
    face, folder, _ = pairs.by_face(parts, hopeful & core)
    same = who.sameness(mean_scores(who, gallery.vectors, face, folder), who.cohesion[folder], who.cohesion[folder])
    home = parts.folder_of[face]
    mine = who.sameness(peeled.own_mean[face], who.cohesion[home], who.cohesion[home])
    better = np.flatnonzero(~(same < mine) & (who.faces[folder] > 0))
    better = better[odds.of_cores(who, home[better], folder[better]) < LIKELY]
    face, folder, same = face[better], folder[better], same[better]
    order = np.lexsort((-same, face))
    face, folder, same = face[order], folder[order], same[order]
    first = np.r_[True, face[1:] != face[:-1]] if len(face) else np.empty(0, bool)
    second = np.r_[~first[1:], False] if len(face) else first
    following = np.where(second, np.r_[same[1:], 0.0], 0.0) if len(face) else same
    return face[first], folder[first], following[first]


def _nearest(gallery: Gallery, parts: Folders, pairs: _Pairs, rows: Int64Array, other: Int64Array) -> Int64Array:
    """The row of folder ``other`` (m,) that scores highest with each of ``rows``, among its flagged pairs; -1: none."""
    chosen = np.zeros(len(gallery), bool)
    chosen[rows] = True
    face, folder, across = pairs.by_face(parts, chosen)
    count = len(parts.labels) + 1
    key = face * count + folder
    wanted = rows * count + other
    if not len(key):
        return np.full(len(rows), -1, np.int64)
    at = places(wanted, key)
    return np.where((at >= 0) & (other >= 0), across[at], -1)


def _copies_across(gallery: Gallery, peeled: Peeled, copies: FindingTable) -> NDArray[np.bool_]:
    """Faces beside a core whose file is in another folder too: told as a duplicate, not as a stray as well."""
    across = (copies.identity_b >= 0) & (copies.confidence >= EQUAL)
    copied = _whole_images(gallery, copies.member_row[across[copies.member_finding]])
    copied &= peeled.group != 0
    return copied


def _copies_of_core(gallery: Gallery, peeled: Peeled, parts: Folders, copies: FindingTable) -> NDArray[np.bool_]:
    """Faces beside a core whose photo is a copy of one in the core: whatever became of it (upside down, blurred), it is that person."""
    sure = copies.confidence[copies.member_finding] >= CERTAIN
    rows, group = copies.member_row[sure], copies.member_finding[sure]
    key = group * len(parts.labels) + parts.folder_of[rows]
    core = np.isin(gallery.image_ids[rows], gallery.image_ids[peeled.group == 0])
    whole: NDArray[np.bool_] = _whole_images(gallery, rows[np.isin(key, key[core])]) & (peeled.group != 0)
    return whole


def _whole_images(gallery: Gallery, rows: Int64Array) -> NDArray[np.bool_]:
    """Every face (n,) of the images of ``rows``: a copy is a copy with all that it shows."""
    whole: NDArray[np.bool_] = np.isin(gallery.image_ids, gallery.image_ids[rows])
    return whole


def _told_as_strays(count: int, strays: FindingTable, copies: FindingTable) -> NDArray[np.bool_]:
    """Near copies across folders of which one is a stray: two photos of one sitting, so the stray is the mistake to tell."""
    stray = np.zeros(count, bool)
    sure = (strays.member_role == Role.WRONG) & (strays.confidence >= LIKELY)[strays.member_finding]
    stray[strays.member_row[sure]] = True
    told = np.zeros(len(copies), bool)
    told[copies.member_finding[stray[copies.member_row]]] = True
    return told & (copies.identity_b >= 0) & (copies.confidence < EQUAL)


def _explained(count: int, tables: list[FindingTable]) -> NDArray[np.bool_]:
    """Rows whose pairs need no further explanation: strays, second persons, and photos copied across folders."""
    explained = np.zeros(count, bool)
    for part in tables:
        sure = (part.confidence >= LIKELY) & ((part.kind != Kind.DUPLICATE) | (part.identity_b >= 0))
        wrong = (part.member_role != Role.EXAMPLE) & sure[part.member_finding]
        explained[part.member_row[wrong]] = True
    return explained


def _folders_of_one(parts: Folders, likeness: Likeness) -> tuple[NDArray[np.bool_], FindingTable]:
    """A folder of one image that is another, larger identity is a stray of it: which links say so, and as findings.

    Of several such links of one image only the likest is a stray.
    """
    size_a, size_b = parts.sizes[likeness.a], parts.sizes[likeness.b]
    chosen = likeness.merges() & ((size_a == 1) != (size_b == 1))
    image = np.where(size_a == 1, likeness.best_a, likeness.best_b)
    at = np.flatnonzero(chosen)
    at = at[np.lexsort((-likeness.sameness[at], image[at]))]
    at = np.sort(at[run_starts(image[at])])
    single = np.zeros(len(likeness.a), bool)
    single[at] = True
    is_a = size_a[at] == 1
    home, other = np.where(is_a, likeness.a[at], likeness.b[at]), np.where(is_a, likeness.b[at], likeness.a[at])
    links, count = likeness.links, np.arange(len(at))
    nearest = np.where(is_a, likeness.best_b[at], likeness.best_a[at])
    return single, table(
        Kind.STRAY,
        likeness.confidence[at],
        (
            np.r_[count, count],
            np.r_[image[at], nearest],
            np.r_[np.full(len(at), Role.WRONG), np.full(len(at), Role.EXAMPLE)],
        ),
        identity_a=parts.labels[home],
        identity_b=parts.labels[other],
        faces_a=1,
        faces_b=np.where(is_a, links.faces_b[at], links.faces_a[at]),
        size_a=1,
        size_b=parts.sizes[other],
        max_score=links.max_score[at],
        mean_score=links.mean_score[at],
        sameness=likeness.sameness[at],
    )
