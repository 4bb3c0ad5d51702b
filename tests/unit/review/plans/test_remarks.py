"""What a plan says of images that it leaves out, and whom that names."""

from __future__ import annotations

from pathlib import Path

from facedb.review.decision_rows import PlannedImage
from facedb.review.plans.changes import Change, Changes
from facedb.review.plans.plan import leave_out_what_cannot_move


def test_photos_behind_a_link_are_left_out_and_those_of_hidden_people_are_not_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "plain").mkdir()
    for name in ("shown", "hidden"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "elsewhere")
    changes = Changes(unseen=frozenset({2}))
    for key, folder in enumerate(("shown", "hidden", "plain"), 1):
        path = f"{folder}/{key}.jpg"
        (tmp_path / "root" / path).touch()
        changes.images[key] = PlannedImage(
            key,
            1,
            "folder",
            str(tmp_path / "root"),
            {},
            key,
            "source",
            "ready",
            path,
            None,
            b"x",
            1,
            1,
            "people",
            1.0,
        )
        changes.by_image[key] = Change("quarantine", None, "not that one", key)
    leave_out_what_cannot_move(changes)
    assert list(changes.by_image) == [3]
    assert ["shown/1.jpg" in remark for remark in changes.remarks] == [True]
