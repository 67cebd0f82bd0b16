"""Figures of the cameras for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.web.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.web.cameras.room import CameraRoom


def camera_figures(room: CameraRoom) -> Iterator[Figure]:
    """Those of now; counters of pictures begin anew with the process of their camera."""
    yield Figure(
        "detector_starts_total", "How often the detector service was started.", room.detector_starts
    )
    for camera in room.list():
        labels = {"camera": camera["name"], "id": camera["id"]}
        latency = camera["latency_ms"]
        for name, about, value in (
            ("camera_live", "Whether pictures come from the camera.", camera["state"] == "live"),
            ("camera_fps", "Pictures a second that go out.", camera["fps"]),
            ("camera_people", "People hidden in the newest picture.", camera["people"]),
            ("camera_hidden_whole_total", "Pictures hidden whole.", camera["hidden_whole"]),
            ("camera_restarts_total", "How often its process broke.", camera["restarts"]),
            ("camera_viewers", "Viewers of its stream.", camera["viewers"]),
            (
                "camera_latency_seconds",
                "From capture to picture, 95th percentile of the last minute.",
                None if latency is None else latency / 1000,
            ),
        ):
            if value is not None:
                yield Figure(name, about, float(value), labels)
