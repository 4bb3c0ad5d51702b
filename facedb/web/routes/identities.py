"""The API of identities: looking them up, one of them whole, and people whom nobody is asked about any more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from facedb.web.data import identities, likeness
from facedb.web.data.identities import Found, Hidden, Identity
from facedb.web.data.likeness import Likenesses
from facedb.web.deps import AskedInteger, AskedText, Integer, PartsHere, SessionHere, Top

router = APIRouter(prefix="/api/identities", tags=["identities"])


@router.get("")
def search(
    parts: PartsHere,
    words: AskedText = None,
    dataset: AskedText = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 12,
) -> list[Found]:
    """Identities whose name holds some words."""
    with parts.pool.connection() as conn:
        return identities.search(conn, words or "", dataset, limit)


@router.get("/hidden")
def hidden(parts: PartsHere) -> list[Hidden]:
    """Everybody who is hidden."""
    with parts.pool.connection() as conn:
        return identities.hidden(conn)


@router.get("/{identity_id}")
def one(parts: PartsHere, identity_id: Integer) -> Identity:
    """All that is known of an identity."""
    with parts.pool.connection() as conn:
        return identities.load_identity(conn, identity_id)


@router.get("/{identity_id}/alike")
def alike(parts: PartsHere, identity_id: Integer, model_id: AskedInteger = None, top: Top = 60) -> Likenesses:
    """The rest of the gallery, ranked by likeness to the core of an identity."""
    with parts.pool.connection() as conn:
        return likeness.like_identity(conn, identity_id, model_id, top)


@router.put("/{identity_id}/hidden", status_code=204)
def hide(parts: PartsHere, session: SessionHere, identity_id: Integer) -> None:
    """Ask nobody about an identity again."""
    with parts.pool.connection() as conn:
        identities.hide(conn, identity_id, session.reviewer)


@router.delete("/{identity_id}/hidden", status_code=204)
def unhide(parts: PartsHere, identity_id: Integer) -> None:
    """Ask about an identity again."""
    with parts.pool.connection() as conn:
        identities.unhide(conn, identity_id)
