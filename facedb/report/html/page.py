"""The page to send: one self-contained file with what a scan found, its rates, its faces and what it was made with."""

from __future__ import annotations

import base64
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata, resources
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facedb.core.errors import NotFoundError
from facedb.core.files.paths import display, from_text
from facedb.core.files.whole_file import whole_file
from facedb.core.finding import CERTAIN
from facedb.core.machine.cpus import cpu_count
from facedb.core.progress import Reporter
from facedb.core.version import VERSION
from facedb.db.connection import Connection, Database, translated
from facedb.report.case_rows import Case, CaseFace, cases
from facedb.report.html import page_rows
from facedb.report.html.redaction import Redaction
from facedb.report.pictures import score_chart
from facedb.report.pictures.thumbnail_cache import Thumbnails
from facedb.scan.findings import lessons
from facedb.scan.scores import calibrate
from facedb.scan.scores.calibrate import CalibrateSummary
from facedb.scan.which_scan import ScanScope, find_scan

if TYPE_CHECKING:
    from jinja2 import Environment

FINDINGS = 100
FACES_A_SIDE = 6
_PICTURE = 128
_QUALITY = 78
_LIBRARIES = ("numpy", "pillow", "onnxruntime", "onnxruntime-gpu", "faiss-cpu", "faiss-gpu-cuvs", "numkong")


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What goes into a page: the first ``findings`` of ``scan`` (default: the newest of ``dataset``), ``only_open``: that nobody
    decided; ``redact``: without faces and names; ``ranks``: only these, as a contact sheet."""

    scan: int | None = None
    dataset: str | None = None
    findings: int = FINDINGS
    only_open: bool = False
    redact: bool = False
    ranks: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A page on the disk."""

    path: Path
    findings: int
    size: int


@dataclass(frozen=True, slots=True)
class _Picture:
    """A face on the page: its address (data:), or why there is none."""

    face: CaseFace
    address: str | None
    missing: str | None


def write_report(db: Database, file: Path, cache: Path, options: PageOptions, reporter: Reporter) -> Written:
    """Write the report of a scan to ``file``. Raises NotFoundError where there is no such scan."""
    with closing(db.open()) as conn, translated(db.dsn):
        scope = find_scan(conn, options.scan, [options.dataset])
        # A sentence may name somebody who is no side of its finding.
        veil = Redaction(page_rows.secret(conn), page_rows.names(conn)) if options.redact else None
        found = list(
            cases(
                conn,
                scope.scan.id,
                ranks=options.ranks,
                only_open=options.only_open,
                limit=options.findings,
                faces=FACES_A_SIDE,
            )
        )
        missing = set(options.ranks or ()) - {case.rank for case in found}
        if missing:
            raise NotFoundError(f"Scan {scope.scan.id} has no finding {min(missing)}: see `facedb findings --all`.")
        facts = {} if options.ranks is not None else _facts(conn, scope, veil)
    if options.ranks is None:
        facts |= _rates(
            calibrate.calibrate(db, scan=scope.scan.id, dataset=None, model=None, sample=False, reporter=reporter)
        )
    pictures = {} if options.redact else _pictures(found, cache, reporter)
    shown = [_redacted(case, veil) for case in found] if veil is not None else found
    page = (
        _environment()
        .get_template("report.html")
        .render(
            cases=shown,
            pictures=pictures,
            scan=scope.scan,
            model=scope.model.name,
            made_at=datetime.now(UTC),
            version=VERSION,
            redacted=options.redact,
            sheet=options.ranks is not None,
            only_open=options.only_open,
            certain=CERTAIN,
            **facts,
        )
    )
    data = page.encode("utf-8", "backslashreplace")
    with whole_file(file) as out:
        out.write(data)
    return Written(file, len(found), len(data))


def _facts(conn: Connection, scope: ScanScope, veil: Redaction | None) -> dict[str, Any]:
    scan = scope.scan
    datasets = page_rows.covered(conn, scope.datasets)
    rejects = page_rows.reject_counts(conn, [one.name for one in datasets])
    leaks = page_rows.leaks(conn, scan.id)
    if veil is not None:
        datasets = [replace(one, name=veil.dataset(one.name)) for one in datasets]
        leaks = [replace(one, dataset=veil.dataset(one.dataset), other=veil.dataset(one.other)) for one in leaks]
        # A detail may quote a name.
        rejects = [replace(one, path=veil.path(one.path), detail="") for one in rejects]
    else:
        datasets = [replace(one, name=display(from_text(one.name))) for one in datasets]
        rejects = [replace(one, path=display(from_text(one.path))) for one in rejects]
    began, ended = page_rows.scan_times(conn, scan.id)
    return {
        "datasets": datasets,
        "rejects": rejects,
        "leaks": leaks,
        "classes": page_rows.class_counts(conn, scan.id),
        "record": lessons.record(conn, scan.id).sentence(),
        "began": began,
        "ended": ended,
        "contract": _contract(scope),
        "versions": _versions() | page_rows.server(conn),
    }


