"""Imports run one way: cli → build → pipeline → the parts → the ground they all stand on."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import stream_anon

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(stream_anon.__file__).parent
GROUND = {
    *("frame", "errors", "channel", "color", "complaints", "config", "demuxers", "part"),
    *("part_lock", "scaling"),
}
KNOWLEDGE = {"parsing.base", "parsing.checking", "parsing.labels", "parsing.shapes"}
PARTS = {"sources", "masking", "parsing", "redaction", "sinks", "audio", "audit"}
ORCHESTRA = {"pipeline", "report", *PARTS}

ALLOWED: dict[str, set[str]] = {
    "frame": set(),
    "errors": set(),
    "channel": set(),
    "complaints": set(),
    "color": set(),
    "demuxers": set(),
    "part": {"errors", "part_lock"},
    "part_lock": {"errors"},
    "scaling": {"frame"},
    "config": {"errors"},
    "parsing": {*GROUND, "parsing"},
    "masking": {*GROUND, *KNOWLEDGE, "masking"},
    "redaction": {*GROUND, "redaction"},
    "processes": {"processes"},
    "sources": {*GROUND, "processes", "sources"},
    "sinks": {*GROUND, "processes", "sinks", "audio"},
    "audio": {*GROUND, "audio"},
    "audit": {*GROUND, "audit"},
    "report": {*GROUND},
    "pipeline": {*GROUND, *PARTS},
    "live": {*GROUND, *PARTS, "live", "processes"},
    "engines": {*GROUND, "parsing", "sources", "masking"},
    "build": {*GROUND, *ORCHESTRA, "engines"},
    "outputs": {*GROUND, "sinks"},
    "build_live": {*GROUND, *PARTS, "engines", "live", "outputs"},
    "_api": {*GROUND, "build", "build_live", "outputs", "report"},
    "console": {*GROUND, "report"},
    "options": set(),
    "cli": {
        *(GROUND | {"__init__", "_api", "build", "cli_live", "cli_models"}),
        *("console", "options", "processes", "report"),
    },
    "cli_live": {
        *GROUND,
        "build_live",
        "outputs",
        "console",
        "live",
        "options",
        "sinks",
        "sources",
    },
    "cli_models": {*GROUND, "console", "engines", "parsing"},
    "__init__": {*GROUND, "_api", "report"},
    "__main__": {"cli"},
}
"""For each module or folder directly in the package: what it may import when it runs."""

TYPES_ONLY = {"parsing.base", "frame", *KNOWLEDGE}
"""What anybody may name in annotations, on top of that."""

ENGINES = {"parsing.centerface", "parsing.runtime", "parsing.picture"}


class Arrow(NamedTuple):
    """One import."""

    line: int
    target: str
    """Module path below the package, `__init__` for the package itself."""
    typing_only: bool


def arrows(path: Path, root: Path) -> Iterator[Arrow]:
    """Every import of the package's own modules in one file, relative ones too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for name in _imported(node, path, root):
            if name == root.name or name.startswith(root.name + "."):
                target = name.removeprefix(root.name).lstrip(".") or "__init__"
                yield Arrow(node.lineno, _module(target, root), id(node) in guarded)  # type: ignore[attr-defined]


