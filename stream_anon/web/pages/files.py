"""Styles and scripts of the pages; the same for everybody, so without a login."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

HERE = Path(__file__).parents[1] / "static"
CACHE = "no-cache"
"""Browsers keep them, and ask each time whether they have changed."""


class PageFiles(StaticFiles):
    """The files of the folder `static`, and no other ones."""

    def __init__(self) -> None:
        super().__init__(directory=HERE)

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = CACHE
        return answer
