"""Imports run one way: cli → api → pipeline → the parts → what they all stand on."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import stream_anon

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(stream_anon.__file__).parent

ENGINES = {
    f"detectors.{name}"
    for name in (
        "centerface",
        "compiled",
        "folders",
        "m2fp",
        "openvino_start",
        "persons",
        "picture",
        "registry",
        "runtime",
        "tfjs",
        "weights",
    )
}
DETECTORS = {f"detectors.{name}" for name in ("base", "checking", "labels", "shapes")}
"""What may be known of detectors without knowing any one of them."""
GROUND = {"core", "config", "errors"}
PARTS = {"sources", "masking", "redaction", "sinks"}

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "config": {"config", "core", "errors"},
    "core": {"core", "errors"},
    "processes": {"core", "errors", "processes"},
    "detectors": {*GROUND, "detectors"},
    "audio": {*GROUND, "audio"},
    "audit": {*GROUND, *DETECTORS, "audit"},
    "sources": {*GROUND, "audio", "processes", "sources"},
    "masking": {*GROUND, *DETECTORS, "masking"},
    "redaction": {*GROUND, "redaction"},
    "sealing": {*GROUND, "redaction", "sealing"},
    "sinks": {*GROUND, "audio", "processes", "sinks"},
    "pipeline": {
        *GROUND,
        *PARTS,
        "audio",
        "audit",
        "detectors",
        "pipeline",
        "processes",
        "sealing",
    },
    "api": {*GROUND, "api", "pipeline"},
    "web": {
        *GROUND,
        "__init__",
        "api",
        "detectors.remote",
        "pipeline",
        "processes",
        "sinks.tap",
        "sources.registry",
        "web",
    },
    "cli": {
        *GROUND,
        *PARTS,
        "__init__",
        "api",
        "audit",
        "cli",
        "detectors",
        "pipeline",
        "processes",
        "web",
    },
    "__init__": {*GROUND, "api", "audit.findings", "pipeline", "sinks.tap"},
    "__main__": {"cli"},
}
"""For each module or folder directly in the package: what it may import."""


class Arrow(NamedTuple):
    """One import."""

    line: int
    target: str
    """Module path below the package, `__init__` for the package itself."""


def arrows(path: Path, root: Path) -> Iterator[Arrow]:
    """Every import of the package's own modules in one file, relative ones and types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for name in _imported(node, path, root):
            if name == root.name or name.startswith(root.name + "."):
                target = name.removeprefix(root.name).lstrip(".") or "__init__"
                yield Arrow(node.lineno, _module(target, root))  # type: ignore[attr-defined]


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
        wrong += [
            f"{inside}:{arrow.line} {arrow.target}"
            for arrow in arrows(path, root)
            if not _covered(arrow.target, allowed)
        ]
    return wrong


def _covered(target: str, allowed: set[str]) -> bool:
    steps = target.split(".")
    return any(".".join(steps[:n]) in allowed for n in range(1, len(steps) + 1))


def circles(root: Path) -> list[list[str]]:
    """Groups of modules that import each other, types included."""
    graph: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        targets = {arrow.target for arrow in arrows(path, root)}
        graph[name] = {
            t for t in targets if (root.joinpath(*t.split("."))).with_suffix(".py").exists()
        }
    found: list[list[str]] = []
    while graph:
        free = [name for name, targets in graph.items() if not (targets & graph.keys()) - {name}]
        if not free:
            return [*found, sorted(graph)]
        for name in free:
            del graph[name]
    return found


def test_no_arrow_runs_back() -> None:
    assert backward_arrows(ROOT) == []


def test_there_is_one_rule_for_each_folder() -> None:
    groups = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")}
    assert set(ALLOWED) == groups


def test_no_module_imports_another_one_that_imports_it() -> None:
    assert circles(ROOT) == []


def test_the_walk_sees_the_whole_package() -> None:
    seen = {path.stem for path in ROOT.rglob("*.py") if list(arrows(path, ROOT))}
    assert {"recording", "main", "masker", "centerface", "redactor", "threads", "redacted"} <= seen
    assert sum(len(list(arrows(path, ROOT))) for path in ROOT.rglob("*.py")) > 50


