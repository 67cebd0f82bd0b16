"""What `--to` means, and that no name or message holds a password."""

from __future__ import annotations

import dataclasses
import json

import pytest

from stream_anon.core.address import Login, parse_duration
from stream_anon.errors import ConfigError
from stream_anon.sinks.live.address import (
    PUBLISH_KEY,
    PUBLISH_PASSWORD,
    PUBLISH_USER,
    SinkAddress,
)
from stream_anon.sinks.registry import parse_sink


@pytest.fixture(autouse=True)
def _no_login_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PUBLISH_USER, raising=False)
    monkeypatch.delenv(PUBLISH_PASSWORD, raising=False)
    monkeypatch.delenv(PUBLISH_KEY, raising=False)


@pytest.mark.parametrize(
    ("text", "container"),
    [
        ("out.mkv", "matroska"),
        ("some/where/out.MP4", "mp4"),
        ("out.mov", "mov"),
        ("out.ts", "mpegts"),
        ("out.webm", "webm"),
        ("cam-%Y%m%d-%H%M%S.mkv", "matroska"),
        ("c:out.mkv", "matroska"),
    ],
)
def test_files(text: str, container: str) -> None:
    assert parse_sink(text) == SinkAddress("file", text, text, container)


@pytest.mark.parametrize(
    ("text", "target"),
    [("web/live.m3u8", "web/live.m3u8"), ("hls:web", "web/live.m3u8"), ("a.m3u8", "a.m3u8")],
)
def test_playlists(text: str, target: str) -> None:
    assert parse_sink(text) == SinkAddress("hls", text, target, "hls")


@pytest.mark.parametrize(
    ("text", "device"), [("camera", ""), ("camera:/dev/video4", "/dev/video4")]
)
def test_virtual_cameras(text: str, device: str) -> None:
    assert parse_sink(text) == SinkAddress("camera", text, device)


@pytest.mark.parametrize(
    ("text", "label", "target", "container"),
    [
        ("rtsp://host:8554/cam", "rtsp://host:8554/cam", None, "rtsp"),
        ("RTSPS://host/cam?a=b", "rtsps://host/cam", "rtsps://host/cam?a=b", "rtsp"),
        ("rtsp://[::1]:8554/cam", "rtsp://[::1]:8554/cam", None, "rtsp"),
        ("rtmp://host/app/key-1", "rtmp://host/app/…", None, "flv"),
        ("rtmp://host/key", "rtmp://host/…", None, "flv"),
        ("rtsp://host/live/key", "rtsp://host/live/…", None, "rtsp"),
        ("rtmps://host/app/key", "rtmps://host/app/…", None, "flv"),
        ("udp://host:5000", "udp://host:5000", "udp://host:5000?pkt_size=1316", "mpegts"),
        ("udp://@239.0.0.1:5000?ttl=2", "udp://239.0.0.1:5000",
         "udp://239.0.0.1:5000?ttl=2&pkt_size=1316", "mpegts"),
        ("udp://host:5000?pkt_size=188", "udp://host:5000", None, "mpegts"),
    ],
)  # fmt: skip
def test_streams(text: str, label: str, target: str | None, container: str) -> None:
    assert parse_sink(text) == SinkAddress("stream", label, target or text, container)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("rtsp://me:secret@host/cam", "rtsp://me:secret@host/cam"),
        ("rtsp://me:a%20secret%2F@host/cam", "rtsp://me:a%20secret%2F@host/cam"),
        ("rtsp://me:se@cret@host/cam", "rtsp://me:se%40cret@host/cam"),
        ("rtsp://secret@host/cam", "rtsp://secret@host/cam"),
        ("rtmp://me:a%20secret@host/cam/k", "rtmp://me:a secret@host/cam/k"),
    ],
)
def test_a_login_in_the_address_is_used_and_never_shown(given: str, used: str) -> None:
    address = parse_sink(given)
    assert address.target == used
    assert "secret" not in address.label + repr(address)
    assert "me" not in address.label + repr(address).replace("SinkAddress", "")
    assert parse_sink(used) == address


def test_a_login_of_the_environment_is_used_where_the_address_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PUBLISH_USER, "me@home")
    monkeypatch.setenv(PUBLISH_PASSWORD, "a/secret")
    assert parse_sink("rtsp://host/cam").target == "rtsp://me%40home:a%2Fsecret@host/cam"
    assert parse_sink("rtsp://you:own@host/cam").target == "rtsp://you:own@host/cam"
    assert parse_sink("udp://host:1").target == "udp://host:1?pkt_size=1316"
    with pytest.raises(ConfigError, match="cannot contain") as caught:
        parse_sink("rtmp://host/app/key")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("rtmp://host/app", "rtmp://host/app/k-1"),
        ("rtmps://host/app/", "rtmps://host/app/k-1"),
        ("rtmp://host/app?a=b", "rtmp://host/app/k-1?a=b"),
        ("rtmp://host/app/own", "rtmp://host/app/own"),
        ("rtmp://host", "rtmp://host"),
        ("rtsp://host/app", "rtsp://host/app"),
    ],
)
def test_a_stream_key_of_the_environment_is_used_where_the_address_has_none(
    text: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PUBLISH_KEY, "k-1")
    address = parse_sink(text)
    assert address.target == target
    assert "k-1" not in address.label + repr(address)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a valid output"),
        ("out", "not a valid output"),
        ("out.avi", "not a valid output"),
        ("cam-%Y", "not a valid output"),
        ("cam-%A.mkv", "%A"),
        ("hls:", "folder"),
        ("http://host/x.mkv", "http://"),
        ("file:///x.mkv", "file://"),
        ("://", "is not a supported output"),
        ("rtsp://", "a host"),
        ("rtsp:///cam", "a host"),
        ("udp://host", "a host and a port"),
        ("rtsp://host:99999/cam", "host and port"),
        ("rtsp://me:secret@[host/cam", "host and port"),
        ("me:secret@host/cam", "not a valid output"),
        ("rtsp://me:secret/1@host/cam", "host and port"),
        ("rtsp://me:5ecret#1@host/cam", "host and port"),
        ("rtsp://me:12?secret@host/cam", "%3F"),
        ("rtsp://me:12#secret@host/cam", "%23"),
        ("rtsp://me:a@b/secret@host/cam", "%2F"),
        ("hls:https://me:secret@host/live", "not a file, folder or device"),
        ("camera:rtsp://me:secret@host/live", "not a file, folder or device"),
        ("https:/me:secret@host/x.m3u8", "not a file, folder or device"),
        ("https:/me:secret@host/x.mkv", "not a file, folder or device"),
    ],
)
def test_nonsense_is_refused_in_one_line_without_the_password(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sink(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(word in str(caught.value) for word in ("secret", "5ecret", "me:"))
    assert caught.value.__cause__ is None


def test_an_address_can_be_told_to_another_process() -> None:
    address = parse_sink("rtsp://me:secret@host/cam")
    told = json.loads(json.dumps(dataclasses.asdict(address)))
    assert SinkAddress(**told) == address


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("90", 90), ("10m", 600), ("2h", 7200), ("7d", 604800), ("1.5h", 5400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1m", "m", "10 m", "10w", "1e3", "10m5s", "inf"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match="10m"):
        parse_duration(text)


def test_a_login_shows_neither_user_nor_password() -> None:
    login = Login.parse("amy:p%40ss")
    assert login.before_host == "amy:p%40ss@"
    assert "amy" not in repr(login)
    assert "p@ss" not in repr(login)
    assert Login.parse("amy").before_host == "amy@"
    assert Login.parse("amy:").before_host == "amy:@"
