"""What a real Grafana would say of a dashboard: it is read by the models that Grafana generates from its own schema.

The schema has no model of PostgreSQL's queries and of provisioning files: their fields are those of Grafana's manual, "Provision Grafana"
and "PostgreSQL data source".
"""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

QUERY: Mapping[str, Any] = {
    "refId": str,
    "datasource": dict,
    "format": ("table", "time_series"),
    "editorMode": ("code", "builder"),
    "rawQuery": bool,
    "rawSql": str,
}
DATASOURCE: Mapping[str, Any] = {
    "name": str,
    "type": ("grafana-postgresql-datasource",),
    "uid": str,
    "access": ("proxy",),
    "url": str,
    "user": str,
    "editable": bool,
    "jsonData": {
        "database": str,
        "sslmode": ("disable", "require", "verify-ca", "verify-full"),
        "postgresVersion": int,
    },
    "secureJsonData": {"password": str},
}
PROVIDER: Mapping[str, Any] = {
    "name": str,
    "type": ("file",),
    "allowUiUpdates": bool,
    "options": {"path": str, "foldersFromFilesStructure": bool},
}


def faults(dashboard: dict[str, Any]) -> list[str]:
    """What Grafana's schema does not know of a dashboard, does not know how to read, or would read as something else."""
    register_default_plugins()
    made = Dashboard.from_json(dashboard)
    queries = (
        fault
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for fault in unlike(target, QUERY, panel["title"])
    )
    return [*_lost(dashboard, _written(made), "dashboard"), *_mistyped(made, Dashboard, "dashboard"), *queries]


def unlike(given: Any, shape: Any, where: str) -> Iterator[str]:
    """Fields that a shape does not have, and values that it does not allow."""
    if isinstance(shape, Mapping):
        for key in given:
            if key not in shape:
                yield f"{where}.{key} is not known"
            else:
                yield from unlike(given[key], shape[key], f"{where}.{key}")
    elif not (given in shape if isinstance(shape, tuple) else isinstance(given, shape)):
        yield f"{where} is {given!r}"


def _written(made: Any) -> Any:
    return json.loads(json.dumps(made, cls=JSONEncoder))


def _lost(given: Any, back: Any, where: str) -> Iterator[str]:
    if isinstance(given, dict):
        for key, value in given.items():
            if key not in back:
                yield f"{where}.{key} is not known"
            else:
                yield from _lost(value, back[key], f"{where}.{key}")
    elif isinstance(given, list):
        for k, (one, other) in enumerate(zip(given, back, strict=True)):
            yield from _lost(one, other, f"{where}.{k}")
    elif given != back:
        yield f"{where} is read as {back!r}"


def _mistyped(value: Any, hint: Any, where: str) -> Iterator[str]:
    origin = get_origin(hint)
    if hint is Any or hint is object:
        if hasattr(type(value), "from_json"):
            yield from _mistyped(value, type(value), where)
    elif origin in (Union, types.UnionType):
        found = [list(_mistyped(value, option, where)) for option in get_args(hint)]
        # Of several that it may be, the one that it nearly is: its faults lie deepest.
        yield from max(found, key=lambda some: some[0].partition(" ")[0].count(".")) if all(found) else ()
    elif origin is Literal:
        if value not in get_args(hint):
            yield f"{where} is {value!r}"
    elif origin is list:
        for k, one in enumerate(value if isinstance(value, list) else ()):
            yield from _mistyped(one, get_args(hint)[0], f"{where}.{k}")
        if not isinstance(value, list):
            yield f"{where} is {value!r}"
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in [one.value for one in hint] and value not in list(hint):
            yield f"{where} is {value!r}"
    elif hasattr(hint, "from_json") and isinstance(value, dict):
        # Some that stand in lists are not read when what holds them is.
        made = hint.from_json(value)
        yield from _lost(value, _written(made), where)
        yield from _mistyped(made, hint, where)
    elif hasattr(hint, "from_json") and isinstance(value, hint):
        for name, inner in get_type_hints(hint).items():
            yield from _mistyped(getattr(value, name), inner, f"{where}.{name}")
    elif hint is type(None):
        if value is not None:
            yield f"{where} is {value!r}"
    elif not isinstance(value, {float: (int, float)}.get(hint, origin or hint)):
        yield f"{where} is {value!r}"
