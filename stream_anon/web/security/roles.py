"""What routes ask for: `who: Viewer`, `who: Operator`, or `who: Visitor` where anybody may come."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from stream_anon.web.errors import Refused
from stream_anon.web.security.who import Who

# They are no coroutines: checking a token takes time, and is for the pool of threads.


def visitor(request: HTTPConnection) -> Who | None:
    """Whoever sent the request, also where nobody is logged in."""
    found: Who | None = request.app.state.services.auth.who(request)
    return found


def viewer(request: HTTPConnection) -> Who:
    """A viewer or an operator.

    Raises:
        Refused: 401 where nobody is logged in.
    """
    who = visitor(request)
    if who is None:
        raise Refused(401, "log in first, or send a token", {"www-authenticate": "Bearer"})
    return who


def operator(request: HTTPConnection) -> Who:
    """An operator.

    Raises:
        Refused: 401 where nobody is logged in, 403 for a viewer.
    """
    who = viewer(request)
    if not who.is_operator:
        raise Refused(403, "this is for operators: log in with an operator's token")
    return who


Visitor = Annotated[Who | None, Depends(visitor)]
Viewer = Annotated[Who, Depends(viewer)]
Operator = Annotated[Who, Depends(operator)]
