"""Planted against found: what a scan of the demo dataset saw of the mistakes, and what else it flagged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facedb.demo.planted import Kind, Mistake, Planted


@dataclass(frozen=True, slots=True)
class ComparedMistake:
    """One planted mistake, whether it was found, and on what evidence."""

    mistake: Mistake
    found: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The planted mistakes, and every flagged pair judged by who is really shown.

    ``true_pairs`` of the ``possible_pairs`` (pictures of one person in two folders) were flagged; the ``false_pairs``
    show two persons. ``false_links`` are the identity pairs that have nothing but false pairs.
    """

    mistakes: tuple[ComparedMistake, ...]
    possible_pairs: int
    true_pairs: int
    false_pairs: int
    false_links: tuple[tuple[str, str], ...]

    @property
    def found(self) -> int:
        """How many of the planted mistakes were found."""
        return sum(row.found for row in self.mistakes)


def compare(
    planted: Planted, pairs: Iterable[tuple[str, str]], same_pictures: Iterable[tuple[str, ...]] = ()
) -> Comparison:
    """Judge flagged ``pairs`` of paths, and groups of paths said to be one and the same picture.

    Paths are relative to the dataset, in any order. A split counts as found when a pair joins the two folders; stray
    and swapped pictures, when every wrong file is in a pair with its owner's folder; a copy, when its two files are a
    pair or in one group.
    """
    person = planted.person_of
    flagged = {frozenset(pair) for pair in pairs}
    groups = [frozenset(group) for group in same_pictures]
    real = {pair for pair in flagged if len({person.get(path, path) for path in pair}) == 1}
    true_links = {_folders(pair) for pair in real}
    false_links = {_folders(pair) for pair in flagged - real} - true_links
    return Comparison(
        mistakes=tuple(_judge(planted, mistake, real, groups) for mistake in planted.mistakes),
        possible_pairs=len(same_person_pairs(planted)),
        true_pairs=len(real),
        false_pairs=len(flagged) - len(real),
        false_links=tuple(sorted(false_links)),
    )


def same_person_pairs(planted: Planted) -> set[frozenset[str]]:
    """All pairs of pictures that show one person and lie in two folders: what a perfect scan would flag."""
    pictures: dict[str, list[str]] = {}
    for path, name in planted.person_of.items():
        pictures.setdefault(name, []).append(path)
    return {
        frozenset((one, other))
        for paths in pictures.values()
        for k, one in enumerate(paths)
        for other in paths[k + 1 :]
        if folder_of(one) != folder_of(other)
    }


def folder_of(path: str) -> str:
    """The identity that a path claims."""
    return path.partition("/")[0]


def _folders(pair: frozenset[str]) -> tuple[str, str]:
    names = sorted(folder_of(path) for path in pair)
    return names[0], names[-1]


def _judge(
    planted: Planted, mistake: Mistake, real: set[frozenset[str]], groups: list[frozenset[str]]
) -> ComparedMistake:
    wrong = set(mistake.files)
    if mistake.kind in (Kind.COPY, Kind.RESAVED):
        return _judge_again(mistake, frozenset(wrong), real, groups)
    link = tuple(sorted(mistake.identities))
    expected = {pair for pair in same_person_pairs(planted) if pair & wrong and _folders(pair) == link}
    seen = expected & real
    touched = {path for pair in seen for path in pair & wrong}
    evidence = f"{len(seen)} of {len(expected)} pairs, {len(touched)} of {len(wrong)} files"
    found = bool(seen) if mistake.kind is Kind.SPLIT else touched == wrong
    return ComparedMistake(mistake, found, evidence)


def _judge_again(
    mistake: Mistake, files: frozenset[str], real: set[frozenset[str]], groups: list[frozenset[str]]
) -> ComparedMistake:
    if files in real:
        return ComparedMistake(mistake, found=True, evidence="flagged as a pair")
    if any(files <= group for group in groups):
        return ComparedMistake(mistake, found=True, evidence="listed as one picture")
    inside = len(mistake.identities) == 1
    return ComparedMistake(mistake, found=False, evidence="inside one identity" if inside else "not flagged")
