"""The evidence of a finding in a sentence for a person."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np

from facedb.core.counting import counted
from facedb.core.files.paths import display
from facedb.core.finding import LIKELY, Kind, side_at_home
from facedb.core.rejects import NO_FACE
from facedb.findings.cores.doubts import Why
from facedb.findings.finding_table import FindingTable
from facedb.findings.photos import BLURRED, Fault, PhotoFacts

_SOFT = 0.8
"""A face that comes this near to the limit of sharpness is soft, and people know it all the same (by eye: five of lfw_dev)."""
_AS_ONE = 0.995
"""A sameness that is 100 % once rounded."""
_NEAR = 0.75
"""Where the faces of two identities come this near to one person's, it is their number that speaks against a merge, not their
likeness."""


def sentences(found: FindingTable, photos: PhotoFacts | None = None) -> list[str]:
    """One sentence or two for each finding, in their order; ``photos`` is what those of the class photo rest on."""
    crowded = _in_several_merges(found)
    counts = np.bincount(found.members.finding, minlength=len(found)).tolist()
    told = [_sentence(found, k, crowded, counts[k]) for k in range(len(found))]
    if photos is not None:
        for k, row in zip(found.members.finding.tolist(), found.members.row.tolist(), strict=True):
            if found.kind[k] == Kind.PHOTO:
                told[k] = photo_sentence(photos, row)
    return told


def photo_sentence(photos: PhotoFacts, row: int) -> str:
    """What is to be said of the photo in a row."""
    faults = photos.faults(row)
    said = []
    if Fault.SEVERAL in faults:
        said.append(_several(photos, row))
    if Fault.TURNED in faults:
        roll = float(photos.roll[row])
        way = (
            "upside down"
            if abs(roll) > 135
            else f"on its side ({abs(roll):.0f} degrees {'' if roll > 0 else 'anti'}clockwise)"
        )
        said.append(f"its face is {way}, so the orientation of the file may be wrong")
    if Fault.BLURRED in faults:
        sharp = float(photos.sharpness[row])
        little = "a little " if sharp >= _SOFT * BLURRED else ""
        said.append(f"its face is {little}blurred (sharpness {sharp:.1f} %, 2 to 15 is usual)")
    if Fault.TINY in faults:
        said.append(f"its face is tiny ({photos.size[row]:.0f} pixels)")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _several(photos: PhotoFacts, row: int) -> str:
    """How many faces a photo shows, and how sure it is that the one taken is that of its folder."""
    shown = f"it shows {counted(int(photos.faces[row]), 'face')}"
    if photos.doubts is None:
        return shown
    match Why(int(photos.doubts.why[row])):
        case Why.NONE_FITS:
            return f"{shown}, and the one taken does not fit its folder"
        case Why.ELSEWHERE:
            return f"{shown}; the one taken is in other photos of its folder too, but not where the person meant usually is"
        case Why.BOTH_RECUR:
            return f"{shown}, and another of them is in most photos of its folder too"
        case Why.CLOSE:
            return f"{shown}, and another fits its folder nearly as well as the one taken"
        case Why.PLACE:
            right = f"{100 * photos.doubts.right:.0f} %"
            return (
                f"{shown}; only its position suggests which is meant, and that is right for {right} of such photos here"
            )
        case _:
            return f"{shown}; the one taken fits its folder, the others do not"


def _sentence(found: FindingTable, k: int, crowded: set[int], count: int) -> str:
    kind = found.kind[k]
    if kind == Kind.MERGE:
        return _merge(found, k, crowded)
    if kind == Kind.LOOK_ALIKE:
        return _look_alike(found, k)
    if kind == Kind.STRAY:
        return _stray(found, k)
    if kind == Kind.MIXED:
        return _mixed(found, k)
    if kind == Kind.UNLABELLED:
        return _unlabelled(found, k)
    if kind == Kind.NEWCOMER:
        return _newcomer(found, k, count)
    if kind == Kind.PHOTO:
        return "Its photo shows several faces, or one that is turned, blurred or tiny."
    return _duplicate(found, k, count)


def _merge(found: FindingTable, k: int, crowded: set[int]) -> str:
    text = _alike(found, k)
    if {int(found.identity_a[k]), int(found.identity_b[k])} & crowded:
        if found.group[k]:
            text += f" It belongs to group {int(found.group[k])}, whose least similar members reach {_share(found.lowest[k])}."
        else:
            text += " One of them is also close to an identity that is not close to the other: a chain, not one group."
    return text


def _look_alike(found: FindingTable, k: int) -> str:
    text = _alike(found, k)
    if found.sameness[k] >= _NEAR:
        text += " Among so many people, chance makes some this close, so they are more likely two than one."
    elif found.sameness[k] > 0:
        text += " That is low for one person, so they are more likely two people."
    if found.size_a[k] == found.size_b[k] == 1:
        return text
    first, second = _linked(found.faces_a[k], found.size_a[k]), _linked(found.faces_b[k], found.size_b[k])
    return f"{text} {first[:1].upper()}{first[1:]} of the first and {second} of the second reach the threshold with a face of the other."


def _linked(flagged: int, size: int) -> str:
    return "the only face" if size == 1 else f"{flagged:,} of {size:,} faces"


def _alike(found: FindingTable, k: int) -> str:
    """How alike two identities are, on the scale from strangers to one person."""
    if found.sameness[k] >= _AS_ONE:
        return "On average their faces are as alike as those of one person."
    if found.sameness[k] <= 0:
        return "Without strays and copies their faces are no more alike than those of strangers."
    share = _share(found.sameness[k])
    return f"On average their faces are {share} as alike as those of one person (strangers: 0 %)."


def _newcomer(found: FindingTable, k: int, count: int) -> str:
    low, high = f"{found.mean_score[k]:.2f}", f"{found.max_score[k]:.2f}"
    return (
        f"{count:,} photos that are in no folder score {low if low == high else f'{low} to {high}'} with each other and are "
        "unlike anybody who has one: one new person."
    )


def _stray(found: FindingTable, k: int) -> str:
    if found.size_a[k] == 1:
        share = _share(found.sameness[k])
        return f"The only photo in its folder; it resembles the other identity {share} as much as that identity's own photos do."
    if isnan(found.own_score[k]):
        own = "Nothing in its folder can be compared with it"
    else:
        own = f"Scores {found.own_score[k]:.2f} against the rest of its folder (best {found.own_best[k]:.2f})"
        if not isnan(found.spread[k]):
            own += f", where {found.usual[k]:.2f} ± {found.spread[k]:.2f} is usual"
    if found.identity_b[k] < 0:
        nearest = "" if isnan(found.mean_score[k]) else f" (at best {found.mean_score[k]:.2f} on average)"
        return f"{own}; looks like nobody here{nearest}."
    text = f"{own}; {found.mean_score[k]:.2f} against the other identity"
    if not isnan(found.runner_up[k]) and found.runner_up[k] < 1.5:
        text += f", {_share(found.runner_up[k])} ahead of the next best"
    text += "."
    if found.partner[k] >= 0:
        text += f" Rank {int(found.partner[k]) + 1} points the other way: the two may have been swapped."
    return text


def _unlabelled(found: FindingTable, k: int) -> str:
    best = "" if isnan(found.max_score[k]) else f" (at best {found.max_score[k]:.2f})"
    text = f"It is in no folder; {found.mean_score[k]:.2f} on average{best} with this person"
    if not isnan(found.own_score[k]):
        text += f", {found.own_score[k]:.2f} with the next best"
    return f"{text}."


def _mixed(found: FindingTable, k: int) -> str:
    count, size = int(found.faces_a[k]), int(found.size_a[k])
    inside = "" if isnan(found.own_score[k]) else f" {found.own_score[k]:.2f} among themselves and"
    scores, look = ("scores", "it looks") if count == 1 else ("score", "they look")
    whom = "nobody else here" if found.identity_b[k] < 0 else "the other identity"
    against = f"{scores}{inside} {found.mean_score[k]:.2f} against the others on average"
    return f"{count:,} of {counted(size, 'face')} {against}; {look} like {whom}."


def _duplicate(found: FindingTable, k: int, count: int) -> str:
    times = "twice" if count == 2 else f"{count} times"
    inside = "different folders" if found.identity_b[k] >= 0 else "a folder" if found.outside[k] else "one folder"
    places = ([f"in {inside}"] if found.identity_a[k] >= 0 else []) + (
        ["outside all folders"] if found.outside[k] else []
    )
    place = f", {' and '.join(places)}" if places else ""
    # Where one has no face, nothing is asked of the folders: it is the one to go.
    bare = isnan(found.mean_score[k])
    home = "" if found.outside[k] or found.identity_b[k] < 0 or bare else f" {_home(found, k)}"
    if found.equal[k]:
        return f"The same file {times}{place}.{home}"
    if not isnan(found.agreement[k]):
        faces = "" if bare else f"; the faces score {found.mean_score[k]:.3f}"
        return (
            f"The same photo {times}{place}, saved again or altered: laid over each other, the pictures agree to "
            f"{100 * found.agreement[k]:.1f} %{faces}.{home}"
        )
    bits = (
        "no hashes to compare" if found.distance[k] < 0 else f"{int(found.distance[k])} of 64 bits of the hash differ"
    )
    return f"Probably the same photo {times}{place}: a score of {found.mean_score[k]:.3f}, {bits}.{home}"


def no_face_in(reasons: Sequence[tuple[str, str, str]]) -> str:
    """What is to be said of photos that gave no face, by path, code and detail of each."""
    bare = [display(path) for path, code, _ in reasons if code == NO_FACE]
    said = [f"No face was found in {', '.join(bare)}."] if bare else []
    said += [f"{display(path)} gave no face: {detail}" for path, code, detail in reasons if code != NO_FACE]
    return " ".join(said)


def _home(found: FindingTable, k: int) -> str:
    """Which of two folders a copied photo fits, by its scores with their other photos."""
    scores = found.own_score[k], found.their_score[k]
    if all(map(isnan, scores)):
        return "Neither folder holds anything else to show whose it is."
    if any(map(isnan, scores)):
        held, bare, score = ("first", "second", scores[0]) if isnan(scores[1]) else ("second", "first", scores[1])
        return (
            f"The {bare} holds nothing else to show whose it is; {score:.2f} on average with the others of the {held}."
        )
    by = f"{scores[0]:.2f} on average with the others of the first, {scores[1]:.2f} with those of the second"
    side = side_at_home(found.margin[k])
    if side is not None:
        right, wrong = ("first", "second") if side == 0 else ("second", "first")
        return f"It fits the {right}, so the copy in the {wrong} is the wrong one: {by}."
    if found.both[k] >= LIKELY:
        return f"It fits both, which may be one person: {by}."
    return f"Which of them it belongs to is not clear: {by}."


def _share(sameness: float) -> str:
    return f"{min(100 * sameness, 100):.0f} %"


def _in_several_merges(found: FindingTable) -> set[int]:
    """Identities that more than one merge names."""
    seen: set[int] = set()
    twice: set[int] = set()
    for a, b, kind in zip(found.identity_a.tolist(), found.identity_b.tolist(), found.kind.tolist(), strict=True):
        if kind == Kind.MERGE:
            twice |= {a, b} & seen
            seen |= {a, b}
    return twice
