"""The detectors of one run, loaded and ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream_anon.detectors.base import Loading
from stream_anon.detectors.compiled import COMPILED
from stream_anon.detectors.runtime import Network, Networks
from stream_anon.errors import ModelError
from stream_anon.pipeline.calibration import FIRST_SECONDS, calibration_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.detectors.base import Detector
    from stream_anon.detectors.registry import Row


@dataclass(slots=True)
class Engines:
    """The detectors of one run. The run closes them."""

    fast: list[Detector]
    """Run on many frames."""
    slow: Detector | None = None
    """Runs on keyframes."""
    without_weights: list[str] = field(default_factory=list)
    """Names of rows whose labels the masker itself sees."""
    notes: list[str] = field(default_factory=list)
    """Notes for the user about them."""

    @property
    def all(self) -> list[Detector]:
        return [*([] if self.slow is None else [self.slow]), *self.fast]

    @property
    def name(self) -> str:
        return "+".join((*(detector.name for detector in self.all), *self.without_weights))

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights of each, in the order of `name`."""
        return "+".join(detector.model_hash for detector in self.all)

    @property
    def labels(self) -> frozenset[str]:
        return frozenset().union(*(detector.labels for detector in self.all))

    def close(self) -> None:
        """Free all of them."""
        for detector in self.all:
            detector.close()


def networks_kept() -> AbstractContextManager[None]:
    """Inside, networks stay compiled from one run to the next."""
    return COMPILED.keeping()


def load_engines(
    rows: Sequence[Row],
    settings: Settings,
    info: StreamInfo,
    source: Path | None,
    networks: Networks = Network,
) -> Engines:
    """Load the detectors that `choose` gave.

    Args:
        rows: theirs.
        settings: of the run.
        info: of the stream.
        source: its file, to calibrate on where one has to be; None for a live stream, which does
            not wait for that.
        networks: loads their networks.

    Raises:
        ModelError: weights are missing or damaged, or there are two slow ones.
    """
    slow = [row.name for row in rows if not row.is_fast]
    if len(slow) > 1:
        raise ModelError(f"one run has one slow detector, not {' and '.join(slow)}: name one")
    loading = Loading(settings, info, networks=networks)
    if source is not None:
        file = source
        loading = Loading(
            settings,
            info,
            lambda short_side: calibration_pictures(file, short_side, FIRST_SECONDS),
            file.name,
            networks=networks,
        )
    engines = Engines([], notes=loading.notes)
    try:
        for row in rows:
            if not row.is_model:
                engines.without_weights.append(row.name)
                continue
            detector = row.load(loading)
            if row.is_fast:
                engines.fast.append(detector)
            else:
                engines.slow = detector
    except BaseException:
        engines.close()
        raise
    return engines
