"""What a packet tells about itself."""

from __future__ import annotations

import pytest

from stream_anon.sources.decoding.bitstream import NalReader, shows_nothing

IDR, SEI, SPS, SLICE = b"\x65\x88", b"\x06", b"\x67\x64\x00\x1f", b"\x41\x9a"
AVCC = b"\x01\x64\x00\x1f\xff"


def _annex_b(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def _boxed(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def _recovery(bits: int) -> bytes:
    """Other information before it, longer than one byte can say."""
    return SEI + b"\x05\xff\x02" + b"x" * 257 + bytes([6, 1, bits, 0x80])


@pytest.mark.parametrize(
    ("units", "is_entry"),
    [
        ([SPS, IDR], True),
        ([SLICE], False),
        ([_recovery(0xC4), SLICE], True),
        ([_recovery(0x84), SLICE], False),  # at once, but not exact
        ([_recovery(0x4C), SLICE], False),  # after two frames
        ([SEI + b"\x05\x01x\x80", SLICE], False),
        ([], False),
    ],
)
def test_h264_begins_at_idr_pictures_and_at_recovery_points_without_delay(
    units: list[bytes], is_entry: bool
) -> None:
    assert NalReader("h264", None).is_entry(_annex_b(*units)) == is_entry
    assert NalReader("h264", AVCC).is_entry(_boxed(*units)) == is_entry


@pytest.mark.parametrize(("kind", "is_entry"), [(19, True), (21, True), (1, False), (32, False)])
def test_hevc_begins_at_random_access_points(kind: int, is_entry: bool) -> None:
    assert NalReader("hevc", None).is_entry(_annex_b(bytes([kind << 1, 1, 0x80]))) == is_entry


def test_sequence_parameters_are_found_between_other_units() -> None:
    assert NalReader("h264", None).parameters(_annex_b(SEI + b"x", SPS, IDR)) == SPS
    assert NalReader("h264", AVCC).parameters(_boxed(IDR)) == b""


def test_a_packet_that_ends_too_early_is_no_entry() -> None:
    assert not NalReader("h264", AVCC).is_entry(b"\xff\xff\xff")
    assert not NalReader("h264", None).is_entry(_annex_b(SEI + b"\xff\xff"))


@pytest.mark.parametrize(
    ("codec", "packet", "hidden"),
    [
        ("vp8", b"\x11\x00", False),
        ("vp8", b"\x01\x00", True),
        ("vp9", b"\x86\x00", False),  # an inter frame, shown
        ("vp9", b"\x84\x00", True),
        ("vp9", b"\x88\x00", False),  # one that is there already is shown
        ("vp9", b"\xb2\x00", True),  # profile 3
        ("vp9", b"\xb3\x00", False),
        ("vp9", b"\x84\x00\xc1", False),  # several in one packet
        ("h264", b"\x00\x00", False),
    ],
)
def test_packets_of_vp8_and_vp9_may_show_nothing(codec: str, packet: bytes, hidden: bool) -> None:
    assert shows_nothing(codec, packet) == hidden
