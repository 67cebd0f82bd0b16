"""Pages made of templates, in the language of the browser; what is put into them is escaped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from stream_anon.web.pages.words import LANGUAGES, TAGS, language_of, words

if TYPE_CHECKING:
    from starlette.requests import Request

HERE = Path(__file__).parent
_pages = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
VARY = {"vary": "Accept-Language, Cookie"}


def page(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """One page.

    Args:
        request: that it answers; `?language=` goes before what the browser prefers.
        template: name of its file.
        status: of the answer.
        values: what the template shows.
    """
    asked = request.query_params.get("language")
    language = next((one for one in LANGUAGES if one == asked), None) or language_of(
        request.headers.get("accept-language", "")
    )
    known = words(language)
    text = _pages.get_template(template).render(
        w=known,
        lang=TAGS[language],
        for_scripts=json.dumps(known["script"], ensure_ascii=False),
        **values,
    )
    return HTMLResponse(text, status, headers=VARY)
