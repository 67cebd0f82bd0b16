"""From a checkpoint to a network that OpenVINO runs, once; afterwards PyTorch is not needed.

One converted network serves pictures of every size. It lies in a folder of `networks_dir()`
named after the checkpoint's hash, the precision and `VERSION`, with the hashes of its own files in
`about.json`: a damaged one is not used, but converted again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stream_anon.core.dependencies import cause
from stream_anon.core.process_state import first_alone, no_progress_thread, no_warnings
from stream_anon.core.processors import usable_processors
from stream_anon.core.stream_log import stream_logger
from stream_anon.detectors.folders import networks_dir, new_folder
from stream_anon.detectors.m2fp.configuration import STRIDE
from stream_anon.detectors.m2fp.store import checkpoint_hash
from stream_anon.detectors.openvino_start import import_openvino, new_core
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

log = stream_logger(__name__)

Precision = Literal["fp32", "int8"]

VERSION = 1
"""Changes whenever the same checkpoint would be converted to something else."""
MIN_AGREEMENT = 0.9
"""Less than this between int8 and fp32 is refused."""
NETWORK, WEIGHTS, ABOUT = "network.xml", "network.bin", "about.json"
EXAMPLE_SIDES = (96, 160)
"""Rows and columns of the picture that the network is traced with."""
MAX_SIDE = 4096


@dataclass(frozen=True, slots=True)
class Converted:
    """A network that is ready to run."""

    path: Path
    """For OpenVINO."""
    precision: Precision
    agreement: float | None
    """How much of what fp32 sees int8 sees, 0..1; None for fp32."""
    short_side: int
    """For int8, that of the pictures that it was calibrated on, in pixels; else 0."""
    digest: str
    """SHA-256 of the network's files, hexadecimal."""


def find_converted(model_dir: Path, precision: Precision, short_side: int = 0) -> Converted | None:
    """The converted network of a model folder if it is there and whole.

    Args:
        model_dir: the folder.
        precision: what it computes with.
        short_side: for int8, the shorter side of the pictures that it was calibrated on.

    Raises:
        ModelError: the model folder cannot be read.
    """
    return _read(_folder(checkpoint_hash(model_dir), precision, short_side))


