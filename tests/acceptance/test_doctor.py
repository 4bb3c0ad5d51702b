"""`facedb doctor` and the logs: what is wrong is said with its cure, and no log holds what it must not."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest

from facedb.db.connection import Database
from facedb.join.gpu import nvidia
from tests.acceptance.world import Command, Inside, block_model, people


def test_it_names_what_changed_about_a_model_with_its_cure(facedb: Inside, tmp_path: Path) -> None:
    model = block_model(tmp_path / "blocks.onnx")
    facedb("check", people(tmp_path / "photos", 3, 3), "--model", model)
    healthy = {row["subject"]: row for row in facedb("doctor", "--format", "json").json}
    assert {
        healthy[name]["state"] for name in ("database", "pgvector", "schema", "clock", "tables", "model blocks")
    } == {"ok"}
    block_model(model, seed=2)
    found = {row["subject"]: row for row in facedb("doctor", "--format", "json").json}
    assert found["model blocks"]["state"] == "warning"
    assert [name for name, row in found.items() if row["state"] != "ok" and not row["cure"]] == []
    model.unlink()
    assert (
        "is gone"
        in {row["subject"]: row["finding"] for row in facedb("doctor", "--format", "json").json}["model blocks"]
    )


def test_a_machine_without_a_gpu_is_no_warning_and_one_whose_gpu_does_nothing_is(
    facedb: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpus = ("gpu", "engine cuda", "engine faiss-gpu", "onnxruntime provider")

    def states(cards: Path) -> set[str]:
        monkeypatch.setattr(nvidia, "PCI_DEVICES", cards)
        found = {row["subject"]: row for row in facedb("doctor", "--format", "json").json}
        assert all(found[name]["cure"] for name in on_gpus if found[name]["state"] == "warning")
        return {found[name]["state"] for name in on_gpus}

    if nvidia.missing_driver() is None:
        pytest.skip("there is a driver, so what works is ok with any card")
    for name, vendor, kind in (("0", "0x8086", "0x030000"), ("1", "0x10de", "0x040300")):
        (tmp_path / "none" / name).mkdir(parents=True)
        (tmp_path / "none" / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / "none" / name / "class").write_text(f"{kind}\n")
    assert states(tmp_path / "none") == {"ok"}, "the sound of a card is no card"
    (tmp_path / "none" / "1" / "class").write_text("0x030200\n")
    assert states(tmp_path / "none") == {"warning"}


def test_a_database_out_of_reach_is_a_problem_and_an_exit_code(tmp_path: Path) -> None:
    lost = Command(tmp_path, dsn="postgresql://me:hunter2@127.0.0.1:9/none")
    said = lost("doctor", "--format", "json", code=1)
    assert "hunter2" not in said.out + said.err
    assert [row["subject"] for row in said.json if row["state"] == "problem"] == ["database"]


def test_each_run_has_a_log_of_its_owner_without_vectors_arguments_and_secrets(
    tmp_path: Path, database: Database
) -> None:
    facedb = Command(tmp_path, dsn=database.dsn)
    model = block_model(tmp_path / "blocks.onnx")
    said = facedb("--verbose", "--log-format", "json", "check", people(tmp_path / "photos", 3, 3), "--model", model)
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert {"at", "level", "message"} <= set(lines[0])
    assert any(line.get("query") == "finish_scan" and line["ms"] > 0 for line in lines)
    logs = sorted((tmp_path / "facedb" / "logs").iterdir())
    assert [stat.S_IMODE(log.stat().st_mode) for log in logs] == [0o600]
    text = logs[0].read_text()
    assert "check ended after" in text
    assert str(model) not in text
    with database.connection() as conn:
        vector = conn.execute("select vec::real[] from facedb.embedding limit 1").fetchone()
    assert vector is not None
    assert not any(repr(float(np.float32(value)))[:9] in text for value in vector[0])
    wrong = facedb("--log-format", "json", "links", "--scan", "77", code=8)
    assert json.loads(wrong.err.splitlines()[-1])["level"] == "error"


def test_old_logs_end(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facedb.core.machine.runlog.KEPT", 3)
    facedb = Inside(tmp_path, database.dsn)
    (tmp_path / "facedb" / "logs").mkdir(parents=True)
    for k in range(5):
        (tmp_path / "facedb" / "logs" / f"2020010{k}T000000-1-x.log").touch()
    facedb("datasets")
    assert len(list((tmp_path / "facedb" / "logs").iterdir())) == 3
