"""Errors as answers: one line of JSON, and a status that fits."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from stream_anon.core.credentials import printable, without_credentials
from stream_anon.errors import (
    CancelledError,
    ConfigError,
    DependencyError,
    DiskFullError,
    ModelError,
    ParserError,
    SourceError,
    StalledError,
    StreamAnonError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class NotThere(StreamAnonError):
    """There is no such thing under this id."""


STATUS: tuple[tuple[type[StreamAnonError], int], ...] = (
    (NotThere, 404),
    (ConfigError, 422),
    (SourceError, 422),
    (CancelledError, 409),
    (DiskFullError, 507),
    (DependencyError, 503),
    (ModelError, 422),
    (ParserError, 500),
    (StalledError, 503),
    (StreamAnonError, 500),
)
"""The first that fits."""


class Refused(Exception):
    """A request that is answered with a status and one line."""

    def __init__(self, status: int, what: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(what)
        self.status = status
        self.headers = dict(headers or {})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, str(self), self.headers), self.__dict__


def answer(status: int, what: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as JSON."""
    line = printable(without_credentials(what))
    return JSONResponse({"error": line}, status, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Let the app answer each error this way."""

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return answer(error.status, str(error), error.headers)

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        status = next(code for kind, code in STATUS if isinstance(error, kind))
        if status >= 500:
            log.error("%s", without_credentials(str(error)))
        return answer(status, str(error))

    async def framework(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return answer(error.status_code, _lower(str(error.detail)), error.headers)

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        return answer(422, f"{where}: {_lower(first['msg'])}")

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(StreamAnonError, ours)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(RequestValidationError, invalid)


class Unexpected:
    """Middleware: an error that nobody expects is a 500 that says nothing, and a line in the log.

    The line says what and where: the error's own text may quote what was sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                "unexpected %s at %s:%s", type(error).__name__, where.filename, where.lineno or 0
            )
            if started or scope["type"] != "http":
                raise
            said = "unexpected error: the server's log says where"
            await answer(500, said)(scope, receive, send)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
