"""Pictures, photos and what is like them. A picture is named by a key of the database, never by a path."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from facedb.core.errors import InputError
from facedb.web.data import likeness, photos
from facedb.web.data.likeness import Likenesses
from facedb.web.data.photos import Photo
from facedb.web.deps import AskedInteger, Bigint, Parts, PartsHere, Top
from facedb.web.gate import PHOTO_PATH
from facedb.web.pictures import Picture

router = APIRouter(tags=["photos"])

_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}, "image/svg+xml": {}}}}

_PHOTO_BODY = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


@router.get("/thumbs/{face_id}", response_class=Response, responses=_PICTURE)
def thumb(parts: PartsHere, face_id: Bigint) -> Response:
    """A face cut from its photo, upright."""
    with parts.pool.connection() as conn:
        place = photos.place_of_face(conn, face_id)
    return _answer(parts.pictures.face(place))


@router.get("/photos/{image_id}", response_class=Response, responses=_PICTURE)
def photo(parts: PartsHere, image_id: Bigint, side: Literal["192", "1024", "2048"] = "2048") -> Response:
    """A whole photo, its longer side at most ``side`` pixels."""
    with parts.pool.connection() as conn:
        place = photos.place_of_image(conn, image_id)
    return _answer(parts.pictures.photo(place, int(side)))


@router.get("/api/photos/{image_id}")
def one(parts: PartsHere, image_id: Bigint) -> Photo:
    """All that is known of a photo, with every face in it."""
    with parts.pool.connection() as conn:
        return photos.load_photo(conn, image_id)


@router.get("/api/faces/{face_id}/alike")
def alike(parts: PartsHere, face_id: Bigint, model_id: AskedInteger = None, top: Top = 60) -> Likenesses:
    """The gallery, ranked by likeness to a face."""
    with parts.pool.connection() as conn:
        return likeness.like_face(conn, face_id, model_id, top)


@router.post(PHOTO_PATH, openapi_extra={"requestBody": _PHOTO_BODY})
async def like_photo(
    request: Request, parts: PartsHere, model_id: AskedInteger = None, top: Top = 60
) -> list[Likenesses]:
    """The gallery, ranked by likeness to each face of the photo in the body. The photo is not kept."""
    data = await request.body()
    if not data:
        raise InputError("There is no photo in the request.")
    return await run_in_threadpool(_like_photo, parts, data, model_id, top)


def _like_photo(parts: Parts, data: bytes, model_id: int | None, top: int) -> list[Likenesses]:
    with parts.pool.connection() as conn:
        return likeness.like_photo(conn, parts.embedders, data, model_id, top)


def _answer(picture: Picture) -> Response:
    # `no-store` from the gate: no browser keeps a face on its disk, where nobody could make it forget.
    return Response(picture.data, media_type=picture.media_type)
