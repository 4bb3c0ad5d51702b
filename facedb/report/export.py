"""Export: what facedb knows and what people decided, as files that other tools (and facedb itself) read.

The cleaned list, the merge map, embeddings and .rec carry the decisions out on paper: images that a plan would take out are
left out, the others are listed under the identity that they would have. Nothing in the dataset or the database changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg import errors

from facedb.core.choices import ending
from facedb.core.counting import counted
from facedb.core.errors import ConflictError, DatabaseError, InputError, NotFoundError, UsageError
from facedb.core.files.paths import display
from facedb.core.files.whole_file import check_free, whole_file
from facedb.core.progress import Reporter
from facedb.core.row_schema import Table, Values, table
from facedb.dataset import dataset_rows, model_rows
from facedb.dataset.names import find_datasets
from facedb.db import audit
from facedb.db.connection import Connection, Database, translated
from facedb.report import export_rows, reading, vector_files
from facedb.report.embeddings import load_embeddings
from facedb.report.result_columns import Link, ListedImage, MergedIdentity, Pair, PublishedPair
from facedb.report.row_files import write_rows
from facedb.review import decision_rows
from facedb.review.decision_rows import PlannedImage
from facedb.review.files.on_disk import absent
from facedb.review.files.on_disk import remarks as not_there
from facedb.review.plans.changes import Changes, decide
from facedb.scan import scan_rows
from facedb.scan.findings import ranked
from facedb.scan.which_scan import find_scan
from facedb.sources.archives.recordio import NAMES, IdentityRecordWriter
from facedb.sources.image_bytes import ByteReader

ROWS = ("csv", "jsonl", "parquet", "npz")
FORMATS: dict[str, tuple[str, ...]] = {
    "list": ROWS,
    "merge-map": ROWS,
    "links": (*ROWS, "published"),
    "pairs": (*ROWS, "published"),
    "findings": ROWS,
    "embeddings": ("npz", "parquet", "jsonl", "csv", "npy", "face01"),
    "rec": ("rec",),
}
"""What can be exported, each with its formats, the default first. ``published`` is a csv of name1, name2, score."""

_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet", ".npz": "npz", ".rec": "rec"}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export: of one ``dataset`` or all, of one ``scan`` (default: the newest), under a ``model`` (the one used last).

    ``as_is`` leaves decisions out; ``auto`` treats certain findings as decided; ``force`` replaces a file;
    ``without_leaks_of`` leaves out of a list (or .rec) the people and photos that this other dataset has as well; ``raw``: cells of a
    csv as they are, also where a spreadsheet would run them.
    """

    dataset: str | None = None
    scan: int | None = None
    model: str | None = None
    min_score: float | None = None
    as_is: bool = False
    auto: bool = False
    force: bool = False
    without_leaks_of: str | None = None
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: rows of ``what`` to ``path`` as ``form``; ``remarks`` what was left out and why."""

    what: str
    form: str
    path: Path
    rows: int
    remarks: tuple[str, ...] = ()


def choose_format(what: str, path: Path, wanted: str | None) -> str:
    """The format of an export: as asked, by the suffix of the file, or the default; raises UsageError where it does not fit."""
    formats = FORMATS.get(what)
    if formats is None:
        raise UsageError(f"{what!r} cannot be exported, only {', '.join(FORMATS)}{ending(what, FORMATS)}")
    known = _SUFFIXES.get(path.suffix.lower())
    if wanted is None and known is None and path.suffix:
        raise UsageError(
            f"The suffix {path.suffix} is not a known format: give --format ({', '.join(formats)}) or another name."
        )
    chosen = wanted or known or formats[0]
    if chosen not in formats:
        raise UsageError(
            f"{what} can be exported as {', '.join(formats)}, not as {chosen}: give --format or another name."
        )
    return chosen


def export(
    db: Database, what: str, path: Path, *, form: str | None = None, options: ExportOptions, reporter: Reporter
) -> Exported:
    """Write ``what`` to ``path``, all of it or nothing.

    Raises UsageError for formats that do not fit and files that exist, NotFoundError for unknown scans, datasets and models,
    ConflictError where an image changed since it was ingested.
    """
    chosen = choose_format(what, path, form)
    check_free(path, force=options.force)
    if options.without_leaks_of is not None and what not in ("list", "rec"):
        raise UsageError(f"Leaks are left out of a list or a .rec, not of {what}: leave --without-leaks-of out.")
    if options.dataset is None and what in ("list", "merge-map", "rec"):
        options = replace(options, dataset=_dataset_meant(db, options.scan, reporter))
    done = _write(db, what, path, chosen, options, reporter)
    _note(db, done, reporter)
    return done


def _note(db: Database, done: Exported, reporter: Reporter) -> None:
    """What leaves the database is noted; a server that only reads cannot note it, and still serves."""
    try:
        with db.connection() as conn:
            audit.note(conn, "export", what=done.what, form=done.form, rows=done.rows)
    except DatabaseError as error:
        if not isinstance(error.__cause__, errors.ReadOnlySqlTransaction):
            raise
        reporter.say("This server only reads, so the export is in no audit.")


def _write(db: Database, what: str, path: Path, chosen: str, options: ExportOptions, reporter: Reporter) -> Exported:
    match what:
        case "list":
            return _list(db, path, chosen, options)
        case "merge-map":
            return _merge_map(db, path, chosen, options)
        case "embeddings":
            return _embeddings(db, path, chosen, options, reporter)
        case "rec":
            return _rec(db, path, options, reporter)
        case _:
            return _rows(db, what, path, chosen, options)


def _dataset_meant(db: Database, scan_id: int | None, reporter: Reporter) -> str | None:
    """The one dataset that the scan covers (default: the newest), with a remark where there are others; None: all of them."""
    with db.connection() as conn:
        names = {key: name for name, key in dataset_rows.datasets(conn)}
        covered: Sequence[int] = ()
        if scan_id is not None or scan_rows.latest_scan(conn) is not None:
            covered = find_scan(conn, scan_id).datasets or ()
    if len(names) > 1 and len(covered) == 1:
        reporter.say(f"Only the dataset {names[covered[0]]}, which the scan covers; --dataset names another one.")
        return names[covered[0]]
    if len(names) > 1:
        reporter.say(f"From all {len(names)} datasets ({', '.join(sorted(names.values()))}); --dataset takes one.")
    return None


def _rows(db: Database, what: str, path: Path, form: str, options: ExportOptions) -> Exported:
    with _selected(db, what, options) as (columns, rows):
        if form == "published":
            columns, rows = table(PublishedPair), _published(columns, rows)
        with whole_file(path) as file:
            count = write_rows(file, columns, rows, "csv" if form == "published" else form, raw=options.raw)
    return Exported(what, form, path, count)


@contextmanager
def _selected(db: Database, what: str, options: ExportOptions) -> Iterator[tuple[Table[Any], Iterator[Any]]]:
    if what == "findings":
        chosen = ranked.FindingSelection(
            scan=options.scan, dataset=options.dataset, denied=options.as_is, hidden=options.as_is
        )
        with ranked.findings(db, chosen) as found:
            yield table(ranked.Finding), found
        return
    selection = reading.Selection(options.scan, options.min_score, options.dataset, rejected=options.as_is)
    with reading.links(db, selection) if what == "links" else reading.pairs(db, selection) as rows:
        yield table(Link if what == "links" else Pair), rows


def _published(columns: Table[Any], rows: Iterator[Values]) -> Iterator[Values]:
    score = columns.at("max_score" if "max_score" in columns.names else "score")
    a, b = columns.at("identity_a"), columns.at("identity_b")
    return ((row[a], row[b], row[score]) for row in rows)


def _list(db: Database, path: Path, form: str, options: ExportOptions) -> Exported:
    with db.connection() as conn:
        chosen, remarks = cleaned(conn, options)
        roots = {image.root for image, _ in chosen}
    # Paths below one root are what a list needs; below several they would not say which.
    absolute = len(roots) > 1
    rows = sorted((f"{image.root}/{image.path}" if absolute else image.path, identity) for image, identity in chosen)
    with whole_file(path) as file:
        count = write_rows(file, table(ListedImage), rows, form, raw=options.raw)
    return Exported("list", form, path, count, remarks)


def cleaned(conn: Connection, options: ExportOptions) -> tuple[list[tuple[PlannedImage, str]], tuple[str, ...]]:
    """Every image that stays in the dataset with the identity that it has after all decisions, and what to say of the rest.

    In a dataset where nothing has a label every image has an empty one. Raises NotFoundError where no image stays.
    """
    changes = _changes(conn, options)
    model = model_rows.model_in_use(conn, find_datasets(conn, [options.dataset]))
    faceless = export_rows.without_face(conn, model.id) if model is not None else set()
    names = {key: name for key, name, _ in export_rows.identities(conn, options.dataset)}
    leaks = export_rows.Leaks()
    if options.without_leaks_of is not None:
        find_datasets(conn, [options.without_leaks_of])
        leaks = export_rows.leaks(conn, options.without_leaks_of)
    there = decision_rows.images_of_dataset(conn, options.dataset)
    gone = absent(there)
    chosen: list[tuple[PlannedImage, str]] = []
    without_label: list[PlannedImage] = []
    decided = unusable = leaking = 0
    for image in there:
        if image.id in gone.images:
            continue
        if image.id in faceless:
            unusable += 1
        elif image.identity_id is None:
            without_label.append(image)
        elif image.id in leaks.images or image.identity_id in leaks.identities:
            leaking += 1
        else:
            identity = changes.final(image)
            if identity is None:
                decided += 1
            else:
                chosen.append((image, names[identity] if identity in names else _name(conn, identity)))
    if not any(image.identity_id for image in there):
        # Nobody gave labels, so the lack of one is no reason to leave an image out.
        chosen, without_label = [(image, "") for image in without_label if image.id not in leaks.images], []
    left_out = {
        "by decisions": decided,
        "without a usable face": unusable,
        "without a label": len(without_label),
        f"of people or photos that are in {options.without_leaks_of}": leaking,
    }
    said = [f"{counted(n, 'image')} {why} {'is' if n == 1 else 'are'} left out." for why, n in left_out.items() if n]
    if options.without_leaks_of is not None and not leaks.compared:
        said.append(
            f"No finished scan compares {options.without_leaks_of} with another dataset, so only photos with the same bytes "
            "are known to be in both: scan them together first."
        )
    if not chosen:
        raise NotFoundError(" ".join(("Nothing is exported: no image stays in the dataset.", *said)))
    return chosen, (*changes.remarks, *said, *not_there(gone, "the export"))


def _changes(conn: Connection, options: ExportOptions) -> Changes:
    return Changes() if options.as_is else decide(conn, dataset=options.dataset, auto=options.auto)


def _name(conn: Connection, identity: int) -> str:
    return decision_rows.identity_names(conn, [identity])[identity][0]


def _merge_map(db: Database, path: Path, form: str, options: ExportOptions) -> Exported:
    with db.connection() as conn:
        find_datasets(conn, [options.dataset])
        changes = _changes(conn, options)
        found = export_rows.identities(conn, options.dataset)
        names = {key: name for key, name, _ in found}
    rows = [(dataset, name, names.get(changes.head(key), name)) for key, name, dataset in found]
    with whole_file(path) as file:
        count = write_rows(file, table(MergedIdentity), rows, form, raw=options.raw)
    return Exported("merge-map", form, path, count, tuple(changes.remarks))


def _embeddings(db: Database, path: Path, form: str, options: ExportOptions, reporter: Reporter) -> Exported:
    with closing(db.open()) as conn, translated(db.dsn):
        find_datasets(conn, [options.dataset])
        changes = _changes(conn, options)
        gone = absent(decision_rows.images_of_dataset(conn, options.dataset))
        final = {key: change.identity_to for key, change in changes.by_image.items()} | dict.fromkeys(gone.images)
        found = load_embeddings(db, conn, model=options.model, dataset=options.dataset, final=final, reporter=reporter)
    if not len(found):
        of = "" if options.dataset is None else f" of {options.dataset}"
        raise NotFoundError(
            f"Nothing is exported: no image{of} that stays in the dataset has an embedding of {found.model}; embed first."
        )
    count = vector_files.write(path, found, form, raw=options.raw)
    return Exported("embeddings", form, path, count, (*changes.remarks, *not_there(gone, "the export")))


def _rec(db: Database, path: Path, options: ExportOptions, reporter: Reporter) -> Exported:
    prefix = path.with_suffix("") if path.suffix == ".rec" else path
    for suffix in (".rec", ".idx", NAMES):
        check_free(prefix.with_name(prefix.name + suffix), force=options.force)
    _check_property(prefix.parent / "property", force=options.force)
    with db.connection() as conn:
        chosen, remarks = cleaned(conn, options)
        size = export_rows.common_size(conn, options.dataset) or (112, 112)
        places = export_rows.places(conn, [image.id for image, _ in chosen if image.container is not None])
    if any(image.format in ("npz", "npy") for image, _ in chosen):
        raise UsageError("A .rec file holds images, and this dataset holds vectors without images: export embeddings.")
    if not any(identity for _, identity in chosen):
        raise UsageError("A .rec file holds images by identity, and these have no label: export list or embeddings.")
    chosen.sort(key=lambda pair: (pair[1], pair[0].path))
    with (
        ByteReader() as reader,
        IdentityRecordWriter(prefix, size) as writer,
        reporter.task("export rec", len(chosen), "images") as task,
    ):
        for image, identity in chosen:
            writer.write(identity, _bytes(reader, image, places))
            task.advance()
    return Exported("rec", "rec", prefix.with_name(prefix.name + ".rec"), len(chosen), remarks)


def _check_property(path: Path, *, force: bool) -> None:
    """Raise UsageError where the file of sizes beside a .rec would replace one that belongs to another .rec or to nobody."""
    if path.exists():
        others = sorted(path.parent.glob("*.rec"))
        if force and not path.is_dir():
            return
        whose = f", which belongs to {display(others[0].name)}" if others else ""
        raise UsageError(
            f"{display(path)} exists{whose}, and a .rec file writes one of its own: "
            "choose another folder, or replace it with --force."
        )


def _bytes(reader: ByteReader, image: PlannedImage, places: dict[int, tuple[int | None, int | None]]) -> bytes:
    offset, length = places.get(image.id, (None, None))
    try:
        data = reader.read(Path(image.root), image.path, image.container, offset, length)
    except OSError as error:
        raise InputError(f"{display(image.path)} cannot be read ({error}): ingest again.") from error
    if image.sha256 is not None and vector_files.sha256(data) != image.sha256:
        raise ConflictError(f"{display(image.path)} changed since it was ingested: ingest again, then export.")
    return data
