"""A checked demo to review: its database is made once and cloned for each test, as is its folder where files are moved."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from facedb.check import check
from facedb.core.progress import Silent
from facedb.dataset.embed import ModelChoice
from facedb.db.connection import Database
from facedb.demo.dataset import write_dataset
from facedb.demo.model.embedder import MODEL, THRESHOLD
from facedb.demo.run import DATASET, SEED
from facedb.scan.run import ScanOptions
from facedb.web.app import create_app
from facedb.web.server import config, listen
from facedb.web.settings import WebSettings
from tests.conftest import Server
from tests.processes import join, until

PORT = 8765
PEOPLE = 30


@dataclass(frozen=True)
class Checked:
    """The drawings in ``folder``, checked in the database called ``name``; ``cache`` holds their thumbnails."""

    name: str
    folder: Path
    cache: Path


@pytest.fixture(scope="session")
def checked(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """A demo of few people, checked once for all tests of this worker; the drawings are made once for all workers."""
    home = tmp_path_factory.mktemp("review")
    base = tmp_path_factory.getbasetemp()
    drawn = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "drawn-for-review"
    with (drawn.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_dataset(drawn, seed=SEED, identities=PEOPLE)
    name = f"demo_{secrets.token_hex(4)}"
    server.administer(f"create database {{}} template {template}", name)
    check(
        Database(server.database(name), embedded=True),
        drawn,
        ModelChoice(MODEL),
        ScanOptions(threshold=THRESHOLD, cache_dir=home / "cache"),
        dataset=DATASET,
        reporter=Silent(),
    )
    return Checked(name, drawn, home / "cache")


@pytest.fixture
def demo_database(server: Server, checked: Checked) -> Iterator[Database]:
    """The checked demo in a database of this test's own; its files are shared, so no test may move them."""
    name = f"test_{secrets.token_hex(4)}"
    server.administer(f"create database {{}} template {checked.name}", name)
    yield Database(server.database(name), embedded=True)
    server.administer("drop database {} with (force)", name)


@pytest.fixture
def own_folder(demo_database: Database, checked: Checked, tmp_path: Path) -> Path:
    """A copy of the drawings that the test's database points to, for tests that move files."""
    folder = tmp_path / "faces"
    shutil.copytree(checked.folder, folder)
    with demo_database.connection() as conn:
        conn.execute("update facedb.source set root = %s, location = %s", (str(folder), str(folder)))
    return folder


@pytest.fixture
def settings(demo_database: Database, checked: Checked) -> WebSettings:
    """The settings of a page on the test's database."""
    return WebSettings(demo_database, checked.cache, PORT, learn_after=0)


@dataclass(frozen=True)
class Reviewer:
    """A signed-in client of the API."""

    client: TestClient
    csrf: str

    def get(self, path: str, **query: object) -> object:
        """The JSON at a path, which must be there."""
        answer = self.client.get(path, params={k: str(v) for k, v in query.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: object = None, status: int = 200) -> object:
        """The JSON of an answer to a request that changes something."""
        answer = self.client.request(method, path, json=body, headers={"x-csrf-token": self.csrf})
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


Enter = Callable[..., Reviewer]


@pytest.fixture
def enter(settings: WebSettings) -> Iterator[Enter]:
    """Signs reviewers in: ``enter("ben")``, each with a browser of his own, at one page; ``read_only`` makes another page."""
    apps = {}
    with ExitStack() as stack:

        def sign_in(name: str = "ann", *, read_only: bool = False) -> Reviewer:
            if read_only not in apps:
                app = create_app(replace(settings, read_only=read_only))
                stack.enter_context(TestClient(app, base_url=f"http://127.0.0.1:{PORT}"))
                apps[read_only] = app
            app = apps[read_only]
            client = TestClient(app, base_url=f"http://127.0.0.1:{PORT}")
            token = app.state.parts.sessions.invite(name)
            assert client.get(f"/?token={token}").status_code == 200
            return Reviewer(client, client.get("/api/session").json()["csrf"])

        yield sign_in


@pytest.fixture
def ann(enter: Enter) -> Reviewer:
    """One reviewer."""
    return enter("ann")


@dataclass(frozen=True)
class Page:
    """A page that is served on a port; ``invite`` gives an address that signs a reviewer in."""

    url: str
    invite: Callable[..., str]


@contextmanager
def served(settings: WebSettings) -> Iterator[Page]:
    """The page on a free port, with a real server in a thread."""
    with listen("127.0.0.1", 0) as listener:
        here = replace(settings, port=listener.getsockname()[1])
        app = create_app(here)
        server = uvicorn.Server(config(app, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started or not thread.is_alive(), "the page")
            yield Page(
                here.url(), lambda name, **how: f"{here.url()}?token={app.state.parts.sessions.invite(name, **how)}"
            )
        finally:
            app.state.parts.live.closed.set()
            server.should_exit = True
            join(thread)


@pytest.fixture
def serve(settings: WebSettings) -> Iterator[Page]:
    """The page of the test's database on a port."""
    with served(settings) as page:
        yield page


@dataclass(frozen=True)
class TwoFaces:
    """A stray of the demo whose photo shows two faces: ``rank`` and ``image`` of it, the face that was ``taken`` and the ``other`` one."""

    rank: int
    image: int
    taken: int
    other: int


@pytest.fixture
def two_faces(demo_database: Database) -> TwoFaces:
    """The first stray, whose photo is given a second face with a vector, beside the first."""
    with demo_database.connection() as conn:
        row = conn.execute(
            "select f.rank, c.image_id, c.id from facedb.finding f join facedb.finding_face w using (scan_id, rank)"
            " join facedb.face c on c.id = w.face_id where f.class = 'stray' and w.role = 'wrong' and f.swap_rank is null"
            " order by f.rank limit 1"
        ).fetchone()
        assert row is not None
        rank, image, taken = row
        conn.execute("update facedb.face set box = '{10, 20, 40, 60}' where id = %s", (taken,))
        other = conn.execute(
            "insert into facedb.face (image_id, detection, ordinal, box, size_px)"
            " select image_id, detection, 1, '{60, 20, 40, 60}', 40 from facedb.face where id = %s returning id",
            (taken,),
        ).fetchone()
        assert other is not None
        conn.execute(
            "insert into facedb.embedding (face_id, model_id, vec, norm) select %s, model_id, vec, norm from facedb.embedding"
            " where face_id = (select min(c.id) from facedb.face c join facedb.image i on i.id = c.image_id where i.identity_id ="
            " (select identity_id from facedb.image where id = %s) and i.id <> %s)",
            (other[0], image, image),
        )
        conn.execute(
            "insert into facedb.scan_face (scan_id, face_id, role, faces) values (1, %s, 'part', 2), (1, %s, 'bystander', 2)",
            (taken, other[0]),
        )
    return TwoFaces(rank, image, taken, other[0])
