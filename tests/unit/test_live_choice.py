"""What is hidden can change during a live run: masks and methods change at the same frame."""

from __future__ import annotations

import pytest

from tests.inference_context import context_with, drain_chosen, feed, live_settings, running
from tests.stubs import StubParser, face, moving, truth

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


def test_another_scope_counts_from_the_next_frame_on() -> None:
    parser = StubParser(
        lambda f, _detection_pass: [face(truth(f)), face(truth(f).grown(9, 9), label="head")]
    )
    context = context_with(lambda: parser, live_settings())
    with running(context):
        feed(context, moving(40)[:10])
        first = drain_chosen(context, 10)
        context.controls.press("s")
        feed(context, moving(40)[10:20])
        second = drain_chosen(context, 10)
    found = [
        (frozenset(part.label for part in chosen.masked.parts), chosen.choice.hidden)
        for chosen in (*first, *second)
        if isinstance(chosen.masked.parts, tuple)
    ]
    faces, heads = frozenset({"face"}), frozenset({"head"})
    assert found == [(faces, faces)] * 10 + [(heads, heads)] * 10


def test_frames_held_while_the_scope_changes_go_out_with_the_choice_of_their_masks() -> None:
    parser = StubParser(
        lambda f, _detection_pass: [face(truth(f)), face(truth(f).grown(9, 9), label="head")]
    )
    settings = live_settings(masking__lookahead=0.3, live__lookahead=0.3, live__latency=1.0)
    context = context_with(lambda: parser, settings)
    frames = moving(40)
    with running(context):
        feed(context, frames[:20])
        context.controls.press("s")
        feed(context, frames[20:])
        context.frames.close()
        got = drain_chosen(context, 40)
    assert len(got) == 40
    for chosen in got:
        assert isinstance(chosen.masked.parts, tuple)
        assert {part.label for part in chosen.masked.parts} == chosen.choice.hidden
        assert chosen.choice.redaction.scope in ("face", "head")
    assert {chosen.choice.redaction.scope for chosen in got} == {"face", "head"}
