"""A dataset that is moved loses nothing, in whatever order it is checked, planned, applied, undone and moved.

Walks of commands are drawn from a seed. After each command every photo is still there, as often as it was; a photo is only
ever in quarantine while its bytes are in the dataset too; and in the end everything can be taken back.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from facedb.check import check
from facedb.core.errors import FacedbError
from facedb.core.files.paths import QUARANTINE
from facedb.core.progress import Silent
from facedb.dataset.embed import ModelChoice
from facedb.dataset.ingest import ingest
from facedb.db.connection import Database
from facedb.demo.dataset import picture_bytes
from facedb.demo.model.embedder import MODEL
from facedb.demo.planted import plan_dataset
from facedb.review.files.apply import apply, undo
from facedb.review.plans.plan import make_plan, plans
from facedb.review.verdicts import Statement, say
from facedb.scan.run import ScanOptions
from tests.acceptance.world import copy_folder

SILENT = Silent()
STEPS = 10


class Walk:
    """A dataset on the disk that is moved about, and the commands that somebody gives meanwhile."""

    def __init__(self, db: Database, root: Path, model: ModelChoice, threshold: float, seed: int) -> None:
        self.db, self.root, self.model, self.threshold = db, root, model, threshold
        self.random = random.Random(seed)
        self.known = root
        self.start = self.files()
        self.done: list[str] = []

    def files(self) -> dict[str, bytes]:
        """Every file below the root by its path, those in quarantine too."""
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in self.root.rglob("*") if p.is_file()}

    def check(self) -> None:
        check(self.db, self.root, self.model, ScanOptions(threshold=self.threshold), reporter=SILENT)

    def check_into(self) -> None:
        check(self.db, self.root, self.model, ScanOptions(threshold=self.threshold), dataset="set", reporter=SILENT)

    def check_by_link(self) -> None:
        link = self.root.parent / "link"
        link.unlink(missing_ok=True)
        link.symlink_to(self.root)
        check(self.db, link, self.model, ScanOptions(threshold=self.threshold), reporter=SILENT)

    def plan(self) -> None:
        make_plan(self.db, auto=True)

    def apply(self) -> None:
        apply(self.db, self._newest(), yes=True, reporter=SILENT)

    def undo(self) -> None:
        undo(self.db, self._newest(), yes=True, reporter=SILENT)

    def move(self) -> None:
        new = self.root.parent / f"set{self.random.randrange(3)}"
        if not new.exists():
            self.root = self.root.rename(new)

    def tell(self) -> None:
        ingest(self.db, self.root, moved_from=str(self.known), reporter=SILENT)
        self.known = self.root

    def _newest(self) -> int:
        newest = plans(self.db)
        return newest[0].plan_id if newest else 1

    def step(self) -> None:
        """One command, which may be refused, and what must hold after it."""
        command = self.random.choice(
            [
                self.check,
                self.check_into,
                self.check_by_link,
                self.plan,
                self.plan,
                self.apply,
                self.apply,
                self.undo,
                self.move,
                self.tell,
            ]
        )
        refused = ""
        try:
            command()
        except FacedbError as error:
            refused = f" refused: {error}"
        self.done.append(f"{command.__name__}{refused}")
        self.hold()

    def hold(self) -> None:
        """Nothing is lost, and what is in quarantine is in the dataset too."""
        now = self.files()
        assert Counter(now.values()) == Counter(self.start.values()), self.done
        kept = {data for path, data in now.items() if not path.startswith(QUARANTINE)}
        assert kept == set(self.start.values()), self.done

    def take_everything_back(self) -> None:
        """Say where the dataset is now, undo every plan, the newest first, and find everything as it was."""
        if self.known != self.root:
            self.tell()
        for plan in plans(self.db):
            if plan.state not in ("proposed", "undone"):
                undo(self.db, plan.plan_id, yes=True, reporter=SILENT)
        assert self.files() == self.start, self.done
        self.check()
        with self.db.connection() as conn:
            query = "select i.path from facedb.image i join facedb.source s on s.id = i.source_id where i.status = 'ready' and s.root = %s"
            ready = [row[0] for row in conn.execute(query, (os.path.realpath(self.root),))]
        assert sorted(ready) == sorted(path for path in self.start if not path.endswith(".txt")), self.done


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawings of the demo: four people with four pictures each, one picture twice in its folder and one in two."""
    root = tmp_path_factory.mktemp("drawings") / "set"
    shots = plan_dataset(11, 120).shots
    people = list(dict.fromkeys(shot.path.split("/")[0] for shot in shots))[:4]
    for name in people:
        for shot in [s for s in shots if s.path.startswith(f"{name}/")][:4]:
            file = root / shot.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture_bytes(shot))
    first, second = (min((root / name).iterdir()) for name in people[:2])
    shutil.copy2(first, first.with_name(f"copy-{first.name}"))
    shutil.copy2(first, first.with_name(f"again-{first.name}"))
    shutil.copy2(second, root / people[2] / f"stray-{second.name}")
    return root


