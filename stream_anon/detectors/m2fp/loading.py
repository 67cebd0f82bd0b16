"""M2FP, ready for a run: its network converted for this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.stream_log import stream_logger
from stream_anon.detectors.m2fp import store
from stream_anon.detectors.m2fp.configuration import read_configuration
from stream_anon.detectors.m2fp.convert import Converted, convert, find_converted
from stream_anon.detectors.m2fp.parser import M2FPParser
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from stream_anon.detectors.base import Loading

log = stream_logger(__name__)

HOW_TO_GET = (
    "with stream-anon models fetch m2fp, or from a folder with stream-anon models import m2fp PATH"
)


def load(loading: Loading) -> M2FPParser:
    """The parser of one run.

    Raises:
        ModelError: weights are missing or damaged, or int8 does not see enough.
    """
    settings, info = loading.settings, loading.info
    return M2FPParser(
        read_configuration(store.model_dir()),
        _converted(loading),
        info.color,
        pixel_aspect=float(info.pixel_aspect),
        min_score=settings.m2fp.min_score,
        min_area=settings.masking.min_area,
        threads=settings.m2fp.threads,
        networks=loading.networks,
    )


def _converted(loading: Loading) -> Converted:
    """The converted network; made now if it is not there yet."""
    folder, wanted = store.model_dir(), loading.settings.m2fp
    if found := find_converted(folder, wanted.precision, wanted.short_side):
        return found
    if wanted.precision == "fp32":
        log.warning("preparing m2fp (fp32) for this machine, once: about a minute")
        return convert(folder)
    if loading.pictures is None:
        raise ModelError(
            "m2fp in int8 is not calibrated for this size: do that first, with stream-anon models "
            f"convert m2fp --precision int8 --size {wanted.short_side} --frames FILE"
        )
    log.warning("preparing m2fp (int8) for this machine, once: about a minute")
    converted = convert(
        folder,
        "int8",
        pictures=loading.pictures(wanted.short_side),
        short_side=wanted.short_side,
        threads=wanted.threads,
    )
    agreement = converted.agreement or 0.0
    loading.notes.append(
        f"m2fp in int8 was calibrated on the first frames of {loading.origin}; there it sees "
        f"{agreement:.1%} of what fp32 sees"
    )
    return converted
