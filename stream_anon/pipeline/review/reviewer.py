"""Pictures and boxes of one recording for whoever reviews it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.core.review_frame import _REVIEWER_KEY, QUALITY, ReviewFrame
from stream_anon.errors import ConfigError, SourceError
from stream_anon.masking.edited_masks import EditedFrames
from stream_anon.masking.edits import Edits, parse_edits
from stream_anon.masking.keeping import Keeping
from stream_anon.masking.masks_file import open_masks
from stream_anon.masking.masks_masker import MasksMasker
from stream_anon.masking.outline import Outline
from stream_anon.masking.zones import zone_rule
from stream_anon.pipeline.review.lanes import thumb_of
from stream_anon.pipeline.review.pictures import Pictures
from stream_anon.pipeline.rules import rules_for_tracks
from stream_anon.redaction.redactor import Redactor
from stream_anon.sources.file import MediaSource
from stream_anon.sources.ranges import FrameRange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Part
    from stream_anon.masking.masks_format import FrameMasks

LARGEST = (1920, 1080)
"""Pixels of a picture that is sent, at most."""
NEAR = 12
"""Frames that are rather decoded and passed over than sought."""
MOST_BOXES = 2000
"""Frames whose boxes are given at once."""


class Reviewer:
    """One recording with its record of masks, open. Used by one thread; closed once."""

    def __init__(self, source: Path, masks: Path, thumbs: Path, settings: Settings) -> None:
        """Open both.

        Args:
            source: the recording.
            masks: the record of its masks.
            thumbs: the pictures that `find_lanes` has written.
            settings: how it is redacted.

        Raises:
            StreamAnonError: one of them cannot be read, or they do not fit.
        """
        self._thumbs, self._settings = thumbs, settings
        self._stack = ExitStack()
        try:
            self._stack.enter_context(single_threaded_opencv)
            self._source = MediaSource(source)
            self._stack.callback(self._source.close)
            file, self._reader = open_masks(masks)
            self._stack.callback(file.close)
            MasksMasker(self._reader, self._source.info)  # refuses what does not fit
            self._masks = {frame.index: frame for frame in self._reader.frames()}
        except BaseException:
            self._stack.close()
            raise
        self.outline = Outline.of(self._reader.header, self._masks.values())
        self._pictures = Pictures(self._source.info)
        self._reading: Iterator[Frame] | None = None
        self._next = 0
        self.use(Edits())

    def use(self, edits: Edits) -> None:
        """Take edits over.

        Raises:
            ConfigError: one is refused; those before stay in force.
        """
        frames = EditedFrames(self.outline, edits)
        self._crossings = frames.crossings(self._reader)
        self._edited = frames
        redaction = self._settings.redaction
        rules, _ = rules_for_tracks(redaction, frozenset())
        rules |= dict.fromkeys(frames.zone_labels, zone_rule(redaction))
        self._redactor = Redactor(redaction, self._source.info.color, rules=rules, captions=True)

    def use_json(self, edits: Any) -> list[dict[str, Any]]:
        """Take edits over as they come out of JSON, and give them back as they are kept.

        Raises:
            ConfigError: one is refused; those before stay in force.
        """
        parsed = parse_edits(edits)
        self.use(parsed)
        return parsed.to_json()

    def checked(self, edits: Any) -> list[dict[str, Any]]:
        """Edits as they are kept, without taking them over.

        Raises:
            ConfigError: one is refused.
        """
        parsed = parse_edits(edits)
        EditedFrames(self.outline, parsed)
        return parsed.to_json()

    # -- pictures -------------------------------------------------------------------------------

    def raw(self, index: int, operator: str) -> ReviewFrame:
        """A frame as it came, with a watermark.

        Args:
            index: of the frame.
            operator: who looks at it.

        Raises:
            SourceError: there is no such frame, or it is damaged.
        """
        picture = self._pictures.whole(self._frame(index).planes, LARGEST)
        return ReviewFrame(
            _REVIEWER_KEY, picture=picture, index=index, operator=operator, at=datetime.now(UTC)
        )

    def thumb(self, track: int, operator: str) -> ReviewFrame:
        """Somebody, as they are seen best, with a watermark.

        Raises:
            SourceError: there is no picture of them.
        """
        picture = cv2.imread(str(thumb_of(self._thumbs, track)))
        known = self.outline.tracks.get(track)
        if picture is None or known is None:
            raise SourceError(f"there is no picture of track {track}")
        return ReviewFrame(
            _REVIEWER_KEY, picture=np.asarray(picture, np.uint8), index=known.first,
            operator=operator, at=datetime.now(UTC),
        )  # fmt: skip

    def redacted(self, index: int) -> bytes:
        """A frame as it will be, as a JPEG. Rendering may hide more of those who are kept.

        Raises:
            SourceError: there is no such frame.
        """
        redacted = self._redactor.redact(self._masked(self._frame(index)))
        picture = self._pictures.whole(redacted.planes, LARGEST)
        done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not done:
            raise SourceError(f"frame {index} cannot be encoded")
        return data.tobytes()

    def _masked(self, frame: Frame) -> MaskedFrame:
        known = self._masks.get(frame.index)
        if frame.corrupt:
            return MaskedFrame(frame, Unknown.CORRUPT)
        if known is None or known.pts != frame.pts:
            return MaskedFrame(frame, Unknown.NOT_IN_TRACKS)
        if isinstance(known.parts, Unknown):
            return MaskedFrame(frame, known.parts)
        parts, kept = self._edited.edited(frame.index, known.parts)
        keeping = Keeping(self._crossings, float(self._source.info.zero))
        return MaskedFrame(frame, keeping.hidden(frame, parts, kept, alone=True))

    def _frame(self, index: int) -> Frame:
        if not 0 <= index < self.outline.frames:
            raise SourceError(
                f"there is no frame {index}: the last one is {self.outline.frames - 1}"
            )
        if self._reading is None or not self._next <= index < self._next + NEAR:
            self._stop_reading()
            self._source.seek(FrameRange(index))
            self._reading = self._source.frames()
        for frame in self._reading:
            self._next = frame.index + 1
            if frame.index == index:
                return frame
            if frame.index > index:
                break
        self._stop_reading()
        raise SourceError(f"frame {index} cannot be decoded")

    def _stop_reading(self) -> None:
        if self._reading is not None:
            with suppress(AttributeError):
                self._reading.close()  # type: ignore[attr-defined]
            self._reading = None

    # -- boxes ----------------------------------------------------------------------------------

    def boxes(self, first: int, last: int) -> dict[str, list[dict[str, Any]]]:
        """What is hidden in frames, and who would be and is kept, by frame.

        Raises:
            ConfigError: these are too many.
        """
        if not 0 <= first <= last or last - first >= MOST_BOXES:
            raise ConfigError(f"ask for 1 to {MOST_BOXES} frames at once, in their order")
        found = {}
        for index in range(first, last + 1):
            known = self._masks.get(index)
            if known is not None:
                found[str(index)] = self._in_frame(known)
        return found

    def _in_frame(self, frame: FrameMasks) -> list[dict[str, Any]]:
        if isinstance(frame.parts, Unknown):
            return [{"whole": frame.parts.value}]
        parts, kept = self._edited.edited(frame.index, frame.parts)
        return [_listed(part, is_kept=part.person in kept) for part in parts]

    def close(self) -> None:
        self._stop_reading()
        self._stack.close()


def _listed(part: Part, *, is_kept: bool) -> dict[str, Any]:
    box = part.box.grown(part.spread, part.spread)
    return {
        "track": part.person,
        "label": part.label,
        "box": [round(float(v), 1) for v in box],
        "score": round(float(part.score), 3),
        "hidden": not is_kept,
    }
