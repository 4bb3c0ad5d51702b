"""Which model is taken when none is named: that of the dataset, that of this home, or one that is fetched."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from facedb.core.errors import ModelError, UsageError
from facedb.core.progress import Silent
from facedb.dataset.embed import ModelChoice, embed
from facedb.dataset.ingest import ingest
from facedb.dataset.model_options import ModelOptions, NoModelError, choose
from facedb.db.connection import Database
from facedb.embedding.model_files import presets, registry
from facedb.embedding.model_files.registry import KnownModel
from tests.acceptance.world import Inside, block_model, people
from tests.processes import join
from tests.unit.embedding.conftest import build_model, build_scrfd


def chosen(
    db: Database, home: Path, dataset: str | None = None, source: Path | None = None, **said: object
) -> ModelChoice:
    options = ModelOptions(**said)  # type: ignore[arg-type]
    return choose(db, options, home / "models", dataset=dataset, source=source, reporter=Silent())


def test_a_model_named_once_is_the_default_of_its_dataset(database: Database, tmp_path: Path) -> None:
    first, second = (people(tmp_path / name, 2, 2) for name in ("first", "second"))
    for folder in (first, second):
        ingest(database, folder, reporter=Silent())
    with pytest.raises(NoModelError, match="--model"):
        chosen(database, tmp_path, "first")
    one, other = (block_model(tmp_path / f"{name}.onnx", dim=dim) for name, dim in (("one", 16), ("other", 24)))
    embed(database, ModelChoice(one, faces="all", overrides={"margin": "0.1"}), dataset="first", reporter=Silent())
    embed(database, ModelChoice(other), dataset="second", reporter=Silent())
    remembered = chosen(database, tmp_path, source=first)
    assert (remembered.weights, remembered.faces, remembered.overrides) == (one, "all", {"margin": "0.1"})
    assert chosen(database, tmp_path, "second").weights == other
    assert chosen(database, tmp_path, "first", faces="centre").faces == "centre"
    # Settings belong to the model that they were given for, the choice of faces does not.
    renamed = chosen(database, tmp_path, "first", model=str(other))
    assert (renamed.weights, renamed.faces, renamed.overrides) == (other, "all", {})
    with pytest.raises(UsageError, match="different models"):
        chosen(database, tmp_path)
    one.unlink()
    with pytest.raises(ModelError, match="not there any more"):
        chosen(database, tmp_path, "first")


def test_a_detector_named_once_stays_until_none_is_said(database: Database, tmp_path: Path) -> None:
    ingest(database, people(tmp_path / "people", 1, 2), reporter=Silent())
    model, detector = block_model(tmp_path / "one.onnx"), build_scrfd(tmp_path / "det.onnx")
    embed(database, ModelChoice(model, detector), dataset="people", reporter=Silent())
    assert chosen(database, tmp_path, "people").detector == detector
    assert chosen(database, tmp_path, "people", model=str(model)).detector == detector
    assert chosen(database, tmp_path, "people", detector="none").detector is None


def test_other_weights_under_one_name_are_said(database: Database, tmp_path: Path) -> None:
    ingest(database, people(tmp_path / "people", 1, 2), reporter=Silent())
    said: list[str] = []

    class Heard(Silent):
        def say(self, message: str) -> None:
            said.append(message)

    for seed in (1, 1, 2):
        embed(database, ModelChoice(block_model(tmp_path / "one.onnx", seed=seed)), dataset="people", reporter=Heard())
    assert sum("different weights than before" in message for message in said) == 1
    assert "different weights than before" in said[-1]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, int]]]:
    """A server that redirects to two models of the test's own, offered in place of YuNet and SFace; what it cuts off."""
    detector = build_scrfd(tmp_path / "made-detector.onnx").read_bytes()
    model = build_model(tmp_path / "made-model.onnx", side=112, dim=16).read_bytes()
    contents = {"det.onnx": detector, "rec.onnx": model}
    shas = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    monkeypatch.setattr(
        registry,
        "KNOWN",
        tuple(
            KnownModel(title.lower(), role, f"zoo/{name}", len(contents[name]), shas[name], "MIT", "a test", title)
            for title, role, name in (("Finder", "detector", "det.onnx"), ("Namer", "model", "rec.onnx"))
        ),
    )
    monkeypatch.setitem(presets.KNOWN_WEIGHTS, shas["rec.onnx"], ("namer", "arcface"))
    cut: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            if self.path.startswith("/zoo/"):
                self.send_response(302)
                self.send_header("Location", f"/media/{name}")
                self.end_headers()
                return
            start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            body = contents[name][start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: cut.pop(name, len(body))])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", cut
    server.shutdown()
    join(thread)
    server.server_close()


def test_the_first_check_fetches_what_it_offers_and_later_ones_remember_it(
    database: Database, tmp_path: Path, shop: tuple[str, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, cut = shop
    run = Inside(tmp_path, database.dsn)
    folder = people(tmp_path / "people", 2, 2)
    nobody = run("check", folder, code=5)
    assert "--yes to fetch Finder (detector" in nobody.err
    assert "MIT" in nobody.err
    models = tmp_path / "facedb" / "models"
    assert not models.exists()
    # Cut off on the way: what is here is continued by the next run.
    monkeypatch.setenv("FACEDB_MODELS_URL", url)
    cut["rec.onnx"] = 1000
    torn = run("check", folder, "--yes", code=5)
    assert "put rec.onnx" in torn.err
    assert str(models) in torn.err
    assert (models / "rec.onnx.part").stat().st_size == 1000
    # The drawings hold no faces, which is another error: a model was found and run.
    done = run("check", folder, "--yes", code=7)
    assert "No face was found" in done.err
    monkeypatch.delenv("FACEDB_MODELS_URL")
    assert "No face was found" in run("check", folder, code=7).err
    assert chosen(database, tmp_path / "facedb", "people").weights == models / "rec.onnx"


@pytest.mark.usefixtures("shop")
def test_files_put_there_by_hand_are_taken_when_they_are_the_published_ones(database: Database, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "det.onnx").write_bytes((tmp_path / "made-detector.onnx").read_bytes())
    (models / "rec.onnx").write_bytes(b"an error page")
    with pytest.raises(NoModelError):
        chosen(database, tmp_path)
    (models / "rec.onnx").write_bytes((tmp_path / "made-model.onnx").read_bytes())
    found = chosen(database, tmp_path)
    assert (found.weights, found.detector) == (models / "rec.onnx", models / "det.onnx")


def test_search_takes_the_options_that_embed_takes(database: Database, tmp_path: Path) -> None:
    run = Inside(tmp_path, database.dsn)
    folder = people(tmp_path / "people", 2, 3)
    model = block_model(tmp_path / "one.onnx")
    photo = folder / "person000" / "0.png"
    run("ingest", folder)
    run("embed", "--model", model, "--set", "colour=bgr")
    run("embed", "--model", model, "--set", "margin=0.2", "--dataset", "people")
    found = run("search", photo, "--model", model, "--set", "colour=bgr", "--detector", "none", "--format", "csv").csv
    assert found[0]["path"] == "person000/0.png"
    assert float(found[0]["score"]) > 0.9999
    assert "Nothing is embedded" in run("search", photo, "--model", model, "--set", "std=3", code=8).err
