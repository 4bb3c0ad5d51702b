"""The dashboards: everything they refer to is there, and every chart gets its rows from the database."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sqlalchemy import create_engine

from facedb.core.errors import UsageError
from facedb.core.progress import Silent
from facedb.db.connection import Database
from facedb.report.bi.address import address_of
from facedb.report.bi.charts import CHARTS
from facedb.report.bi.grafana import dashboard, write_grafana
from facedb.report.bi.superset import write_superset
from facedb.scan.run import ScanOptions, scan
from tests.db.population import Population, clustered
from tests.db.report import grafana_schema


@pytest.fixture
def scanned(database: Database) -> Database:
    """Two datasets, scanned together, one file rejected."""
    rng = np.random.default_rng(3)
    people = Population(database, 16)
    people.add(clustered(rng, 40, 16, 5, 0.2), [f"p{k // 5}" for k in range(40)], dataset="train")
    people.add(clustered(rng, 20, 16, 5, 0.2), [f"q{k // 5}" for k in range(20)], dataset="test")
    with database.connection() as conn:
        conn.execute("update facedb.image set status = 'rejected', reject_code = 'truncated' where id = 1")
        conn.execute("update facedb.image set sha256 = (select sha256 from facedb.image where id = 7) where id = 50")
    scan(database, ScanOptions(threshold=0.8, engine="exact"), reporter=Silent())
    return database


def test_every_chart_gets_rows_in_psql_and_in_pandas(scanned: Database) -> None:
    engine = create_engine(scanned.dsn.replace("postgresql://", "postgresql+psycopg://"))
    for chart in CHARTS:
        frame = pd.read_sql(chart.sql(), engine)
        assert len(frame), chart.name
        assert not frame.isna().all().all(), chart.name
    engine.dispose()


def test_the_superset_bundle_is_whole_and_its_references_resolve(scanned: Database, tmp_path: Path) -> None:
    out = tmp_path / "facedb.zip"
    assert write_superset(scanned, out, address_of("host=db.example user=reader dbname=facedb password=secret")) == len(
        CHARTS
    )
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        raw = {name: archive.read(name).decode() for name in archive.namelist()}
    assert "secret" not in "".join(raw.values())
    files = {name.removeprefix("facedb/"): yaml.safe_load(text) for name, text in raw.items()}
    assert files["metadata.yaml"]["version"] == "1.0.0"
    assert files["databases/facedb.yaml"]["sqlalchemy_uri"] == "postgresql://reader@db.example:5432/facedb"
    datasets = {f["uuid"]: f for name, f in files.items() if name.startswith("datasets/")}
    charts = {f["uuid"]: f for name, f in files.items() if name.startswith("charts/")}
    assert len(charts) == len(CHARTS)
    for chart in charts.values():
        dataset = datasets[chart["dataset_uuid"]]
        known = {column["column_name"] for column in dataset["columns"]}
        asked = {*chart["params"].get("all_columns", []), *chart["params"].get("groupby", [])}
        asked |= {chart["params"]["x_axis"]} if "x_axis" in chart["params"] else set()
        assert asked <= known, chart["slice_name"]
        assert dataset["database_uuid"] == files["databases/facedb.yaml"]["uuid"]
        assert all(column["description"] for column in dataset["columns"])
    position = files["dashboards/facedb.yaml"]["position"]
    shown = {part["meta"]["uuid"] for part in position.values() if isinstance(part, dict) and part["type"] == "CHART"}
    assert shown == set(charts)
    assert all(
        child in position for part in position.values() if isinstance(part, dict) for child in part.get("children", [])
    )
    with pytest.raises(UsageError, match="exists"):
        write_superset(scanned, out, address_of(scanned.dsn))
    write_superset(scanned, out, address_of(scanned.dsn), force=True)


def test_the_grafana_folder_asks_what_the_database_answers(scanned: Database, tmp_path: Path) -> None:
    folder = tmp_path / "grafana"
    assert write_grafana(folder, address_of(scanned.dsn, user="reader")) == len(CHARTS)
    source = yaml.safe_load((folder / "datasources" / "facedb.yaml").read_text())["datasources"][0]
    assert (source["user"], source["secureJsonData"]) == ("reader", {"password": "$FACEDB_DB_PASSWORD"})
    assert yaml.safe_load((folder / "dashboards" / "facedb.yaml").read_text())["providers"][0]["type"] == "file"
    found = json.loads((folder / "dashboards" / "facedb.json").read_text())
    assert found == dashboard()
    assert not grafana_schema.faults(found)
    for file, kind, shape in (
        ("datasources", "datasources", grafana_schema.DATASOURCE),
        ("dashboards", "providers", grafana_schema.PROVIDER),
    ):
        whole = yaml.safe_load((folder / file / "facedb.yaml").read_text())
        assert (whole["apiVersion"], set(whole)) == (1, {"apiVersion", kind})
        assert not [fault for one in whole[kind] for fault in grafana_schema.unlike(one, shape, kind)]
    places = [panel["gridPos"] for panel in found["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    with scanned.connection() as conn:
        for panel in found["panels"]:
            (target,) = panel["targets"]
            assert target["datasource"]["uid"] == source["uid"]
            assert conn.execute(target["rawSql"]).fetchall(), panel["title"]
    with pytest.raises(UsageError, match="exists"):
        write_grafana(folder, address_of(scanned.dsn))


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (("options", "stacking"), "normally"),
        (("options", "legned"), {"showLegend": True}),
        (("options", "legend", "showLegend"), "yes"),
        (("gridPos", "w"), "wide"),
        (("fieldConfig", "defaults", "unitt"), "s"),
        (("targets", 0, "format"), "tabel"),
    ],
)
def test_what_grafanas_schema_does_not_know_is_noticed(where: tuple[str | int, ...], what: object) -> None:
    found = dashboard()
    inner: Any = next(panel for panel in found["panels"] if panel["type"] == "barchart")
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = what
    assert [fault for fault in grafana_schema.faults(found) if str(where[-1]).lower() in fault.lower().replace("_", "")]
