"""The names of body parts, and the groups of them that a scope may ask for."""

from __future__ import annotations

CENTERFACE_LABELS = frozenset({"face", "head", "eyes", "nose", "mouth"})
"""`head` is estimated from the face: the skull, hair and ears around it."""

CIHP_LABELS = {
    "Hat": "hat",
    "Hair": "hair",
    "Glove": "glove",
    "Sunglasses": "sunglasses",
    "UpperClothes": "upper-clothes",
    "Dress": "dress",
    "Coat": "coat",
    "Socks": "socks",
    "Pants": "pants",
    "Torso-skin": "torso-skin",
    "Scarf": "scarf",
    "Skirt": "skirt",
    "Face": "face",
    "Left-arm": "left-arm",
    "Right-arm": "right-arm",
    "Left-leg": "left-leg",
    "Right-leg": "right-leg",
    "Left-shoe": "left-shoe",
    "Right-shoe": "right-shoe",
    "Human": "human",
}
"""Labels of m2fp: the classes of the data set CIHP and our names for them.

Left and right are the person's own. `human` is a whole person, from hat to shoes.
"""

PERSON_LABELS = frozenset({"human", "head"})
"""Labels of persons: all of somebody, and the upper end of that, wherever they look."""

_HEAD = frozenset({"face", "hair", "hat", "sunglasses"})
_LIMBS = frozenset({"left-arm", "right-arm", "left-leg", "right-leg"})
PARSED_LABELS = frozenset(CIHP_LABELS.values())

MOVING, BACKGROUND = "moving", "background"
SCENE_LABELS = frozenset({MOVING, BACKGROUND})
"""What differs from the scene of a fixed camera, and that scene."""

AUTO = "auto"
"""In place of a detector's name: those that the scope needs."""
EVERYTHING = "everything"
"""A scope that stands for what the installed detectors see."""
RESERVED = SCENE_LABELS | {EVERYTHING}
"""No network may have these: whoever names them means something else."""

FACE_GROUPS = {"head": (frozenset({"head"}),)}
PERSON_GROUPS = {"head": (frozenset({"head"}),), "person": (PERSON_LABELS,)}
BODY_GROUPS = {
    "head": (_HEAD,),
    "skin": (_LIMBS | {"face", "torso-skin"},),
    "clothes": (PARSED_LABELS - _LIMBS - _HEAD - {"torso-skin", "human"} | {"hat", "sunglasses"},),
    "person": (PARSED_LABELS,),
}
SCENE_GROUPS = {MOVING: (frozenset({MOVING, "face"}),)}
"""Scopes that stand for several labels.

Each has one or more sets of labels that hide it; all sets that a run's detectors see are hidden.
"""


def covers(seen: frozenset[str], hidden: frozenset[str]) -> bool:
    """Whether an engine that answers with `seen` alone can hide all of `hidden`.

    What it calls a head includes all that others distinguish on a head.
    """
    return hidden - (_HEAD if "head" in hidden & seen else frozenset()) <= seen