def _walk(walk: Walk, steps: int = STEPS) -> None:
    walk.check()
    for _ in range(steps):
        walk.step()
    walk.take_everything_back()


@pytest.mark.parametrize("seed", range(2))
def test_a_moved_dataset_loses_nothing_in_any_order(
    database: Database, drawings: Path, tmp_path: Path, seed: int
) -> None:
    root = tmp_path / "set"
    shutil.copytree(drawings, root)
    _walk(Walk(database, root, ModelChoice(MODEL), 0.78, seed))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 130))
def test_a_moved_dataset_loses_nothing_in_many_orders(
    database: Database, drawings: Path, tmp_path: Path, seed: int
) -> None:
    root = tmp_path / "set"
    shutil.copytree(drawings, root)
    _walk(Walk(database, root, ModelChoice(MODEL), 0.78, seed), 30)


@pytest.mark.real_data
@pytest.mark.parametrize("seed", range(2))
def test_real_photos_that_are_moved_lose_nothing_in_any_order(
    database: Database, real_data: Path, tmp_path: Path, seed: int
) -> None:
    root = tmp_path / "set"
    copy_folder(real_data / "faces" / "deepface_celebs", root)
    photo = min(p for p in (root / "person01").iterdir() if p.is_file())
    shutil.copyfile(photo, photo.with_name(f"copy-{photo.name}"))
    models = real_data / "models"
    model = ModelChoice(models / "mobileface_v2_mit.onnx", models / "yunet_s_dynamic.onnx")
    walk = Walk(database, root, model, 0.45, seed)
    # What a person said must outlive every move.
    walk.check()
    say(database, [Statement("link", "person01", "different", "person02", by="eve")])
    _walk(walk, 8)
    with database.connection() as conn:
        assert conn.execute("select count(*) from bi.verdicts").fetchone() == (1,)


@pytest.mark.parametrize("command", [Walk.check, Walk.check_into])
def test_a_moved_dataset_is_not_planned_away(
    database: Database, drawings: Path, tmp_path: Path, command: Callable[[Walk], None]
) -> None:
    """The worst of it, step by step: checked, moved, checked again, planned, applied."""
    root = tmp_path / "set"
    shutil.copytree(drawings, root)
    walk = Walk(database, root, ModelChoice(MODEL), 0.78, 0)
    walk.check()
    walk.root = root.rename(tmp_path / "elsewhere")
    with pytest.raises(FacedbError, match="--moved-from"):
        command(walk)
    view = make_plan(database, auto=True)
    assert any("--moved-from" in remark for remark in view.remarks)
    walk.hold()
    walk.tell()
    walk.check()
    walk.plan()
    walk.apply()
    walk.hold()
    assert sum(path.startswith(QUARANTINE) for path in walk.files()) == 3, (
        "two copies go from their own folder and one from that of somebody else, and only they"
    )
    walk.take_everything_back()
