"""Settings of redaction, and the switch that clients of such systems expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from stream_anon.web.configuration import FILES
from stream_anon.web.security.roles import Operator, Viewer

if TYPE_CHECKING:
    from stream_anon.web.services import Services


class Switch(BaseModel):
    """Whether what operators look at is anonymized."""

    model_config = ConfigDict(extra="forbid")
    anonymization: StrictBool


class Change(BaseModel):
    """Settings to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    redaction: dict[str, Any] = Field(default={}, max_length=32)
    """As in the section `[redaction]` of a configuration file."""
    effort: Literal["fast", "normal", "thorough"] | None = None


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["settings"])
    configuration = services.configuration

    @routes.post("/config")
    def switch(who: Operator, wanted: Switch) -> dict[str, Any]:
        """Turn anonymization on or off; off in debug mode only, and never for viewers."""
        configuration.set_anonymization(who, on=wanted.anonymization)
        return {"anonymization": configuration.anonymizes}

    @routes.get("/api/v1/config")
    def now(_who: Viewer) -> dict[str, Any]:
        """The settings in force."""
        return _shown(services)

    @routes.patch("/api/v1/config")
    def change(who: Operator, wanted: Change) -> dict[str, Any]:
        """Change settings; they hold for the next photo, and for cameras at once."""
        configuration.change(who, wanted.redaction, wanted.effort)
        return _shown(services)

    return routes


def _shown(services: Services) -> dict[str, Any]:
    configuration = services.configuration
    settings = configuration.settings
    return {
        "mode": settings.live.mode,
        "anonymization": configuration.anonymizes,
        "effort": settings.parsing.effort,
        "redaction": settings.redaction.model_dump(mode="json", exclude=set(FILES)),
    }
