"""Sealing and unsealing from file to file: exact, bound to the output, all or nothing."""

from __future__ import annotations

import errno
import json
import sys
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.config import Redaction
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.shapes import ellipse
from stream_anon.errors import (
    ConfigError,
    DependencyError,
    DiskFullError,
    OutputExistsError,
    SealError,
    SinkError,
    SourceError,
)
from stream_anon.sealing.sealer import Sealer
from stream_anon.sources.file import MediaSource
from tests.media import Tone, write
from tests.refusals import refused
from tests.runs import leftovers
from tests.sealing import Keys, covered, make_keys

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FRAMES = 10
WHOLE_AT = 7
SIZE = (160, 120)
START = {3: Box(12.0, 14.0, 34.0, 40.0), 5: Box(60.0, 20.0, 34.0, 40.0)}
STEP = {3: 2.0, 5: -2.5}


def box_of(track: int, index: int) -> Box:
    return START[track].moved(STEP[track] * index, 0)


def tracks_file(path: Path, size: tuple[int, int] = SIZE, frames: int = FRAMES) -> Path:
    """Tracks 3 and 5 that come to overlap; one frame is hidden whole."""
    tracks = [
        {"id": track, "label": "face", "boxes": [[n, *box_of(track, n)] for n in range(frames)]}
        for track in START
    ]
    width, height = size
    record = {"stream_anon_tracks": 1, "width": width, "height": height, "frames": frames}
    path.write_text(json.dumps({**record, "hidden_whole": {WHOLE_AT: "damage"}, "tracks": tracks}))
    return path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"))


class Sealed:
    """A video, redacted and sealed."""

    def __init__(
        self, folder: Path, keys: Keys, end: str = "mp4", size: tuple[int, int] = SIZE, **what: Any
    ) -> None:
        self.folder, self.keys = folder, keys
        options = {"frames": FRAMES, "size": size, "container": None, **what}
        source_end = options.pop("source_end", "mkv")
        self.source = write(folder / f"in.{source_end}", **options)
        frames = options["frames"]
        self.output = folder / f"out.{end}"
        self.path = folder / f"out.{end}.sealed"
        self.summary = stream_anon.redact(
            self.source,
            self.output,
            tracks=tracks_file(folder / "tracks.json", size, frames),
            audio="copy",
            seal=keys.public,
        )

    def unseal(self, name: str, *tracks: int | str, **more: Any) -> Any:
        return stream_anon.unseal(
            self.output, self.path, self.folder / name, key=self.keys.file, tracks=tracks, **more
        )