def _read(folder: Path) -> Converted | None:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        digest = _digest(folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        about, digest = {}, "unreadable"
    if not isinstance(about, dict) or about.get("sha256") != digest:
        log.warning("the converted network in %s is damaged and is converted again", folder)
        return None
    kind = about["precision"], about["agreement"], about["short_side"]
    return Converted(folder / NETWORK, *kind, digest)


def convert(
    model_dir: Path,
    precision: Precision = "fp32",
    *,
    pictures: Sequence[NDArray[np.float32]] = (),
    short_side: int = 0,
    threads: int = 0,
) -> Converted:
    """Convert a model, or find it converted already; int8 is always recalibrated.

    Args:
        model_dir: holds `configuration.json` and `pytorch_model.pt`.
        precision: `int8` needs `pictures`.
        pictures: what the network will see, (1, 3, H, W), RGB in 0..255, sides multiples of 32.
        short_side: shorter side of what they show; int8 is kept for each size.
        threads: processor threads; 0 takes all cores.

    Raises:
        ModelError: the model is damaged, PyTorch is missing, int8 does not see what fp32 sees, or
            there is no room for the result. Nothing is left behind.
    """
    if precision == "fp32":
        return find_converted(model_dir, "fp32") or _convert(model_dir)
    full = find_converted(model_dir, "fp32") or _convert(model_dir)
    if not pictures:
        raise ModelError("int8 is calibrated on pictures: name a video or a picture to use")
    return _quantize(model_dir, full, pictures, short_side, threads or usable_processors())


def all_converted(model_dir: Path) -> list[Converted]:
    """Every network that was made of a model and is whole.

    Raises:
        ModelError: the model folder cannot be read.
    """
    folders = networks_dir().glob(f"m2fp-{checkpoint_hash(model_dir)[:16]}-*-{VERSION}")
    return [made for made in map(_read, sorted(folders)) if made is not None]


def _convert(model_dir: Path) -> Converted:
    began = monotonic()
    hashed = checkpoint_hash(model_dir)
    with first_alone("convert"):
        exported = _export(model_dir)
        converted = _save(exported, hashed, "fp32", None)
    log.info("converted %s in %.0f s", model_dir, monotonic() - began)
    return converted


def _export(model_dir: Path) -> Any:
    """The network as an OpenVINO model for pictures of any size."""
    try:
        import torch  # noqa: PLC0415 - seconds, and an extra: paid by those who convert

        from stream_anon.detectors.m2fp.checkpoint import load_network  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModelError(
            "converting m2fp needs PyTorch, once: pip install 'stream-anon[m2fp]' "
            "(from a checkout: ./scripts/setup m2fp), or use --engine centerface"
        ) from error

    class Normalised(torch.nn.Module):
        """The network without the padding, which the parser does with the pictures' own."""

        def __init__(self) -> None:
            super().__init__()
            self.network = load_network(model_dir)

        def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            network = self.network
            return network.answer((pictures - network.mean) / network.deviation)

    openvino = import_openvino()
    network = Normalised().eval()
    example = torch.zeros(1, 3, *EXAMPLE_SIDES)
    sides = {
        axis: STRIDE * torch.export.Dim(name, min=2, max=MAX_SIDE // STRIDE)
        for axis, name in ((2, "rows"), (3, "columns"))
    }
    try:
        with no_warnings, no_progress_thread:  # about PyTorch's and OpenVINO's own insides
            exported = torch.export.export(network, (example,), dynamic_shapes={"pictures": sides})
            return openvino.convert_model(exported)
    except Exception as error:
        what = type(error).__name__
        raise ModelError(f"{model_dir} could not be converted: {what}") from error


def _quantize(
    model_dir: Path,
    full: Converted,
    pictures: Sequence[NDArray[np.float32]],
    short_side: int,
    threads: int,
) -> Converted:
    from stream_anon.detectors.m2fp.quantize import activation_ranges, quantize  # noqa: PLC0415

    core = new_core(import_openvino())
    # What it is calibrated on would flatter it: every other picture is kept to judge by.
    shown, kept = pictures[::2], pictures[1::2] or pictures
    try:
        ranges = activation_ranges(core.read_model(str(full.path)), shown, threads)
        model = core.read_model(str(full.path))
        quantize(model, ranges)
        agreement = _agreement(core, core.read_model(str(full.path)), model.clone(), kept, threads)
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO cannot quantize the network ({cause(error)}): stay with fp32"
        ) from error
    if agreement < MIN_AGREEMENT:
        raise ModelError(
            f"int8 sees only {agreement:.1%} of what fp32 sees, less than {MIN_AGREEMENT:.0%}: "
            "calibrate on pictures like those to be redacted, or stay with fp32"
        )
    return _save(model, checkpoint_hash(model_dir), "int8", agreement, short_side)


def _agreement(
    core: Any, full: Any, small: Any, pictures: Sequence[NDArray[np.float32]], threads: int
) -> float:
    found = []
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    for picture in pictures:
        answers = []
        for model in (full, small):
            model.reshape(list(picture.shape))
            request = core.compile_model(model, "CPU", settings).create_infer_request()
            answer = request.infer([picture])
            answers.append([np.array(answer[port][0]) for port in request.model_outputs])
        found.append(agreement(*answers))
    return min(found)


def agreement(full: Sequence[NDArray[np.float32]], small: Sequence[NDArray[np.float32]]) -> float:
    """How far one network's answer is also the other's, 0..1.

    Each query's masks are compared by their overlap (IoU) and its classes by the probability that
    they share; queries count as much as `full` takes them for something.

    Args:
        full: logits (Q, classes + 1) and mask logits (Q, h, w).
        small: the same of the other network.
    """
    ours, theirs = softmax(full[0]), softmax(small[0])
    alike = np.minimum(ours, theirs).sum(1)
    a, b = full[1] > 0, small[1] > 0
    union = (a | b).sum((1, 2))
    overlap = np.where(union > 0, (a & b).sum((1, 2)) / np.maximum(union, 1), 1.0)
    weight = 1 - ours[:, -1] + 1e-9
    return float((alike * overlap * weight).sum() / weight.sum())


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def _folder(hashed: str, precision: Precision, short_side: int) -> Path:
    kind = precision if precision == "fp32" else f"{precision}@{short_side}"
    return networks_dir() / f"m2fp-{hashed[:16]}-{kind}-{VERSION}"


def _save(
    model: Any, hashed: str, precision: Precision, agreed: float | None, short_side: int = 0
) -> Converted:
    openvino = import_openvino()
    folder = _folder(hashed, precision, short_side)
    with new_folder(folder) as part:
        try:
            openvino.save_model(model, str(part / NETWORK), compress_to_fp16=False)
            digest = _digest(part)
        except (RuntimeError, FileNotFoundError) as error:
            raise ModelError(
                f"cannot write {folder}: no space left, or no permission to write there"
            ) from error
        about = {
            "precision": precision, "agreement": agreed, "short_side": short_side, "sha256": digest,
        }  # fmt: skip
        (part / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    return Converted(folder / NETWORK, precision, agreed, short_side, digest)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in (NETWORK, WEIGHTS):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
