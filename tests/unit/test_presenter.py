"""The last stage of a live run: what is sent, what a slate says, and what never goes out."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.config import Redaction, load_settings
from stream_anon.core.channel import Channel
from stream_anon.core.frame import ColorTags
from stream_anon.core.live_sound import SoundBlock
from stream_anon.core.redacted import MaskedFrame, RedactedFrame, Unknown
from stream_anon.errors import ConfigError
from stream_anon.pipeline.figures.stats import LiveStats
from stream_anon.pipeline.live.controls import ChosenFrame, Controls
from stream_anon.pipeline.live.presenter import Presenter
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.process.transport import DEBUG, FRAME, sound_of, unpack
from stream_anon.sources.live.sound import SoundQueue
from stream_anon.sources.live.state import SourceState
from tests.stubs import START, face, make_frame, make_info, stub_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.pipeline.live.controls import Choice
    from stream_anon.processes.wire import Message

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

WIDTH, HEIGHT = 320, 192
UNIT = Fraction(1, 90_000)
SECRET = START
"""Where the raw pictures hold a pattern that must not come out."""


class Camera:
    """A clock, and whether anything comes."""

    def __init__(self) -> None:
        self.is_away = False
        self.sound = SoundQueue()
        self.began = monotonic()

    @property
    def state(self) -> SourceState:
        return SourceState(since=0.0, connected=not self.is_away, last_good=monotonic())

    def clock_now(self) -> int:
        return round((monotonic() - self.began) * 90_000)

    def sound_until(self, pts: int) -> list[SoundBlock]:
        return self.sound.until(pts)


class Outlet:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    def offer(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def frames(self) -> list[RedactedFrame]:
        return [unpack(message) for message in self.messages if message.kind == FRAME]


class Stage:
    """A presenter at work."""

    def __init__(self, **settings: Any) -> None:
        given = {key.replace("__", "."): value for key, value in settings.items()}
        loaded = load_settings(None, given)
        self.info = replace(make_info(WIDTH, HEIGHT), time_base=UNIT, live=True)
        self.controls = Controls(loaded.redaction, [stub_row()], debug=loaded.live.mode == "debug")
        self.camera, self.stats = Camera(), LiveStats()
        self.outlet, self.preview = Outlet(), Outlet()
        self.masked: Channel[ChosenFrame] = Channel(100)
        self.presenter = Presenter(
            self.info, loaded, self.controls, self.camera, self.stats, [self.outlet], self.preview
        )
        self.due = 0
        self.thread = threading.Thread(target=self.presenter.run, args=(self.masked,))
        self.thread.start()

    def put(self, parts: object = None, *, pts: int | None = None) -> MaskedFrame:
        return self.put_chosen(self.controls.choice, parts, pts=pts)

    def put_chosen(
        self, choice: Choice, parts: object = None, *, pts: int | None = None
    ) -> MaskedFrame:
        luma = np.full((HEIGHT, WIDTH), 90, np.uint8)
        x, y, w, h = (round(v) for v in SECRET)
        luma[y : y + h, x : x + w] = (np.indices((h, w)).sum(0) % 2) * 200 + 20
        frame = make_frame(WIDTH, HEIGHT, luma=luma, time_base=UNIT)
        self.due = max(self.due + 3600, self.camera.clock_now())
        frame = replace(
            frame,
            pts=self.due if pts is None else pts,
            captured_at=monotonic(),
        )
        item = MaskedFrame(frame, (face(SECRET),) if parts is None else parts)  # type: ignore[arg-type]
        self.masked.put(ChosenFrame(item, choice))
        return item

    def end(self) -> None:
        self.masked.close()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.end()


def shows_secret(frame: RedactedFrame) -> bool:
    """Whether neighbouring pixels inside the face still differ as they did."""
    x, y, w, h = (round(v) for v in SECRET)
    inner = frame.planes[0][y + h // 4 : y + 3 * h // 4, x + w // 4 : x + 3 * w // 4]
    return bool(np.abs(np.diff(inner.astype(int), axis=1)).mean() > 20)


def wait_for(outlet: Outlet, count: int, seconds: float = 5.0) -> None:
    deadline = monotonic() + seconds
    while len(outlet.messages) < count:
        assert monotonic() < deadline, f"{len(outlet.messages)} of {count} came"
        sleep(0.01)


def test_the_pattern_is_one_that_would_be_seen(stage: Stage) -> None:
    raw = stage.put(()).frame
    wait_for(stage.outlet, 1)
    assert shows_secret(stage.outlet.frames[0]), "nothing hidden"
    assert np.array_equal(stage.outlet.frames[0].planes[0], raw.planes[0])


def test_frames_go_out_redacted_with_their_times(stage: Stage) -> None:
    sent = [stage.put() for _ in range(5)]
    wait_for(stage.outlet, 5)
    assert [f.pts for f in stage.outlet.frames] == sorted({s.frame.pts for s in sent})
    assert not any(shows_secret(frame) for frame in stage.outlet.frames)
    assert stage.stats.snapshot().latency is not None


@pytest.mark.parametrize("reason", [Unknown.CORRUPT, Unknown.NOT_PARSED, Unknown.PARSER_FAILED])
def test_a_frame_without_a_mask_is_hidden_whole_and_says_why(stage: Stage, reason: Unknown) -> None:
    stage.put(reason)
    wait_for(stage.outlet, 1)
    frame = stage.outlet.frames[0]
    assert frame.hidden_whole is reason
    assert not shows_secret(frame)
    plain = Redactor(load_settings().redaction, ColorTags()).redact(
        MaskedFrame(make_frame(WIDTH, HEIGHT), reason)
    )
    assert not np.array_equal(plain.planes[0], frame.planes[0]), "with words in it"
    assert stage.stats.snapshot().hidden_whole == {reason: 1}


@pytest.mark.parametrize("away", [True, False])
def test_a_slate_goes_on_at_the_streams_rate_while_nothing_comes(stage: Stage, away: bool) -> None:
    stage.camera.is_away = away
    stage.put()
    wait_for(stage.outlet, 1)
    began = monotonic()
    wait_for(stage.outlet, 2)
    assert 0.3 < monotonic() - began < 1.0, "not at once"
    sleep(1.0)
    slates = stage.outlet.frames[1:]
    assert 18 <= len(slates) <= 27
    assert {f.hidden_whole for f in slates} == {Unknown.AWAY if away else Unknown.LATE}
    times = [f.pts for f in stage.outlet.frames]
    assert times == sorted(set(times))
    steps = np.diff([f.pts for f in slates]) / 3600
    assert abs(float(np.mean(steps)) - 1) < 0.2


def hears(stage: Stage) -> int:
    """Samples of sound that have gone out."""
    return sum(len(b.samples) for m in list(stage.outlet.messages) for b in sound_of(m))


def test_sound_goes_out_with_the_picture_of_its_time(stage: Stage) -> None:
    stage.camera.sound.put([SoundBlock(0, np.ones((480, 2), np.int16))])
    stage.camera.sound.put([SoundBlock(90_000 * 5, np.ones((480, 2), np.int16))])
    stage.put(pts=1800)
    wait_for(stage.outlet, 1)
    assert hears(stage) == 480
    assert [block.time for block in sound_of(stage.outlet.messages[0])] == [0]


@pytest.mark.parametrize("away", [True, False])
def test_it_is_silent_while_the_source_is_away(stage: Stage, away: bool) -> None:
    stage.put()
    wait_for(stage.outlet, 1)
    stage.camera.is_away = away
    stage.camera.sound.put([SoundBlock(stage.due + 1, np.ones((480, 2), np.int16))])
    wait_for(stage.outlet, 12)
    assert hears(stage) == (0 if away else 480)
    assert stage.camera.sound.until(10**12) == []


def test_frames_take_over_from_a_slate_without_running_back(stage: Stage) -> None:
    stage.put()
    wait_for(stage.outlet, 3)
    old = stage.put(pts=1)  # its time has passed
    new = stage.put()
    deadline = monotonic() + 2
    while stage.outlet.messages[-1].fields["hidden_whole"] and monotonic() < deadline:
        sleep(0.01)
    times = [f.pts for f in stage.outlet.frames]
    assert times == sorted(set(times))
    assert new.frame.pts in times
    assert old.frame.pts not in times
    assert stage.stats.snapshot().dropped == {"a slate stands in its place": 1}


def test_a_redactor_that_fails_costs_the_frame_its_picture(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("20 220 20 220")

    monkeypatch.setattr(Redactor, "_hide", fail)
    stage.put()
    wait_for(stage.outlet, 1)
    frame = stage.outlet.frames[0]
    assert frame.hidden_whole is Unknown.FAILED
    assert not shows_secret(frame)


def test_keys_change_how_things_are_hidden(stage: Stage) -> None:
    stage.put()
    wait_for(stage.outlet, 1)
    stage.controls.press("m")
    stage.controls.press("m")
    stage.put()
    wait_for(stage.outlet, 2)
    x, y = (round(v) for v in SECRET.center)
    blurred, filled = (f.planes[0][y - 9 : y + 9, x - 9 : x + 9] for f in stage.outlet.frames[:2])
    assert filled.min() == filled.max() != blurred.mean()


def test_masks_of_an_earlier_choice_are_filled_as_that_one_says(stage: Stage) -> None:
    before = stage.controls.choice
    stage.controls.reload(Redaction(method="fill"))
    late = stage.put_chosen(before)
    stage.put()
    wait_for(stage.outlet, 2)
    x, y = (round(v) for v in SECRET.center)
    blurred, filled = (f.planes[0][y - 9 : y + 9, x - 9 : x + 9] for f in stage.outlet.frames[:2])
    assert stage.outlet.frames[0].pts == late.frame.pts
    assert filled.min() == filled.max()
    assert np.abs(blurred.astype(np.int16) - filled).min() > 20


class TestDebug:
    @pytest.mark.parametrize("key", ["d", "r"])
    def test_production_has_no_outlines_and_no_raw_pictures(self, stage: Stage, key: str) -> None:
        stage.controls.press(key)
        for _ in range(3):
            stage.put()
        wait_for(stage.preview, 3)
        assert {message.kind for message in stage.preview.messages} == {FRAME}
        assert not any(shows_secret(frame) for frame in stage.preview.frames)
        with pytest.raises(ConfigError, match="--mode debug"):
            stage.presenter._redactor.debug_view(stage.put(), raw=True)

    def test_raw_pictures_go_to_the_preview_alone_and_every_picture_has_a_banner(self) -> None:
        stage = Stage(live__mode="debug")
        stage.controls.press("r")
        stage.put()
        stage.put(Unknown.CORRUPT)
        wait_for(stage.outlet, 2)
        wait_for(stage.preview, 2)
        stage.end()
        assert {message.kind for message in stage.outlet.messages} == {FRAME}
        assert not any(shows_secret(frame) for frame in stage.outlet.frames)
        shown = stage.preview.messages[0]
        assert shown.kind == DEBUG
        x, y = (round(v) for v in SECRET.center)
        assert np.ptp(shown.planes[0][y - 4 : y + 4, x - 4 : x + 4]) > 100, "raw, as asked for"
        for message in (*stage.outlet.messages, *stage.preview.messages):
            assert message.planes[2][0, 0] > 150, "the red banner"

    def test_outlines_do_not_unhide(self) -> None:
        stage = Stage(live__mode="debug")
        stage.controls.press("d")
        stage.put()
        wait_for(stage.preview, 1)
        stage.end()
        luma = stage.preview.messages[0].planes[0]
        x, y = (round(v) for v in SECRET.center)
        assert np.ptp(luma[y - 4 : y + 4, x - 4 : x + 4]) < 60
        assert luma[round(SECRET.y), round(SECRET.x) : round(SECRET.x + 40)].mean() > 220


def test_rules_count_at_once() -> None:
    stage = Stage(redaction__rules={"face": {"method": "fill", "color": "#ffffff"}})
    try:
        stage.put()
        wait_for(stage.outlet, 1)
        black = Redaction.model_validate(
            {"rules": {"face": {"method": "fill", "color": "#000000"}}}
        )
        stage.controls.reload(black)
        stage.put()
        wait_for(stage.outlet, 2)
        x, y = (round(v) for v in SECRET.center)
        assert [int(frame.planes[0][y, x]) for frame in stage.outlet.frames] == [235, 16]
    finally:
        stage.end()
