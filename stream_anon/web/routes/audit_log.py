"""Who changed what when."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from stream_anon.web.security.roles import Operator

if TYPE_CHECKING:
    from stream_anon.web.services import Services
    from stream_anon.web.store.audit_log import Entry

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The entries.",
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
}
ALL = 1_000_000
COLUMNS = ("id", "time", "who", "role", "action", "subject", "details")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["audit log"])

    @routes.get("/api/v1/audit-log", response_model=None, responses=ANSWERS)
    def entries(
        _who: Operator,
        format: Literal["json", "csv"] = "json",  # noqa: A002 - its name in the address
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
        most: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """The newest entries first; as CSV all of them."""
        if format == "csv":
            text = _csv(services.audit_log.entries(before=before, most=ALL))
            return Response(
                text,
                media_type="text/csv",
                headers={"content-disposition": 'attachment; filename="audit-log.csv"'},
            )
        found = services.audit_log.entries(before=before, most=most)
        return JSONResponse([_shown(entry) for entry in found])

    return routes


def _shown(entry: Entry) -> dict[str, Any]:
    when = datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds")
    return {**entry._asdict(), "time": when}


def _csv(entries: list[Entry]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for entry in entries:
        shown = _shown(entry)
        shown["details"] = json.dumps(entry.details, ensure_ascii=False)
        writer.writerow([_cell(shown[column]) for column in COLUMNS])
    return file.getvalue()


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
