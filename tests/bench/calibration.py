"""Whether confidences hold: `FACEDB_REAL_DATA=... python -m tests.bench.calibration --seeds 20`.

Mistakes are planted into galleries whose truth is known, findings of all classes are told, and each is true or not: ORL (where
FACEDB_REAL_DATA is set), ORL with a fifth of its photos composed with a bystander of equal size, synthetic folders of one photo or two, and
of some dozens. Printed are the reliability table and the expected calibration error of each and of all together, once over every
finding, and once over those of a confidence of 0.1 and more, since look-alikes near 0 are many and easily right; and how often the
composed photos took part with the right face.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facedb.bench.synthetic import synthetic_gallery
from facedb.findings.duplicates import Hashes
from facedb.findings.evaluation.grading import grade
from facedb.findings.evaluation.planting import Counts, plant
from facedb.findings.evaluation.reliability import Tenth, calibration_error, reliability
from tests.unit.findings.odds.crowds import Known, known
from tests.unit.findings.orl import Faces
from tests.unit.findings.people import scan

ORL_COUNTS = Counts(merge=2, stray=12, swap=2, duplicate=4, resaved=4)

Tenths = tuple[Tenth, ...]


def of_orl(orl: Faces, seed: int) -> Tenths:
    """ORL with every kind of mistake."""
    planted = plant(orl.gallery, orl.hashes, ORL_COUNTS, seed)
    return grade(scan(planted.gallery, planted.hashes), planted.items).reliability


def of_composed(orl: Faces, seed: int) -> tuple[Tenths, int, int]:
    """ORL with split identities and strays, a fifth of its photos composed; how many of those took the right face."""
    planted = plant(orl.gallery, orl.hashes, Counts(merge=2, stray=12, swap=2), seed)
    labels = np.empty(len(orl.files), np.int64)
    labels[planted.source] = planted.gallery.identity_ids
    album = orl.with_bystanders(seed, labels=labels)
    gallery = album.gallery()
    chosen = album.choice.chosen
    person = dict(zip(album.image[chosen].tolist(), album.person[chosen].tolist(), strict=True))
    meant = dict(enumerate(orl.gallery.identity_ids.tolist()))
    crowd = Known(gallery, np.array([person[k] for k in gallery.image_ids.tolist()]))
    found = scan(gallery, Hashes.none(len(gallery)))
    both = np.unique(album.image[np.isin(album.image, album.image[~chosen])])
    # Of a photo in a foreign folder no face is the folder's own.
    at_home = [k for k in both.tolist() if labels[k] == meant[k]]
    right = sum(person[k] == meant[k] for k in at_home)
    return reliability(found.confidence, crowd.true(found)), right, len(at_home)


def of_few(seed: int) -> Tenths:
    """Folders of one photo or two."""
    crowd = known(
        seed, persons=800, merges=8 + 4 * (seed % 5), strays=4 + 4 * (seed % 5), effective=35.0 + 5 * (seed % 3)
    )
    found = scan(crowd.gallery, threshold=0.4, engine="int8")
    return reliability(found.confidence, crowd.true(found))


def of_many(seed: int) -> Tenths:
    """Folders of some dozens, with every kind of mistake."""
    clean = synthetic_gallery(3000, 256, seed=seed, overlap=0.0).gallery
    planted = plant(clean, Hashes.none(len(clean)), Counts(merge=6, stray=40, swap=10, duplicate=20), seed)
    return grade(scan(planted.gallery, planted.hashes, engine="int8"), planted.items).reliability


def together(tables: list[Tenths]) -> Tenths:
    """Several tables as one."""

    def rows() -> Iterator[Tenth]:
        for tenth in zip(*tables, strict=True):
            count, true = sum(t.findings for t in tenth), sum(t.true for t in tenth)
            said = sum(t.findings * (t.confidence or 0.0) for t in tenth)
            yield Tenth(tenth[0].above, count, said / count if count else None, true, true / count if count else None)

    return tuple(rows())


def show(name: str, tables: list[Tenths]) -> None:
    """Print the table of a kind of gallery."""
    table = together(tables)
    sys.stdout.write(f"{name}, {len(tables)} seeds\n")
    for t in table:
        if t.confidence is not None and t.precision is not None:
            sys.stdout.write(
                f"  from {t.above:.1f}: {t.findings:6,} findings, confidence {t.confidence:.4f}, true {t.precision:.4f}\n"
            )
    every, upper = calibration_error(table), calibration_error(table[1:])
    sys.stdout.write(f"  expected calibration error {every or 0:.4f}; from 0.1 up {upper or 0:.4f}\n")
    sys.stdout.flush()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = range(parser.parse_args().seeds)
    kinds = {"folders of few": [of_few(s) for s in seeds], "folders of many": [of_many(s) for s in seeds]}
    data = os.environ.get("FACEDB_REAL_DATA")
    if data:
        orl = Faces(Path(data))
        kinds["ORL"] = [of_orl(orl, s) for s in seeds]
        composed = [of_composed(orl, s) for s in seeds]
        kinds["ORL with bystanders"] = [table for table, _, _ in composed]
        right, asked = sum(r for _, r, _ in composed), sum(n for _, _, n in composed)
        sys.stdout.write(
            f"{right:,} of {asked:,} composed photos took part with the right face ({right / asked:.2%})\n"
        )
    for name, tables in kinds.items():
        show(name, tables)
    show("all together", [table for tables in kinds.values() for table in tables])


if __name__ == "__main__":
    main()
