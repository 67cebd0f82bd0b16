"""The OpenAPI document: what the framework makes of the routes, and what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

ERROR = {
    "description": "What is wrong, in one line.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"type": "string"}},
                "additionalProperties": False,
            }
        }
    },
}
SECURITY = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": "stream_anon"},
}
OPEN = ("/health",)
"""Paths that anybody may use."""


def install(app: FastAPI) -> None:
    """Let the app describe itself so."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = described()
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"] |= {"4XX": ERROR, "5XX": ERROR}
                if path not in OPEN:
                    operation["security"] = [{name: []} for name in SECURITY]
        components = document.setdefault("components", {})
        components["securitySchemes"] = SECURITY
        for unused in ("HTTPValidationError", "ValidationError"):
            components.get("schemas", {}).pop(unused, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