@pytest.mark.parametrize("folder", ["masking", "redaction", "sources", "sinks", "audio", "audit"])
def test_nothing_outside_of_detectors_but_the_pipeline_knows_an_engine(folder: str) -> None:
    targets = {a.target for path in (ROOT / folder).rglob("*.py") for a in arrows(path, ROOT)}
    assert targets, folder
    assert not [target for target in targets if _covered(target, ENGINES)]


BAD = [
    ("core/frame.py", "from stream_anon.masking import masker", "masking.masker"),
    ("core/frame.py", "import stream_anon.detectors.base", "detectors.base"),
    ("errors.py", "from stream_anon.core import frame", "core.frame"),
    ("masking/masker.py", "from stream_anon.detectors.centerface import C", "centerface"),
    ("masking/masker.py", "from stream_anon.redaction.redactor import R", "redaction.redactor"),
    ("masking/masker.py", "from ..redaction.redactor import R", "redaction.redactor"),
    ("redaction/redactor.py", "from stream_anon.masking.masker import M", "masking.masker"),
    ("sinks/file.py", "from stream_anon.sources.file import S", "sources.file"),
    ("sources/file.py", "from stream_anon.detectors.base import DetectionPass", "detectors.base"),
    ("sources/file.py", "def f() -> None:\n    from stream_anon import pipeline", "pipeline"),
    ("audit/leaks.py", "from stream_anon.redaction.redactor import R", "redaction.redactor"),
    ("audit/leaks.py", "from stream_anon.masking.masker import M", "masking.masker"),
    ("pipeline/threads.py", "from stream_anon.api.recordings import redact", "api"),
    ("pipeline/threads.py", "from ..cli.main import main", "cli.main"),
    ("api/recordings.py", "import stream_anon.cli", "cli"),
    (
        "masking/masker.py",
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from stream_anon.detectors.centerface import CenterFace"
        ),
        "detectors.centerface",
    ),
    ("processes/child.py", "from stream_anon.sources.file import S", "sources.file"),
    ("surprise/new.py", "", "no rule for surprise"),
]


def make_tree(folder: Path) -> Path:
    """A made-up package in which everything runs the right way."""
    root = folder / "stream_anon"
    good = {
        "__init__.py": "from stream_anon.api.recordings import redact",
        "api/recordings.py": "from stream_anon.pipeline.recording import redact_file",
        "cli/main.py": (
            "from stream_anon import __version__\nfrom stream_anon.api.recordings import redact"
        ),
        "pipeline/recording.py": "from stream_anon.pipeline import threads",
        "pipeline/threads.py": "from stream_anon.core.channel import Channel",
        "core/frame.py": "from stream_anon.core.parts import Part",
        "core/parts.py": "import math",
        "errors.py": "import math",
        "core/channel.py": "",
        "masking/masker.py": "from stream_anon.detectors.base import DetectionPass\nimport numpy",
        "detectors/base.py": "from stream_anon.core.frame import Frame",
        "detectors/centerface.py": "from .base import DetectionPass",
        "redaction/redactor.py": "from stream_anon.core.frame import Frame",
        "sources/file.py": "from stream_anon.core.frame import Frame",
        "sinks/file.py": "from stream_anon.audio import tracks",
        "audio/tracks.py": "",
        "audit/leaks.py": "",
    }
    for name, text in good.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_checker_finds_nothing_in_a_good_tree(tmp_path: Path) -> None:
    root = make_tree(tmp_path)
    assert backward_arrows(root) == []
    assert circles(root) == []


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


def test_the_checker_finds_a_circle(tmp_path: Path) -> None:
    root = make_tree(tmp_path)
    (root / "core/parts.py").write_text("def f() -> None:\n    from .frame import Frame")
    assert circles(root) == [["core.frame", "core.parts", *_above_frame()]]


def _above_frame() -> list[str]:
    """Modules of the made-up package that stand on the circle."""
    return [
        "detectors.base",
        "detectors.centerface",
        "masking.masker",
        "redaction.redactor",
        "sources.file",
    ]
