"""Who appears in a demo dataset: persons that a viewer can tell apart.

Features are drawn independently, so among many persons some look alike by chance. The demo is about mistakes in folders,
not about doubles, and leaves those out.
"""

from __future__ import annotations

import numpy as np

from facedb.core.errors import UsageError
from facedb.core.records import Float64Array
from facedb.demo.drawing.features import BACKS, BEARDS, HAIRLINES, NOSES, TOPS, Features, draw_features

PERSONS_PER_SEED = 1000
LEAST_DISTANCE = 1.4


def choose_cast(seed: int, count: int) -> list[int]:
    """Seeds of ``count`` persons, from ``1000 * seed`` on, any two at least LEAST_DISTANCE apart in ``traits``."""
    chosen: list[int] = []
    known = np.empty((count, len(traits(draw_features(0)))))
    for person in range(seed * PERSONS_PER_SEED, (seed + 1) * PERSONS_PER_SEED):
        if len(chosen) == count:
            break
        candidate = traits(draw_features(person))
        if np.all(np.linalg.norm(known[: len(chosen)] - candidate, axis=1) >= LEAST_DISTANCE):
            known[len(chosen)] = candidate
            chosen.append(person)
    if len(chosen) < count:
        raise UsageError(f"Seed {seed} has only {len(chosen)} persons that differ enough: ask for fewer identities.")
    return chosen


def traits(f: Features) -> Float64Array:
    """What strikes the eye about a person as one vector (d,): colours and kinds weigh most, small lengths least."""
    hairless = f.hairline == "bald" and f.back == "none"
    hair = (128.0, 128.0, 128.0) if hairless else f.hair
    kinds = [
        0.6 * float(value == name)
        for value, names in (
            (f.hairline, HAIRLINES),
            (f.back, sorted(set(BACKS))),
            (f.top, sorted(set(TOPS))),
            (f.beard, sorted(set(BEARDS))),
        )
        for name in names
    ]
    nose = [0.25 * float(f.nose == name) for name in NOSES]
    glasses = [0.9 * f.glasses_habit, 0.4 * float(bool(f.freckles)), 0.25 * len(f.moles)]
    lengths = [
        (f.head_width - 0.66) / 0.2,
        (f.chin_length - 0.88) / 0.24,
        (f.jaw_power - 1.55) / 1.75,
        (f.eye_distance - 0.27) / 0.13,
        (f.eye_opening - 0.055) / 0.07,
        (f.brow_thickness - 0.018) / 0.057,
        (f.nose_length - 0.26) / 0.2,
        (f.mouth_width - 0.18) / 0.18,
        (f.hairline_height + 0.72) / 0.3,
    ]
    colours = [value / 80 for value in (*f.skin, *hair)]
    return np.array([*kinds, *nose, *glasses, *(0.5 * value for value in lengths), *colours])