def _imported(node: ast.AST, path: Path, root: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        folder = path.parent
        for _ in range(node.level - 1):
            folder = folder.parent
        dotted = ".".join([root.name, *folder.relative_to(root).parts])
        base = f"{dotted}.{base}" if base else dotted
    return [f"{base}.{alias.name}" for alias in node.names]


def _module(dotted: str, root: Path) -> str:
    """Cut a name off that is not a module but something in one."""
    steps = dotted.split(".")
    while steps:
        place = root.joinpath(*steps)
        if place.with_suffix(".py").exists() or place.is_dir():
            return ".".join(steps)
        steps.pop()
    return "__init__"


def backward_arrows(root: Path) -> list[str]:
    """Every import that the rules forbid, as `file:line target`."""
    wrong: list[str] = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        group = inside.parts[0].removesuffix(".py")
        allowed = ALLOWED.get(group)
        if allowed is None:
            wrong.append(f"{inside}: no rule for {group}")
            continue
        for arrow in arrows(path, root):
            fine = _covered(arrow.target, allowed)
            if arrow.typing_only and not fine:
                fine = group in {*GROUND, "processes", "report", "_api"} or _covered(
                    arrow.target, TYPES_ONLY
                )
            if not fine:
                wrong.append(f"{inside}:{arrow.line} {arrow.target}")
    return wrong


def _covered(target: str, allowed: set[str]) -> bool:
    steps = target.split(".")
    return any(".".join(steps[:n]) in allowed for n in range(1, len(steps) + 1))


def test_no_arrow_runs_back() -> None:
    assert backward_arrows(ROOT) == []


def test_the_walk_sees_the_whole_package() -> None:
    seen = {path.stem for path in ROOT.rglob("*.py") if list(arrows(path, ROOT))}
    assert {"build", "cli", "masker", "centerface", "redactor", "pipeline", "frame"} <= seen
    assert sum(len(list(arrows(path, ROOT))) for path in ROOT.rglob("*.py")) > 50


@pytest.mark.parametrize("folder", ["masking", "redaction", "sources", "sinks", "audio"])
def test_no_part_but_build_knows_an_engine_even_by_name(folder: str) -> None:
    targets = {a.target for path in (ROOT / folder).rglob("*.py") for a in arrows(path, ROOT)}
    assert targets, folder
    assert not targets & ENGINES


@pytest.mark.parametrize("module", ["frame", "errors"])
def test_the_ground_imports_nothing_of_the_package(module: str) -> None:
    found = [a for a in arrows(ROOT / f"{module}.py", ROOT) if not a.typing_only]
    assert found == []


BAD = [
    ("frame.py", "from stream_anon.masking import masker", "masking.masker"),
    ("frame.py", "import stream_anon.parsing.base", "parsing.base"),
    ("errors.py", "from stream_anon import frame", "frame"),
    ("masking/masker.py", "from stream_anon.parsing.centerface import CenterFace", "centerface"),
    ("masking/masker.py", "from stream_anon.redaction.redactor import R", "redaction.redactor"),
    ("masking/masker.py", "from ..redaction.redactor import R", "redaction.redactor"),
    ("redaction/redactor.py", "from stream_anon.masking.masker import M", "masking.masker"),
    ("sinks/media.py", "from stream_anon.sources.media import S", "sources.media"),
    ("sources/media.py", "from stream_anon.parsing.base import Part", "parsing.base"),
    ("sources/media.py", "def f() -> None:\n    from stream_anon import build", "build"),
    ("audit/leaks.py", "from stream_anon.redaction.redactor import R", "redaction.redactor"),
    ("pipeline.py", "from stream_anon.build import redact_file", "build"),
    ("pipeline.py", "from .report import Summary", "report"),
    ("build.py", "import stream_anon.cli", "cli"),
    (
        "masking/masker.py",
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from stream_anon.parsing.centerface import CenterFace"
        ),
        "parsing.centerface",
    ),
    ("processes/child.py", "from stream_anon.sources.media import S", "sources.media"),
    ("live/session.py", "from stream_anon.build import L", "build"),
    ("surprise/new.py", "", "no rule for surprise"),
]


def make_tree(folder: Path) -> Path:
    """A made-up package in which everything runs the right way."""
    root = folder / "stream_anon"
    good = {
        "__init__.py": "from stream_anon._api import redact",
        "_api.py": "from stream_anon.build import redact_file",
        "cli.py": "from stream_anon import __version__\nfrom stream_anon.build import redact_file",
        "build.py": "from stream_anon import pipeline\nfrom stream_anon.report import Summary",
        "pipeline.py": "from stream_anon.channel import Channel",
        "report.py": "from stream_anon.errors import SinkError",
        "frame.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from stream_anon.parsing.base import Part",
        "errors.py": "import math",
        "channel.py": "",
        "masking/masker.py": "from stream_anon.parsing.base import Part\nimport numpy",
        "parsing/base.py": "from stream_anon.frame import Frame",
        "parsing/centerface.py": "from .base import Part",
        "redaction/redactor.py": "from stream_anon.frame import Frame",
        "sources/media.py": "from stream_anon.frame import Frame",
        "sinks/media.py": "from stream_anon.audio import tracks",
        "audio/tracks.py": "",
        "audit/leaks.py": "",
    }
    for name, text in good.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_checker_finds_nothing_in_a_good_tree(tmp_path: Path) -> None:
    assert backward_arrows(make_tree(tmp_path)) == []


@pytest.mark.parametrize(("name", "text", "target"), BAD)
def test_the_checker_finds_a_bad_arrow(tmp_path: Path, name: str, text: str, target: str) -> None:
    root = make_tree(tmp_path)
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    wrong = backward_arrows(root)
    assert len(wrong) == 1, wrong
    assert wrong[0].startswith(name)
    assert target in wrong[0]
