"""Weights from packages: the catalogue, and reading what is installed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stream_anon.detectors.weights import store
from stream_anon.detectors.weights.catalogue import CATALOGUE
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"made-up weights"
PLATES = "clp_det.onnx"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up weights in place of those of `plates`."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    digest = hashlib.sha256(CONTENT).hexdigest()
    row = replace(CATALOGUE["plates"], members={f"package/{PLATES}": digest})
    monkeypatch.setitem(CATALOGUE, "plates", row)
    folder = tmp_path / "stream_anon" / "models" / "plates"
    folder.mkdir(parents=True)
    (folder / PLATES).write_bytes(CONTENT)
    return folder


def test_each_row_is_complete() -> None:
    for name, value in CATALOGUE.items():
        assert value.name == name
        assert value.size < value.download
        assert len(value.files) == len(value.members), "two files of one name"
        assert all(len(bytes.fromhex(digest)) == 32 for digest in value.members.values())
        assert value.version in value.how_to_get


def test_what_is_installed_is_read(installed: Path) -> None:
    assert store.folder("plates") == installed
    assert store.is_installed("plates")
    assert store.read("plates", PLATES) == CONTENT


def test_what_is_missing_says_how_to_get_it(installed: Path) -> None:
    (installed / PLATES).unlink()
    assert not store.is_installed("plates")
    with pytest.raises(ModelError, match="stream-anon models fetch plates, or from a file of"):
        store.read("plates", PLATES)


def test_another_file_is_refused(installed: Path) -> None:
    (installed / PLATES).write_bytes(CONTENT[:-1])
    assert store.is_installed("plates")
    with pytest.raises(ModelError, match="is not the expected file") as caught:
        store.read("plates", PLATES)
    assert "stream-anon models fetch plates" in str(caught.value)
    with pytest.raises(ModelError, match="is not the expected file"):
        store.check("plates")


def test_a_file_that_cannot_be_read_is_told(installed: Path) -> None:
    (installed / PLATES).unlink()
    (installed / PLATES).mkdir()
    assert not store.is_installed("plates")
    with pytest.raises(ModelError, match=r"cannot read .*is a directory"):
        store.read("plates", PLATES)
