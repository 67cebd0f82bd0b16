"""What users name as a source, and what becomes of their passwords."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.config import Live
from stream_anon.errors import ConfigError, SourceError
from stream_anon.sources.live.address import SourceAddress
from stream_anon.sources.registry import parse_source

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s3cret"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="devices have other names elsewhere")


@pytest.fixture(autouse=True)
def _no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "PASSWORD"):
        monkeypatch.delenv(f"STREAM_ANON_{name}", raising=False)


def parse(text: str, *, pace: bool = False, **settings: object) -> SourceAddress:
    return parse_source(text, pace=pace, settings=Live.model_validate(settings))


def login_of(address: SourceAddress) -> tuple[str, str]:
    """User and password as FFmpeg understands them."""
    parts = urlsplit(address.url)
    return unquote(parts.username or ""), unquote(parts.password or "")


# -- kinds ------------------------------------------------------------------------------------


@on_linux
@pytest.mark.parametrize(
    ("text", "path"),
    [("0", "/dev/video0"), ("12", "/dev/video12"), ("/dev/v4l/by-id/cam", "/dev/v4l/by-id/cam")],
)
def test_a_number_or_a_device_is_a_webcam(text: str, path: str) -> None:
    address = parse(text)
    assert (address.kind, address.url, address.label) == ("device", path, path)
    assert address.format == "v4l2"
    assert address.options == {}


@on_linux
def test_a_webcam_gets_the_size_and_rate_of_the_settings() -> None:
    address = parse("0", device_size="1280x720", device_rate=29.97)
    assert address.options == {"video_size": "1280x720", "framerate": "29.97"}


def test_elsewhere_a_webcam_is_named_as_its_system_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    mac = parse("1")
    assert (mac.format, mac.url, mac.options) == ("avfoundation", "1:none", {"framerate": "30"})
    monkeypatch.setattr(sys, "platform", "win32")
    named = parse("video=HD Cam")
    assert (named.format, named.url) == ("dshow", "video=HD Cam")


@pytest.mark.parametrize(
    "scheme", ["rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "srt", "tcp"]
)
def test_addresses_are_networks(scheme: str) -> None:
    address = parse(f"{scheme.upper()}://cam.local:99/live/one?channel=1")
    assert address.kind == "network"
    assert address.url == f"{scheme}://cam.local:99/live/one?channel=1"
    assert address.format is None


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rtsp_takes_pictures_only_over_the_transport_of_the_settings(transport: str) -> None:
    options = parse("rtsp://cam/1", rtsp_transport=transport).options
    assert options["rtsp_transport"] == transport
    assert options["allowed_media_types"] == "video"
    assert parse("rtsps://cam/1", rtsp_transport=transport).options["rtsp_transport"] == "tcp"


def test_a_file_is_played_with_pace_only(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    path.write_bytes(b"x")
    with pytest.raises(SourceError, match=r"walk\.mp4 is a file: .*--pace.*stream-anon redact"):
        parse(str(path))
    address = parse(str(path), pace=True)
    assert (address.kind, address.label, address.url) == ("file", "walk.mp4", str(path))
    assert parse("0", pace=True).kind == "file"


@pytest.mark.parametrize(
    ("text", "pace", "said"),
    [
        ("", False, "no source given"),
        ("   ", False, "no source given"),
        ("ftp://cam/1", False, r"ftp:// is not a supported source.* rtsp, "),
        ("rtsp://", False, "has no host"),
        ("rtsp://user:s3cret@", False, "has no host"),
        ("camera", False, "camera is not a valid source"),
        ("rtsp:/user:s3cret@cam/1", False, "^cam/… is not a valid source"),
        ("rtsp://user:53/cret@cam/1", False, "^the address rtsp://… has an @ after its host"),
        ("http://user:53#cret@cam/1", False, "@ as %40"),
        ("rtsp://user:s3cret@cam/1", True, "--pace is for files"),
    ],
)
def test_nonsense_is_refused_in_a_line_without_passwords(text: str, pace: bool, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse(text, pace=pace)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_listening_for_udp_needs_no_host() -> None:
    assert parse("udp://@239.0.0.1:5000").url == "udp://@239.0.0.1:5000"
    assert parse("udp://:5000").url == "udp://:5000"


# -- credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"rtsp://admin:{SECRET}@cam:554/live",
        f"rtsp://{SECRET}@cam/live",
        f"rtsp://admin:{SECRET}#/?x@cam/live",
        f"rtsp://cam/user=admin&password={SECRET}&channel=1",
        f"rtsp://cam/live?password={SECRET}",
        f"rtmp://cam/live/{SECRET}",
        f"rtmp://cam/{SECRET}",
        f"rtsp://cam/live/{SECRET}",
        f"https://cam/{SECRET}/index.m3u8",
        f"udp://cam:99/{SECRET}",
        f"srt://cam:99?passphrase={SECRET}",
        f"https://cam/{SECRET}.Ab1Cd2Ef3/index.m3u8",
    ],
)
def test_what_people_see_holds_no_credentials(text: str) -> None:
    address = parse(text)
    assert SECRET in address.url
    for shown in (address.label, repr(address), str(address), repr(address.options)):
        assert SECRET not in shown
    assert "cam" in address.label


def test_the_first_step_of_a_cameras_path_stays_readable() -> None:
    assert parse("rtsp://u:p@nvr:554/stream1").label == "rtsp://nvr:554/stream1"
    assert parse("rtsp://u:p@nvr:554/Streaming/Channels/101").label == (
        "rtsp://nvr:554/Streaming/…"
    )
    assert len(parse(f"rtsp://{'cam' * 99}/part").label) <= 60


@pytest.mark.parametrize(
    ("written", "user", "password"),
    [
        ("admin:plain", "admin", "plain"),
        ("admin:p%40ss%2F", "admin", "p@ss/"),
        ("admin:p@ss", "admin", "p@ss"),
        ("admin:p#s?s/w", "admin", "p#s?s/w"),
        ("admin:100%", "admin", "100%"),
        ("admin:", "admin", ""),
        ("us er:a:b", "us er", "a:b"),
    ],
)
def test_passwords_in_an_address_arrive_as_they_are_meant(
    written: str, user: str, password: str
) -> None:
    address = parse(f"rtsp://{written}@cam:554/live?x=1")
    assert login_of(address) == (user, password)
    assert urlsplit(address.url).hostname == "cam"
    assert urlsplit(address.url).path == "/live"


def test_an_at_sign_in_a_path_is_no_login() -> None:
    assert login_of(parse("http://cam/a@b.ts")) == ("", "")
    assert parse("http://[::1]:80/a@b.ts").url == "http://[::1]:80/a@b.ts"


@given(user=st.text(min_size=1), password=st.text())
def test_any_login_from_the_environment_arrives(user: str, password: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if any(c in user + password for c in "\0") or not _can_be_set(user + password):
            return
        patch.setenv("STREAM_ANON_USER", user)
        patch.setenv("STREAM_ANON_PASSWORD", password)
        address = parse("rtsp://cam/live")
    assert login_of(address) == (user, password)


def _can_be_set(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "user", "password"),
    [
        ("rtsp://cam/1", "env", SECRET),
        ("http://cam/1", "env", SECRET),
        ("rtsp://url:own@cam/1", "url", "own"),
        ("rtsp://env@cam/1", "env", SECRET),
        ("rtsp://other@cam/1", "other", ""),
        ("tcp://cam:1", "", ""),
        ("udp://cam:1", "", ""),
    ],
)
def test_the_environment_is_used_where_the_address_has_none(
    text: str, user: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_ANON_USER", "env")
    monkeypatch.setenv("STREAM_ANON_PASSWORD", SECRET)
    address = parse(text)
    assert login_of(address) == (user, password)
    assert SECRET not in address.label + repr(address)


def test_a_password_alone_goes_with_the_user_in_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STREAM_ANON_PASSWORD", SECRET)
    assert login_of(parse("rtsp://admin@cam/1")) == ("admin", SECRET)
    assert login_of(parse("rtsp://cam/1")) == ("", "")
