"""Whitelist of what FFmpeg may read: self-contained files, and nothing that they refer to.

A demuxer that is not listed here is refused. Left out on purpose: `concat`, `hls`, `dash`, `imf`,
`sdp`, `rtp`, `sap`, `mlv`, `vobsub`, `avisynth`, `vapoursynth` (they open what their input names,
or files next to it), devices, and text.
"""

from __future__ import annotations

import io
import os
import re
from typing import TYPE_CHECKING, TypeVar, cast

import av

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer

_Stream = TypeVar("_Stream", bound="av.stream.Stream")

MAX_READ_ERRORS = 100
"""Failed reads in a row after which the rest of the file is given up."""
SELF_CONTAINED = frozenset(
    """
    3dostr 4xm aa aac aax ac3 ac4 ace acm act adf adp ads adx aea afc aiff aix alaw alias_pix alp
    amr amrnb amrwb anm apac apc ape apm apng aptx aptx_hd apv argo_asf argo_brp argo_cvg asf asf_o
    ast au av1 avi avr avs avs2 avs3 bethsoftvid bfi bfstm bin bink binka bit bitpacked bmv boa bonk
    brender_pix brstm c93 caf cavsvideo cdg cdxl cine codec2 codec2raw daud dcstr derf dfa dfpwm
    dhav dirac dnxhd dsf dsicin dss dts dtshd dv dvbsub dvbtxt dxa ea ea_cdata eac3 epaf evc f32be
    f32le f64be f64le film_cpk filmstrip fits flac flic flv frm fsb fwse g722 g723_1 g726 g726le
    g728 g729 gdv genh gif gsm gxf h261 h263 h264 hca hcom hevc hnm hxvs iamf ico idcin idf iff ifv
    ilbc ingenient ipmovie ipu ircam iss iv8 ivf ivr jv kux kvag laf lc3 live_flv lmlm4 loas luodat
    lvf lxf m4v matroska mca mgsts mjpeg mjpeg_2000 mlp mm mmf mods moflex mov mp3 mpc mpc8 mpeg
    mpegts mpegtsraw mpegvideo mpjpeg msf msnwctcp msp mtaf mtv mulaw musx mv mvi mxf mxg nc
    nistsphere nsp nsv nut nuv obu ogg oma osq paf pdv pmp pp_bnk psxstr pva pvf qcp qoa r3d
    rawvideo redspark rka rl2 rm roq rpl rsd rso s16be s16le s24be s24le s32be s32le s337m s8 sbc
    scd sdns sdr2 sds sdx ser sga shn siff simbiosis_imx sln smjpeg smk smush sol sox spdif svag svs
    swf tak thp tiertexseq tmv truehd tta tty txd ty u16be u16le u24be u24le u32be u32le u8 usm v210
    v210x vag vc1 vc1test vidc vividas vivo vmd voc vpk vqf vvc w64 wady wav wavarc wc3movie wsaud
    wsd wsvqa wtv wv wve xa xbin xmd xmv xvag xwma yop yuv4mpegpipe

    bmp_pipe cri_pipe dds_pipe dpx_pipe exr_pipe gem_pipe gif_pipe hdr_pipe image2pipe j2k_pipe
    jpeg_pipe jpegls_pipe jpegxl_anim jpegxl_pipe jpegxs_pipe pam_pipe pbm_pipe pcx_pipe pfm_pipe
    pgm_pipe pgmyuv_pipe pgx_pipe phm_pipe photocd_pipe pictor_pipe png_pipe ppm_pipe psd_pipe
    qdraw_pipe qoi_pipe sgi_pipe sunrast_pipe tiff_pipe vbn_pipe webp_pipe xbm_pipe xpm_pipe
    xwd_pipe
    """.split()  # noqa: SIM905 - a list literal would take 350 lines
)
"""FFmpeg's names of the demuxers that read one file and no other."""
STREAMED = SELF_CONTAINED | {"rtsp", "hls", "dash", "webvtt"}
"""Formats that a camera or a server may send, network playlists included."""
NETWORK = (
    "crypto,data,ffrtmpcrypt,ffrtmphttp,http,httpproxy,https,rtmp,rtmpe,rtmps,rtmpt,rtmpte,rtmpts,"
    "rtp,srt,srtp,tcp,tls,udp"
)
"""Protocols that read nothing of this machine."""

_LONGEST_NAME = 1000
"""Bytes; `image2` cuts longer ones off, and reads what is called that."""
_LISTS = re.compile(
    rb"\s*(ffconcat|#EXTM3U|\[playlist\]|v=0\s|<\?xml|<MPD|<smil|<asx)", re.IGNORECASE
)
_HEAD = 256
"""Bytes of a file in which a list is recognised."""


def open_file(path: Path, *, demuxer: str | None = None) -> InputContainer:
    """Open a file for reading, so that no other file is ever read in its place or along with it.

    Args:
        path: taken literally, whatever signs it holds.
        demuxer: FFmpeg's name; None lets FFmpeg detect it.

    Raises:
        FFmpegError: it cannot be read, or its format is not one of those allowed.
    """
    allowed = set(SELF_CONTAINED)
    # `image2` reads the files x.U and x.V along with x.Y.
    if path.suffix.lower() != ".y" and len(os.fsencode(path)) < _LONGEST_NAME:
        allowed.add("image2")
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(sorted(allowed)),
        "pattern_type": "none",  # or image2 reads a series where the name holds %d or *
        "enable_drefs": "0",  # or QuickTime reads the files that it refers to
        "use_absolute_path": "0",
    }
    return av.open(f"file:{path}", format=demuxer, options=options, metadata_errors="replace")


def open_bytes(data: bytes, demuxer: str, most_pixels: int | None = None) -> InputContainer:
    """Open what is in memory for reading; nothing else is read along with it.

    Args:
        data: a whole file.
        demuxer: FFmpeg's name, one of `SELF_CONTAINED`.
        most_pixels: of a picture; opening a larger one allocates nothing for it.

    Raises:
        FFmpegError: it cannot be read.
    """
    options = {"protocol_whitelist": "", "format_whitelist": demuxer}
    if most_pixels is not None:
        options["max_pixels"] = str(most_pixels)  # of the decoder that looks at the first picture
    file = io.BytesIO(data)
    return av.open(file, "r", format=demuxer, options=options, metadata_errors="replace")


def demux(container: InputContainer, *streams: _Stream) -> Iterator[av.Packet[_Stream]]:
    """Packets of some streams of a file, and one at the end of each that empties its decoder.

    Damage can make FLV and others announce a stream in the middle. PyAV stumbles over it when all
    packets have been read and the other streams have ended.

    Args:
        container: an open input.
        streams: whose packets to read.

    Raises:
        FFmpegError: reading failed; going on may be possible, by a new call.
    """
    try:
        yield from cast("Iterator[av.Packet[_Stream]]", container.demux(*streams))
    except IndexError:
        return


def network_options() -> dict[str, str]:
    """FFmpeg's options for what comes from a network: nothing of this machine is read for it."""
    return {"protocol_whitelist": NETWORK, "format_whitelist": ",".join(sorted(STREAMED))}


def is_list(path: Path) -> bool:
    """Whether a file is a script or playlist, which names the files to be played.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _LISTS.match(file.read(_HEAD).removeprefix(b"\xef\xbb\xbf")) is not None
