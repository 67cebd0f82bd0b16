"""What people see of an address, and what others see of one in a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.cli.live import _warn_of_secrets
from stream_anon.config import Live
from stream_anon.core.credentials import (
    address_shown,
    name_shown,
    scheme_of,
    shown_in,
    without_credentials,
)
from stream_anon.sinks.registry import parse_sink
from stream_anon.sources.registry import parse_source

KEY = "k3y"

SHOWN = [
    ("rtsp", "cam:554/stream1", "rtsp://cam:554/stream1"),
    ("rtsp", f"cam:554/live/{KEY}", "rtsp://cam:554/live/…"),
    ("rtsp", f"cam/live/{KEY}/more?a={KEY}#{KEY}", "rtsp://cam/live/…"),
    ("rtsp", "cam/abcd-1234-efgh-5678", "rtsp://cam/…"),
    ("rtsp", "cam/0123456789abcdef0123", "rtsp://cam/…"),
    ("rtsp", f"cam/user=admin&password={KEY}", "rtsp://cam/…"),
    ("RTSPS", "[::1]:322/a", "RTSPS://[::1]:322/a"),
    ("rtmp", f"host/app/{KEY}", "rtmp://host/app/…"),
    ("rtmp", f"host/{KEY}", "rtmp://host/…"),
    ("rtmps", f"host:443/rtmp/{KEY}?s_bl=1", "rtmps://host:443/rtmp/…"),
    ("https", f"host/{KEY}/index.m3u8", "https://host/…"),
    ("http", "host:80/", "http://host:80"),
    ("srt", f"host:9?streamid={KEY}&passphrase={KEY}", "srt://host:9"),
    ("udp", f"239.0.0.1:5000/{KEY}", "udp://239.0.0.1:5000/…"),
]


@pytest.mark.parametrize(("scheme", "rest", "shown"), SHOWN)
def test_an_address_for_people(scheme: str, rest: str, shown: str) -> None:
    assert address_shown(scheme, rest) == shown
    assert without_credentials(f"lost {scheme}://me:{KEY}@{rest}: it is away") == (
        f"lost {shown}: it is away"
    )
    assert without_credentials(f"('{scheme}://{rest}')").startswith(f"('{shown}'")
    assert without_credentials(shown) == shown, "nothing is taken off twice"


steps = st.lists(st.text("abcXYZ019-_.~=%", min_size=1, max_size=30), max_size=3)


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp"])
@given(steps=steps)
def test_no_stream_key_gets_into_a_label_or_a_repr(scheme: str, steps: list[str]) -> None:
    key = "Zk3y"
    text = f"{scheme}://host:99/{'/'.join(['app', *steps, key])}"
    for address in (parse_source(text, settings=Live()), parse_sink(text)):
        assert address.label == f"{scheme}://host:99/app/…"
        assert key not in repr(address)
        target = getattr(address, "url", "") or getattr(address, "target", "")
        assert target == text, "it is used as it is"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("camera", "camera"),
        ("out.avi", "out.avi"),
        (f"rtmp:/me:{KEY}@host/app/{KEY}", "host/…"),
        (f"rtmp:/host/app/{KEY}", "rtmp:/…"),
        (f"host.example/app/{KEY}", "host.example/…"),
        (f"host?key={KEY}", "host"),
    ],
)
def test_what_may_be_a_mistyped_address_is_shown_in_part(text: str, shown: str) -> None:
    assert name_shown(text) == shown


@pytest.mark.parametrize(
    ("text", "scheme"),
    [("rtmp:/host/app", "rtmp"), ("RTSP://cam", "rtsp"), ("C:/a.mp4", None), ("a/b.mp4", None)],
)
def test_the_name_of_a_file_may_be_an_address(text: str, scheme: str | None) -> None:
    assert scheme_of(text) == scheme


TOLD = [
    ("0", None),
    ("visit.mp4", None),
    ("rtsp://cam/stream1", None),
    ("rtsp://admin@cam/Streaming/Channels/101?channel=1", None),
    ("udp://@239.0.0.1:5000?ttl=2", None),
    ("rtmp://host/app", None),
    ("rtsp://admin:pw@cam/1", "password"),
    ("rtsp://admin:p/w@cam/1", "password"),
    ("rtsp://cam/live?token=abc", "key"),
    ("srt://cam:9?mode=caller&passphrase=abc", "key"),
    ("https://cam/Ab1Cd2Ef3Gh4/index.m3u8", "key"),
    ("rtmp://host/app/abc", "stream key"),
]


@pytest.mark.parametrize(("address", "what"), TOLD)
def test_what_a_command_shows_to_everybody(address: str, what: str | None) -> None:
    shown = shown_in(address)
    assert (shown.what if shown else None) == what


@pytest.mark.parametrize(
    ("source", "targets", "advice"),
    [
        ("rtsp://me:pw@cam/1", [], ["STREAM_ANON_USER and STREAM_ANON_PASSWORD"]),
        ("0", ["rtsp://me:pw@host/1"], ["STREAM_ANON_PUBLISH_USER and STREAM_ANON_PUBLISH_PASS"]),
        ("0", ["rtmp://host/app/abc", "rtmp://other/app/abc"], ["STREAM_ANON_PUBLISH_KEY"]),
        ("rtmp://host/app/abc", [], ["prepare_live"]),
        ("srt://cam:9?passphrase=abc", ["a.mkv"], ["prepare_live"]),
        ("0", ["a.mkv"], []),
    ],
)
def test_people_are_told_of_it_once_with_what_to_do(
    source: str, targets: list[str], advice: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    _warn_of_secrets(source, targets)
    assert len(caplog.messages) == len(advice)
    for message, wanted in zip(caplog.messages, advice, strict=True):
        assert message.startswith("every user of this machine can see the ")
        assert wanted in message
        assert not {"pw", "abc"} & set(message.replace(":", " ").split())
