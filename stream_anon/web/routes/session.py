"""Logging in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from stream_anon.web.errors import Refused
from stream_anon.web.security.roles import Viewer
from stream_anon.web.templating import page

if TYPE_CHECKING:
    from stream_anon.web.security.who import Who
    from stream_anon.web.services import Services

LOGIN = "login.html"
Text = Annotated[str, Query(max_length=512)]


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["session"])
    auth = services.auth

    def logged_in(text: str, request: Request) -> Response:
        """Set the cookie; the page then goes on by itself, so that the cookie goes with it."""
        try:
            who, cookie = auth.log_in(text, request)
        except Refused as refused:
            shown = page(request, LOGIN, refused.status, done=False, problem=refused.status)
            shown.headers.update(refused.headers)
            return shown
        services.audit_log.add(who, "log in")
        answer = page(request, LOGIN, done=True, name=who.name)
        _set_cookie(answer, cookie)
        return answer

    def _set_cookie(answer: Response, cookie: str) -> None:
        answer.set_cookie(
            auth.cookie,
            cookie,
            max_age=auth.sessions.seconds,
            secure=auth.secure,
            httponly=True,
            samesite="strict",
        )

    @routes.get("/login", include_in_schema=False)
    def login_page(request: Request, token: Text = "") -> Response:
        """The form; with `token`, of a login link, log in at once."""
        if token:
            return logged_in(token, request)
        return page(request, LOGIN, done=False, problem=0)

    @routes.post("/login", include_in_schema=False)
    def log_in(request: Request, token: Annotated[str, Form(max_length=512)]) -> Response:
        """Log in with a token."""
        return logged_in(token, request)

    @routes.post("/logout", include_in_schema=False)
    def log_out(request: Request, who: Viewer) -> Response:
        """End this login."""
        auth.sessions.end(who)
        services.audit_log.add(who, "log out")
        answer = page(request, LOGIN, done=False, problem=0)
        answer.delete_cookie(auth.cookie, secure=auth.secure, httponly=True, samesite="strict")
        return answer

    @routes.get("/api/v1/session")
    def session(who: Viewer) -> dict[str, str]:
        """Who is logged in."""
        return _shown(who)

    return routes


def _shown(who: Who) -> dict[str, str]:
    return {"name": who.name, "role": who.role.value}
