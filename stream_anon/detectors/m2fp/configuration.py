"""A model folder's `configuration.json`: which M2FP network its checkpoint belongs to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "configuration.json"
CHECKPOINT = "pytorch_model.pt"
GROUPS = 32
"""Channels of a group normalisation are a multiple of this."""
LEVELS = 3
"""Scales that the transformer decoder attends to."""

STRIDE = 32
"""Pictures are padded to multiples of this."""
MEAN = (123.675, 116.28, 103.53)
"""Of red, green and blue in 0..255, as in training (ImageNet's)."""
DEVIATION = (58.395, 57.12, 57.375)


def _flag(value: Any) -> Any:
    """Let 0 and 1 stand for false and true. Words do not: is "no" a yes, as it is to Python?"""
    return bool(value) if value in (0, 1) else value


Count = Annotated[int, Field(ge=1, le=65536)]
CountOrZero = Annotated[int, Field(ge=0, le=65536)]
Layers = Annotated[int, Field(ge=0, le=1000)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Stage = Literal["res2", "res3", "res4", "res5"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Backbone(_Section):
    """ResNet with a deep stem (DeepLab's)."""

    out_features: Annotated[list[Stage], Field(min_length=1)]
    depth: Literal[50, 101, 152]
    num_groups: Count
    width_per_group: Count
    norm: Literal["BN", "GN", "nnSyncBN", ""] | None
    stem_out_channels: Annotated[int, Field(ge=2, le=65536)]
    res2_out_channels: Count
    stride_in_1x1: Flag
    res4_dilation: Literal[1, 2]
    res5_dilation: Literal[1, 2, 4]
    res5_multi_grid: list[Count]

    @model_validator(mode="after")
    def _dilations_fit(self) -> Backbone:
        if self.res4_dilation == 2 and self.res5_dilation != 4:
            raise ValueError("res5_dilation must be 4 where res4_dilation is 2")
        if "res5" in self.out_features and len(self.res5_multi_grid) != 3:
            raise ValueError("res5_multi_grid must have 3 entries, one for each block of res5")
        return self


class Encoder(_Section):
    """Pixel decoder with multi-scale deformable attention."""

    in_features: list[str]
    transformer_dropout: Annotated[float, Field(ge=0, le=1)]
    transformer_nheads: Count
    transformer_dim_feedforward: CountOrZero
    transformer_enc_layers: Layers
    conv_dim: Count
    mask_dim: Count
    transformer_in_features: Annotated[list[str], Field(min_length=1)]
    common_stride: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Decoder(_Section):
    """Transformer decoder with masked attention."""

    mask_classification: Literal[True] = True
    num_classes: CountOrZero
    hidden_dim: Count
    num_queries: Count
    nheads: Count
    dim_feedforward: CountOrZero
    dec_layers: Layers
    pre_norm: Flag
    mask_dim: Count
    enforce_input_project: Flag


class Model(_Section):
    """The `model` section."""

    type: Literal["m2fp"]
    backbone: Backbone
    encoder: Encoder
    decoder: Decoder
    pretrained: Flag | None = None
    input_single_human: dict[str, Any] | None = None
    classes: list[str] | None = None
    num_parsing: int | None = None
    single_human: Flag = True
    parsing_ins_score_thr: float = 0.5
    parsing_on: Flag = False
    semantic_on: Flag = True
    sem_seg_postprocess_before_inference: Flag = True

    @model_validator(mode="after")
    def _fits_together(self) -> Model:
        encoder, decoder = self.encoder, self.decoder
        if encoder.conv_dim % GROUPS:
            raise ValueError(f"encoder.conv_dim must be a multiple of {GROUPS}")
        if encoder.conv_dim % encoder.transformer_nheads:
            raise ValueError("encoder.transformer_nheads must divide encoder.conv_dim")
        if decoder.dec_layers and decoder.hidden_dim % decoder.nheads:
            raise ValueError("decoder.nheads must divide decoder.hidden_dim")
        if decoder.hidden_dim % 4:
            raise ValueError("decoder.hidden_dim must be a multiple of 4 to encode positions")
        if encoder.mask_dim != decoder.mask_dim:
            raise ValueError("encoder.mask_dim and decoder.mask_dim must be equal")
        if not (self.semantic_on or self.parsing_on or self.sem_seg_postprocess_before_inference):
            raise ValueError(
                "sem_seg_postprocess_before_inference must be true where semantic_on is not"
            )
        return self


def model_files(model_dir: Path) -> tuple[Path, Path]:
    """The two files that make a model folder."""
    return model_dir / FILE, model_dir / CHECKPOINT


def read_configuration(model_dir: Path) -> Model:
    """Read `configuration.json` of a model folder.

    Raises:
        ModelError: it is missing, no JSON, of another model, or has a key that is unknown or out
            of range.
    """
    path = model_dir / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(
            f"cannot read {path}: {reason}; a model folder has {FILE} and pytorch_model.pt"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON: fetch or copy the model again") from error
    section = said.get("model") if isinstance(said, dict) else None
    if not isinstance(section, dict):
        raise ModelError(f"{path} has no section model: it does not belong to an M2FP model")
    if section.get("type") != "m2fp":
        raise ModelError(f"{path} is for a model of type {section.get('type')!r}, not m2fp")
    try:
        return Model.model_validate(section)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(["model", *(str(step) for step in first["loc"])])
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            what = "unknown key, which this version does not support"
        raise ModelError(f"{path}: {key}: {what[0].lower()}{what[1:]}") from error
