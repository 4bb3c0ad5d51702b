"""Whether confidences hold on small and odd albums: `FACEDB_REAL_DATA=... python -m tests.bench.albums --albums 400`.

Users bring what `tests.bench.calibration` does not draw: a dozen people, a photo or two of each, one odd guest. Albums are drawn here
from real photos that show one face each (lfw_dev without the identities of which a mistake is known; ORL), of 3 to 40 people and some of
100 to 400, with 1 to 15 photos of each, and mistakes of every class are planted: a guest who has no folder, a photo under a wrong name, one
person under two names, two people under one, equal files. A third of the albums gets none, the others up to two of each class. Printed are,
for each class of findings and each size of album, how many are told from 0.95 on, from 0.5 and from 0.1 on, what is said of them and what
share of them holds, and the calibration error. A stray whose finding says whose photo it is holds only where that is right.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedb.core.finding import CERTAIN, LIKELY
from facedb.core.records import ImageTask
from facedb.embedding.model_files.resolve import load_contract
from facedb.embedding.pipeline import Embedder
from facedb.findings.evaluation.reliability import calibration_error, reliability
from tests.unit.findings.albums import Pool, draw, findings_of, judged

MODEL = "mobileface_v2_mit.onnx"
SIZES = {"3 to 6": (3, 6), "7 to 15": (7, 15), "16 to 40": (16, 40), "100 to 400": (100, 400)}
SHAPES = {"singles": 0.65, "some": 0.3, "many": 0.12}
"""How many photos a person has is drawn from a geometric distribution; these are its parameters."""


def pool_of(faces: Path, kind: str, detector: Path, wrong: frozenset[str]) -> Pool:
    """Embed the photos of a folder of folders, without the identities of ``wrong``."""
    model = detector.parent / MODEL
    embedder = Embedder(model, load_contract(model, detector=detector), detector, provider="cpu")
    files = sorted(path for path in (faces / kind).rglob("*.*") if path.parent.name not in wrong)
    found = embedder.embed(ImageTask(k, path.read_bytes) for k, path in enumerate(files))
    alone = sorted((r for r in found if len(r.faces) == 1), key=lambda r: r.image_id)
    names = [files[r.image_id].parent.name for r in alone]
    return Pool(
        np.stack([r.faces[0].vector for r in alone]),
        np.unique(names, return_inverse=True)[1].astype(np.int64),
        np.array([r.faces[0].sharpness for r in alone], np.float64),
        np.array([r.facts.phash if r.facts else 0 for r in alone], np.int64),
        np.array([str(files[r.image_id].relative_to(faces)) for r in alone]),
    )


@dataclass
class Tally:
    """What was said and what held, by class and size of album."""

    said: dict[tuple[str, str], list[tuple[float, bool]]]

    def add(self, size: str, word: str, confidence: float, *, holds: bool) -> None:
        for key in ((size, word), (size, "all"), ("all", word), ("all", "all")):
            self.said.setdefault(key, []).append((confidence, holds))

    def show(self) -> None:
        parts = (f"{name:>7} {'said':>6} {'true':>6}" for name in (".5-.95", ".1-.5"))
        sys.stdout.write(f"{'people':<11} {'class':<19} {'>= .95':>7} {'true':>7} {' '.join(parts)}  error\n")
        for (size, word), pairs in sorted(self.said.items()):
            sure, holds = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], bool)
            certain, likely, maybe = (
                sure >= CERTAIN,
                (sure >= LIKELY) & (sure < CERTAIN),
                (sure >= 0.1) & (sure < LIKELY),
            )
            cells = [f"{certain.sum():7d} {_share(holds[certain]):>7}"]
            cells += [f"{c.sum():7d} {_share(sure[c]):>6} {_share(holds[c]):>6}" for c in (likely, maybe)]
            error = calibration_error(reliability(sure, holds)) or 0.0
            sys.stdout.write(f"{size:<11} {word:<19} {' '.join(cells)} {error:6.3f}\n")
        sys.stdout.flush()


def _share(values: np.ndarray) -> str:
    return f"{values.mean():.3f}" if len(values) else "-"


def pools(data: Path, detector: str) -> dict[str, Pool]:
    """ORL, and lfw_dev without the identities of which a finding was judged to be true."""
    with (data / "lfw_dev_judged.csv").open(encoding="utf-8") as file:
        wrong = {
            name
            for row in csv.DictReader(file)
            if row["judged"] == "true"
            for name in (row["identity_a"], row["identity_b"])
        }
    at = data / "models" / detector
    return {
        kind: pool_of(data / "faces", kind, at, frozenset(wrong) if kind == "lfw_dev" else frozenset())
        for kind in ("lfw_dev", "orl")
    }


def main() -> None:
    """Print the table, and with ``--wrong`` every certain finding that does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--albums", type=int, default=400, help="of each size; a twentieth of the large ones")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--detector", default="yunet_s_dynamic.onnx")
    parser.add_argument("--wrong", action="store_true")
    options = parser.parse_args()
    source = pools(Path(os.environ["FACEDB_REAL_DATA"]), options.detector)
    tally = Tally({})
    for size, (low, high) in SIZES.items():
        count = options.albums if high < 100 else max(1, options.albums // 20)
        for seed in range(options.first, options.first + count):
            rng = np.random.default_rng([seed, low])
            name = "orl" if high < 100 and seed % 4 == 0 else "lfw_dev"
            pool = source[name]
            shape = list(SHAPES)[int(rng.integers(len(SHAPES)))]
            album = draw(
                pool,
                rng,
                int(rng.integers(low, min(high, 35 if name == "orl" else high) + 1)),
                SHAPES[shape],
                clean=seed % 3 == 0,
            )
            found = findings_of(pool, album)
            for word, sure, holds, k in judged(pool, album, found):
                tally.add(size, word, sure, holds=holds)
                if options.wrong and sure >= CERTAIN and not holds:
                    rows = found.members.row[found.members.finding == k]
                    files = ", ".join(pool.files[album.rows[rows]].tolist())
                    sys.stdout.write(f"wrong: {size}, seed {seed}, {shape}, {word} {sure:.4f}: {files}\n")
    tally.show()


if __name__ == "__main__":
    main()
