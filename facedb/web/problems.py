"""Errors as answers: the tree of facedb's errors becomes a status, a stable code and its sentence."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from facedb.core.errors import (
    ConflictError,
    DatabaseError,
    FacedbError,
    InputError,
    ModelError,
    NotFoundError,
    UsageError,
)
from facedb.web.catalogue import TEXT
from facedb.web.data.decisions import SaidMeanwhileError

_STATUS: tuple[tuple[type[FacedbError], int, str], ...] = (
    (NotFoundError, 404, "not_found"),
    (ConflictError, 409, "conflict"),
    (UsageError, 422, "usage"),
    (InputError, 422, "input"),
    (ModelError, 409, "model"),
    (DatabaseError, 503, "database"),
)


def add_handlers(app: FastAPI) -> None:
    """Answer errors in one form."""

    @app.exception_handler(FacedbError)
    def known(_: Request, error: FacedbError) -> JSONResponse:
        status, code = next(((s, c) for kind, s, c in _STATUS if isinstance(error, kind)), (500, "failed"))
        body: dict[str, object] = {"code": code, "message": str(error)}
        if isinstance(error, SaidMeanwhileError):
            body |= {"code": "said_meanwhile", "scan_id": error.scan_id, "rank": error.rank, "seen": error.seen}
        return JSONResponse(body, status)

    @app.exception_handler(RequestValidationError)
    def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"code": "usage", "message": f"{where}: {first['msg']}."}, 422)

    @app.exception_handler(HTTPException)
    def plain(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method"}.get(error.status_code, "usage")
        message = TEXT.get(f"refused.{code}", str(error.detail))
        return JSONResponse({"code": code, "message": message}, error.status_code, headers=error.headers)
