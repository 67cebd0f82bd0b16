"""All that a run on one recording works with, opened."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from stream_anon.core.clear import NOBODY, Clear
from stream_anon.core.files import HashedFile
from stream_anon.core.stream_log import stream_logger
from stream_anon.detectors.scopes import choose, resolve_scope
from stream_anon.errors import ConfigError, SourceError
from stream_anon.masking.edited_masks import EditedMasker
from stream_anon.masking.edits import Edits, load_edits
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.identities import HUMAN
from stream_anon.masking.kept_people import KeepingMasker
from stream_anon.masking.masker import Masker
from stream_anon.masking.masks_file import open_masks
from stream_anon.masking.masks_masker import MasksMasker
from stream_anon.masking.tracks_file import load_tracks
from stream_anon.masking.tracks_masker import TracksMasker
from stream_anon.masking.zones import ZonedMasks, Zones, zone_rule
from stream_anon.pipeline.engines import load_engines
from stream_anon.pipeline.excerpt import ExcerptMasker
from stream_anon.pipeline.mutes import with_mutes
from stream_anon.pipeline.output import open_output
from stream_anon.pipeline.rules import (
    promises,
    rules_by_label,
    rules_for_tracks,
    told_apart,
    warn_of_reading,
)
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.core.files import PartFile
    from stream_anon.core.frame import StreamInfo
    from stream_anon.pipeline.excerpt import Excerpt, Selection
    from stream_anon.pipeline.sealing import Seal
    from stream_anon.pipeline.threads import MaskSource
    from stream_anon.sinks.file import MediaSink
    from stream_anon.sinks.pipe import Pipe

log = stream_logger(__name__)

TRACKS_ENGINE = "tracks file"
MASKS_ENGINE = "record of masks"
NO_EDITS = Edits()


class RecordingRun:
    """All that one run needs, opened; closed with `stack`."""

    def __init__(
        self,
        stack: ExitStack,
        source: Path,
        settings: Settings,
        tracks: Path | None,
        masks: Path | None,
        selection: Selection,
        clear: Clear = NOBODY,
        edits: Path | None = None,
    ) -> None:
        self.in_use = stack.enter_context(ExitStack())
        """Closes what the threads use."""
        self.settings = settings
        self.input = HashedFile(source)
        self.tracks = HashedFile(tracks) if tracks else None
        self.masks_file = HashedFile(masks) if masks else None
        self.edits_file = HashedFile(edits) if edits else None
        self.edits: Edits = load_edits(edits) if edits else NO_EDITS
        self._clear = clear
        self.sink: MediaSink | None = None
        self.apart: frozenset[str] = frozenset()
        self._notes: list[str] = []
        self._expected: str | None = None
        """SHA-256 of the input that the tracks or the masks were made from."""
        given = self._open_given()
        self.source = MediaSource(source, track=selection.video_track)
        self.in_use.callback(self.source.close)
        log.info("input %s", self.source.info.summary)
        log.debug("%s", self.source.info)
        self.selection = selection = self._checked(selection)
        self.masks: MaskSource
        if given is not None:
            self.check_input()
            self._given = given(self.source.info)
            if isinstance(self._given, EditedMasker):
                self._take_edits(self._given)
            self.masks = self._with_zones(self._given)
            self.model_hash = ""
        else:
            self._given = self.masks = self._masker(self.source.info)
        self._cut: ExcerptMasker | None = None
        if selection.excerpt is not None:
            self._cut = self._within(selection.excerpt)
        warn_of_reading(settings.redaction, self.rules)
        log.info("engine %s %s", self.engine, self.model_hash[:16])

    def _checked(self, selection: Selection) -> Selection:
        if selection.excerpt is None or not self.source.info.still:
            return selection
        self._notes.append("a picture has no length: the range had no effect, all of it is there")
        return replace(selection, excerpt=None)

    def _with_zones(self, given: MaskSource) -> MaskSource:
        """Masks that exist already say what to hide, and zones hide more."""
        zones, info = self.settings.redaction.zones, self.source.info
        self._notes += [
            f"the zone {zone.name} was not ignored: what is given says what to hide there"
            for zone in zones
            if zone.mode == "ignore"
        ]
        return ZonedMasks(given, Zones(zones, info.width, info.height))

    def _within(self, excerpt: Excerpt) -> ExcerptMasker:
        """Hide what is outside of the excerpt, and do not even read it where it is cut away."""
        info = self.source.info
        if excerpt.trim:
            self.source.seek(excerpt.searched(self.settings, info))
        self.masks = cut = ExcerptMasker(self.masks, excerpt, self.settings, info)
        return cut

    @property
    def promises(self) -> dict[str, str]:
        """What each method promises, by its name."""
        return promises(self.settings.redaction, self.rules)

    @property
    def expected_frames(self) -> int | None:
        """Of the output, an estimate for progress."""
        excerpt, info = self.selection.excerpt, self.source.info
        return info.frames if excerpt is None else excerpt.frames(info)

    def _open_given(self) -> Callable[[StreamInfo], MaskSource] | None:
        """Open the tracks file or record of masks that says what to hide, if there is one."""
        if self.tracks is not None:
            tracks = load_tracks(self.tracks.path)
            self._expected, self.engine = tracks.input_sha256, TRACKS_ENGINE
            labels = frozenset(track.label for track in tracks.tracks)
            self.rules, idle = rules_for_tracks(self.settings.redaction, labels)
            self._notes += [f"the rule for {name} had no effect: no track has it" for name in idle]
            if self._clear:
                return partial(KeepingMasker, tracks, self._clear)
            return partial(TracksMasker, tracks)
        if self.masks_file is not None:
            path = self.masks_file.path
            file, reader = open_masks(path)
            self.in_use.callback(file.close)
            self.engine = MASKS_ENGINE
            # Which labels it has is known at its end only.
            self.rules, _ = rules_for_tracks(self.settings.redaction, frozenset())
            if reader.footer is not None:
                self._expected = reader.footer.input_sha256
            else:
                self._notes.append(
                    f"{path.name} is truncated: frames after its end are hidden whole, and it is "
                    "not known whether it was made from this input"
                )
            self._reader = reader
            if self.edits_file is not None:
                return partial(EditedMasker, self.edits, reader)
            return partial(MasksMasker, reader)
        return None

    def _take_edits(self, masker: EditedMasker) -> None:
        """What edits change besides masks: how zones are hidden, and the sound."""
        redaction, output = self.settings.redaction, self.settings.output
        self.rules |= dict.fromkeys(masker.zone_labels, zone_rule(redaction))
        audio = with_mutes(output.audio, self.edits, self._reader, self.source.info.zero)
        changed = output.model_copy(update={"audio": audio})
        self.settings = self.settings.model_copy(update={"output": changed})

    def open_sink(
        self, stack: ExitStack, output: Path | Pipe, along: Sequence[PartFile], seal: Seal | None
    ) -> MediaSink:
        """Open the output; it is published together with `along`, and with its seal."""
        self.sink = sink = open_output(
            output,
            self.source.info,
            self.settings,
            self.input.path,
            along if seal is None else [*along, seal.file],
            kept=self.source.kept(self.settings.output.keep_metadata),
            excerpt=self.selection.excerpt,
        )
        stack.callback(sink.close)
        return sink

    def check_input(self) -> None:
        """Refuse tracks of another file than the input, also one that became another meanwhile."""
        path = self.input.path
        if self._expected and self._expected != self.input.sha256:
            if self.masks_file is not None:
                raise ConfigError(
                    f"the masks were computed from another file than {path.name}: name that "
                    "one, or compute them again"
                )
            raise ConfigError(
                f"the tracks were made from another file than {path.name}: remove input_sha256 "
                "from the tracks file to use them anyway"
            )
        if self._expected and self.input.changed:
            what = "masks" if self.masks_file is not None else "tracks"
            raise SourceError(
                f"{path} changed while it was read, and the {what} may no longer fit: "
                "wait until nothing writes to it, and run again"
            )

    def check_excerpt(self) -> None:
        """Refuse, at the end, an excerpt that had no frame."""
        if self._cut is not None:
            self._cut.check_found()

    def _masker(self, info: StreamInfo) -> Masker:
        settings = self.settings
        rows = choose(settings.parsing.engine, settings.redaction.scope, settings.detectors)
        scope = resolve_scope(settings.redaction.scope, rows)
        self.rules = rules_by_label(settings.redaction, scope, rows)
        engines = load_engines(rows, settings, info, self.input.path)
        for parser in engines.all:
            self.in_use.callback(parser.close)
        self.engine, self.model_hash = engines.name, engines.model_hash
        self._notes += engines.notes
        log.info("hiding %s", ", ".join(sorted(scope)))
        horizon = Horizon.of_recording(settings, info)
        if HUMAN in scope:  # without a whole person, all parts are followed anyway
            self.apart = told_apart(self.rules)
        return Masker(
            engines.fast, scope, settings, info, horizon, bodies=engines.slow, apart=self.apart
        )

    def notes(self) -> list[str]:
        """Notes for the user: where the output differs from the request."""
        notes = [*self._notes, *(self.sink.notes if self.sink is not None else ())]
        notes += self.source.notes
        if converted := self.source.info.converted_from:
            notes.append(f"pictures were converted from {converted} to 8-bit 4:2:0")
        files = (self.tracks, self.masks_file, self.edits_file)
        given = [file for file in files if file is not None]
        if given and "scope" in self.settings.redaction.model_fields_set:
            notes.append(f"the scope had no effect: {given[0].path.name} says what to hide")
        if isinstance(self._given, KeepingMasker | EditedMasker):
            notes += self._given.notes
        if isinstance(self._given, MasksMasker | EditedMasker):
            _, idle = rules_for_tracks(self.settings.redaction, frozenset(self._given.labels))
            notes += [f"the rule for {name} had no effect: no mask has it" for name in idle]
        return notes + [
            f"{file.path.name} changed while it was read: its hash is not known"
            for file in (self.input, *given)
            if file.changed
        ]
