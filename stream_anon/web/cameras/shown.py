"""A camera as the API shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_anon.web.cameras.model import SETTINGS, label_of

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.web.cameras.model import Camera
    from stream_anon.web.cameras.running import RunningCamera


def shown(camera: Camera, running: RunningCamera | None, settings: Settings) -> dict[str, Any]:
    """JSON values; nothing in them is secret, and `source` is for operators.

    Args:
        camera: as it is kept.
        running: what runs of it; None while it is off.
        settings: of its run.
    """
    figures = {} if running is None else running.figures
    return {
        "id": camera.id,
        "name": camera.name,
        "source": label_of(camera.source, settings),
        "state": "stopped" if running is None else running.state,
        "reason": "" if running is None else running.reason,
        "fps": figures.get("fps", 0.0),
        "latency_ms": figures.get("latency_ms"),  # the 95th percentile of the last minute
        "people": figures.get("people", 0),
        "hidden_whole": figures.get("hidden_whole", 0),  # pictures since its process began
        "hidden_now": figures.get("hidden_now"),
        "restarts": 0 if running is None else running.restarts,
        "viewers": 0 if running is None else running.newest.viewers,
        "settings": settings.redaction.model_dump(mode="json", include=set(SETTINGS)),
        "own": sorted(camera.settings),
        "anonymization": running is None or running.raw is None,
    }
