"""Native libraries that the package needs, and what to do where one of them cannot be loaded.

A missing system library, a wheel for another version of NumPy or a half-removed package make an
import fail, in ways of their own. Whoever needs a library gets a `DependencyError` with the cause
and the next step instead.
"""

from __future__ import annotations

import io
import re
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from stream_anon.errors import DependencyError

if TYPE_CHECKING:
    from types import ModuleType

LONGEST_CAUSE = 160
"""Characters of a library's own words in a message."""


class Library(NamedTuple):
    """One library: what people call it, and what pip does."""

    name: str
    package: str


LIBRARIES = {
    "numpy": Library("NumPy", "'numpy>=2,<3'"),
    "cv2": Library("OpenCV", "opencv-python"),
    "av": Library("PyAV", "'av>=18,<19'"),
    "openvino": Library("OpenVINO", "'openvino>=2025.2,<2027'"),
    "pyrage": Library("pyrage, which sealing needs,", "'pyrage>=1.4,<2'"),
}
"""By the module that is imported."""
NEEDED = ("numpy", "cv2", "av")
"""Of every run. OpenVINO is loaded by those who run a network: it takes half a second."""
HEADLESS = (
    "pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless, "
    "which needs no display"
)
_DEBIAN = {
    "libGL.so": "libgl1",
    "libgthread-2.0.so": "libglib2.0-0",
    "libglib-2.0.so": "libglib2.0-0",
    "libSM.so": "libsm6",
    "libICE.so": "libice6",
    "libXext.so": "libxext6",
    "libXrender.so": "libxrender1",
    "libX11.so": "libx11-6",
    "libxcb.so": "libxcb1",
    "libEGL.so": "libegl1",
    "libgomp.so": "libgomp1",
    "libstdc++.so": "libstdc++6",
}
"""Packages of Debian and Ubuntu by the library that slim containers lack."""
_SHARED_LIBRARY = re.compile(r"(lib[\w+.-]*?\.so[\w.]*)")
_LACKS_LIBRARY = ("cannot open shared object", "no such file", "image not found")
_ABI = ("_array_api", "multiarray failed to import", "compiled using numpy", "abi version",
        "binary incompatibility", "dtype size changed")  # fmt: skip

_ONE_BY_ONE = threading.Lock()


def preload() -> None:
    """Load OpenCV, where it can be loaded; `check` tells what is wrong where it cannot."""
    with suppress(DependencyError):
        load("cv2")


def check() -> None:
    """Make sure that what every run needs is there.

    Raises:
        DependencyError: something is not.
    """
    for module in NEEDED:
        load(module)


def load(module: str) -> ModuleType:
    """Import one of the libraries.

    Raises:
        DependencyError: it cannot be imported.
    """
    with _ONE_BY_ONE:  # what is printed is caught for the whole process
        said = io.StringIO()  # a page of NumPy's where a wheel was built for another version of it
        try:
            with redirect_stdout(said), redirect_stderr(said):
                loaded = import_module(module)
        except Exception as error:
            raise DependencyError(explain(module, error)) from error
        if said.getvalue() and sys.stderr is not None:
            sys.stderr.write(said.getvalue())
        return loaded


def explain(module: str, error: Exception) -> str:
    """What an import that failed means, and what to do, in one line.

    Args:
        module: what was imported.
        error: what it raised.
    """
    top = module.partition(".")[0]
    name, package = LIBRARIES.get(top, Library(top, top))
    said = cause(error)
    reinstall = f"pip install --force-reinstall {package}"
    if isinstance(error, ModuleNotFoundError) and (error.name or top) == top:
        other = " (on a server without a display: opencv-python-headless)" if top == "cv2" else ""
        return f"{name} is not installed: pip install {package}{other}"
    if any(word in said.lower() for word in _ABI):
        return f"{name} was built for another version of NumPy ({said}): {reinstall} 'numpy>=2,<3'"
    if "DLL load failed" in said:
        return (
            f"{name} cannot be loaded ({said}): install Microsoft's Visual C++ Redistributable, "
            f"or {reinstall}"
        )
    missing = _SHARED_LIBRARY.search(said)
    if missing and any(word in said.lower() for word in _LACKS_LIBRARY):
        return f"{name} needs {missing[1]}, which this system lacks: {_how_to_get(missing[1], top)}"
    return f"{name} cannot be loaded ({said}): {reinstall}"


def _how_to_get(library: str, module: str) -> str:
    package = next((deb for start, deb in _DEBIAN.items() if library.startswith(start)), None)
    where = f"apt-get install {package} on Debian and Ubuntu" if package else "install its package"
    return f"{HEADLESS}; or {where}" if module == "cv2" else where


def cause(error: BaseException) -> str:
    """What a native library said, in one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # OpenVINO says first where in its source it was, and last what went wrong.
    told = [line for line in lines if not line.startswith("Exception from ")] or lines
    said = " ".join(" ".join(told).split()).rstrip(":.") or type(error).__name__
    return said if len(said) <= LONGEST_CAUSE else f"{said[: LONGEST_CAUSE - 1]}…"
