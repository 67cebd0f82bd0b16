"""A stranger adds a detector, a method, a sink and a source: one file and one row each.

The files are in `tests/toys`, their rows in the contract suites beside this one.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from stream_anon.detectors import registry as detectors
from stream_anon.detectors.scopes import choose, resolve_scope
from stream_anon.errors import ConfigError
from stream_anon.redaction import registry as methods
from stream_anon.sinks import registry as sinks
from stream_anon.sources import registry as sources
from tests.media import write
from tests.runs import lumas
from tests.stubs import make_plane
from tests.toys import array_sink, array_source, plates, stripes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

WIDTH, HEIGHT, FRAMES = 320, 192, 24
PLATE = 60, 32
"""Width and height."""


@pytest.fixture(autouse=True)
def _no_packages_remembered() -> Iterator[None]:
    detectors.plugins.cache_clear()
    yield
    detectors.plugins.cache_clear()


def add_rows(patch: pytest.MonkeyPatch) -> None:
    """All that a stranger does beside writing the files."""
    patch.setitem(detectors.BUILT_IN, "plates", plates.ROW)
    patch.setattr(methods, "METHODS", (*methods.METHODS, stripes.METHOD))
    patch.setattr(sinks, "ROWS", (array_sink.ROW, *sinks.ROWS))
    patch.setattr(sources, "ROWS", (array_source.ROW, *sources.ROWS))


def place(index: int) -> tuple[slice, slice]:
    """Rows and columns of the plate in a frame."""
    left, top = 40 + 4 * index, 60 + index
    return slice(top, top + PLATE[1]), slice(left, left + PLATE[0])


def scene() -> NDArray[np.uint8]:
    """Brightness of each frame: a bright plate that moves over a dark texture."""
    ground = make_plane(HEIGHT, WIDTH, pattern="texture") // 2
    frames = np.repeat(ground[None], FRAMES, axis=0)
    for index, frame in enumerate(frames):
        frame[place(index)] = 240
    return frames


def film(folder: Path) -> Path:
    """The scene as a video; 255 of RGB is 235 of luma."""
    rgb = [np.repeat(np.where(f == 240, 255, f)[..., None], 3, axis=2) for f in scene()]
    size = (WIDTH, HEIGHT)
    pictures = [picture.astype(np.uint8) for picture in rgb]
    return write(folder / "plates.mp4", frames=FRAMES, size=size, pictures=pictures)


def check_hidden(shown: NDArray[np.uint8], index: int, tolerance: int) -> None:
    """The plate is under stripes."""
    rows, columns = place(index)
    numbers = (np.arange(HEIGHT) // stripes.WIDTH) % 2
    wanted = np.where(numbers, stripes.LIGHT, stripes.DARK)[rows, None]
    wrong = np.abs(shown[rows, columns].astype(int) - wanted)
    assert np.percentile(wrong, 90) <= tolerance, (index, np.percentile(wrong, 90))
    assert shown.max() < plates.BRIGHT - 20, index


def check_the_rest(shown: NDArray[np.uint8], raw: NDArray[np.uint8], index: int, step: int) -> None:
    """Far from the plate, the picture is as it was."""
    rows, columns = place(index)
    far = np.ones(raw.shape, bool)
    reach = 3 * PLATE[0] // 2
    far[
        max(0, rows.start - reach) : rows.stop + reach,
        max(0, columns.start - reach) : columns.stop + reach,
    ] = False
    assert far.mean() > 0.02
    assert np.abs(shown.astype(int) - raw)[far].max() <= step, index


def test_a_recording_with_a_new_detector_and_a_new_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = film(tmp_path)
    raw = lumas(source)
    assert raw[0][place(0)].min() > plates.BRIGHT, "it would be seen"
    add_rows(monkeypatch)
    summary = stream_anon.redact(source, tmp_path / "out.mp4", scope="plate", method="stripes")
    assert summary.frames == FRAMES
    for index, shown in lumas(tmp_path / "out.mp4").items():
        check_hidden(shown, index, tolerance=20)
        check_the_rest(shown, raw[index], index, step=16)


def test_a_live_run_with_a_new_source_and_a_new_sink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = scene()
    np.save(tmp_path / "in.npy", raw)
    add_rows(monkeypatch)
    run = stream_anon.prepare_live(
        tmp_path / "in.npy",
        pace=True,
        to=[tmp_path / "out.npy"],
        scope="plate",
        method="stripes",
        settings={"live.latency": 1.0},
    )
    figures = run.run()
    assert (figures.frames_out, figures.hidden_total, run.incomplete) == (FRAMES, 0, {})
    out = np.load(tmp_path / "out.npy")
    assert len(out) == FRAMES
    for index, shown in enumerate(out):
        check_hidden(shown, index, tolerance=0)
        check_the_rest(shown, raw[index], index, step=0)


def test_errors_name_what_was_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_rows(monkeypatch)
    with pytest.raises(ConfigError, match=r"an array ending in \.npy"):
        stream_anon.prepare_live("rtsp://cam", to=["out.xyz"])
    with pytest.raises(ConfigError, match=r"known methods are .*stripes"):
        stream_anon.prepare_live("rtsp://cam", to=[tmp_path / "out.npy"], method="zebra")


# -- packages of others ---------------------------------------------------------------------------


def install(folder: Path, patch: pytest.MonkeyPatch, code: str, name: str = "stickers") -> None:
    """What pip leaves of a package with one detector, on the path."""
    (folder / "toy_plates.py").write_text(code)
    about = folder / "toy_plates-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plates\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        f"[{detectors.ENTRY_POINTS}]\n{name} = toy_plates:ROW\n"
    )
    patch.delitem(sys.modules, "toy_plates", raising=False)
    patch.syspath_prepend(folder)


CODE = (
    Path(plates.__file__)
    .read_text(encoding="utf-8")
    .replace('"plates"', '"stickers"')
    .replace('"plate"', '"sticker"')
)


def test_a_package_brings_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site, monkeypatch, CODE)
    assert [row.name for row in choose("auto", "face")] == ["centerface"]
    assert "toy_plates" not in sys.modules, "loaded only where it is needed"
    rows = choose("auto", ["sticker"])
    assert [(row.name, row.load.__module__) for row in rows] == [("stickers", "toy_plates")]
    assert resolve_scope("sticker", rows) == {"sticker"}
    stream_anon.redact(film(tmp_path), tmp_path / "out.mp4", scope="sticker", method="fill")
    for index, shown in lumas(tmp_path / "out.mp4").items():
        assert shown.max() < plates.BRIGHT - 20, index


def test_it_can_be_named_beside_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, CODE)
    rows = choose("centerface,stickers", "face,sticker")
    assert {row.name for row in rows} == {"centerface", "stickers"}
    assert resolve_scope("face,sticker", rows) == {"face", "sticker"}
    assert {row.name for row in choose("auto", "face,sticker")} == {"centerface", "stickers"}
    shutil.rmtree(tmp_path / "toy_plates-1.0.dist-info")


def test_everything_has_what_packages_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, CODE)
    rows = choose("auto", "everything")
    assert {row.name for row in rows} == {"centerface", "stickers"}
    assert resolve_scope("everything", rows) == {"head", "sticker"}


def test_a_package_is_asked_where_the_weights_of_others_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, CODE.replace('"sticker"', '"plate"'))
    assert [row.name for row in choose("auto", "plate")] == ["stickers"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no camera')", r"stickers cannot be loaded \(RuntimeError\)"),
        ("import no_such_module", r"cannot be loaded \(ModuleNotFoundError\)"),
        ("COLUMN = 1", r"cannot be loaded \(AttributeError\)"),
        ("ROW = 'stickers'", "is not a Row"),
        (CODE.replace('"sticker"', '"moving"'), "has the label moving"),
        (CODE.replace('Row("stickers"', 'Row("centerface"'), "with a unique name"),
    ],
)
def test_a_package_that_is_broken_is_an_error_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    install(tmp_path, monkeypatch, code)
    assert choose("auto", "face"), "it is not asked"
    with pytest.raises(ConfigError, match=said):
        choose("auto", "sticker")
