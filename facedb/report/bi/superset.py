"""A bundle for Apache Superset: database, datasets, charts and a dashboard, each known by its UUID.

The layout is that of Superset's own exports, version 1.0.0: one file for each thing in YAML, of which JSON is a part.
Source: superset/commands/importers/v1. ``metadata.yaml`` names no type, so that the import of dashboards (web page,
``superset import-dashboards``) and that of assets (``/api/v1/assets/import/``) both take it.
"""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facedb.core.files.whole_file import check_free, whole_file
from facedb.db.connection import Database
from facedb.report.bi.address import Address
from facedb.report.bi.charts import CHARTS, TITLE, Chart, Metric, rows_of_charts, uuid_of
from facedb.report.bi.columns import ViewColumn, view_columns

_VERSION = "1.0.0"
_KINDS = {
    "table": "table",
    "bar": "echarts_timeseries_bar",
    "line": "echarts_timeseries_line",
    "number": "big_number_total",
}


def write_superset(db: Database, path: Path, address: Address, *, force: bool = False) -> int:
    """Write the bundle to ``path``, whole or not at all; returns how many charts it has. Raises UsageError where it exists."""
    check_free(path, force=force)
    files = bundle(db, address)
    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"facedb/{name}", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return len(CHARTS)


def bundle(db: Database, address: Address) -> dict[str, dict[str, Any]]:
    """The files of the bundle by name."""
    files: dict[str, dict[str, Any]] = {
        "metadata.yaml": {"version": _VERSION, "timestamp": datetime.now(UTC).isoformat()},
        "databases/facedb.yaml": {
            "database_name": TITLE,
            "sqlalchemy_uri": address.url(),
            "cache_timeout": None,
            "expose_in_sqllab": True,
            "allow_run_async": False,
            "allow_ctas": False,
            "allow_cvas": False,
            "allow_dml": False,
            "allow_csv_upload": False,
            "extra": {"metadata_params": {}, "engine_params": {}},
            "uuid": uuid_of("database"),
            "version": _VERSION,
        },
    }
    with db.connection() as conn:
        for view in dict.fromkeys(chart.view for chart in CHARTS):
            files[f"datasets/facedb/{view}.yaml"] = _dataset(view, *view_columns(conn, view))
    for chart in CHARTS:
        files[f"charts/{_file_name(chart)}.yaml"] = _chart(chart)
    files["dashboards/facedb.yaml"] = _dashboard()
    return files


def _file_name(chart: Chart) -> str:
    return chart.name.replace(" ", "_")


def _dataset(view: str, meaning: str, columns: tuple[ViewColumn, ...]) -> dict[str, Any]:
    time = next((c.name for c in columns if c.type.startswith("timestamp")), None)
    return {
        "table_name": view,
        "schema": "bi",
        "catalog": None,
        "sql": None,
        "main_dttm_col": time,
        "description": meaning,
        "offset": 0,
        "cache_timeout": None,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "extra": None,
        "uuid": uuid_of("dataset", view),
        "database_uuid": uuid_of("database"),
        "version": _VERSION,
        "metrics": [{"metric_name": "count", "expression": "count(*)", "verbose_name": None, "metric_type": None}],
        "columns": [
            {
                "column_name": c.name,
                "type": c.type.upper(),
                "is_dttm": c.type.startswith("timestamp"),
                "is_active": True,
                "groupby": True,
                "filterable": True,
                "expression": None,
                "verbose_name": None,
                "description": c.meaning,
            }
            for c in columns
        ],
    }


def _metric(chart: Chart, metric: Metric) -> dict[str, Any]:
    return {
        "expressionType": "SQL",
        "sqlExpression": metric.sql,
        "label": metric.name,
        "hasCustomLabel": True,
        "optionName": f"metric_{uuid_of('metric', chart.name, metric.name)[:8]}",
    }


def _chart(chart: Chart) -> dict[str, Any]:
    metrics = [_metric(chart, metric) for metric in chart.metrics]
    where = [] if chart.where is None else [{"expressionType": "SQL", "sqlExpression": chart.where, "clause": "WHERE"}]
    params: dict[str, Any] = {
        "datasource": "0__table",
        "viz_type": _KINDS[chart.kind],
        "adhoc_filters": where,
        "row_limit": chart.limit,
        "color_scheme": "supersetColors",
        "extra_form_data": {},
    }
    if chart.kind == "table":
        falling = (chart.order or "").endswith(" desc")
        order = (chart.order or chart.columns[0]).removesuffix(" desc")
        params |= {
            "query_mode": "raw",
            "all_columns": list(chart.columns),
            "order_by_cols": [json.dumps([order, not falling])],
            "groupby": [],
            "metrics": [],
            "percent_metrics": [],
            "order_desc": falling,
            "server_page_length": 25,
            "table_timestamp_format": "smart_date",
        }
    elif chart.kind == "number":
        params |= {"metric": metrics[0], "header_font_size": 0.4, "subheader_font_size": 0.15, "y_axis_format": ",d"}
    else:
        params |= {
            "x_axis": chart.x,
            "metrics": metrics,
            "groupby": [] if chart.series is None else [chart.series],
            "x_axis_sort_asc": True,
            "order_desc": True,
            "show_legend": True,
            "legendType": "scroll",
            "legendOrientation": "top",
            "rich_tooltip": True,
            "y_axis_format": "SMART_NUMBER",
            "y_axis_bounds": [None, None],
            "x_axis_title_margin": 15,
            "y_axis_title_margin": 15,
            "annotation_layers": [],
            "truncate_metric": True,
            "show_empty_columns": True,
        }
        if chart.kind == "bar":
            params["stack"] = "Stack"
        else:
            # One scan is one point, which a line without markers does not show.
            params |= {"markerEnabled": True, "markerSize": 6}
    return {
        "slice_name": chart.name,
        "description": chart.sql(),
        "certified_by": None,
        "certification_details": None,
        "viz_type": _KINDS[chart.kind],
        "params": params,
        "query_context": None,
        "cache_timeout": None,
        "uuid": uuid_of("chart", chart.name),
        "dataset_uuid": uuid_of("dataset", chart.view),
        "version": _VERSION,
    }


def _dashboard() -> dict[str, Any]:
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": TITLE}},
    }
    for number, row in enumerate(rows_of_charts()):
        row_id = f"ROW-{number}"
        position["GRID_ID"]["children"].append(row_id)
        position[row_id] = {
            "type": "ROW",
            "id": row_id,
            "children": [],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for chart in row:
            chart_id = f"CHART-{uuid_of('chart', chart.name)[:8]}"
            position[row_id]["children"].append(chart_id)
            position[chart_id] = {
                "type": "CHART",
                "id": chart_id,
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", row_id],
                "meta": {
                    "uuid": uuid_of("chart", chart.name),
                    "sliceName": chart.name,
                    "chartId": 0,
                    "width": chart.width,
                    "height": 24 if chart.kind == "number" else 50,
                },
            }
    return {
        "dashboard_title": TITLE,
        "description": "What facedb found, what people decided, how noisy the datasets are.",
        "css": "",
        "slug": None,
        "uuid": uuid_of("dashboard"),
        "position": position,
        "version": _VERSION,
        "published": True,
        "metadata": {
            "timed_refresh_immune_slices": [],
            "expanded_slices": {},
            "refresh_frequency": 0,
            "color_scheme": "",
            "label_colors": {},
            "native_filter_configuration": [],
            "chart_configuration": {},
            "cross_filters_enabled": True,
        },
    }
