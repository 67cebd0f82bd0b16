"""Which output each of several inputs gets; no file is opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream_anon.errors import ConfigError
from stream_anon.pipeline.inputs import Task, plan_tasks, tracks_of

if TYPE_CHECKING:
    from stream_anon.pipeline.inputs import Plan


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))


def outputs(plan: Plan) -> dict[str, str]:
    return {str(task.source): str(task.output) for task in plan.tasks}


def plan(*inputs: str, **more: object) -> Plan:
    return plan_tasks(inputs, Path("out"), **more)  # type: ignore[arg-type]


def test_files_of_one_folder_go_side_by_side() -> None:
    touch("a.mp4", "b.mkv")
    assert outputs(plan("a.mp4", "b.mkv")) == {"a.mp4": "out/a.mp4", "b.mkv": "out/b.mkv"}


def test_files_of_several_folders_keep_them() -> None:
    touch("cam1/a.mp4", "cam2/a.mp4")
    kept = {"cam1/a.mp4": "out/cam1/a.mp4", "cam2/a.mp4": "out/cam2/a.mp4"}
    assert outputs(plan("cam1/a.mp4", "cam2/a.mp4")) == kept
    assert outputs(plan("cam1", "cam2")) == kept
    assert outputs(plan("cam*/*.mp4")) == kept
    assert outputs(plan("cam*")) == kept


def test_what_a_pattern_leaves_open_is_kept_even_where_one_folder_fits() -> None:
    touch("cam1/a.mp4", "videos/b.mp4")
    assert outputs(plan("cam*/*.mp4")) == {"cam1/a.mp4": "out/cam1/a.mp4"}
    assert outputs(plan("videos/*.mp4")) == {"videos/b.mp4": "out/b.mp4"}


def test_a_folder_gives_its_videos_and_pictures_and_counts_the_rest() -> None:
    touch("in/b.MOV", "in/a.jpg", "in/notes.txt", "in/.hidden.mp4", "in/deep/c.mkv")
    planned = plan("in")
    assert outputs(planned) == {"in/a.jpg": "out/a.jpg", "in/b.MOV": "out/b.MOV"}
    assert [str(path) for path in planned.others] == ["in/notes.txt"]
    assert "in/deep/c.mkv" in outputs(plan("in", recursive=True))
    assert outputs(plan("in", recursive=True))["in/deep/c.mkv"] == "out/deep/c.mkv"


def test_a_named_file_is_tried_whatever_it_is_called_and_once() -> None:
    touch("clip.xyz", "a.mp4")
    planned = plan("clip.xyz", "a.mp4", "./a.mp4", "*.mp4", "missing.mp4")
    assert outputs(planned) == {
        "clip.xyz": "out/clip.mp4",
        "a.mp4": "out/a.mp4",
        "missing.mp4": "out/missing.mp4",
    }


def test_a_name_that_looks_like_a_pattern_is_a_name() -> None:
    touch("take[1].mp4", "take1.mp4", "100%d*.mp4")
    assert list(outputs(plan("take[1].mp4", "100%d*.mp4"))) == ["take[1].mp4", "100%d*.mp4"]


def test_a_pattern_without_a_match_stays_for_its_run_to_fail() -> None:
    assert outputs(plan("no*.mp4")) == {"no*.mp4": "out/no*.mp4"}


def test_names_that_are_no_text_are_found_and_kept() -> None:
    odd = os.fsdecode(b"in/\xff\n.mp4")
    touch(odd)
    assert outputs(plan("in")) == {odd: os.fsdecode(b"out/\xff\n.mp4")}


@pytest.mark.parametrize(
    ("name", "extension", "output"),
    [
        ("a.flv", None, "a.mp4"),
        ("a.heif", None, "a.png"),
        ("a.mkv", ".webm", "a.webm"),
        ("a.jpg", ".webm", "a.jpg"),
        ("a.png", ".jpg", "a.jpg"),
        ("a.mkv", ".jpg", "a.mkv"),
    ],
)
def test_an_output_has_an_extension_that_selects_a_container(
    name: str, extension: str | None, output: str
) -> None:
    touch(name)
    assert outputs(plan(name, extension=extension)) == {name: f"out/{output}"}


def test_a_suffix_comes_before_the_extension() -> None:
    touch("a.b.mp4")
    assert outputs(plan("a.b.mp4", suffix="_redacted")) == {"a.b.mp4": "out/a.b_redacted.mp4"}
    with pytest.raises(ConfigError, match="slash"):
        plan("a.b.mp4", suffix="../x")


@pytest.mark.parametrize("inputs", [["in"], ["in/a.mp4"], ["in/*.mp4"], ["link.mp4"]])
def test_no_output_replaces_an_input(inputs: list[str]) -> None:
    touch("in/a.mp4")
    Path("link.mp4").symlink_to("in/a.mp4")
    with pytest.raises(ConfigError, match="would replace an input"):
        plan_tasks(inputs, Path() if inputs == ["link.mp4"] else Path("in"))


def test_no_output_replaces_another_input() -> None:
    touch("a.mp4", "sub/a.mp4", "b.mkv")
    os.link("b.mkv", "a_x.mp4")
    with pytest.raises(ConfigError, match="would replace an input"):
        plan_tasks(["a.mp4", "b.mkv"], Path(), suffix="_x")
    touch("c.mp4.part", "c.mp4")
    with pytest.raises(ConfigError, match="would replace an input"):
        plan_tasks(["c.mp4.part", "c.mp4"], Path(), suffix="")


def test_two_inputs_with_one_output_are_refused_by_name() -> None:
    touch("a.flv", "a.mp4")
    with pytest.raises(ConfigError, match=r"a\.flv and a\.mp4 would both become out.a\.mp4"):
        plan("a.flv", "a.mp4")


def test_outputs_of_an_earlier_run_are_no_inputs() -> None:
    touch("in/a.mp4", "in/a_red.mp4", "in/out/z.mp4", "out/y.mp4")
    planned = plan_tasks(["in"], Path("in"), suffix="_red")
    assert outputs(planned) == {"in/a.mp4": "in/a_red.mp4"}
    assert [str(path) for path in planned.outputs] == ["in/a_red.mp4"]
    planned = plan_tasks(["in"], Path("in/out"), recursive=True)
    assert "in/out/z.mp4" not in outputs(planned)
    planned = plan("**/a.mp4", "*/y.mp4")
    assert list(outputs(planned)) == ["in/a.mp4"]
    assert [str(path) for path in planned.outputs] == ["out/y.mp4"]


def test_an_output_of_an_earlier_run_that_is_named_is_not_replaced() -> None:
    touch("a.mp4", "a_red.mp4")
    with pytest.raises(ConfigError, match="would replace an input"):
        plan_tasks(["a.mp4", "a_red.mp4"], Path(), suffix="_red")


def test_addresses_and_pipes_are_refused_without_their_keys() -> None:
    with pytest.raises(ConfigError) as caught:
        plan("rtsp://me:pa55@cam/live/Zk3y")
    assert "pa55" not in str(caught.value)
    assert "Zk3y" not in str(caught.value)
    with pytest.raises(ConfigError, match="goes alone"):
        plan("-")


def test_each_video_track_has_an_output_with_a_clear_name() -> None:
    task = Task(Path("a.mkv"), Path("out/a.mkv"))
    assert tracks_of(task, 1) == [task]
    assert [(t.video_track, str(t.output)) for t in tracks_of(task, 2)] == [
        (1, "out/a-track1.mkv"),
        (2, "out/a-track2.mkv"),
    ]
