"""Settings of the control room."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Web(BaseModel):
    """The control room, `stream-anon serve`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    hosts: list[Annotated[str, Field(min_length=1, max_length=253)]] = []
    """Names that browsers may call it by, besides those of the address that it listens on."""
    behind_proxy: bool = False
    proxies: list[str] = ["127.0.0.1", "::1"]
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    tls_cert: str = ""
    tls_key: str = ""
    folder: str = ""
    """Of what it keeps; empty for one in the user's state folder."""
    anonymous: bool = False
    """Whoever has no token may look as a viewer."""
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    photo_max_mb: Annotated[int, Field(ge=1, le=512)] = 32
    photo_max_megapixels: Annotated[int, Field(ge=1, le=500)] = 50
    photo_timeout: Annotated[float, Field(gt=0, le=600)] = 60.0
    upload_max_mb: Annotated[int, Field(ge=1)] = 4096
    most_jobs: Annotated[int, Field(ge=1, le=256)] = 8
    keep_results_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Results are deleted after that, and the uploads of those that are reviewed."""
    keep_originals_minutes: Annotated[float, Field(ge=0, le=10080)] = 60.0
    """Other uploads, for whoever compares before and after; at most as long as their login."""
    job_memory_mb: Annotated[int, Field(ge=256)] = 6144
    job_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    job_megapixels: Annotated[float, Field(gt=0, le=1000)] = 100.0
    job_minutes: Annotated[float, Field(gt=0, le=100000)] = 360.0
