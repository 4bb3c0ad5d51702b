"""Which scan is meant: the door from names and numbers to rows."""

from __future__ import annotations

from facedb.core.errors import NotFoundError
from facedb.dataset import image_rows
from facedb.db.connection import Connection
from facedb.scan import scan_rows
from facedb.scan.scan_rows import ScanRow


def find_scan(conn: Connection, scan_id: int | None, dataset: str | None = None) -> ScanRow:
    """The scan meant by a number, or the newest finished one; raises NotFoundError."""
    dataset_id = find_dataset(conn, dataset)
    scan = scan_rows.latest_scan(conn, dataset_id) if scan_id is None else scan_rows.scan_by_id(conn, scan_id)
    if scan is None:
        if scan_id is not None:
            raise NotFoundError(f"There is no scan {scan_id}: see `facedb scans`.")
        raise NotFoundError("There is no finished scan yet: run `facedb check FOLDER --model MODEL.onnx` first.")
    return scan


def find_dataset(conn: Connection, name: str | None) -> int | None:
    """The key of the dataset called ``name``, None without a name; raises NotFoundError."""
    if name is None:
        return None
    found = image_rows.find_dataset(conn, name)
    if found is None:
        raise NotFoundError(f"There is no dataset {name!r}: see `facedb datasets`.")
    return found
