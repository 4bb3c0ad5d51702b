"""The plan of a demo dataset: which drawing lies in which file, and which mistakes were planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from facedb.core.errors import UsageError
from facedb.demo.cast import choose_cast
from facedb.demo.names import invented_names

FEWEST_IDENTITIES, MOST_IDENTITIES = 30, 250
# Each seed has a thousand persons of its own; those from 900,000 on were seen in training or belong to its held-out set.
SEEDS = 900


class Kind(StrEnum):
    """The mistakes that are planted."""

    SPLIT = "split"
    STRAY = "stray"
    SWAP = "swap"
    COPY = "copy"
    RESAVED = "resaved"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture file: picture number ``picture`` of the person with seed ``person``, and how it is saved."""

    path: str
    person: int
    picture: int
    quality: int = 90
    side: int = 112


@dataclass(frozen=True, slots=True)
class Mistake:
    """One planted mistake: the folders concerned and the files that are wrong, relative to the dataset."""

    kind: Kind
    identities: tuple[str, ...]
    files: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Planted:
    """What a demo dataset holds. Paths are relative to its folder, with forward slashes.

    ``person_of`` says for every picture who is really shown, by the name of that person's own folder.
    ``ignored`` are files that are no pictures, ``broken`` those that should be and cannot be read.
    """

    seed: int
    identities: tuple[str, ...]
    shots: tuple[Shot, ...]
    mistakes: tuple[Mistake, ...]
    ignored: tuple[str, ...]
    broken: tuple[str, ...]
    person_of: Mapping[str, str] = field(repr=False)


class _Planner:
    """Takes persons one after the other, each for one mistake only, so that no two mistakes explain one link."""

    def __init__(self, seed: int, identities: int) -> None:
        self.rng = np.random.default_rng([seed, 7005])
        self.names = invented_names(identities, seed)
        self.cast = dict(zip(self.names, choose_cast(seed, identities), strict=True))
        self.album: dict[str, list[Shot]] = {}
        for number, name in enumerate(self.names):
            count = int(self.rng.integers(8, 13))
            ending = "png" if number % 8 == 5 else "jpg"
            self.album[name] = [
                Shot(f"{name}/{k + 1:03d}.{ending}", self.cast[name], k, int(self.rng.integers(75, 96)))
                for k in range(count)
            ]
        # The first person is split across two scripts; the others are taken in random order.
        self._waiting = [self.names[0], *(self.names[int(k)] for k in self.rng.permutation(np.arange(1, identities)))]
        self.mistakes: list[Mistake] = []

    def person(self) -> str:
        return self._waiting.pop(0)

    def any_of(self, name: str) -> Shot:
        return self.album[name][int(self.rng.integers(len(self.album[name])))]

    def file_in(self, shot: Shot, name: str, **changes: int) -> Shot:
        """The picture again, as the next file of a folder."""
        ending = shot.path.rpartition(".")[2]
        path = f"{name}/{len(self.album[name]) + 1:03d}.{ending}"
        return replace(shot, path=path, **changes)

    def split(self, second: str) -> None:
        name = self.person()
        shots = self.album[name]
        kept = len(shots) // 2
        moved = [replace(shot, path=f"{second}/{shot.path.rpartition('/')[2]}") for shot in shots[kept:]]
        self.album[name], self.album[second] = shots[:kept], moved
        what = f"{name} has a second folder, {second}"
        self.mistakes.append(Mistake(Kind.SPLIT, (name, second), tuple(shot.path for shot in moved), what))

    def stray(self) -> None:
        owner, wrong = self.person(), self.person()
        shot = self.any_of(owner)
        moved = self.file_in(shot, wrong)
        self.album[owner].remove(shot)
        self.album[wrong].append(moved)
        what = f"a picture of {owner} is in {wrong}"
        self.mistakes.append(Mistake(Kind.STRAY, (owner, wrong), (moved.path,), what))

    def swap(self) -> None:
        one, other = self.person(), self.person()
        first, second = self.any_of(one), self.any_of(other)
        self.album[one][self.album[one].index(first)] = changed = replace(second, path=first.path)
        self.album[other][self.album[other].index(second)] = back = replace(first, path=second.path)
        what = f"{one} and {other} have swapped a picture"
        self.mistakes.append(Mistake(Kind.SWAP, (one, other), (changed.path, back.path), what))

    def again(self, kind: Kind, *, inside: bool, **changes: int) -> None:
        owner = self.person()
        holder = owner if inside else self.person()
        shot = self.any_of(owner)
        extra = self.file_in(shot, holder, **changes)
        self.album[holder].append(extra)
        how = "copied" if kind is Kind.COPY else "saved again, smaller,"
        where = "inside the same folder" if inside else f"into {holder}"
        identities = (owner,) if inside else (owner, holder)
        what = f"a picture of {owner} was {how} {where}"
        self.mistakes.append(Mistake(kind, identities, (shot.path, extra.path), what))


def plan_dataset(seed: int, identities: int) -> Planted:
    """The plan for a seed from 0 to 899 and a number of persons from 30 to 250; UsageError outside."""
    if not 0 <= seed < SEEDS or not FEWEST_IDENTITIES <= identities <= MOST_IDENTITIES:
        raise UsageError(
            f"The demo draws {FEWEST_IDENTITIES} to {MOST_IDENTITIES} identities with a seed from 0 to {SEEDS - 1}: "
            f"{identities} identities with seed {seed} are not possible."
        )
    planner = _Planner(seed, identities)
    planner.split("Vera Zimina")
    planner.split("unsorted 2019")
    planner.split("new folder")
    for _ in range(6):
        planner.stray()
    planner.swap()
    planner.again(Kind.COPY, inside=False)
    planner.again(Kind.COPY, inside=True)
    planner.again(Kind.RESAVED, inside=False, side=96, quality=70)
    planner.again(Kind.RESAVED, inside=True, side=96, quality=70)
    shots = tuple(shot for shots in planner.album.values() for shot in shots)
    name_of = {person: name for name, person in planner.cast.items()}
    first, last = planner.names[-1], planner.names[-2]
    return Planted(
        seed=seed,
        identities=tuple(planner.album),
        shots=shots,
        mistakes=tuple(planner.mistakes),
        ignored=("planted.json", f"{first}/notes.txt"),
        broken=(f"{first}/truncated.jpg", f"{last}/empty.png"),
        person_of={shot.path: name_of[shot.person] for shot in shots},
    )
