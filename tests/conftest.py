"""What all tests share: no thread stays behind, and the demo footage is made and redacted once."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest
from footage import make_footage

import stream_anon
from stream_anon.core.process_state import no_realtime
from stream_anon.detectors.compiled import COMPILED, Key
from stream_anon.detectors.folders import networks_dir
from stream_anon.detectors.m2fp import store
from tests.m2fp_models import make_outspoken, use_models, write_tiny_model
from tests.requirements import require_m2fp
from tests.runs import SHARED, Redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from footage import Footage

# A busy machine makes no property false.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

LIVE_FOLDER = "live"
SLOW_FOLDERS = {"end_to_end", LIVE_FOLDER}

WIDTH, HEIGHT, SECONDS = 640, 360, 5.0
MOST_KEPT = 32
TEST_MODELS = "STREAM_ANON_TEST_MODELS"
"""Names a folder where the processes of one run share the small m2fp."""
GRACE = 2.0
"""Seconds that a thread has to end after its test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fast", action="store_true", help="without what starts processes, listens or takes long"
    )


def pytest_configure() -> None:
    # Whoever starts pytest in the background has Ctrl-C ignored, here and in what tests start.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == LIVE_FOLDER:
            item.add_marker(pytest.mark.realtime)
        elif "m2fp" in item.nodeid and config.pluginmanager.hasplugin("xdist"):
            # one worker loads PyTorch
            item.add_marker(pytest.mark.xdist_group("m2fp"))
    if not config.getoption("--fast"):
        return
    slow = [item for item in items if _is_slow(item)]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not _is_slow(item)]


def _is_slow(item: pytest.Item) -> bool:
    return item.path.parent.name in SLOW_FOLDERS or item.get_closest_marker("slow") is not None


@pytest.fixture(autouse=True)
def _fast_tests_stay_inside(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that starts a process or opens a connection is to be marked as slow."""
    if not request.config.getoption("--fast"):
        return

    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("starts a process or opens a connection: mark it with pytest.mark.slow")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Some tests open SVT-AV1 themselves, which leaves their thread with real-time priority."""
    with no_realtime():
        return (yield)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """The command line chooses what is logged, and where to; that ends with the test."""
    logger = logging.getLogger("stream_anon")
    level, handlers = logger.level, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _no_thread_stays_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = monotonic() + GRACE
    while (extra := set(threading.enumerate()) - before) and monotonic() < deadline:
        sleep(0.01)
    assert not extra, f"still running after the test: {sorted(t.name for t in extra)}"


@pytest.fixture(scope="session", autouse=True)
def _networks_are_compiled_once() -> Iterator[None]:
    """Each network stays compiled from its first use in this process on, for all later tests."""
    acquire, kept = COMPILED.acquire, set[Key]()

    def keep(key: Key, compile_it: Callable[[], object]) -> object:
        if key not in kept and len(kept) < MOST_KEPT:
            acquire(key, compile_it)  # one user more, who stays
            kept.add(key)
        return acquire(key, compile_it)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(COMPILED, "acquire", keep)
        yield
    for key in kept:
        COMPILED.release(key)


@pytest.fixture(scope="session", autouse=True)
def _no_models_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is installed on this machine changes no test: folders for models start empty."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        yield


@pytest.fixture(scope="session")
def tiny_m2fp_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders for data and cache with a small m2fp, made-up weights, converted. Read-only."""
    require_m2fp()
    from stream_anon.detectors.m2fp.convert import convert

    shared = os.environ.get(TEST_MODELS)
    root = Path(shared) if shared else tmp_path_factory.mktemp("m2fp")
    with pytest.MonkeyPatch.context() as patch, _alone_in(root):
        use_models(patch, root)
        if not store.is_installed():
            make_outspoken(write_tiny_model(store.model_dir(), seed=1))
            convert(store.model_dir())
    return root


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """While the block runs, other processes that ask for the same wait."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def tiny_m2fp(tiny_m2fp_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model folder of an installed and converted m2fp. Read-only."""
    use_models(monkeypatch, tiny_m2fp_root)
    return store.model_dir()


@pytest.fixture
def networks_copy(tiny_m2fp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Converted networks that may be damaged: from here on, the cache is a copy."""
    copy = tmp_path / "cache"
    shutil.copytree(networks_dir().parent, copy / "stream_anon")
    monkeypatch.setenv("XDG_CACHE_HOME", str(copy))
    return copy


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """A short video with known faces. Read-only."""
    path = tmp_path_factory.mktemp("footage") / "demo.mp4"
    return make_footage(path, width=WIDTH, height=HEIGHT, seconds=SECONDS)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a face, for runs whose picture does not matter. Read-only."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_footage(path, width=320, height=180, seconds=1.0, rate=24, sound=False).path


@pytest.fixture(scope="session")
def redacted(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Redacted:
    """The footage redacted with the defaults, with everything that can be written. Read-only."""
    folder = tmp_path_factory.mktemp("redacted")
    path, tracks, report = (folder / name for name in ("out.mp4", "tracks.json", "report.json"))
    summary = stream_anon.redact(footage.path, path, report=report, export_tracks=tracks)
    return Redacted(footage, path, summary, tracks, report)


@pytest.fixture(scope="session")
def shared_clips() -> Path:
    """The folder with real footage; the test is skipped where it is missing."""
    folder = SHARED / "clips"
    if not (folder / "truth.json").is_file():
        pytest.skip(f"no real footage in {folder}")
    return folder
