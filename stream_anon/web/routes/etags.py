"""`If-Match`: what somebody changes has to be what they have seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.web.errors import Refused

if TYPE_CHECKING:
    from starlette.requests import Request


def wanted_etag(request: Request, *, needed: bool = True) -> str:
    """The one that a change is for; empty where any will do.

    Raises:
        Refused: 428, it is needed and is not there.
    """
    text = request.headers.get("if-match", "").strip()
    if not text and needed:
        raise Refused(428, "send If-Match with the ETag of what you change")
    return "" if text == "*" else text.removeprefix("W/")
