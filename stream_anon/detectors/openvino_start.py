"""Loading and starting OpenVINO: without its telemetry, and with its failures explained.

On an old processor a build of OpenVINO may use instructions that the processor lacks, which ends
the process. Some builds work there, so a process of its own tries first.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from stream_anon.core.dependencies import LIBRARIES, cause, load
from stream_anon.core.process_state import first_alone, without_module
from stream_anon.core.processors import lacks_avx2, processor_model
from stream_anon.errors import DependencyError

TELEMETRY = "openvino_telemetry"
PATIENCE = 120.0
"""Seconds that the trial on an old processor may take."""
_TRIAL = """
from stream_anon.detectors.openvino_start import new_core, load_openvino
openvino = load_openvino()
ops = openvino.opset13
x = ops.parameter([1, 3, 32, 32], openvino.Type.f32)
weights = ops.constant([[[[0.5] * 3] * 3] * 3] * 4, openvino.Type.f32)
y = ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1])
compiled = new_core(openvino).compile_model(openvino.Model([y], [x], "trial"), "CPU")
import numpy as np
compiled([np.zeros((1, 3, 32, 32), np.float32)])
"""


def import_openvino() -> Any:
    """OpenVINO, on a processor that it runs on.

    Raises:
        DependencyError: it is missing or broken, or would end the process.
    """
    if lacks_avx2():
        check_old_processor()
    return load_openvino()


def load_openvino() -> Any:
    """OpenVINO without its telemetry.

    Importing it reports the import to a web service, in a thread of its own, and no setting turns
    that off. It does without where the package that reports cannot be imported.

    Raises:
        DependencyError: it cannot be imported.
    """
    with without_module(TELEMETRY):
        return load("openvino")


def new_core(openvino: Any) -> Any:
    """OpenVINO's runtime.

    Args:
        openvino: the imported module.

    Raises:
        DependencyError: it does not start on this machine.
    """
    try:
        with first_alone("start"):
            return openvino.Core()
    except Exception as error:
        raise DependencyError(
            f"OpenVINO cannot start ({cause(error)}): in a container, let it read /proc/cpuinfo "
            "and /sys/devices/system/cpu; elsewhere, pip install --force-reinstall "
            f"{LIBRARIES['openvino'].package}"
        ) from error


@cache
def check_old_processor() -> None:
    """Try OpenVINO in a process of its own, once.

    Raises:
        DependencyError: it crashes on this processor.
    """
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-P", "-c", _TRIAL],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unfit(type(error).__name__) from error
    # An error that is no crash comes again in this process, with its cause.
    if done.returncode < 0 or done.returncode > 0xFF:
        raise _unfit(f"it ended with code {done.returncode}")


def _unfit(why: str) -> DependencyError:
    return DependencyError(
        f"OpenVINO does not run on this processor, {processor_model()}, which has no AVX2 ({why}): "
        "use a machine with AVX2 (Intel and AMD since about 2013 to 2015); in a virtual machine, "
        "pass the host's processor through"
    )