@pytest.fixture(scope="module")
def sealed(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """Read-only, but for outputs with names of their own."""
    return Sealed(tmp_path_factory.mktemp("sealed"), keys, tones=[Tone(seconds=0.4)])


def planes(path: Path) -> list[tuple[NDArray[np.uint8], ...]]:
    with closing(MediaSource(path)) as source:
        return [tuple(plane.copy() for plane in frame.planes) for frame in source.frames()]


def mine(track: int, index: int, shape: tuple[int, ...], scale: float) -> Any:
    """Where this track is hidden and the other one is not, with a margin of a chroma sample."""
    found: Any = {}
    for each in START:
        part = Part("face", box_of(each, index), ellipse(), 1.0, each)
        found[each] = covered(part, (shape[0], shape[1]), scale, Redaction().edge)
    other = found[8 - track]
    near = other.copy()
    for axis in (0, 1):
        for shift in (-1, 1):
            near |= np.roll(other, shift, axis)
    return found[track] & ~(near if scale < 1 else other), found[track] & other


def test_one_person_comes_back_bit_for_bit_and_nobody_else(sealed: Sealed) -> None:
    result = sealed.unseal("three.mkv", 3)
    raw, hidden, after = map(planes, (sealed.source, sealed.output, sealed.folder / "three.mkv"))
    assert len(raw) == len(hidden) == len(after) == FRAMES
    assert (result.frames, result.restored) == (FRAMES, FRAMES - 1)
    assert any("both stay hidden" in note for note in result.notes)
    overlaps = 0
    for index in range(FRAMES):
        for which, scale in enumerate((1.0, 0.5, 0.5)):
            before, between, now = (video[index][which] for video in (raw, hidden, after))
            if index == WHOLE_AT:
                np.testing.assert_array_equal(now, between)
                continue
            own, shared = mine(3, index, before.shape, scale)
            assert own.any()
            np.testing.assert_array_equal(now[own], before[own])
            np.testing.assert_array_equal(now[shared], between[shared])
            overlaps += int(shared.sum())
            outside = ~covered(
                Part("face", box_of(3, index), ellipse(), 1.0, 3),
                (before.shape[0], before.shape[1]), scale, Redaction().edge,
            )  # fmt: skip
            np.testing.assert_array_equal(now[outside], between[outside])
    assert overlaps > 100, "the two must overlap"


def test_both_together_bring_back_what_they_share(sealed: Sealed) -> None:
    result = sealed.unseal("both.mkv", 3, 5)
    assert result.notes == []
    raw, after = planes(sealed.source), planes(sealed.folder / "both.mkv")
    for index in {*range(FRAMES)} - {WHOLE_AT}:
        for which, scale in enumerate((1.0, 0.5, 0.5)):
            own, shared = mine(3, index, raw[index][which].shape, scale)
            inside = own | shared
            np.testing.assert_array_equal(after[index][which][inside], raw[index][which][inside])


def test_frames_hidden_whole_come_back_by_name(sealed: Sealed) -> None:
    result = sealed.unseal("whole.mkv", "whole")
    assert result.restored == 1
    assert any("everybody" in note for note in result.notes)
    raw, hidden, after = map(planes, (sealed.source, sealed.output, sealed.folder / "whole.mkv"))
    for index, frame in enumerate(after):
        for which, plane in enumerate(frame):
            wanted = raw if index == WHOLE_AT else hidden
            np.testing.assert_array_equal(plane, wanted[index][which])


def test_sound_and_times_are_those_of_the_redacted_video(sealed: Sealed) -> None:
    import av

    sealed.unseal("sound.mkv", 5)
    found = []
    for path in (sealed.output, sealed.folder / "sound.mkv"):
        with av.open(str(path)) as file:
            assert len(file.streams.audio) == 1
            times = [float(f.time) for f in file.decode(video=0) if f.time is not None]
            found.append([round(time, 3) for time in times])
    assert found[0] == found[1]


def test_the_tracks_are_listed(sealed: Sealed) -> None:
    found = stream_anon.sealed_tracks(sealed.output, sealed.path, key=sealed.keys.file)
    assert [(one.track, one.labels, one.first, one.last) for one in found] == [
        ("3", ("face",), 0, FRAMES - 1),
        ("5", ("face",), 0, FRAMES - 1),
        ("whole", (), WHOLE_AT, WHOLE_AT),
    ]


def test_an_ending_that_loses_is_told(sealed: Sealed) -> None:
    result = sealed.unseal("three.mp4", 3)
    assert any(".mp4 is encoded with loss" in note for note in result.notes)
    assert len(planes(sealed.folder / "three.mp4")) == FRAMES


@pytest.mark.parametrize(
    ("end", "size", "what"),
    [
        ("mp4", (161, 121), {"codec": "ffv1"}),  # padded to even sides
        ("webm", SIZE, {}),
        ("avi", SIZE, {}),
        ("ts", SIZE, {}),
        ("mkv", SIZE, {"full_range": True, "codec": "ffv1"}),
        ("gif", SIZE, {}),
        ("mp4", SIZE, {"codec": "ffv1", "pix_fmt": "yuv444p"}),
        ("jpg", SIZE, {"frames": 1}),
        ("png", SIZE, {"frames": 1}),
    ],
)
def test_every_kind_of_output_can_be_unsealed(
    end: str, size: tuple[int, int], what: dict[str, Any], keys: Keys, tmp_path: Path
) -> None:
    made = Sealed(tmp_path, keys, end, size, **what)
    made.unseal("three.mkv", 3)
    raw, after = planes(made.source), planes(tmp_path / "three.mkv")
    assert len(raw) == len(after)
    for index in {*range(len(raw))} - {WHOLE_AT}:
        for which, scale in enumerate((1.0, 0.5, 0.5)):
            before = raw[index][which]
            own, _ = mine(3, index, before.shape, scale)
            now = after[index][which][: before.shape[0], : before.shape[1]]
            np.testing.assert_array_equal(now[own], before[own])


def test_around_what_was_restored_colours_stay(keys: Keys, tmp_path: Path) -> None:
    """A JPEG has another range than the video: the restored pixels and the others agree."""
    made = Sealed(tmp_path, keys, "jpg", frames=1)
    made.unseal("three.mkv", 3)
    raw, after = planes(made.source)[0][0].astype(int), planes(tmp_path / "three.mkv")[0][0]
    clear = np.zeros(raw.shape, bool)
    clear[80:, :] = True
    assert abs((after.astype(int) - raw)[clear].mean()) < 2
    assert np.abs((after.astype(int) - raw)[clear]).mean() < 6


# -- refusals -----------------------------------------------------------------------------------


def refused_unseal(
    kind: type[Exception], said: str, sealed: Sealed, seal: Path, video: Path, key: Path
) -> None:
    before = sorted(sealed.folder.iterdir())
    for end in ("mkv", "mp4"):
        output = sealed.folder / f"never.{end}"
        with pytest.raises(kind, match=said) as caught:
            stream_anon.unseal(video, seal, output, key=key, tracks=[3])
        assert "\n" not in str(caught.value)
    with pytest.raises(kind, match=said):
        stream_anon.sealed_tracks(video, seal, key=key)
    assert sorted(sealed.folder.iterdir()) == before


def test_a_wrong_key_writes_nothing(sealed: Sealed, tmp_path: Path) -> None:
    wrong = make_keys(tmp_path)
    refused_unseal(SealError, "does not open", sealed, sealed.path, sealed.output, wrong.file)


def test_the_seal_of_another_video_writes_nothing(sealed: Sealed, tmp_path: Path) -> None:
    changed = tmp_path / "out.mp4"
    data = sealed.output.read_bytes()
    changed.write_bytes(data + b"\0")
    for video in (changed, sealed.source):
        refused_unseal(SealError, "another video", sealed, sealed.path, video, sealed.keys.file)
    missing = tmp_path / "none.mp4"
    refused_unseal(SourceError, "none.mp4", sealed, sealed.path, missing, sealed.keys.file)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("how", ["cut", "flip"])
def test_a_damaged_seal_writes_nothing(
    share: float, how: str, sealed: Sealed, tmp_path: Path
) -> None:
    data = bytearray(sealed.path.read_bytes())
    at = int(share * len(data))
    if how == "cut":
        del data[at:]
    else:
        data[at] ^= 32
    wrong = tmp_path / "wrong.sealed"
    wrong.write_bytes(data)
    refused_unseal(SealError, "is damaged", sealed, wrong, sealed.output, sealed.keys.file)


def test_arguments_of_unseal_that_make_no_sense(sealed: Sealed) -> None:
    before = sorted(sealed.folder.iterdir())
    with pytest.raises(ConfigError, match="name a --track"):
        sealed.unseal("never.mkv")
    with pytest.raises(ConfigError, match="no track 4"):
        sealed.unseal("never.mkv", 3, 4)
    with pytest.raises(ConfigError, match="used twice"):
        sealed.unseal(sealed.output.name, 3, overwrite=True)
    with pytest.raises(ConfigError, match="used twice"):
        sealed.unseal(sealed.path.name, 3, overwrite=True)
    with pytest.raises(SinkError, match="extension"):
        sealed.unseal("never.xyz", 3)
    with pytest.raises(SinkError, match="does not exist"):
        sealed.unseal("nowhere/never.mkv", 3)
    with pytest.raises(OutputExistsError):
        sealed.unseal(sealed.source.name, 3)
    assert sorted(sealed.folder.iterdir()) == before


def test_an_interrupted_unsealing_leaves_nothing(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stream_anon.sealing.restorer import Restorer

    before, real = sorted(sealed.folder.iterdir()), Restorer.restore
    done: list[int] = []

    def restore(self: Restorer, frame: Any) -> Any:
        done.append(frame.index)
        if len(done) == 5:
            raise KeyboardInterrupt
        return real(self, frame)

    monkeypatch.setattr(Restorer, "restore", restore)
    with pytest.raises(KeyboardInterrupt):
        sealed.unseal("never.mkv", 3)
    assert sorted(sealed.folder.iterdir()) == before


# -- the run that seals -------------------------------------------------------------------------


def test_without_being_asked_nothing_is_sealed(sealed: Sealed, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    stream_anon.redact(sealed.source, output, tracks=sealed.folder / "tracks.json", audio="copy")
    assert leftovers(tmp_path) == ["out.mp4"]
    assert output.read_bytes() == sealed.output.read_bytes(), "sealing changes the output"


def test_the_report_has_the_hash_of_the_seal_and_verify_checks_it(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, tracks = write(tmp_path / "in.mkv", frames=3, size=SIZE), tmp_path / "t.json"
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"
    stream_anon.redact(
        source, output, tracks=tracks_file(tracks, frames=3), seal=keys.public, report=report
    )
    seal = tmp_path / "out.mp4.sealed"
    record = json.loads(report.read_text())
    assert record["seal"] == {"name": seal.name, "sha256": sha256(seal.read_bytes()).hexdigest()}
    command = ["verify", str(report), str(output)]
    assert cli.run(command) == 0
    assert "seal" not in capsys.readouterr().err
    moved = seal.rename(tmp_path / "elsewhere")
    assert cli.run(command) == 0
    assert "the seal was not checked" in capsys.readouterr().err
    assert cli.run([*command, "--sealed", str(moved)]) == 0
    moved.write_bytes(moved.read_bytes()[:-1])
    capsys.readouterr()
    assert cli.run([*command, "--sealed", str(moved)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "elsewhere is not the seal that" in line


def test_the_seal_goes_where_it_is_asked_for_and_the_report_tells_who_opens_it(
    sealed: Sealed, tmp_path: Path
) -> None:
    listed = tmp_path / "keys.txt"
    listed.write_text(sealed.keys.public)
    place, report = tmp_path / "safe" / "x.sealed", tmp_path / "report.json"
    place.parent.mkdir()
    stream_anon.redact(
        sealed.source, tmp_path / "out.mp4", tracks=sealed.folder / "tracks.json",
        seal=[str(listed)], sealed=place, report=report,
    )  # fmt: skip
    assert leftovers(tmp_path) == ["keys.txt", "out.mp4", "report.json", "safe"]
    record = json.loads(report.read_text())
    assert record["settings"]["output"]["seal"] == [sealed.keys.public]
    found = stream_anon.sealed_tracks(tmp_path / "out.mp4", place, key=sealed.keys.file)
    assert [one.track for one in found] == ["3", "5", "whole"]


def test_it_is_published_with_the_output_or_not_at_all(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {
        "tracks": sealed.folder / "tracks.json", "seal": sealed.keys.public,
    }  # fmt: skip
    (tmp_path / "out.mp4.sealed").write_text("older")
    with pytest.raises(OutputExistsError, match=r"out\.mp4\.sealed"):
        stream_anon.redact(sealed.source, tmp_path / "out.mp4", **options)
    assert leftovers(tmp_path) == ["out.mp4.sealed"]

    def full(_self: object, _output: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Sealer, "end", lambda *_: full(None, tmp_path))
        with pytest.raises(DiskFullError, match=r"out\.mp4\.sealed"):
            stream_anon.redact(sealed.source, tmp_path / "out.mp4", overwrite=True, **options)
    assert leftovers(tmp_path) == ["out.mp4.sealed"]
    assert (tmp_path / "out.mp4.sealed").read_text() == "older"
    stream_anon.redact(sealed.source, tmp_path / "out.mp4", overwrite=True, **options)
    assert leftovers(tmp_path) == ["out.mp4", "out.mp4.sealed"]
    assert stream_anon.sealed_tracks(
        tmp_path / "out.mp4", tmp_path / "out.mp4.sealed", key=sealed.keys.file
    )


def test_a_disk_that_is_full_in_between_ends_the_run(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sealer, "see_parts", full)
    with pytest.raises(DiskFullError, match=r"out\.mp4\.sealed"):
        stream_anon.redact(
            sealed.source, tmp_path / "out.mp4", tracks=sealed.folder / "tracks.json",
            seal=sealed.keys.public,
        )  # fmt: skip
    assert leftovers(tmp_path) == []


def test_nothing_raw_is_ever_in_a_file(sealed: Sealed, keys: Keys, tmp_path: Path) -> None:
    """While the run goes on, there are the two unfinished outputs and nothing else."""
    raw = planes(sealed.source)
    seen: list[list[str]] = []

    def look(_summary: object) -> None:
        seen.append(leftovers(tmp_path))
        data = (tmp_path / "out.mkv.sealed.part").read_bytes()
        for index in range(FRAMES):
            assert raw[index][0][30, 20:40].tobytes() not in data

    stream_anon.redact(
        sealed.source, tmp_path / "out.mkv", tracks=sealed.folder / "tracks.json",
        seal=keys.public, on_progress=look,
    )  # fmt: skip
    assert seen == [["out.mkv.part", "out.mkv.sealed.part"]] * FRAMES


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"seal": "age1nonsense"}, "copy it whole"),
        ({"seal": []}, None),
        ({"sealed": "x.sealed"}, "who can open it"),
        ({"seal": ["nowhere.txt"]}, "neither a public key"),
        ({"settings": {"output.seal": [""]}}, "output.seal"),
        ({"settings": {"output.seal": 7}}, "output.seal"),
    ],
)
def test_bad_requests_for_a_seal(
    more: dict[str, Any], said: str | None, sealed: Sealed, tmp_path: Path
) -> None:
    more = {**more, "tracks": sealed.folder / "tracks.json"}
    output = tmp_path / "out.mp4"
    if said is None:
        stream_anon.redact(sealed.source, output, **more)
        assert leftovers(tmp_path) == ["out.mp4"]
        return
    assert said in refused(ConfigError, 2, sealed.source, output, **more)


def test_what_has_no_output_cannot_be_sealed(sealed: Sealed, tmp_path: Path) -> None:
    keys = sealed.keys
    with pytest.raises(ConfigError, match="masks alone"):
        stream_anon.redact(sealed.source, None, export_masks=tmp_path / "m.jsonl", seal=keys.public)
    with pytest.raises(ConfigError, match="a live run cannot be sealed"):
        stream_anon.prepare_live("rtsp://camera/stream", settings={"output.seal": [keys.public]})
    with pytest.raises(ConfigError, match="a picture in memory cannot be sealed"):
        stream_anon.redact_picture(
            np.zeros((32, 32, 3), np.uint8), settings={"output.seal": [keys.public]}
        )
    assert leftovers(tmp_path) == []


def test_a_seal_is_not_put_over_a_file_of_the_run(sealed: Sealed, tmp_path: Path) -> None:
    message = refused(
        ConfigError, 2, sealed.source, tmp_path / "out.mp4",
        seal=sealed.keys.public, sealed=tmp_path / "out.mp4",
    )  # fmt: skip
    assert "used twice" in message


def test_without_the_library_it_says_what_to_install(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    message = refused(
        DependencyError, 5, sealed.source, tmp_path / "out.mp4", seal=sealed.keys.public
    )
    assert "pip install 'pyrage" in message
    with pytest.raises(DependencyError, match="pyrage"):
        sealed.unseal("never.mkv", 3)


# -- the command line ---------------------------------------------------------------------------


def test_the_commands(sealed: Sealed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(sealed.output), str(sealed.path)]
    key = ["--key", str(sealed.keys.file)]
    assert cli.run(["unseal", *files, *key, "--list"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"track 3 (face): {FRAMES - 1} frames, 0 to {FRAMES - 1}"
    assert said[2] == f"track whole: 1 frame, {WHOLE_AT} to {WHOLE_AT}"
    output = tmp_path / "three.mkv"
    assert cli.run(["unseal", *files, *key, "--track", "3", "--track", "5", str(output)]) == 0
    assert f"{FRAMES - 1} with somebody restored" in capsys.readouterr().out
    assert len(planes(output)) == FRAMES


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--track", "3", "OUT"], 2, "--key FILE"),
        (["--key", "KEY", "--track", "3"], 2, "name OUT"),
        (["--key", "KEY", "OUT"], 2, "name a --track"),
        (["--key", "KEY", "--list", "OUT"], 2, "--list writes nothing"),
        (["--key", "KEY", "--list", "--track", "3"], 2, "--list writes nothing"),
        (["--key", "nowhere", "--track", "3", "OUT"], 2, "nowhere"),
        (["--key", "KEY", "--track", "three", "OUT"], 2, "no track three"),
        (["--key", "KEY", "--track", "-1", "OUT"], 2, "no track -1"),
    ],
)
def test_bad_arguments_are_one_line(
    more: list[str], code: int, said: str, sealed: Sealed, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = {"OUT": str(tmp_path / "never.mkv"), "KEY": str(sealed.keys.file)}
    arguments = [names.get(one, one) for one in more]
    assert cli.run(["unseal", str(sealed.output), str(sealed.path), *arguments]) == code
    shown = capsys.readouterr().err.strip()
    assert said in shown
    assert "\n" not in shown
    assert leftovers(tmp_path) == []


def test_several_inputs_get_a_seal_each(sealed: Sealed, keys: Keys, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.mkv", "b.mkv"):
        (folder / name).write_bytes(sealed.source.read_bytes())
    arguments = ["redact", str(folder), "--output-dir", str(tmp_path / "out"), "--seal"]
    assert cli.run([*arguments, keys.public, "--seal", keys.public, "-q"]) == 0
    assert leftovers(tmp_path / "out") == ["a.mkv", "a.mkv.sealed", "b.mkv", "b.mkv.sealed"]
    assert cli.run([*arguments, "age1wrong", "--overwrite"]) == 2
    a, seal_of_b = tmp_path / "out" / "a.mkv", tmp_path / "out" / "b.mkv.sealed"
    with pytest.raises(SealError):
        stream_anon.sealed_tracks(a, tmp_path / "out" / "none.sealed", key=keys.file)
    assert stream_anon.sealed_tracks(a, a.with_name("a.mkv.sealed"), key=keys.file) is not None
    assert seal_of_b.read_bytes() != a.with_name("a.mkv.sealed").read_bytes()
