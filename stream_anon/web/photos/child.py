"""The process that decodes and redacts photos, with a limit on its memory.

Each message is a photo and the settings for it; the answer is the picture, or what is wrong.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.config import Settings
from stream_anon.core.processors import threads_within_quota
from stream_anon.errors import StreamAnonError
from stream_anon.pipeline.engines import networks_kept
from stream_anon.pipeline.picture import WarmRedactors
from stream_anon.pipeline.picture_views import View, color_of
from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import Message

if TYPE_CHECKING:
    from stream_anon.core.parts import Part
    from stream_anon.pipeline.picture import Photo

WARM = 2
"""Settings whose detectors stay loaded."""
ORPHAN_CHECK = 0.5
"""Seconds between two looks."""
BASE_MEMORY, BYTES_A_PIXEL = 2 << 30, 64
"""Of the limit: for networks, and for each pixel of the largest photo."""


def work(parent: ParentPipe) -> None:
    """Redact photos until the parent is gone."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    warm, limited = WarmRedactors(WARM), False
    with networks_kept():
        while (message := parent.receive()) is not None:
            if not limited:
                _limit_memory(int(message.fields["most_pixels"]))
                limited = True
            answer = _answer(warm, message)
            answer.fields["memory"] = _memory()
            parent.send(answer)


def _end_with(parent: int) -> None:
    """A photo takes long, and its pipe is not read meanwhile: look whether the parent is there."""
    while os.getppid() == parent:
        sleep(ORPHAN_CHECK)
    os._exit(0)


def _answer(warm: WarmRedactors, message: Message) -> Message:
    try:
        settings = _with_all_threads(Settings.model_validate(message.fields["settings"]))
        with warm.using(settings) as redactor:
            photo = redactor.redact_photo(
                message.planes[0].tobytes(),
                view=View(message.fields["view"]),
                most_pixels=message.fields["most_pixels"],
            )
        return _packed(photo)
    except StreamAnonError as error:
        return Message("failed", {"kind": type(error).__name__, "said": str(error)})
    except MemoryError:
        said = "the photo needs more memory than it may have: nothing is returned"
        return Message("failed", {"kind": "SourceError", "said": said})
    except Exception as error:  # noqa: BLE001 - the next photo is another matter
        said = f"the picture could not be redacted ({type(error).__name__}): nothing is returned"
        return Message("failed", {"kind": "ParserError", "said": said})


def _with_all_threads(settings: Settings) -> Settings:
    """No encoder of a video needs the other half of the processors."""
    if settings.parsing.threads:
        return settings
    parsing = settings.parsing.model_copy(update={"threads": threads_within_quota()})
    return settings.model_copy(update={"parsing": parsing})


def _packed(photo: Photo) -> Message:
    data = np.frombuffer(photo.data, np.uint8).reshape(1, -1)
    fields = {
        "type": photo.media_type,
        "parts": [_shown(part) for part in photo.parts],
        "hidden_whole": photo.hidden_whole,
    }
    return Message("photo", fields, (data,))


def _shown(part: Part) -> dict[str, Any]:
    """For programs: where a part is, and never its mask."""
    red, green, blue = color_of(part.label)
    return {
        "label": part.label,
        "box": [round(float(value), 1) for value in part.box],
        "score": round(float(part.score), 3),
        "color": f"#{red:02x}{green:02x}{blue:02x}",
    }


def _memory() -> int:
    """Bytes that this process takes; 0 where the system does not say."""
    with suppress(OSError, IndexError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _limit_memory(most_pixels: int) -> None:
    """A photo that asks for more gets an error, and if the machine is short, this process ends."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every system

        most = BASE_MEMORY + BYTES_A_PIXEL * most_pixels
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    serve(work)
