"""A multipart form with one file, which goes to the disk as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from stream_anon.web.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FIELDS = 16
MOST_BYTES = 4096
"""Of a field that is no file, and of the headers of a part."""
FILE = "file"


class FileForm:
    """Takes the body of a request piece by piece. Used by one thread at a time."""

    def __init__(self, content_type: str, begin: Callable[[str], Callable[[bytes], None]]) -> None:
        """Be ready.

        Args:
            content_type: header of the request.
            begin: called with the name of the file when it begins; gives what takes its bytes.

        Raises:
            Refused: it is no such form.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary or len(boundary) > 70:
            raise Refused(415, "send a form (multipart/form-data) with the file in the field file")
        self.fields: dict[str, str] = {}
        self._begin = begin
        self._has_file = False
        self._take: Callable[[bytes], None] | None = None
        self._name = ""
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._content = bytearray()
        self._parts = 0
        self.is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_part_data": self._data,
                "on_part_end": self._part_ends,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_end": self._ends,
            },
        )

    def write(self, data: bytes) -> None:
        """The next piece of the body.

        Raises:
            Refused: it is no such form.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Refused(400, "the form is damaged") from error

    def _ends(self) -> None:
        self.is_whole = True

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > MOST_FIELDS:
            raise Refused(413, f"the form has more than {MOST_FIELDS} fields")
        self._headers, self._take = {}, None
        self._content.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field = self._grown(self._field, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value = self._grown(self._value, data[start:end])

    def _header_ends(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name != FILE:
            if b"filename" in options:
                raise Refused(422, f"send the file in the field {FILE}")
            return
        if self._has_file:
            raise Refused(422, "send one file at a time")
        self._has_file = True
        self._take = self._begin(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._take is not None:
            self._take(data[start:end])
        else:
            self._content[:] = self._grown(bytes(self._content), data[start:end])

    def _part_ends(self) -> None:
        if self._take is None and self._name:
            self.fields[self._name] = self._content.decode("utf-8", "replace").strip()

    @staticmethod
    def _grown(known: bytes, more: bytes) -> bytes:
        if len(known) + len(more) > MOST_BYTES:
            raise Refused(413, f"a field of the form has more than {MOST_BYTES} bytes")
        return known + more
