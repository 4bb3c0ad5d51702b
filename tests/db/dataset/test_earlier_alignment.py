"""A database that an earlier facedb filled: its vectors stay comparable with themselves, and new ones are made beside them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from facedb.core.progress import Silent
from facedb.dataset import model_rows
from facedb.dataset.embed import ModelChoice, embed
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.embedding.contract import AVERAGED_LANDMARKS, PREPROCESSING
from facedb.embedding.model_files import resolve
from facedb.scan.search import search

pytestmark = pytest.mark.real_data


@dataclass
class Heard(Silent):
    """Keeps what was said."""

    said: list[str] = field(default_factory=list)

    def say(self, message: str) -> None:
        self.said.append(message)


def test_vectors_of_an_earlier_alignment_are_found_by_a_photo_and_told_from_new_ones(
    database: Database, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "people"
    for person in ("s1", "s2"):
        (folder / person).mkdir(parents=True)
        for photo in sorted((real_data / "faces" / "orl" / person).iterdir())[:2]:
            shutil.copyfile(photo, folder / person / photo.name)
    photo = next((folder / "s1").iterdir())
    ingest(database, folder, reporter=Silent())
    choice = ModelChoice(real_data / "models" / "mobileface_v2_mit.onnx", real_data / "models" / "yunet_s_dynamic.onnx")
    with monkeypatch.context() as earlier:
        earlier.setattr(resolve, "AVERAGED_LANDMARKS", PREPROCESSING)
        assert embed(database, choice, reporter=Silent()).done == 4
    # The photo is aligned as the stored vectors were, with and without naming the files again.
    for given in (None, choice):
        assert search(database, photo, choice=given, top=1, reporter=Silent())[0].score == pytest.approx(1, abs=1e-4)
    heard = Heard()
    assert embed(database, choice, reporter=heard).done == 4
    assert any("aligns faces better" in sentence for sentence in heard.said)
    with database.connection() as conn:
        new, old = sorted(model_rows.models(conn), key=lambda model: -model.contract["preprocessing"])
    assert (old.contract["preprocessing"], new.contract["preprocessing"]) == (PREPROCESSING, AVERAGED_LANDMARKS)
    assert (old.embeddings, new.embeddings) == (4, 4)
    for model in (old, new):
        assert search(database, photo, model_name=model.digest, top=1, reporter=Silent())[0].score == pytest.approx(
            1, abs=1e-4
        )
    with database.connection() as conn:
        marks = conn.execute("select count(distinct landmarks::text), count(*) from facedb.face").fetchone()
    assert marks == (8, 8)
    again = Heard()
    assert embed(database, choice, reporter=again).done == 0
    assert not any("aligns faces better" in sentence for sentence in again.said)
