"""Routes of pages: whoever may not see one gets a page that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from stream_anon.web.errors import Refused
from stream_anon.web.templating import page

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request

LOGIN = "/login"


class PageRoute(APIRoute):
    """To browsers, 401 is the way to the login, and other refusals are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except Refused as refused:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                if refused.status == 401:
                    return RedirectResponse(LOGIN, 303)
                return page(
                    request, "refused.html", refused.status, needs_role=refused.status == 403
                )

        return answered
