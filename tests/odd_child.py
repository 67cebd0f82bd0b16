"""A child process for tests: it does what each message tells it to."""

from __future__ import annotations

import ctypes
import io
import os
import sys
import time

from stream_anon.processes.host import ParentPipe, serve, within
from stream_anon.processes.wire import Message, write_message


def hang_with_lock() -> None:
    """Sleep in C without letting any other thread of Python run."""
    ctypes.PyDLL(None).sleep(3600)


def work(parent: ParentPipe) -> None:
    while message := parent.receive():
        if message.kind == "hang":
            hang_with_lock()
        elif message.kind == "hang within":
            with within(message.fields["seconds"]):
                hang_with_lock()
        elif message.kind == "deaf":
            time.sleep(3600)
        elif message.kind == "print":
            os.write(1, b"a library that says what it likes")
        elif message.kind == "path":
            message = Message("path", {"path": sys.path})
        elif message.kind == "garbage":
            os.write(parent._out.fileno(), b"x" * 4096)
        elif message.kind == "cut":
            whole = io.BytesIO()
            write_message(whole, message)
            os.write(parent._out.fileno(), whole.getvalue()[: message.fields["kept"]])
            os._exit(0)
        elif message.kind == "open":  # as a window that does not last
            parent.send(Message("ready"))
            if message.fields["kind"] == "window closes":
                parent.send(Message("closed"))
            os._exit(1)
        elif message.kind == "exit":
            os._exit(message.fields["code"])
        parent.send(message)
    parent.send(Message("end"))


if __name__ == "__main__":
    serve(work)
