"""The process of one review: it decodes the upload, and sends pictures of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from stream_anon.config import Settings
from stream_anon.errors import StreamAnonError
from stream_anon.pipeline.review.reviewer import Reviewer
from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import Message
from stream_anon.web.jobs import files
from stream_anon.web.jobs.limits import Limits, hold
from stream_anon.web.review.packing import packed, plane_of, unpacked


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
    while (message := parent.receive()) is not None:
        parent.send(_answered(reviewer, message))


def _answered(reviewer: Reviewer, question: Message) -> Message:
    fields = question.fields
    try:
        match question.kind:
            case "raw":
                return _picture(reviewer.raw(fields["index"], fields["operator"]).jpeg)
            case "thumb":
                return _picture(reviewer.thumb(fields["track"], fields["operator"]).jpeg)
            case "redacted":
                return _picture(reviewer.redacted(fields["index"]))
            case "boxes":
                return _json(reviewer.boxes(fields["first"], fields["last"]))
            case "use":
                return _json(reviewer.use_json(unpacked(question.planes)))
            case _:
                return _json(reviewer.checked(unpacked(question.planes)))
    except (StreamAnonError, OSError, MemoryError) as error:
        return Message("error", {"error": _said(error)})


def _picture(jpeg: bytes) -> Message:
    return Message("picture", planes=(plane_of(jpeg),))


def _json(value: Any) -> Message:
    return Message("answer", planes=(packed(value),))


def _said(error: BaseException) -> str:
    """In one line, without this server's paths."""
    if isinstance(error, StreamAnonError):
        return str(error).partition("\n")[0].replace(files.ORIGINAL, "the file")
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


if __name__ == "__main__":
    serve(main)
