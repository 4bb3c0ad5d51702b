"""Writes the demo dataset: folders of drawn faces with mistakes that are known, because they were planted."""

from __future__ import annotations

import io
import json
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from facedb.core.errors import InputError
from facedb.core.machine.cpus import cpu_count
from facedb.demo.drawing.face import draw_face
from facedb.demo.planted import Planted, Shot, plan_dataset

MANIFEST = "planted.json"
# Below the strength of training, where the model is at its best: the demo shows mistakes, not the limits of a toy.
STRENGTH = 0.85
CHUNK = 25
SERIAL_BELOW = 200
NOTE = "This folder was drawn by facedb demo. This file is no picture and is ignored.\n"


def write_dataset(
    folder: Path,
    *,
    seed: int = 11,
    identities: int = 120,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Planted:
    """Draw the dataset of ``seed`` into ``folder`` and return what was planted there.

    The same seed gives the same bytes (with the same Pillow). Files that are there already are kept, so that a complete
    folder is used as it is and an interrupted one is completed. ``processes`` defaults to one per usable core;
    ``progress`` is called with pictures done and to do. Raises InputError for a folder that holds something else.
    """
    planted = plan_dataset(seed, identities)
    _claim(folder, planted)
    for name in planted.identities:
        (folder / name).mkdir(exist_ok=True)
    missing = [shot for shot in planted.shots if not (folder / shot.path).exists()]
    report = progress or (lambda _done, _all: None)
    done = 0
    report(done, len(missing))
    for count in _drawn(folder, missing, processes or cpu_count()):
        done += count
        report(done, len(missing))
    _write_others(folder, planted)
    return planted


def picture_bytes(shot: Shot) -> bytes:
    """The file of one picture: PNG or JPEG by its name, the same bytes for the same fields."""
    image = Image.fromarray(draw_face(shot.person, shot.picture, strength=STRENGTH))
    if shot.side != image.width:
        image = image.resize((shot.side, shot.side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    if shot.path.endswith(".png"):
        image.save(stream, "PNG", compress_level=1)
    else:
        image.save(stream, "JPEG", quality=shot.quality)
    return stream.getvalue()


def _claim(folder: Path, planted: Planted) -> None:
    """Make sure that the folder is empty or holds this very dataset, and lay down the manifest."""
    manifest = folder / MANIFEST
    said = {
        "drawn_by": "facedb demo",
        "seed": planted.seed,
        "identities": len(planted.identities),
        "pictures": len(planted.shots),
        "mistakes": [asdict(mistake) for mistake in planted.mistakes],
        "ignored": planted.ignored,
        "broken": planted.broken,
    }
    text = json.dumps(said, ensure_ascii=False, indent=1) + "\n"
    if manifest.is_file() and manifest.read_text(encoding="utf-8") == text:
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something other than this demo dataset: name a folder that is empty or new.")
    folder.mkdir(parents=True, exist_ok=True)
    _write(manifest, text.encode())


def _drawn(folder: Path, shots: list[Shot], processes: int) -> Iterable[int]:
    """Draw and write the pictures, and yield how many more are done, time and again."""
    chunks = [shots[k : k + CHUNK] for k in range(0, len(shots), CHUNK)]
    if processes < 2 or len(shots) < SERIAL_BELOW:
        yield from (_write_shots(folder, chunk) for chunk in chunks)
        return
    # Spawned, not forked: the caller may run threads, and a fork would copy their locks.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_write_shots, [folder] * len(chunks), chunks)


def _write_shots(folder: Path, shots: list[Shot]) -> int:
    for shot in shots:
        _write(folder / shot.path, picture_bytes(shot))
    return len(shots)


def _write_others(folder: Path, planted: Planted) -> None:
    """The text file, the cut-off JPEG and the empty PNG."""
    truncated, empty = planted.broken
    whole = picture_bytes(Shot("whole.jpg", planted.shots[0].person, 100))
    for path, content in ((planted.ignored[1], NOTE.encode()), (truncated, whole[: len(whole) // 2]), (empty, b"")):
        if not (folder / path).exists():
            _write(folder / path, content)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is either whole or absent."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
