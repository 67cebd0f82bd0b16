"""The sound of a live source: decoded, and disguised where asked, in the capture process."""

from __future__ import annotations

import threading
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
import av.error
import numpy as np

from stream_anon.audio.disguise import VoiceDisguise
from stream_anon.core.live_sound import (
    LONGEST_WAIT,
    SOUND_CHANNELS,
    SOUND_RATE,
    SoundBlock,
)
from stream_anon.sources.live.clock import TICKS

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from numpy.typing import NDArray

SLIP = SOUND_RATE // 50
"""Samples between the time that the source says and the count, from which on its time holds."""
_LOUDEST = np.iinfo(np.int16).max


class LiveEar:
    """Makes blocks of sound from the packets of one stream; their times count as the pictures'.

    `take` is for one thread, `heard` for another.
    """

    def __init__(self, stream: AudioStream, *, disguise: bool) -> None:
        """Open the decoder.

        Args:
            stream: of an open input.
            disguise: whether the voice is disguised.

        Raises:
            FFmpegError: the sound cannot be decoded.
        """
        stream.codec_context.open(strict=False)
        self.stream = stream
        self._layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
        self._form: tuple[int, str, str] | None = None
        self._disguises = disguise
        self._voice: VoiceDisguise | None = None
        self._next: int | None = None
        """The sample that comes next, counted in the source's time."""
        self._given = 0
        """The same of those that the disguise has handed out."""
        self._lock = threading.Lock()
        self._blocks: deque[SoundBlock] = deque()

    def take(self, packet: Packet[AudioStream]) -> None:
        """Decode one packet. What cannot be decoded is left out."""
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            return
        for frame in frames:
            start = None
            if frame.pts is not None and frame.time_base is not None:
                start = round(frame.pts * Fraction(frame.time_base) * SOUND_RATE)
            for even in self._resampled(frame):
                self._put(cast("NDArray[np.float32]", even.to_ndarray()), start)
                start = None

    def _resampled(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        form = (frame.sample_rate, frame.layout.name, frame.format.name)
        if form != self._form:
            self._form = form
            self._to_float = av.AudioResampler(format="fltp", layout=self._layout, rate=SOUND_RATE)
        return self._to_float.resample(frame)

    def _put(self, sound: NDArray[np.float32], start: int | None) -> None:
        if self._next is None or (start is not None and abs(start - self._next) > SLIP):
            if start is None:
                return  # nobody knows where it belongs
            self._start_at(start)
        assert self._next is not None
        self._next += sound.shape[1]
        if self._disguises:
            if self._voice is None:
                self._voice = VoiceDisguise(SOUND_RATE, len(sound))
            sound = self._voice.process(sound)
        self._give(sound)

    def _start_at(self, start: int) -> None:
        """Sound begins there: what the disguise still holds was before."""
        if self._voice is not None:
            self._give(self._voice.flush())
            self._voice = None
        self._next = self._given = start

    def _give(self, sound: NDArray[np.float32]) -> None:
        count = sound.shape[1]
        if not count:
            return
        even = np.clip(np.nan_to_num(sound), -1, 1) * _LOUDEST
        samples = np.repeat(even.T, SOUND_CHANNELS // len(sound), axis=1).astype(np.int16)
        time = round(Fraction(self._given * TICKS, SOUND_RATE))
        self._given += count
        with self._lock:
            self._blocks.append(SoundBlock(time, samples))
            newest = self._blocks[-1].time
            while abs(newest - self._blocks[0].time) > LONGEST_WAIT * TICKS:
                self._blocks.popleft()

    def heard(self) -> list[SoundBlock]:
        """All blocks since it was called last, by the source's time in units of the live clock."""
        with self._lock:
            blocks = list(self._blocks)
            self._blocks.clear()
        return blocks


class SoundQueue:
    """Sound that waits for the pictures of its time. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: deque[SoundBlock] = deque()

    def put(self, blocks: list[SoundBlock]) -> None:
        """Args: blocks: by pts. Where their time runs back, what was to come later is left out."""
        with self._lock:
            for block in blocks:
                while self._blocks and self._blocks[-1].time > block.time:
                    self._blocks.pop()
                self._blocks.append(block)
            while self._blocks and self._is_old(self._blocks[0]):
                self._blocks.popleft()

    def _is_old(self, block: SoundBlock) -> bool:
        return self._blocks[-1].time - block.time > LONGEST_WAIT * TICKS

    def until(self, pts: int) -> list[SoundBlock]:
        """Take what comes before it: a block that goes on after it is cut there."""
        taken: list[SoundBlock] = []
        with self._lock:
            while self._blocks and (block := self._blocks[0]).time < pts:
                count = -(-(pts - block.time) * SOUND_RATE // TICKS)
                taken.append(SoundBlock(block.time, block.samples[:count]))
                self._blocks.popleft()
                if count < len(block.samples):
                    rest = block.time + count * TICKS // SOUND_RATE
                    self._blocks.appendleft(SoundBlock(rest, block.samples[count:]))
        return taken
