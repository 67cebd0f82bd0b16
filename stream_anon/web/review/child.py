"""The process of one review: it decodes the upload, and sends pictures of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.config import Settings
from stream_anon.errors import StreamAnonError
from stream_anon.pipeline.review.reviewer import Reviewer
from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import Message
from stream_anon.web.jobs import files
from stream_anon.web.jobs.limits import Limits, hold

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = dict[str, Any] | bytes


def main(parent: ParentPipe) -> None:
    """Open a recording, and answer until nobody asks any more."""
    message = parent.receive()
    if message is None:
        return
    os.umask(0o077)
    fields = message.fields
    hold(Limits(**fields["limits"]))
    folder = Path(fields["folder"])
    try:
        reviewer = Reviewer(
            folder / files.ORIGINAL,
            folder / files.MASKS,
            folder / files.THUMBS,
            Settings.model_validate(fields["settings"]),
        )
    except (StreamAnonError, OSError, MemoryError) as error:
        parent.send(Message("error", {"error": _said(error)}))
        return
    parent.send(Message("open", {}))
    answers = _answers(reviewer)
    while (message := parent.receive()) is not None:
        parent.send(_answered(answers[message.kind], message.fields))


def _answers(reviewer: Reviewer) -> dict[str, Callable[[dict[str, Any]], Answer]]:
    def use(fields: dict[str, Any]) -> Answer:
        return {"edits": reviewer.use_json(fields["edits"])}

    return {
        "raw": lambda f: reviewer.raw(f["index"], f["operator"]).jpeg,
        "thumb": lambda f: reviewer.thumb(f["track"], f["operator"]).jpeg,
        "redacted": lambda f: reviewer.redacted(f["index"]),
        "boxes": lambda f: {"boxes": reviewer.boxes(f["first"], f["last"])},
        "use": use,
        "check": lambda f: {"edits": reviewer.checked(f["edits"])},
    }


def _answered(
    answer: Callable[[dict[str, Any]], dict[str, Any] | bytes], fields: dict[str, Any]
) -> Message:
    try:
        found = answer(fields)
    except (StreamAnonError, OSError, MemoryError) as error:
        return Message("error", {"error": _said(error)})
    if isinstance(found, bytes):
        return Message("picture", planes=(np.frombuffer(found, np.uint8).reshape(1, -1),))
    return Message("answer", found)


def _said(error: BaseException) -> str:
    """In one line, without this server's paths."""
    if isinstance(error, StreamAnonError):
        return str(error).partition("\n")[0].replace(files.ORIGINAL, "the file")
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


if __name__ == "__main__":
    serve(main)