def _contract(scope: ScanScope) -> dict[str, str]:
    contract = scope.model.contract
    detector = contract.get("detector") or {}
    names = {"weights_sha256": "weights, SHA-256", "input_size": "input", "template": "alignment", "dim": "dimensions"}
    rows = {"model": scope.model.name, "contract": scope.model.digest}
    rows |= {label: str(contract[key]) for key, label in names.items() if key in contract}
    rows |= {"faces of a photo": str(contract.get("faces", "")), "precision": str(contract.get("precision", ""))}
    if isinstance(detector, dict) and detector:
        rows["detector"] = str(detector.get("name", "yes"))
    return {key: value for key, value in rows.items() if value}


def _versions() -> dict[str, str]:
    found = {"facedb": VERSION, "Python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _rates(found: CalibrateSummary) -> dict[str, Any]:
    marks = [
        score_chart.Mark("review above", found.lines.review),
        score_chart.Mark("certain above", found.lines.certain),
    ]
    if found.scan_threshold is not None:
        marks.append(score_chart.Mark("this scan", found.scan_threshold))
    marks = [mark for mark in marks if mark.score < 1]
    return {
        "chart": score_chart.inline_svg(found.calibration, marks),
        "rates": list(found.rows()),
        "rate_remarks": list(found.remarks(columns=False)),
        "false_pairs": found.calibration.false_pairs(found.scan_threshold)
        if found.scan_threshold is not None
        else None,
    }


def _pictures(found: Sequence[Case], cache: Path, reporter: Reporter) -> dict[int, _Picture]:
    faces = {face.id: face for case in found for face in case.faces}
    with closing(Thumbnails(cache)) as thumbnails, reporter.task("report", len(faces), "faces") as task:
        with ThreadPoolExecutor(cpu_count()) as pool:
            made = {}
            for face, picture in zip(faces.values(), pool.map(_drawn(thumbnails), faces.values()), strict=True):
                made[face.id] = picture
                task.advance()
        return made


def _drawn(thumbnails: Thumbnails) -> Callable[[CaseFace], _Picture]:
    from PIL import Image

    def draw(face: CaseFace) -> _Picture:
        made = thumbnails.face(face.place)
        if made.missing is not None:
            return _Picture(face, None, made.missing.replace("_", " "))
        smaller = BytesIO()
        with Image.open(BytesIO(made.data)) as image:
            # Half the bytes of a JPEG, which is what keeps two hundred findings below 20 MB.
            image.resize((_PICTURE, _PICTURE), Image.Resampling.LANCZOS).save(
                smaller, "WEBP", quality=_QUALITY, method=2
            )
        return _Picture(face, f"data:image/webp;base64,{base64.b64encode(smaller.getvalue()).decode()}", None)

    return draw


def _redacted(case: Case, veil: Redaction) -> Case:
    def veiled(faces: tuple[CaseFace, ...]) -> tuple[CaseFace, ...]:
        return tuple(replace(face, identity=veil.person(face.identity), path=veil.path(face.path)) for face in faces)

    return replace(
        case,
        identity_a=veil.person(case.identity_a) if case.identity_a else "",
        identity_b=None if case.identity_b is None else veil.person(case.identity_b),
        sentence=veil.sentence(case.sentence, [face.path for face in case.faces]),
        verdict_by=None,
        verdict_note=None,
        subject=veiled(case.subject),
        a=veiled(case.a),
        b=veiled(case.b),
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("facedb.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (resources.files("facedb.report") / "templates" / "report.css").read_text(encoding="utf-8")
    # The style sheet is this package's own; the chart's only foreign texts are escaped by Matplotlib.
    made.globals |= {"style": Markup(style), "svg": Markup}  # noqa: S704
    made.filters |= {
        "count": lambda n: f"{n:,}",
        "share": lambda x: f"{x:.0%}",
        "score": lambda x: f"{x:.3f}",
        "rate": _rate,
    }
    return made


def _rate(value: float | None) -> str:
    return "" if value is None else "0" if value == 0 else f"{value:.1e}" if value < 0.001 else f"{value:.2%}"
