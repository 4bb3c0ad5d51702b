"""The pages themselves: templates, the text they show, and what every page knows."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from facedb import __version__
from facedb.core.finding import CERTAIN
from facedb.web.catalogue import TEXT, text

_NOTHING = "\u2013"
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A template as an answer; it knows the text, the session (None: nobody) and whether anything may be written."""
    parts = request.app.state.parts
    shared = {
        "session": getattr(request.state, "session", None),
        "read_only": parts.settings.read_only,
        "version": __version__,
        "certain": CERTAIN,
        "path": request.url.path,
        "request_scan": values.get("scan_id"),
    }
    return HTMLResponse(_environment().get_template(template).render(**(shared | values)), status)


def prepare() -> None:
    """Compile what the first page is made of before anybody waits for it."""
    for template in ("base.html", "parts.html", "entered.html", "review.html"):
        _environment().get_template(template)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("facedb.web", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"t": text, "data": _data, "all_text": TEXT}
    environment.filters |= {
        "count": _count,
        "score": _score,
        "percent": _percent,
        "size": _size,
        "when": _when,
        "plain": asdict,
    }
    return environment


def _data(value: Any) -> Markup:
    """A value as JSON inside a script element that is data, which no browser runs."""
    written = json.dumps(value, ensure_ascii=False)
    return Markup("".join(_UNSAFE.get(character, character) for character in written))  # noqa: S704 - escaped above


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _score(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return _NOTHING if value is None else f"{100 * value:.0f} %"


def _size(value: int) -> str:
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value = value / 1000  # type: ignore[assignment]
    return f"{value:.3g} GB"


def _when(value: datetime | None) -> str:
    return _NOTHING if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M")
