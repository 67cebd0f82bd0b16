"""What an upload is, by how it begins, and what it is called where it is shown."""

from __future__ import annotations

import pytest

from stream_anon.web.jobs.kinds import HEAD, PHOTO, VIDEO, kind_of
from stream_anon.web.jobs.room import shown_name
from stream_anon.web.review.room import kept_by

BEGINNINGS = [
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", PHOTO, ".jpg"),
    (b"\x89PNG\r\n\x1a\n", PHOTO, ".png"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", PHOTO, ".webp"),
    (b"\0\0\0\x1cftypavif", PHOTO, ".png"),
    (b"\0\0\0\x18ftypheic", PHOTO, ".png"),
    (b"\0\0\0\x18ftypmp42", VIDEO, ".mp4"),
    (b"\0\0\0\x14ftypqt  ", VIDEO, ".mp4"),
    (b"\0\0\0\x08wide\0\0\0\0mdat", VIDEO, ".mp4"),
    (b"\x1a\x45\xdf\xa3\x9f", VIDEO, ".mp4"),
    (b"RIFF\x10\0\0\0AVI LIST", VIDEO, ".mp4"),
    (b"\x47" + bytes(187) + b"\x47" + bytes(100), VIDEO, ".mp4"),
    (b"GIF89a", VIDEO, ".gif"),
]
NEITHER = [
    b"", b"\xff", b"PK\3\4", b"%PDF-1.7", b"<svg xmlns=", b"<!doctype html>", b"#!/bin/sh\n",
    b"\x7fELF", b"#EXTM3U", b"[playlist]", b"ffconcat version 1.0", b"RIFF\x10\0\0\0WAVEfmt ",
    b"ID3\4", b"\x47" + bytes(300), b"Rar!\x1a\7", b"\x1f\x8b\x08", b"\0" * HEAD,
]  # fmt: skip


@pytest.mark.parametrize(("head", "kind", "ending"), BEGINNINGS)
def test_photos_and_videos_are_known(head: bytes, kind: str, ending: str) -> None:
    assert kind_of(head) == (kind, ending)


@pytest.mark.parametrize("head", NEITHER)
def test_nothing_else_is_taken(head: bytes) -> None:
    assert kind_of(head) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("holiday.mp4", "holiday.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\a.mov", "a.mov"),
        ("a\r\nSet-Cookie: b.mp4", "aSet-Cookie: b.mp4"),
        ("a\0b\u202e.mp4", "ab.mp4"),
        ("", "upload"),
        ("/", "upload"),
        ("x" * 500 + ".mp4", "x" * 116 + ".mp4"),
        ("会议.mp4", "会议.mp4"),
    ],
)
def test_a_name_is_only_shown(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_the_last_word_about_somebody_counts() -> None:
    keep, hide = {"kind": "keep", "track": 3}, {"kind": "hide", "track": 3}
    assert kept_by([keep]) == {3}
    assert kept_by([keep, hide]) == set()
    assert kept_by([keep, {**hide, "from": 3}]) == {3}
    assert kept_by([hide, {"kind": "delete", "track": 4}]) == {4}
