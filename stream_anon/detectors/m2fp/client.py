"""ModelScope's client, in a process of its own: it takes its settings from the environment, prints,
and leaves threads and log handlers behind.

    python -m stream_anon.detectors.m2fp.client FOLDER

`hub.py` starts it and reads lines of JSON from it: progress, and at the end what went wrong.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

from stream_anon.detectors.m2fp.configuration import CHECKPOINT, FILE, model_files

MODEL = "damo/cv_resnet101_image-multiple-human-parsing"
OF_THE_DISK = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
)
"""Numbers of errors that say why a file cannot be written."""
REPORT_INTERVAL = 0.1
"""Seconds between two progress lines."""


class _Channel:
    """Lines of JSON to the process that started this one; what others print goes elsewhere."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._reported_at = 0.0

    def say(self, **what: object) -> None:
        try:
            self._file.write(json.dumps(what) + "\n")
            self._file.flush()
        except OSError:  # nobody waits for the download any more
            os._exit(1)

    def count(self, name: str, size: int, total: int) -> None:
        with self._lock:
            self._done[name] = self._done.get(name, 0) + size if size else 0
            self._total[name] = total
            if monotonic() - self._reported_at >= REPORT_INTERVAL or self.is_complete:
                self._reported_at = monotonic()
                self.say(done=sum(self._done.values()), total=sum(self._total.values()))

    @property
    def is_complete(self) -> bool:
        return bool(self._done) and self._done == self._total


def _download(folder: str) -> None:
    """Download the model; the main function of the client's process."""
    channel = _Channel()

    class Progress:
        """One for each file and attempt; the client makes them."""

        def __init__(self, name: str, size: int) -> None:
            self._name, self._size = name, size
            channel.count(name, 0, size)

        def update(self, size: int) -> None:
            if size:
                channel.count(self._name, size, self._size)

        def end(self) -> None:
            pass

    try:
        modelscope: Any = import_module("modelscope")
        modelscope.snapshot_download(
            MODEL,
            endpoint=os.environ["MODELSCOPE_ENDPOINT"],
            local_dir=folder,
            allow_patterns=[FILE, CHECKPOINT],
            progress_callbacks=[Progress],
        )
        gone = [path.name for path in model_files(Path(folder)) if not path.is_file()]
        channel.say(failed=f"it has no {gone[0]} of {MODEL}" if gone else "")
    except Exception as error:  # noqa: BLE001 - all of them are reported
        channel.say(failed=_reason(error))


def _reason(error: Exception) -> str | int:
    """The reason in our own words (the client's may contain addresses and tokens), or an errno."""
    errors: Any = import_module("modelscope_hub.errors")
    requests: Any = import_module("requests")
    files: dict[str, Exception] = getattr(error, "failed_files", None) or {}
    error = next(iter(files.values()), error)
    response: Any = getattr(error, "response", None)
    status = getattr(error, "status_code", None)
    status = response.status_code if isinstance(response, requests.Response) else status
    for cause in (error, error.__cause__):
        if isinstance(cause, OSError) and cause.errno in OF_THE_DISK:
            return cause.errno
    if isinstance(error, errors.FileIntegrityError):
        return "the download does not match the size or the hash that the hub announces"
    if status == 404 or isinstance(error, errors.NotExistError):
        return f"it has no {MODEL}"
    if status in (401, 403):
        return "it refuses access"
    if status is not None:
        return f"it answers with error {status}"
    if isinstance(error, ValueError | TypeError | LookupError | AttributeError):
        return "it does not answer like a model hub"
    if isinstance(error, errors.NetworkError | requests.RequestException):
        return "the connection was lost" if files else "it cannot be reached"
    return f"unexpected {type(error).__name__}"


if __name__ == "__main__":
    _download(sys.argv[1])
