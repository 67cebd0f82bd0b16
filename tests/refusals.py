"""Runs that have to fail, and what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import stream_anon

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(kind: type[Exception], code: int, source: Path, output: Path, **more: Any) -> str:
    """The message of a run that has to fail, checked for what holds for all of them."""
    folders = {source.parent, output.parent}
    before = {folder: names(folder) for folder in folders if folder.is_dir()}
    with pytest.raises(kind) as caught:
        stream_anon.redact(source, output, **more)
    message = str(caught.value)
    assert isinstance(caught.value, stream_anon.StreamAnonError)
    assert caught.value.exit_code == code
    assert message
    assert "\n" not in message
    assert "Errno" not in message
    assert "file:" not in message
    assert ".part" not in message
    assert {folder: names(folder) for folder in before} == before
    return message
