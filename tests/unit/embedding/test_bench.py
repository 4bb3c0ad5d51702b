"""The embedding benchmark: every leg is measured and the writer gets every result."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedb.bench.embedding import EmbedSetup, bench_embed
from facedb.core.errors import InputError
from facedb.core.records import ImageResult
from facedb.embedding.model_files.resolve import load_contract
from tests.unit.embedding.conftest import MakeModel, encode, picture

TOLD = {"colour": "rgb", "mean": "0", "std": "1", "template": "arcface"}


@pytest.fixture
def setup(make_model: MakeModel) -> EmbedSetup:
    """A tiny model without a detector on two threads."""
    path = make_model()
    return EmbedSetup(path, load_contract(path, overrides=TOLD), None, threads=2)


def test_every_leg_is_measured_and_every_result_is_written(setup: EmbedSetup, tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    for seed in range(6):
        (folder / f"{seed}.png").write_bytes(encode(picture(seed=seed)))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    written: list[ImageResult] = []
    report = bench_embed(sorted(folder.iterdir()), setup, repeat=3, write=written.extend, loop_images=7)
    legs = {row.leg: row for row in report.rows}
    assert list(legs) == [
        "whole",
        "decoding alone",
        "model alone",
        "decode, one thread",
        "detect and align, one thread",
        "model, one thread",
        "writing alone",
        "published loop",
        "published loop, 2 processes",
    ]
    assert legs["whole"].images == 21
    assert legs["published loop"].images == 7
    assert all(row.images_per_second > 0 for row in report.rows)
    assert report.bound > 0
    assert report.share == pytest.approx(legs["whole"].images_per_second / report.bound)
    # 21 results of the whole and the 6 good ones of the bare stages.
    assert len(written) == 27


def test_no_image_is_an_error(setup: EmbedSetup) -> None:
    with pytest.raises(InputError):
        bench_embed([], setup)
