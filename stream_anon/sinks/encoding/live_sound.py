"""The sound of a live output: in step with its picture, and silent where none comes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
import numpy as np

from stream_anon.core.live_sound import SOUND_CHANNELS, SOUND_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.audio.stream import AudioStream
    from av.container import OutputContainer

    from stream_anon.core.live_sound import Samples, SoundBlock

_ENCODERS = {"webm": "libopus"}
_COUNTS_BEFORE_ZERO = {"matroska", "webm"}
"""Containers in which a sound encoder's start-up comes before zero; elsewhere it is left out."""
SLIP = SOUND_RATE // 50
"""Samples by which sound may be off before silence is put in, or sound left out."""
PATIENCE = SOUND_RATE // 2
"""Samples by which sound may be late before there is silence in its place."""
INTERLEAVED = {"max_interleave_delta": "200000"}
"""FFmpeg's option: pictures wait for sound no longer than that, in microseconds."""


class LiveSound:
    """One sound track of a container, which begins at 0 with the first picture."""

    def __init__(self, container: OutputContainer) -> None:
        """Add a stream; the container has not been started."""
        self._container = container
        encoder = _ENCODERS.get(container.format.name, "aac")
        self._stream = cast(
            "AudioStream", container.add_stream(encoder, rate=SOUND_RATE, layout="stereo")
        )
        self._written = 0
        """Samples."""

    def put(self, blocks: Sequence[SoundBlock], zero: Fraction, unit: Fraction) -> None:
        """Write blocks of sound.

        Args:
            blocks: by pts.
            zero: the time of the first picture, in seconds.
            unit: seconds of a pts.
        """
        for block in blocks:
            at = round((block.time * unit - zero) * SOUND_RATE)
            if at - self._written > SLIP:
                self._silence(at - self._written)
            late = self._written - at
            if late > SLIP or at < 0:
                self._write(block.samples[max(late, 0) :])
            else:
                self._write(block.samples)

    def keep_up(self, time: Fraction) -> None:
        """Put silence where sound is missing for too long.

        Args:
            time: of the picture that is written, in seconds from the first one.
        """
        behind = round(time * SOUND_RATE) - self._written
        if behind > 2 * PATIENCE:
            self._silence(behind - PATIENCE)

    def finish(self, time: Fraction) -> None:
        """Write what the encoder holds, and silence up to the end of the picture.

        Args:
            time: of the last picture, in seconds from the first one.
        """
        self._silence(round(time * SOUND_RATE) - self._written)
        self._mux(None)

    def _silence(self, count: int) -> None:
        while count > 0:
            some = min(count, SOUND_RATE)
            self._write(np.zeros((some, SOUND_CHANNELS), np.int16))
            count -= some

    def _write(self, samples: Samples) -> None:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout="stereo"
        )
        frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        frame.pts = self._written
        self._written += len(samples)
        self._mux(frame)

    def _mux(self, frame: av.AudioFrame | None) -> None:
        early_is_fine = self._container.format.name in _COUNTS_BEFORE_ZERO
        for packet in self._stream.encode(frame):
            if early_is_fine or packet.pts is None or packet.pts >= 0:
                self._container.mux(packet)
