"""A seal as a file.

    a line that says what it is    in the clear
    message, message, …            of age: a stream's key for the recipients, or a chunk of a stream
    index                          a message of age for the recipients: JSON, compressed
    trailer                        in the clear: where the index is, a checksum of all before it

A stream is what belongs to one track, or to several where they overlap. It has a pair of keys of
its own: chunks are encrypted to its public key, its secret key to the recipients. The index names
the redacted output by its hash and holds one of all messages, so that none can be left out,
exchanged or reordered by whoever cannot make a seal that is all new.

In the clear are the number and the lengths of messages, and nothing else.
"""

from __future__ import annotations

import struct
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAGIC = b"stream_anon sealed 1\n"
END = b"end of the seal\n"
TRAILER = struct.Struct(f"<QQ32s{len(END)}s")
"""Offset and length of the index, SHA-256 of all before the trailer, and a mark."""


class StreamEntry(BaseModel):
    """What belongs to the same owners."""

    model_config = ConfigDict(extra="forbid")

    owners: list[str] = Field(min_length=1)
    labels: list[str]
    first: int = Field(ge=0)
    """Frame of the output, from 0."""
    last: int = Field(ge=0)
    frames: int = Field(ge=1)
    key: tuple[int, int]
    """Offset and length of the message that holds its secret key."""


class Index(BaseModel):
    """What is in a seal."""

    model_config = ConfigDict(extra="forbid")

    version: str
    """Of the program."""
    output_sha256: str
    """Of the redacted video that it belongs to."""
    body_sha256: str
    """Of all before the index."""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    frames: int = Field(ge=0)
    color: tuple[bool, int, int, int]
    """`ColorTags` of the pixels."""
    streams: list[StreamEntry]
    chunks: list[tuple[int, int, int, int, int]]
    """Stream, first and last frame, offset and length; those of a stream in order."""
    kind: Literal["pixels"] = "pixels"
