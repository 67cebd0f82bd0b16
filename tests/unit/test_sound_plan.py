"""What `--audio` and `output.audio` can say."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.config import load_settings
from stream_anon.core.sound_plan import SoundPlan, SoundRange
from stream_anon.errors import ConfigError


def ranges(*pairs: tuple[float, float | None]) -> tuple[SoundRange, ...]:
    return tuple(
        SoundRange(Fraction(str(begin)), None if end is None else Fraction(str(end)))
        for begin, end in pairs
    )


SAID = {
    "drop": SoundPlan("drop"),
    "copy": SoundPlan("copy"),
    " disguise ": SoundPlan("disguise"),
    "mute 12.5-14,60-": SoundPlan("copy", ranges((12.5, 14), (60, None))),
    "beep 00:12.5-00:14": SoundPlan("copy", beep=ranges((12.5, 14))),
    "copy, mute 1-2": SoundPlan("copy", ranges((1, 2))),
    "disguise, mute 3-4": SoundPlan("disguise", ranges((3, 4))),
    "mute 3 - 4 , 1:00-1:02.25, disguise": SoundPlan("disguise", ranges((3, 4), (60, 62.25))),
    "mute 1-2, beep 3-4, 5-6, mute 7-8": SoundPlan(
        "copy", ranges((1, 2), (7, 8)), ranges((3, 4), (5, 6))
    ),
    "mute 3-4,1-2": SoundPlan("copy", ranges((1, 2), (3, 4))),
    "mute 1-3,2-5,5-6,10-,12-13": SoundPlan("copy", ranges((1, 6), (10, None))),
    "mute 1-9,2-3": SoundPlan("copy", ranges((1, 9))),
    "mute 0-": SoundPlan("copy", ranges((0, None))),
}


@pytest.mark.parametrize("text", SAID)
def test_words_and_ranges_are_read(text: str) -> None:
    assert SoundPlan.parse(text) == SAID[text]
    assert load_settings(None, {"output.audio": text}).output.audio == text


REFUSED = {
    "": "'drop', 'copy', 'disguise'",
    "stare": "'drop', 'copy', 'disguise'",
    "Mute 1-2": "is not one of",
    "12-14": "is not one of",
    "mute": "mute needs a range",
    "beep ": "beep needs a range",
    "mute 12.5": "'12.5' is not a range",
    "mute -5-3": "'-5-3' is not a range",
    "mute 5-3": "'5-3' must end after",
    "mute 5-5": "'5-5' must end after",
    "mute 1:75-2:00": "'1:75' is not a valid time",
    "mute a-b": "'a' is not a valid time",
    "mute 1-2-3": "'2-3' is not a valid time",
    "mute 1-2,": "mute needs a range",
    "mute 1-2 3-4": "is not a valid time",
    "mute 1-nan": "'nan' is not a valid time",
    "mute 1-" + "9" * 400: "is not a valid time",
    "drop, mute 1-2": "drop leaves no sound to mute",
    "copy, disguise": "copy and disguise exclude each other",
    "mute 1-2, disguise, 3-4": "'3-4' is not one of",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_makes_no_sense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {"output.audio": text})
    assert REFUSED[text] in str(caught.value)
    assert "output.audio" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="mutebpdrocyisg0159.:- ,\n", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        plan = SoundPlan.parse(text)
    except ConfigError:
        return
    for one, after in zip(plan.covered, plan.covered[1:], strict=False):
        assert one.end is not None
        assert one.begin < one.end < after.begin
