"""Pulling models from a real HTTP server on the loopback interface."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from facedb.core.errors import ModelError, NotFoundError
from facedb.embedding.model_files.presets import KNOWN_WEIGHTS
from facedb.embedding.model_files.registry import KNOWN, KnownModel, identify, known, pull
from tests.processes import join

CONTENT = bytes(range(256)) * 1200
TINY = KnownModel(
    "tiny", "model", "folder/tiny.onnx", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "MIT", "a test", "Tiny"
)


@dataclass
class Shelf:
    """What the server has, how it behaves, and what it was asked."""

    content: bytes = CONTENT
    ranges: bool = True
    cut_at: int | None = None
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    """A server on a free port of the loopback interface."""
    state = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            state.asked.append(wanted)
            body, status = state.content, state.status
            if wanted and state.ranges and status == 200:
                body, status = body[int(wanted.removeprefix("bytes=").rstrip("-")) :], 206
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if state.cut_at is None else body[: state.cut_at])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/models"
    yield state
    server.shutdown()
    server.server_close()
    join(thread)


def fetch(shelf: Shelf, folder: Path, **options: Any) -> Path:
    return pull("tiny", folder, base_url=shelf.url, among=[TINY], **options)


def test_a_model_is_fetched_verified_and_named(shelf: Shelf, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch(shelf, tmp_path / "models", progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [entry.name for entry in path.parent.iterdir()] == ["tiny.onnx"]


def test_a_model_that_is_there_is_not_fetched_again(shelf: Shelf, tmp_path: Path) -> None:
    fetch(shelf, tmp_path)
    fetch(shelf, tmp_path)
    assert len(shelf.asked) == 1


def test_a_spoilt_file_is_replaced(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx").write_bytes(b"spoilt")
    assert fetch(shelf, tmp_path).read_bytes() == CONTENT


def test_a_broken_transfer_is_continued_where_it_stopped(shelf: Shelf, tmp_path: Path) -> None:
    shelf.cut_at = 100_000
    with pytest.raises(ModelError, match="could not be downloaded"):
        fetch(shelf, tmp_path)
    assert not (tmp_path / "tiny.onnx").exists()
    shelf.cut_at = None
    assert fetch(shelf, tmp_path).read_bytes() == CONTENT
    assert shelf.asked == [None, "bytes=100000-"]


def test_a_server_without_ranges_sends_it_all_again(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "tiny.onnx.part").write_bytes(CONTENT[:5000])
    shelf.ranges = False
    assert fetch(shelf, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 7])
def test_a_part_that_is_whole_or_too_long_is_settled(shelf: Shelf, tmp_path: Path, length: int) -> None:
    (tmp_path / "tiny.onnx.part").write_bytes((CONTENT + b"surplus")[:length])
    assert fetch(shelf, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[::-1], b"x" + CONTENT])
def test_other_bytes_than_the_published_are_not_kept(shelf: Shelf, tmp_path: Path, content: bytes) -> None:
    shelf.content = content
    with pytest.raises(ModelError, match="did not give the published file"):
        fetch(shelf, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusing_server_says_where_to_put_the_file_by_hand(shelf: Shelf, tmp_path: Path, status: int) -> None:
    shelf.status = status
    with pytest.raises(ModelError) as caught:
        fetch(shelf, tmp_path)
    assert str(tmp_path / "tiny.onnx") in str(caught.value)
    assert shelf.url in str(caught.value)


def test_without_a_network_the_message_says_where_to_put_the_file_by_hand(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"put it at .*tiny\.onnx"):
        pull("tiny", tmp_path, base_url="http://127.0.0.1:9/models", among=[TINY])


def test_only_http_addresses_are_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="http"):
        pull("tiny", tmp_path, base_url="file:///etc", among=[TINY])


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="yunet, sface"):
        pull("arcface-r100", tmp_path)


def test_the_known_models_are_complete() -> None:
    for model in KNOWN:
        assert len(model.sha256) == 64
        assert model.licence
        assert known(model.name) is identify(model.sha256) is model
    assert known("sface").sha256 in KNOWN_WEIGHTS
    assert identify("0" * 64) is None
