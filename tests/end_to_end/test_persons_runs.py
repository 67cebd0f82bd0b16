"""Runs that hide people without a face, and their heads: made-up weights, and real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from tests.fetched import use_fetched
from tests.media import write
from tests.runs import lumas
from tests.stubs import make_plane
from tests.toy_people import use_toy_people

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES = 416, 256, 12
SIDE = 64
"""Of a toy person, who is a bright square."""
SEEN = 150
"""Brightness that only the toy person has."""
COLOR = {"redaction.color": "#202020"}


def place(index: int) -> tuple[int, int]:
    """Left and top of the person."""
    return 100 + 5 * index, 90 + index


def film(folder: Path) -> Path:
    """A bright square walks over a dark texture."""
    ground = make_plane(HEIGHT, WIDTH, pattern="texture") // 3
    pictures = [np.repeat(ground[..., None], 3, axis=2) for _ in range(FRAMES)]
    for index, picture in enumerate(pictures):
        x, y = place(index)
        picture[y : y + SIDE, x : x + SIDE] = 255
    return write(folder / "people.mp4", frames=FRAMES, size=(WIDTH, HEIGHT), pictures=pictures)


def shown(luma: NDArray[np.uint8], index: int) -> NDArray[np.bool_]:
    """For each row of the person, whether any of it can be seen."""
    x, y = place(index)
    return np.asarray((luma[y : y + SIDE, x : x + SIDE] > SEEN).any(1))


def test_whoever_has_no_face_is_hidden_in_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_toy_people(monkeypatch, tmp_path / "data")
    source = film(tmp_path)
    out = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, out, scope="person", method="fill", settings=COLOR)
    assert any("people are found by persons" in note for note in summary.notes)
    raw, redacted = lumas(source), lumas(out)
    assert len(redacted) == FRAMES
    for index, luma in redacted.items():
        assert shown(raw[index], index).all(), "there is something to hide"
        assert not shown(luma, index).any(), index


@pytest.mark.parametrize("installed", [True, False])
def test_a_head_without_a_face_is_hidden_where_persons_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    if installed:
        use_toy_people(monkeypatch, tmp_path / "data")
    out = tmp_path / "out.mp4"
    stream_anon.redact(film(tmp_path), out, scope="head", method="fill", settings=COLOR)
    for index, luma in lumas(out).items():
        rows = shown(luma, index)
        assert rows[: SIDE // 5].any() is np.bool_(not installed), index


@pytest.mark.exhaustive
def test_people_from_behind_are_hidden(
    shared_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever differs much from the empty room is a person, and is under the colour."""
    use_fetched(monkeypatch, "persons")
    source, out = shared_clips / "one-by-one-person-detection.mp4", tmp_path / "out.mp4"
    white = {"redaction.color": "#ffffff", "output.quality": 12}
    # the first to come, and the second
    stream_anon.redact(source, out, scope="person", method="fill", settings=white, end=25.0)
    raw, redacted = lumas(source), lumas(out)
    empty = raw[20].astype(int)
    for index in [*range(64, 194, 5), *range(232, 250, 3)]:
        dark = np.asarray(empty - raw[index] > 70)
        assert dark.sum() > 1500, (index, "somebody is there")
        assert (redacted[index][dark] > 225).mean() > 0.98, index
