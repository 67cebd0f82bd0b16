"""How many processors a process may use, and what they can do, from files of the system."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stream_anon.core.processors import (
    lacks_avx2,
    processor_features,
    processor_model,
    processor_quota,
    threads_within_quota,
    usable_processors,
)

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = {
    "two cores of version 2": ("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0),
    "half a core": ("0::/\n", {"cpu.max": "50000 100000\n"}, 0.5),
    "one and a half": ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
    "no limit": ("0::/\n", {"cpu.max": "max 100000\n"}, None),
    "a group of its own": (
        "0::/system.slice/redact.service\n",
        {"system.slice/redact.service/cpu.max": "100000 100000\n"},
        1.0,
    ),
    "the group around it is tighter": (
        "0::/kubepods/pod1/box\n",
        {
            "kubepods/pod1/box/cpu.max": "400000 100000\n",
            "kubepods/pod1/cpu.max": "300000 100000\n",
            "kubepods/cpu.max": "max 100000\n",
        },
        3.0,
    ),
    "the path is the one outside": ("0::/docker/abc\n", {"cpu.max": "100000 50000\n"}, 2.0),
    "above the namespace": ("0::/../../box\n", {"cpu.max": "250000 100000\n"}, 2.5),
    "version 1": (
        "11:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n",
        {
            "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "150000\n",
            "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
        },
        1.5,
    ),
    "version 1 inside of a container": (
        "4:cpuacct,cpu:/docker/abc\n",
        {"cpu/cpu.cfs_quota_us": "20000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        0.2,
    ),
    "version 1 without a limit": (
        "4:cpu,cpuacct:/\n",
        {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
        None,
    ),
    "both": (
        "4:cpu:/box\n0::/box\n",
        {
            "cpu/box/cpu.cfs_quota_us": "100000\n",
            "cpu/box/cpu.cfs_period_us": "100000\n",
            "unified/box/cpu.max": "max 100000\n",
        },
        1.0,
    ),
    "only processor sets": ("4:cpuset:/box\n", {"cpuset/box/cpu.max": "1 100000\n"}, None),
    "nonsense": ("0::/\nodd\n\n:::\n", {"cpu.max": "many of them\n"}, None),
    "one word": ("0::/\n", {"cpu.max": "100000\n"}, None),
    "a period of nothing": ("0::/\n", {"cpu.max": "100000 0\n"}, None),
    "no control groups": ("", {}, None),
}


def system(folder: Path, groups: str = "", files: dict[str, str] | None = None) -> Path:
    """A folder that stands for `/`."""
    (folder / "proc/self").mkdir(parents=True)
    (folder / "proc/self/cgroup").write_text(groups)
    for name, text in (files or {}).items():
        path = folder / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def _eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


@pytest.mark.parametrize("case", GROUPS)
@pytest.mark.usefixtures("_eight")
def test_quotas_of_control_groups(case: str, tmp_path: Path) -> None:
    groups, files, quota = GROUPS[case]
    root = system(tmp_path, groups, files)
    assert processor_quota(root) == quota
    expected = 8 if quota is None else {0.2: 1, 0.5: 1, 1.0: 1, 1.5: 2, 2.0: 2, 2.5: 3, 3.0: 3}
    assert usable_processors(root) == (expected if isinstance(expected, int) else expected[quota])  # type: ignore[index]
    assert threads_within_quota(root) == (0 if quota is None else usable_processors(root))


@pytest.mark.usefixtures("_eight")
def test_a_quota_above_the_affinity_changes_nothing(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/\n", {"cpu.max": "1600000 100000\n"})
    assert (usable_processors(root), threads_within_quota(root)) == (8, 0)


def test_affinity_counts_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3}, raising=False)
    assert usable_processors(tmp_path) == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_processors(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors(tmp_path) == 1


OLD = "processor\t: 0\nmodel name\t: Old(R) Pentium\nflags\t\t: fpu sse sse4_2 avx\n\n"
NEW = OLD.replace("avx", "avx avx2 fma")


def cpuinfo(folder: Path, text: str) -> Path:
    (folder / "proc").mkdir()
    (folder / "proc/cpuinfo").write_text(text)
    return folder


@pytest.mark.slow  # Python may ask `uname`
def test_features_and_model(tmp_path: Path) -> None:
    root = cpuinfo(tmp_path, OLD)
    assert processor_features(root) == {"fpu", "sse", "sse4_2", "avx"}
    assert processor_model(root) == "Old(R) Pentium"
    assert processor_features(root / "nowhere") == frozenset()
    assert processor_model(root / "nowhere")


@pytest.mark.parametrize(
    ("text", "machine", "lacks"),
    [
        (OLD, "x86_64", True),
        (OLD, "AMD64", True),
        (NEW, "x86_64", False),
        ("Features\t: fp asimd\n", "aarch64", False),
        ("", "x86_64", False),
    ],
)
def test_processors_without_avx2_are_recognised(
    text: str, machine: str, lacks: bool, tmp_path: Path
) -> None:
    assert lacks_avx2(cpuinfo(tmp_path, text), machine) is lacks


def test_whoever_chooses_threads_asks_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from stream_anon.config import load_settings
    from stream_anon.detectors import runtime
    from stream_anon.detectors.centerface import find_weights
    from stream_anon.sinks.encoding import encoders

    monkeypatch.setattr(runtime, "usable_processors", lambda: 6)
    network = runtime.Network(find_weights())
    assert network._settings["INFERENCE_NUM_THREADS"] == 3
    network.close()
    output = load_settings(None, {}).output
    monkeypatch.setattr(encoders, "threads_within_quota", lambda: 2)
    assert encoders.options_for("libx265", "mp4", output)["x265-params"].endswith(":pools=2")
    assert encoders.options_for("libsvtav1", "mp4", output)["svtav1-params"] == "lp=2"


def test_nothing_else_counts_processors() -> None:
    from pathlib import Path

    import stream_anon

    root = Path(stream_anon.__file__).parent
    found = {p.name for p in root.rglob("*.py") if "cpu_count" in p.read_text(encoding="utf-8")}
    assert found == {"processors.py"}
