"""The one door for names: which datasets, which contract and which scan a question is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facedb.core.errors import NotFoundError, UsageError
from facedb.dataset import model_rows
from facedb.dataset.model_rows import ModelRow
from facedb.dataset.names import find_datasets, nearest
from facedb.db.connection import Connection
from facedb.scan import scan_rows
from facedb.scan.scan_rows import ScanRow

FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Scope:
    """Datasets by key (None: all of them), and the contract that their faces are embedded under."""

    datasets: tuple[int, ...] | None
    model: ModelRow


@dataclass(frozen=True, slots=True)
class ScanScope(Scope):
    """A finished scan: its datasets, its contract and itself."""

    scan: ScanRow


def find_scope(
    conn: Connection,
    datasets: Sequence[str | None] = (),
    model: str | None = None,
    *,
    models_dir: Path | None = None,
) -> Scope:
    """The faces that ``datasets`` (default: all) have under ``model`` (default: the contract that embedded one of them last).

    ``model`` is the name or digest of a contract, or the name of a file in ``models_dir``. Raises NotFoundError for unknown
    names and where nothing is embedded, ConflictError for a name of several contracts.
    """
    keys = find_datasets(conn, datasets)
    return Scope(
        keys, _model_called(conn, model, models_dir) if model is not None else _model_in_use(conn, keys, datasets)
    )


def find_scan(
    conn: Connection, number: int | None = None, datasets: Sequence[str | None] = (), model: str | None = None
) -> ScanScope:
    """The scan of that number, else the newest finished one that covers ``datasets`` under ``model`` (default: any).

    Raises NotFoundError where there is none, UsageError for a scan that is not finished: its rows are not all there yet.
    """
    keys = find_datasets(conn, datasets)
    contract = None if model is None else _model_called(conn, model, None)
    if number is None:
        scan = scan_rows.latest_scan(conn, keys, None if contract is None else contract.id)
        if scan is None:
            of = f" of {' and '.join(name for name in datasets if name)}" if keys else ""
            raise NotFoundError(
                f"There is no finished scan{of} yet: run `facedb check FOLDER --model MODEL.onnx` first."
            )
    else:
        scan = scan_rows.scan_by_id(conn, number)
        if scan is None:
            raise NotFoundError(f"There is no scan {number}: see `facedb scans`.")
        if scan.status != FINISHED:
            raise UsageError(
                f"Scan {number} is {scan.status}, and only finished scans have all their rows: scan again, or name another one "
                "(`facedb scans`)."
            )
    covered = scan.scope.get("datasets")
    found = model_rows.model_by_id(conn, scan.model_id)
    assert found is not None  # noqa: S101 - a scan has its model by foreign key
    return ScanScope(None if covered is None else tuple(covered), found, scan)


def _model_called(conn: Connection, name: str, models_dir: Path | None) -> ModelRow:
    model = model_rows.model_by_name(conn, name)
    if model is None and models_dir is not None:
        # Loaded where it is needed: most questions name no file, and their commands must start fast.
        from facedb.dataset.known_models import weights_called

        weights = weights_called(name, models_dir)
        model = None if weights is None else model_rows.model_by_weights(conn, weights)
        if model is None and weights is not None:
            raise NotFoundError(f"The model {name} has embedded nothing yet: run `facedb embed --model {name}` first.")
    if model is None:
        there = [row.name for row in model_rows.models(conn)]
        raise NotFoundError(f"There is no model {name!r}: {nearest(name, there)}see `facedb model list`.")
    return model


def _model_in_use(conn: Connection, keys: tuple[int, ...] | None, names: Sequence[str | None]) -> ModelRow:
    model = model_rows.model_in_use(conn, keys)
    if model is None:
        of = f" of {' and '.join(name for name in names if name)}" if keys else ""
        raise NotFoundError(f"There are no embeddings{of} yet: run `facedb check FOLDER --model MODEL.onnx` first.")
    return model
