"""Processors of this machine: how many this process may use, and what they can do.

A container or a service often has fewer than the machine: by affinity, or by a quota of time that
only its control group tells (Docker's `--cpus`, Kubernetes' limits, systemd's `CPUQuota`). More
threads than that get in each other's way.
"""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = Path("/")
X86 = {"x86_64", "amd64", "i386", "i686"}
_CGROUPS, _OWN_GROUPS = "sys/fs/cgroup", "proc/self/cgroup"
_CONTROLLER = "cpu"
_WINDOWS_AVX2 = 40
"""PF_AVX2_INSTRUCTIONS_AVAILABLE."""


def installed_processors() -> int | None:
    """Processors of the machine, whether they may be used or not; None where that is not known."""
    return os.cpu_count()


def usable_processors(system: Path = SYSTEM) -> int:
    """How many processors this process may keep busy, at least 1.

    Args:
        system: what stands for `/`.
    """
    quota = processor_quota(system)
    allowed = allowed_processors()
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def threads_within_quota(system: Path = SYSTEM) -> int:
    """Threads for a library that counts processors by itself, but does not know of quotas.

    Args:
        system: what stands for `/`.

    Returns:
        0 where its own count is right.
    """
    usable = usable_processors(system)
    return usable if usable < allowed_processors() else 0


def allowed_processors() -> int:
    """How many processors the affinity of this process allows; all where there is no affinity."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except (AttributeError, OSError):  # Windows, macOS
        return os.cpu_count() or 1


def processor_quota(system: Path = SYSTEM) -> float | None:
    """Processors' worth of time that the control groups allow; None where there is no limit.

    Args:
        system: what stands for `/`.
    """
    quotas = [quota for folder in _groups(system) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _groups(system: Path) -> Iterator[Path]:
    """Folders of the groups of this process, and of those around them: the tightest limit counts.

    Inside a container the path may be the one outside; its own group is then the root.
    """
    root = system / _CGROUPS
    for line in _read(system / _OWN_GROUPS).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mounts = [root, root / "unified"]
        elif _CONTROLLER in controllers.split(","):
            mounts = [root / controllers, root / _CONTROLLER]
        else:
            continue
        steps = [step for step in path.split("/") if step not in ("", ".", "..")]
        for mount in mounts:
            for depth in range(len(steps), -1, -1):
                yield mount.joinpath(*steps[:depth])


def _quota(folder: Path) -> float | None:
    """The limit of one group, whatever the version of its files."""
    words = _read(folder / "cpu.max").split()
    if not words:
        words = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    try:
        quota, period = (float(word) for word in words[:2])
    except ValueError:  # "max", or nothing at all
        return None
    is_limit = quota > 0 and period > 0 and math.isfinite(quota / period)
    return quota / period if is_limit else None


def processor_features(system: Path = SYSTEM) -> frozenset[str]:
    """Instruction sets as the system names them; empty where it does not tell.

    Args:
        system: what stands for `/`.
    """
    for name in ("flags", "Features"):
        if words := _cpuinfo(system, name):
            return frozenset(words.lower().split())
    return frozenset()


def processor_model(system: Path = SYSTEM) -> str:
    """The name of the processor."""
    return _cpuinfo(system, "model name") or platform.processor() or platform.machine() or "unknown"


def lacks_avx2(system: Path = SYSTEM, machine: str | None = None) -> bool:
    """Whether this is an x86 processor that is known to have no AVX2.

    Args:
        system: what stands for `/`.
        machine: the processor's kind, as Python tells it.
    """
    if (machine or platform.machine()).lower() not in X86:
        return False
    features = processor_features(system)
    if features:
        return "avx2" not in features
    return _windows_lacks_avx2()


def _windows_lacks_avx2() -> bool:
    try:
        import ctypes  # noqa: PLC0415 - on Windows only

        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    except (ImportError, AttributeError):
        return False
    return not kernel.IsProcessorFeaturePresent(_WINDOWS_AVX2)


def _cpuinfo(system: Path, wanted: str) -> str:
    for line in _read(system / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == wanted:
            return value.strip()
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
