"""Forms with a file, parsed while they come in: nothing of them lies on a disk on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from stream_anon.web.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

LONGEST_FIELD = 8 << 10
"""Bytes of a field that is not a file."""
MOST_PARTS = 32
LONGEST_BOUNDARY = 256
PIECE = 1 << 20
"""Bytes that are collected before they are parsed."""


class Sink(Protocol):
    """Where a file goes. Any thread may call it, one at a time."""

    def write(self, data: bytes, /) -> object: ...


class _Form:
    """What the parser calls."""

    def __init__(self, files: Mapping[str, Sink]) -> None:
        self._files = files
        self._fields: dict[str, bytearray] = {}
        self.names: dict[str, str] = {}
        """Of the files that came, as the sender calls them: not to be trusted."""
        self._count = 0
        self._sink: Sink | bytearray = bytearray()
        self._header = bytearray(), bytearray()
        self._disposition = b""
        self.whole = False

    @property
    def fields(self) -> dict[str, str]:
        return {name: bytes(data).decode("utf-8", "replace") for name, data in self._fields.items()}

    def on_part_begin(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise Refused(422, f"the form has more than {MOST_PARTS} fields")
        self._disposition = b""

    def on_header_begin(self) -> None:
        self._header = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def on_header_end(self) -> None:
        if bytes(self._header[0]).lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name in self._files:
            if name in self.names:
                raise Refused(422, f"the form has two files {name}: send one")
            self._sink = self._files[name]
            self.names[name] = options.get(b"filename", b"").decode("utf-8", "replace")
        elif b"filename" in options:
            raise Refused(422, f"send the file as {' or '.join(self._files)}")
        else:
            self._sink = self._fields.setdefault(name, bytearray())

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if not isinstance(self._sink, bytearray):
            self._sink.write(data[start:end])
            return
        self._sink += data[start:end]
        if len(self._sink) > LONGEST_FIELD:
            raise Refused(422, "a field of the form is too long")

    def on_end(self) -> None:
        self.whole = True


async def read_form(request: Request, files: Mapping[str, Sink]) -> _Form:
    """Read a multipart form.

    Args:
        request: whose body it is; how large that may be `BodyLimits` says.
        files: where each file goes, by its field.

    Returns:
        Its `fields` without files, and the `names` of the files that came.

    Raises:
        Refused: it is no such form, or cut short.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise Refused(415, f"send a form (multipart/form-data) with {' or '.join(files)}")
    form = _Form(files)
    calls = {name: getattr(form, name) for name in dir(form) if name.startswith("on_")}
    try:
        parser = MultipartParser(boundary, calls)  # type: ignore[arg-type]
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= PIECE:
                await run_in_threadpool(parser.write, bytes(waiting))  # it may go to a slow disk
                waiting.clear()
        await run_in_threadpool(parser.write, bytes(waiting))
        parser.finalize()
    except FormParserError as error:
        raise Refused(422, "the form is damaged or cut short") from error
    if not form.whole:
        raise Refused(422, "the form is damaged or cut short")
    return form
