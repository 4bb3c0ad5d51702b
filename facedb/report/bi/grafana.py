"""A provisioning folder for Grafana: the data source, and a dashboard of the same charts.

Source: Grafana's manual, "Provision Grafana". The password stays out of it: Grafana takes it from its environment.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facedb.core.files.whole_file import check_free, whole_folder
from facedb.report.bi.address import Address
from facedb.report.bi.charts import CHARTS, TITLE, Chart, rows_of_charts, uuid_of

PASSWORD_VARIABLE = "FACEDB_DB_PASSWORD"  # noqa: S105 - the name of a variable
_PANELS = {"table": "table", "bar": "barchart", "line": "trend", "number": "stat"}
_DATASOURCE = {"type": "grafana-postgresql-datasource", "uid": uuid_of("datasource")}


def write_grafana(folder: Path, address: Address, *, dashboards: str = "/etc/grafana/provisioning/dashboards") -> int:
    """Write the folder, whole or not at all; returns how many panels it has.

    ``dashboards`` is where Grafana will find its folder of dashboards. Raises UsageError where ``folder`` exists.
    """
    check_free(folder, force=False)
    provider = {
        "apiVersion": 1,
        "providers": [
            {
                "name": TITLE,
                "type": "file",
                "allowUiUpdates": True,
                "options": {"path": dashboards, "foldersFromFilesStructure": False},
            }
        ],
    }
    with whole_folder(folder) as place:
        for name, content in (
            ("datasources/facedb.yaml", _datasource(address)),
            ("dashboards/facedb.yaml", provider),
            ("dashboards/facedb.json", dashboard()),
        ):
            file = place / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(CHARTS)


def _datasource(address: Address) -> dict[str, Any]:
    host = address.host if address.host.startswith("/") else f"{address.host}:{address.port}"
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": TITLE,
                **_DATASOURCE,
                "access": "proxy",
                "url": host,
                "user": address.user,
                "jsonData": {
                    "database": address.database,
                    "sslmode": address.sslmode or "disable",
                    "postgresVersion": 1600,
                },
                "secureJsonData": {"password": f"${PASSWORD_VARIABLE}"},
                "editable": True,
            }
        ],
    }


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana stores it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in rows_of_charts():
        height = 5 if all(chart.kind == "number" for chart in row) else 10
        left = 0
        for chart in row:
            panels.append(_panel(len(panels) + 1, chart, {"x": left, "y": top, "w": 2 * chart.width, "h": height}))
            left += 2 * chart.width
        top += height
    return {
        "uid": uuid_of("dashboard"),
        "title": TITLE,
        "tags": [TITLE],
        "schemaVersion": 41,
        "editable": True,
        "refresh": "",
        "time": {"from": "now-1y", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": panels,
    }


def _panel(number: int, chart: Chart, place: dict[str, int]) -> dict[str, Any]:
    timed = chart.x is not None and chart.x.endswith("_at")
    kind = "timeseries" if timed else _PANELS[chart.kind]
    panel: dict[str, Any] = {
        "id": number,
        "title": chart.name,
        "type": kind,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {}, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": "A",
                "datasource": _DATASOURCE,
                "format": "time_series" if timed else "table",
                "editorMode": "code",
                "rawQuery": True,
                "rawSql": _sql(chart, timed=timed),
            }
        ],
    }
    if chart.series is not None and not timed:
        # A bar or line for each value of the series, side by side over x.
        panel["transformations"] = [
            {
                "id": "groupingToMatrix",
                "options": {"columnField": chart.series, "rowField": chart.x, "valueField": chart.metrics[0].name},
            }
        ]
    if kind == "barchart":
        panel["options"] = {"stacking": "normal", "legend": {"showLegend": True}}
    if kind == "stat":
        panel["options"] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    if kind == "trend":
        # Grouping to a matrix names the column of rows after both fields, and makes text of them: numbers again.
        x = f"{chart.x}\\{chart.series}"
        panel["transformations"].append(
            {"id": "convertFieldType", "options": {"conversions": [{"targetField": x, "destinationType": "number"}]}}
        )
        panel["options"] = {"xField": x}
    return panel


def _sql(chart: Chart, *, timed: bool) -> str:
    if not timed:
        return chart.sql()
    metric = chart.metrics[0]
    where = f" where {chart.where}" if chart.where else ""
    return (
        f"select {chart.x} as time, {chart.series} as metric, {metric.sql} as {metric.name} from bi.{chart.view}{where}"  # noqa: S608
        " group by 1, 2 order by 1"
    )
