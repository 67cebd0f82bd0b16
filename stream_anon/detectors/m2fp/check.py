"""Self-check: the converted network against PyTorch's on this machine.

The network in PyTorch is the one that agrees with the published implementation (that is tested);
here it runs with the weights that are installed, next to what redaction runs.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.processors import usable_processors
from stream_anon.detectors.m2fp import load_network
from stream_anon.detectors.m2fp.configuration import STRIDE
from stream_anon.detectors.m2fp.convert import MIN_AGREEMENT, agreement, all_converted, convert
from stream_anon.detectors.runtime import Network
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TOLERANCE = 2e-3
"""Largest difference, as a share of the largest value."""
ROUNDS = 3


def check(model_dir: Path, short_side: int = 256) -> Iterator[str]:
    """Compare, and report line by line.

    Args:
        model_dir: the installed model.
        short_side: working size, in pixels; the picture is as wide as 16:9.

    Raises:
        ModelError: something is missing, or the converted network computes something else.
    """
    picture = _picture(short_side)
    full, took = _in_pytorch(model_dir, picture)
    size = f"{picture.shape[3]}x{picture.shape[2]}"
    yield f"PyTorch, fp32: {took:.2f} s for {size}"
    answer, took = _converted(convert(model_dir).path, picture)
    worst = max(_difference(ours, theirs) for ours, theirs in zip(answer, full, strict=True))
    yield f"converted, fp32: {took:.2f} s, largest difference {worst:.1e} (allowed {TOLERANCE:.0e})"
    if not worst <= TOLERANCE:
        raise ModelError("the converted network does not compute what the original does")
    for small in all_converted(model_dir):
        if small.precision == "fp32":
            continue
        answer, took = _converted(small.path, picture)
        alike = agreement([full[0][0], full[1][0]], [answer[0][0], answer[1][0]])
        yield (
            f"converted, int8 for {small.short_side}: {took:.2f} s, agrees to {alike:.1%} on a "
            f"made-up picture and to {small.agreement or 0:.1%} on pictures like its own"
        )
        if small.agreement is None or small.agreement < MIN_AGREEMENT:
            raise ModelError(
                "the int8 network was not verified to agree with fp32: convert it again"
            )


def _picture(short_side: int) -> NDArray[np.float32]:
    """Soft blotches of colour, the same on every machine: (1, 3, rows, columns), 0..255."""
    rows = max(STRIDE, round(short_side / STRIDE) * STRIDE)
    columns = max(STRIDE, round(short_side * 16 / 9 / STRIDE) * STRIDE)
    y, x = np.mgrid[:rows, :columns].astype(np.float32) / short_side
    waves = [np.sin(a * x + b * y) for a, b in ((7, 11), (13, -5), (-3, 17))]
    return np.asarray(127.5 + 100 * np.stack(waves)[None], np.float32)


def _in_pytorch(
    model_dir: Path, picture: NDArray[np.float32]
) -> tuple[list[NDArray[np.float32]], float]:
    network = load_network(model_dir)
    import torch  # noqa: PLC0415 - an extra; load_network reports if it is missing

    with torch.inference_mode():
        pictures = torch.from_numpy(picture)
        network(pictures)
        began = perf_counter()
        answer = network(pictures)
        took = perf_counter() - began
    return [answer[name].numpy() for name in ("pred_logits", "pred_masks")], took


def _converted(path: Path, picture: NDArray[np.float32]) -> tuple[list[NDArray[np.float32]], float]:
    network = Network(path, threads=usable_processors(), precision="f32")
    answer = network.run(picture)
    began = perf_counter()
    for _ in range(ROUNDS):
        answer = network.run(picture)
    took = (perf_counter() - began) / ROUNDS
    network.close()
    return answer, took


def _difference(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
