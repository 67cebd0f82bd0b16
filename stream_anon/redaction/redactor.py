"""The one place where raw pictures become pictures that may be shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2

from stream_anon.core.redacted import _REDACTOR_KEY, DebugFrame, RedactedFrame, Unknown
from stream_anon.errors import ConfigError
from stream_anon.redaction.captions import draw_banner, draw_caption, draw_outline, empty_picture
from stream_anon.redaction.kept import KeptOfTracks
from stream_anon.redaction.regions import soft_region
from stream_anon.redaction.registry import Method, method_named
from stream_anon.redaction.spot import CHROMA, LUMA, Coverage, Spot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stream_anon.config import Redaction
    from stream_anon.core.frame import ColorTags, Frame, Planes, Stamp
    from stream_anon.core.parts import Part
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.redaction.observer import HiddenObserver

CRISP = 0.01
"""The edge, as a share of the part's box, of a method that draws outlines."""
BANNER = "DEBUG RUN: its preview can show what is hidden here"


class _Style(NamedTuple):
    method: Method
    settings: Redaction
    edge: float


def _style(settings: Redaction) -> _Style:
    method = method_named(settings.method)
    if method.check is not None:
        method.check(settings)
    return _Style(method, settings, CRISP if method.crisp else settings.edge)


class Redactor:
    """Hides the parts of a masked frame in its own planes; the rest is copied bit by bit."""

    def __init__(
        self,
        settings: Redaction,
        color: ColorTags,
        *,
        rules: Mapping[str, Redaction] | None = None,
        captions: bool = False,
        debug: bool = False,
        observer: HiddenObserver | None = None,
        kept: KeptOfTracks | None = None,
    ) -> None:
        """Be ready.

        Args:
            settings: how to hide.
            color: how the frames' numbers become colours.
            rules: how to hide parts of some labels, instead of by `settings`.
            captions: say in the picture why a frame is hidden whole.
            debug: mark every picture, and make views for the preview.
            observer: is told what is hidden in each frame, before it is drawn over.
            kept: what methods keep of tracks; of a redactor in whose place this one comes.

        Raises:
            ConfigError: a method is not in the registry.
        """
        self._style = _style(settings)
        self._rules = {label: _style(rule) for label, rule in (rules or {}).items()}
        self.kept = KeptOfTracks() if kept is None else kept
        """To be handed to a redactor that goes on with the same tracks."""
        self._color = color
        self._captions = captions
        self._debug = debug
        self._observer = observer

    def redact(self, masked: MaskedFrame) -> RedactedFrame:
        """Make the frame safe to show; a frame without a mask is hidden whole."""
        if isinstance(masked.parts, Unknown):
            return self.hide_whole(masked.frame, masked.parts)
        y, u, v = masked.frame.planes
        planes = (y.copy(), u.copy(), v.copy())
        self._hide(planes, self._in_order(masked.parts))
        self._mark(planes)
        return RedactedFrame(
            _REDACTOR_KEY,
            planes=planes,
            stamp=masked.frame.stamp,
            raw=masked.frame.planes,
            parts_hidden=len(masked.parts),
        )

    def hide_whole(self, frame: Frame, reason: Unknown) -> RedactedFrame:
        """A frame of which nothing may be seen: it is not read at all, but by an observer."""
        if self._observer is not None:
            self._observer.see_whole(frame.planes)
        height, width = frame.planes[0].shape
        planes = empty_picture(width, height, self._color)
        if self._captions:
            draw_caption(planes, [f"Hidden: {reason.value}"], self._color)
        self._mark(planes)
        return RedactedFrame(
            _REDACTOR_KEY, planes=planes, stamp=frame.stamp, raw=frame.planes, hidden_whole=reason
        )

    def slate(
        self, width: int, height: int, stamp: Stamp, reason: Unknown, lines: Sequence[str]
    ) -> RedactedFrame:
        """A picture with nothing but words, where there is no frame to show."""
        planes = empty_picture(width, height, self._color)
        draw_caption(planes, lines, self._color)
        self._mark(planes)
        return RedactedFrame(
            _REDACTOR_KEY, planes=planes, stamp=stamp, raw=None, hidden_whole=reason
        )

    def debug_view(self, masked: MaskedFrame, *, raw: bool) -> DebugFrame:
        """The picture with its masks outlined, for the preview of a debug run.

        Args:
            masked: the frame.
            raw: show it without redaction.

        Raises:
            ConfigError: this is not a debug run.
        """
        if not self._debug:
            raise ConfigError(
                "outlines and raw pictures are for debug runs: start with --mode debug"
            )
        shown = masked.frame.planes if raw else self.redact(masked).planes
        planes = (shown[0].copy(), shown[1].copy(), shown[2].copy())
        for part in () if isinstance(masked.parts, Unknown) else masked.parts:
            draw_outline(planes, part.box.grown(part.spread, part.spread), self._color)
        self._mark(planes)
        return DebugFrame(_REDACTOR_KEY, planes, raw=masked.frame.planes)

    def _mark(self, planes: Planes) -> None:
        if self._debug:
            draw_banner(planes, BANNER, self._color)

    def _in_order(self, parts: tuple[Part, ...]) -> Sequence[Part]:
        """With rules, parts that have one on top of others, and small ones on top of large ones."""
        if not self._rules:
            return parts
        return sorted(parts, key=lambda part: (part.label in self._rules, -part.box.area))

    def _hide(self, planes: Planes, parts: Sequence[Part]) -> None:
        """Hide the parts, one after the other, on planes that may be written to."""
        styles = [self._rules.get(part.label, self._style) for part in parts]
        regions = [soft_region(part, style.edge) for part, style in zip(parts, styles, strict=True)]
        if self._observer is not None:
            self._observer.see_parts(_read_only(planes), parts, regions)
        coverage = Coverage(regions, planes)
        safe = [not style.method.reads_hidden for style in styles]
        if any(safe) and not all(safe):
            # What one method reads, another may hide that promises to let nothing through.
            for number, (part, style) in enumerate(zip(parts, styles, strict=True)):
                if safe[number]:
                    self._draw(planes, coverage, number, part, style)
        for number, (part, style) in enumerate(zip(parts, styles, strict=True)):
            self._draw(planes, coverage, number, part, style)

    def _draw(
        self, planes: Planes, coverage: Coverage, number: int, part: Part, style: _Style
    ) -> None:
        views, shared, settings = _read_only(planes), dict[str, Any](), style.settings
        cell = (max(part.box.width, part.box.height) + 2 * part.spread) / settings.cells
        for which, scale in ((0, LUMA), (1, CHROMA), (2, CHROMA)):
            placed = coverage.placed(number, scale)
            if placed is None:
                continue
            rows, columns, opacity, clear = placed
            spot = Spot(
                planes=views,
                which=which,
                rows=rows,
                columns=columns,
                opacity=opacity,
                part=part,
                number=number,
                seed=_seed(part),
                # The soft edge makes it larger than the part: no more cells for that.
                cell=max(cell * scale, max(opacity.shape) / settings.cells),
                settings=settings,
                color=self._color,
                coverage=coverage,
                shared=shared,
                track=partial(self.kept.of, _seed(part)),
                secret=self.kept.secret,
            )
            planes[which][rows, columns] = cv2.blendLinear(
                style.method.draw(spot), spot.shown, opacity, clear
            )


def _seed(part: Part) -> int:
    """Stands for the track: a person's number is that of their track, -1 for nobody's."""
    return max(0, part.person + 1)


def _read_only(planes: Planes) -> Planes:
    views = (planes[0].view(), planes[1].view(), planes[2].view())
    for view in views:
        view.setflags(write=False)
    return views
