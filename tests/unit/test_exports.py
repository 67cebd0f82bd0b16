"""What `import stream_anon` offers."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types
from importlib.metadata import PackageNotFoundError, version

import pytest

import stream_anon


def test_all_is_exactly_what_is_public() -> None:
    for name in dir(stream_anon):
        getattr(stream_anon, name)  # most are loaded when they are asked for
    public = {
        name
        for name, value in vars(stream_anon).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and getattr(value, "__module__", "").startswith("stream_anon")
    }
    assert set(stream_anon.__all__) == public


def test_dir_names_what_is_loaded_late() -> None:
    assert set(stream_anon.__all__) <= set(dir(stream_anon))


@pytest.mark.slow
def test_recordings_load_nothing_of_live_runs() -> None:
    code = (
        "import sys, stream_anon; stream_anon.redact; "
        "sys.exit('stream_anon.pipeline.live.run' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
    assert stream_anon.LiveRun.__name__ == "LiveRun"
    with pytest.raises(AttributeError, match="no attribute 'Live'"):
        _ = stream_anon.Live


def test_all_is_sorted_and_names_nothing_twice() -> None:
    assert stream_anon.__all__ == sorted(set(stream_anon.__all__))


@pytest.mark.parametrize("name", stream_anon.__all__)
def test_everything_public_is_documented(name: str) -> None:
    value = getattr(stream_anon, name)
    assert inspect.getdoc(value)
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        assert all(p.annotation is not p.empty for p in signature.parameters.values())
        assert signature.return_annotation is not signature.empty


def test_star_import_brings_the_public_names_only() -> None:
    space: dict[str, object] = {}
    exec("from stream_anon import *", space)
    assert set(space) - {"__builtins__"} == set(stream_anon.__all__)


def test_the_version_agrees_with_the_installed_package() -> None:
    try:
        installed = version("stream-anon")
    except PackageNotFoundError:
        pytest.skip("the package is not installed here")
    assert stream_anon.__version__ == installed


@pytest.mark.slow
def test_importing_loads_no_network_engine() -> None:
    code = "import sys, stream_anon; sys.exit('openvino' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert done.returncode == 0
