"""The pages that a person opens: review, overview, and one for each identity, photo and scan, and for plans."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from facedb.db.connection import Connection
from facedb.web.data import identities, overview, photos, queue
from facedb.web.deps import AskedInteger, Bigint, Integer, Parts, PartsHere
from facedb.web.pages import page
from facedb.web.routes.overview import datasets as all_datasets

router = APIRouter(include_in_schema=False)


@router.get("/review")
def review(request: Request, parts: PartsHere, scan: AskedInteger = None) -> Response:
    """The queue and the case beside it."""
    with parts.pool.connection() as conn:
        scans = queue.scans(conn)
    chosen = next((one for one in scans if one.id == scan), None) or queue.first(scans)
    return page(request, "review.html", scans=scans, scan=chosen)


@router.get("/overview")
def show_overview(request: Request, parts: PartsHere, scan: AskedInteger = None) -> Response:
    """Datasets, scans, noise, scores, the noisiest identities, and what is no face."""
    with parts.pool.connection() as conn:
        scans = queue.scans(conn)
        chosen = next((one for one in scans if one.id == scan), scans[0] if scans else None)
        found = {} if chosen is None else _of_scan(parts, conn, chosen)
        reject_counts, rejects = overview.reject_counts(conn), overview.rejects(conn)
        hidden = identities.hidden(conn)
    return page(
        request,
        "overview.html",
        datasets=all_datasets(parts),
        scans=scans,
        scan=chosen,
        reject_counts=reject_counts,
        rejects=rejects,
        hidden=hidden,
        **found,
    )


@router.get("/scan/{scan_id}")
def show_scan(request: Request, parts: PartsHere, scan_id: Integer) -> Response:
    """One scan."""
    with parts.pool.connection() as conn:
        scan = queue.find_scan(conn, scan_id)
        return page(request, "scan.html", scan=scan, **_of_scan(parts, conn, scan))


@router.get("/identity/{identity_id}")
def show_identity(request: Request, parts: PartsHere, identity_id: Integer) -> Response:
    """One identity."""
    with parts.pool.connection() as conn:
        return page(request, "identity.html", identity=identities.load_identity(conn, identity_id))


@router.get("/photo/{image_id}")
def show_photo(request: Request, parts: PartsHere, image_id: Bigint) -> Response:
    """One photo."""
    with parts.pool.connection() as conn:
        return page(request, "photo.html", photo=photos.load_photo(conn, image_id))


@router.get("/alike")
def show_alike(
    request: Request,
    face: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    identity: AskedInteger = None,
) -> Response:
    """The gallery ranked by likeness to a face, an identity, or a photo that is dropped on the page."""
    return page(request, "alike.html", face=face, identity=identity)


@router.get("/plans")
def show_plans(request: Request, parts: PartsHere, plan: AskedInteger = None) -> Response:
    """Plans: what becomes of the files."""
    return page(request, "plans.html", plan=plan, datasets=[one.name for one in all_datasets(parts)])


def _of_scan(parts: Parts, conn: Connection, scan: queue.Scan) -> dict[str, Any]:
    return {
        "noise": overview.noise(conn, scan.id),
        "noisiest": overview.noisiest(conn, scan.id),
        "progress": queue.progress(conn, parts.standing.at(conn, scan.id), scan.id, 0),
        "scores": overview.distribution(conn, scan.id, scan.threshold, scan.faces),
    }
