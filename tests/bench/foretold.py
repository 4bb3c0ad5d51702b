"""Chance pairs that are foretold against those that are there: `python -m tests.bench.foretold --seeds 10`.

Two kinds of synthetic galleries, the directions of their spectra turned at random, with 1 to 5 % of the faces under a wrong label:
folders of one photo or two, as in press photos, and folders of some dozens. For each, at the threshold of the scan, at *review above*,
and where the false match rate is said to be 1e-5 and 1e-6: how many pairs are foretold to be chance, with the interval, and how many are.
Wherever ten or more are true, the foretold number should lie within a factor of 1.5, and the interval hold the truth in 9 of 10.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import numpy as np

from facedb.bench.synthetic import synthetic_gallery
from facedb.findings.duplicates import Hashes
from facedb.findings.evaluation.planting import Counts, plant
from facedb.scan.scores.thresholds import lines
from tests.unit.findings.odds.crowds import Known, known
from tests.unit.findings.rates.chance import chance_scores, measured

LEAST = 10
LOOK_ALIKE = 0.05


def folders_of_few(seed: int, faces: int) -> Known:
    """Most folders hold one photo or two; half of the wrong labels are second folders, half single photos."""
    persons = int(faces / 1.66)
    wrong = round((1 + seed % 5) / 100 * faces / 2)
    return known(seed, persons=persons, merges=wrong, strays=wrong, effective=35.0 + 5 * (seed % 3))


def folders_of_many(seed: int, faces: int) -> Known:
    """Folders of some dozens, with split identities and strays planted."""
    clean = synthetic_gallery(faces, 256, seed=seed, overlap=0.0, look_alike=LOOK_ALIKE).gallery
    wrong = (1 + seed % 5) / 100
    identities = len(np.unique(clean.identity_ids))
    planted = plant(
        clean,
        Hashes.none(len(clean)),
        Counts(merge=round(wrong * identities), stray=round(wrong * faces)),
        seed,
    )
    return Known(planted.gallery, clean.identity_ids[planted.source])


KINDS = {"folders of few": folders_of_few, "folders of many": folders_of_many}


def main() -> None:
    """Print one line per gallery and score, then how often each score was right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--faces", type=int, default=5000)
    parser.add_argument("--threshold", type=float, default=0.4)
    options = parser.parse_args()
    near, held, looked_at = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for kind, make in KINDS.items():
        for seed in range(options.first, options.first + options.seeds):
            crowd = make(seed, options.faces)
            found = measured(crowd, options.threshold)
            chance = chance_scores(crowd)
            marks = {
                "threshold": options.threshold,
                "review above": lines(found, len(crowd.person), 2.0).review,
                "fmr 1e-5": found.threshold_for(1e-5),
                "fmr 1e-6": found.threshold_for(1e-6),
            }
            for name, at in marks.items():
                true = int((chance >= at).sum())
                told, (low, high) = found.false_pairs(at), found.false_pairs_interval(at)
                said = ""
                if true >= LEAST:
                    ratio = told / true
                    key = (kind, name)
                    looked_at[key] += 1
                    near[key] += 1 / 1.5 <= ratio <= 1.5
                    held[key] += low <= true <= high
                    said = f"  {ratio:.2f} x{'' if low <= true <= high else '  outside'}"
                sys.stdout.write(
                    f"{kind}, seed {seed}, {name} {at:.3f}: {told:.0f} foretold ({low:.0f} to {high:.0f}), {true} true{said}\n"
                )
                sys.stdout.flush()
    for key, count in looked_at.items():
        sys.stdout.write(
            f"{key[0]}, {key[1]}: within 1.5 in {near[key]} of {count}, interval holds in {held[key]} of {count}\n"
        )


if __name__ == "__main__":
    main()
