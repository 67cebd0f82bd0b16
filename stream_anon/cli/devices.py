"""`stream-anon devices`."""

from __future__ import annotations

from stream_anon.cli.console import err, out, say
from stream_anon.errors import EXIT_OK


def devices() -> int:
    """List the webcams of this machine."""
    from stream_anon.sources.live.devices import list_devices  # noqa: PLC0415 - loads FFmpeg

    found = list_devices()
    for device in found:
        say(out, str(device))
    if not found:
        say(err, "no webcam found")
    return EXIT_OK
