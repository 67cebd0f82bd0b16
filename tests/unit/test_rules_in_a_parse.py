"""Rules for parts of somebody who is hidden whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stream_anon
from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags
from stream_anon.detectors.labels import CENTERFACE_LABELS, PARSED_LABELS
from stream_anon.detectors.registry import BUILT_IN
from stream_anon.detectors.scopes import resolve_scope
from stream_anon.errors import ConfigError, ScopeError
from stream_anon.masking.masks_merge import merge
from stream_anon.pipeline import recording_run
from stream_anon.pipeline.engines import Engines
from stream_anon.pipeline.live.controls import Controls
from stream_anon.pipeline.rules import rules_by_label, told_apart
from stream_anon.redaction.redactor import Redactor
from tests.inference_context import context_with_bodies, drain, feed, live_settings, running
from tests.media import write
from tests.people import HEIGHT, WIDTH, PeopleParser, Shape, scene
from tests.runs import lumas
from tests.stubs import StubParser, make_info, masker_of, nobody, stub_row

if TYPE_CHECKING:
    from stream_anon.core.redacted import MaskedFrame

pytestmark = pytest.mark.slow

BODY = Shape("human", 0, (150, 40, 140, 200), (1, 0))
HAIR = Shape("hair", 0, (190, 50, 60, 40), (1, 0))
ARM = Shape("left-arm", 0, (160, 120, 30, 60), (1, 0))
COUNT = 12
ROWS = (BUILT_IN["m2fp"], BUILT_IN["centerface"])
DARK, LIGHT = {"method": "fill", "color": "#000000"}, {"method": "fill", "color": "#ffffff"}


def redaction(scope: str = "person", **rules: object) -> Redaction:
    return Redaction.model_validate({"scope": scope, "method": "blur", "rules": rules})


def masks_under(chosen: Redaction) -> tuple[list[MaskedFrame], Redactor]:
    hidden = resolve_scope(chosen.scope, ROWS)
    rules = rules_by_label(chosen, hidden, ROWS)
    masker = masker_of(
        StubParser(nobody),
        make_info(WIDTH, HEIGHT),
        hidden=hidden,
        bodies=PeopleParser([BODY, HAIR, ARM]),
        apart=told_apart(rules),
    )
    masks = list(masker.masks(iter(scene([BODY, HAIR, ARM], COUNT))))
    return masks, Redactor(chosen, ColorTags(full_range=True), rules=rules)


def labels_of(masked: MaskedFrame) -> set[str]:
    assert isinstance(masked.parts, tuple)
    return {part.label for part in masked.parts}


@pytest.mark.parametrize("scope", ["person", "human,hair"])
def test_hair_follows_its_rule_on_somebody_who_is_hidden_whole(scope: str) -> None:
    masks, redactor = masks_under(redaction(scope, human=DARK, hair=LIGHT))
    for masked in masks:
        assert labels_of(masked) == {"human", "hair"}, "an arm is a part of the whole"
        luma = redactor.redact(masked).planes[0]
        hair, body = HAIR.inside(masked.frame.index), BODY.inside(masked.frame.index)
        assert (luma[hair] == 255).all()
        below = body & (np.arange(HEIGHT)[:, None] > 120)
        assert (luma[below] == 0).all()


def test_the_whole_is_hidden_under_a_part_too() -> None:
    """Where the part is found nowhere, nothing of it is to be seen."""
    masks, redactor = masks_under(redaction(human=DARK, hair="pixelate"))
    for masked in masks:
        luma = redactor.redact(masked).planes[0]
        assert luma[HAIR.inside(masked.frame.index)].max() < 40, "the cells are of what is hidden"


@pytest.mark.parametrize("rules", [{}, {"human": DARK}, {"person": DARK}])
def test_without_a_rule_of_its_own_a_part_costs_nothing(rules: dict[str, Any]) -> None:
    masks, _ = masks_under(redaction(**rules))
    assert {label for masked in masks for label in labels_of(masked)} == {"human"}


def test_a_group_is_told_apart_from_the_person() -> None:
    chosen = redaction(person=DARK, head=LIGHT)
    hidden = resolve_scope("person", ROWS)
    assert told_apart(rules_by_label(chosen, hidden, ROWS)) == {"face", "hair", "hat", "sunglasses"}


def test_a_rule_for_what_only_the_whole_hides_is_refused() -> None:
    chosen = redaction("human", hair=LIGHT)
    with pytest.raises(ScopeError, match=r"rule for hair .* scope human .* add hair to the scope"):
        rules_by_label(chosen, resolve_scope("human", ROWS), ROWS)


def test_in_a_recording(tiny_m2fp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny_m2fp.is_dir()
    engines = Engines([StubParser(nobody)], PeopleParser([BODY, HAIR]))
    monkeypatch.setattr(recording_run, "load_engines", lambda *_: engines)
    frames = [frame.planes[0] for frame in scene([BODY, HAIR], COUNT)]
    pictures = [np.repeat(luma[..., None], 3, axis=2) for luma in frames]
    size = (WIDTH, HEIGHT)
    source = write(tmp_path / "in.mp4", frames=COUNT, size=size, pictures=pictures)
    rules = {"redaction.rules": {"human": DARK, "hair": LIGHT}}
    stream_anon.redact(source, tmp_path / "out.mp4", scope="person", settings=rules)
    for index, luma in lumas(tmp_path / "out.mp4").items():
        assert luma[HAIR.inside(index)].mean() > 220, index
        below = BODY.inside(index) & (np.arange(HEIGHT)[:, None] > 120)
        assert luma[below].mean() < 30, index


def test_masks_of_other_rules_within_a_parse_are_not_merged(
    tiny_m2fp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny_m2fp.is_dir()
    source = write(tmp_path / "in.mp4", frames=2, size=(WIDTH, HEIGHT))

    def masks_of(name: str, scope: str, rules: dict[str, Any]) -> Path:
        engines = Engines([StubParser(nobody)], PeopleParser([BODY, HAIR]))
        monkeypatch.setattr(recording_run, "load_engines", lambda *_: engines)
        path, settings = tmp_path / name, {"redaction.rules": rules}
        stream_anon.redact(source, None, scope=scope, settings=settings, export_masks=path)
        return path

    plain = masks_of("plain.jsonl", "person", {})
    alike = masks_of("alike.jsonl", "person", {"human": LIGHT})
    apart = masks_of("apart.jsonl", "person", {"human": DARK, "hair": LIGHT})
    merge([plain, alike], tmp_path / "all.jsonl")
    with pytest.raises(ConfigError, match=r"apart\.jsonl is from other settings than plain"):
        merge([plain, apart], tmp_path / "none.jsonl")
    parts = [masks_of(f"{n}.jsonl", "hair", rules) for n, rules in enumerate(({}, {"hair": DARK}))]
    merge(parts, tmp_path / "parts.jsonl")


def test_in_a_live_run_and_after_a_reload() -> None:
    people = PeopleParser([BODY, HAIR])
    context = context_with_bodies(lambda: people, live_settings(keyframes__parse_interval=0.1))
    seen = stub_row(CENTERFACE_LABELS | PARSED_LABELS)
    context.controls = Controls(redaction(human=DARK, hair=LIGHT), [seen], debug=False)
    frames = scene([BODY, HAIR], 60)
    with running(context):
        feed(context, frames[:40])
        before = drain(context, 30)
        context.controls.reload(redaction())
        feed(context, frames[40:])
        after = drain(context, 30)
    assert labels_of(before[-1]) >= {"human", "hair"}
    for masked in before:
        if isinstance(masked.parts, tuple):
            assert "human" in labels_of(masked)
    assert all("human" in labels_of(masked) for masked in after), "a reload shows nobody"


def test_in_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    from stream_anon.pipeline import picture
    from tests.stubs import face, face_of_astronaut

    monkeypatch.setattr(
        picture,
        "load_engines",
        lambda *_: Engines([StubParser(lambda *_: [face(face_of_astronaut())])]),
    )
    portrait = np.full((512, 512, 3), 90, np.uint8)
    rules = {"redaction.rules": {"face": LIGHT}}
    shown = stream_anon.redact_picture(portrait, settings=rules)
    stream_anon.close_pictures()
    x, y = (round(v) for v in face_of_astronaut().center)
    assert shown[y, x].min() > 240
