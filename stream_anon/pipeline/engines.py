"""Which parsers a run uses, loaded and ready."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.detectors.centerface import CenterFace
from stream_anon.detectors.labels import CENTERFACE_LABELS, CIHP_LABELS
from stream_anon.detectors.m2fp import store
from stream_anon.detectors.m2fp.configuration import read_configuration
from stream_anon.detectors.m2fp.convert import Converted, convert, find_converted
from stream_anon.detectors.m2fp.parser import M2FPParser
from stream_anon.errors import ModelError
from stream_anon.pipeline.calibration import FIRST_SECONDS, calibration_pictures

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.detectors.base import Parser

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Engines:
    """The parsers of one run."""

    faces: Parser
    """Looks at many frames."""
    bodies: Parser | None = None
    """Looks at keyframes."""
    notes: list[str] = field(default_factory=list)
    """What the user should know about them."""

    @property
    def all(self) -> list[Parser]:
        return [self.faces] if self.bodies is None else [self.bodies, self.faces]

    @property
    def name(self) -> str:
        return "+".join(parser.name for parser in self.all)

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights of each, in the order of `name`."""
        return "+".join(parser.model_hash for parser in self.all)

    @property
    def labels(self) -> frozenset[str]:
        return frozenset().union(*(parser.labels for parser in self.all))


def engine_name(settings: Settings) -> str:
    """What `auto` stands for on this machine, and everything else for itself.

    Raises:
        ModelError: m2fp is asked for, and its weights are not on this machine.
    """
    engine = settings.parsing.engine
    if engine == "auto":
        return "m2fp" if store.is_installed() else "centerface"
    if engine == "m2fp" and not store.is_installed():
        raise ModelError(
            "the weights of m2fp are not on this machine: get them with stream-anon models fetch "
            "m2fp, or from a folder with stream-anon models import m2fp PATH"
        )
    return engine


def seen_labels(engine: str) -> frozenset[str]:
    """What an engine can see, before anything is loaded; m2fp has centerface beside it."""
    bodies = frozenset(CIHP_LABELS.values()) if engine == "m2fp" else frozenset()
    return CENTERFACE_LABELS | bodies


def load_engines(engine: str, settings: Settings, info: StreamInfo, source: Path | None) -> Engines:
    """Load what `engine_name` gave.

    Args:
        engine: its name.
        settings: of the run.
        info: of the stream.
        source: its file; int8 that was never calibrated is calibrated on its first frames. None
            for a live stream, which does not wait for that.

    Raises:
        ModelError: weights are missing or damaged, or int8 does not see enough.
    """
    engines = Engines(
        CenterFace(
            info.color,
            pixel_aspect=float(info.pixel_aspect),
            min_score=settings.masking.track_score,
            threads=settings.parsing.threads,
            precision=settings.parsing.precision,
        )
    )
    if engine == "m2fp":
        try:
            converted = _ready(settings, source, engines.notes)
            engines.bodies = M2FPParser(
                read_configuration(store.model_dir()),
                converted,
                info.color,
                pixel_aspect=float(info.pixel_aspect),
                min_score=settings.m2fp.min_score,
                min_area=settings.masking.min_area,
                threads=settings.m2fp.threads,
            )
        except BaseException:
            engines.faces.close()
            raise
    return engines


def _ready(settings: Settings, source: Path | None, notes: list[str]) -> Converted:
    """The converted network; made now if it is not there yet."""
    folder, wanted = store.model_dir(), settings.m2fp
    if found := find_converted(folder, wanted.precision, wanted.short_side):
        return found
    if wanted.precision == "fp32":
        log.warning("preparing m2fp (fp32) for this machine, once: about a minute")
        return convert(folder)
    if source is None:
        raise ModelError(
            "m2fp in int8 is not calibrated for this size: do that first, with stream-anon models "
            f"convert m2fp --precision int8 --size {wanted.short_side} --frames FILE"
        )
    log.warning("preparing m2fp (int8) for this machine, once: about a minute")
    pictures = calibration_pictures(source, wanted.short_side, FIRST_SECONDS)
    converted = convert(
        folder,
        "int8",
        pictures=pictures,
        short_side=wanted.short_side,
        threads=wanted.threads,
    )
    agreement = converted.agreement or 0.0
    notes.append(
        f"m2fp in int8 was calibrated on the first frames of {source.name}; there it sees "
        f"{agreement:.1%} of what fp32 sees"
    )
    return converted
