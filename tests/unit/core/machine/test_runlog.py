"""The logs of runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facedb.core.machine.runlog import run_log

NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root comes into the home of another user")
def test_root_leaves_no_log_in_the_home_of_another_user(tmp_path: Path) -> None:
    with run_log(tmp_path, "findings", verbose=False):
        assert len(list((tmp_path / "logs").iterdir())) == 1
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY, NOBODY)
    with run_log(theirs, "findings", verbose=False):
        assert list(theirs.iterdir()) == []
