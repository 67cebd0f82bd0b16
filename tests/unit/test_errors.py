"""Errors: one tree, one exit code each, and no raw ones from the package's own calls."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import stream_anon
from stream_anon import errors
from stream_anon.cli.redact import EPILOG, redact
from stream_anon.config import load_settings
from stream_anon.errors import StreamAnonError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CLASSES: list[type[StreamAnonError]] = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, StreamAnonError) and value.__module__ == errors.__name__
]
CODES = {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
class TestEachError:
    def test_has_the_common_base(self, error: type[StreamAnonError]) -> None:
        assert issubclass(error, StreamAnonError)

    def test_stands_in_the_tree_of_the_docstring_under_its_base(
        self, error: type[StreamAnonError]
    ) -> None:
        assert tree()[error.__name__] == (
            None if error is StreamAnonError else error.__mro__[1].__name__
        )

    def test_is_exported(self, error: type[StreamAnonError]) -> None:
        assert getattr(stream_anon, error.__name__) is error
        assert error.__name__ in stream_anon.__all__

    def test_has_an_exit_code_that_help_documents(self, error: type[StreamAnonError]) -> None:
        assert error.exit_code in documented_codes()
        assert error.exit_code not in (errors.EXIT_OK, errors.EXIT_INCOMPLETE)


def tree() -> dict[str, str | None]:
    """Class names in the drawing of the docstring, each with the one it hangs under."""
    found: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^[ │├└─]*(\w+Error)\b", line)
        if match is None:
            continue
        column = match.start(1)
        while above and above[-1][0] >= column:
            above.pop()
        found[match[1]] = above[-1][1] if above else None
        above.append((column, match[1]))
    return found


def documented_codes() -> set[int]:
    codes = {int(code) for code in re.findall(r"(?:^|[:;.\n] ?)\s*(\d+) +[a-z]", EPILOG)}
    assert codes, EPILOG
    return codes


def test_the_drawing_names_no_class_that_is_not_there() -> None:
    assert set(tree()) == {error.__name__ for error in CLASSES}


@pytest.mark.parametrize("name", CODES)
def test_every_other_exit_code_is_documented(name: str) -> None:
    assert CODES[name] in documented_codes()


def test_help_documents_no_code_that_nothing_returns() -> None:
    assert documented_codes() == {*CODES.values(), *(error.exit_code for error in CLASSES)}


def test_errors_are_told_apart_by_their_exit_codes() -> None:
    kinds = {error.exit_code for error in StreamAnonError.__subclasses__()}
    assert len(kinds) >= 5


def every_exception() -> list[type[Exception]]:
    """All exception classes of the package, internal ones too."""
    for module in pkgutil.walk_packages(stream_anon.__path__, "stream_anon."):
        if module.name != "stream_anon.__main__":
            with suppress(ImportError):  # an extra that is not installed
                importlib.import_module(module.name)
    found = {kind for kind in _below(Exception) if kind.__module__.startswith("stream_anon")}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def _below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


ARGUMENTS: dict[str, Callable[[Any], Exception]] = {
    "CheckpointError": lambda kind: kind("a.pt", ["x", "y"], [], ["z"]),
    "ConnectionLost": lambda kind: kind("it is away", permanent=True),
    "Refused": lambda kind: kind(401, "log in first", {"www-authenticate": "Bearer"}),
    "_Failed": lambda kind: kind("it is full", for_good=True),
}
"""How to make those that take more than a message."""


@pytest.mark.parametrize("kind", every_exception(), ids=lambda kind: kind.__qualname__)
@pytest.mark.parametrize("way", ["pickle", "copy"])
def test_every_exception_arrives_whole_in_another_process(kind: type[Exception], way: str) -> None:
    own = "__init__" in vars(kind) or "__new__" in vars(kind)
    assert own == (kind.__name__ in ARGUMENTS), "an example is missing, or there for nothing"
    error = ARGUMENTS[kind.__name__](kind) if own else kind("it broke")
    error.add_note("seen on a Monday")
    same = pickle.loads(pickle.dumps(error)) if way == "pickle" else copy.copy(error)
    assert type(same) is kind
    assert same is not error
    assert str(same) == str(error)
    assert same.args == error.args
    assert vars(same) == vars(error)


def test_the_walk_finds_errors_of_all_kinds() -> None:
    found = set(every_exception())
    assert set(CLASSES) <= found
    assert {"Cancelled", "Closed", "WireError", "ChildGone", "ConnectionLost", "_Failed"} <= {
        kind.__name__ for kind in found
    }


def test_python_callers_meet_the_same_errors(tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    with pytest.raises(stream_anon.SourceError) as caught:
        stream_anon.redact(missing, tmp_path / "out.mp4")
    assert str(missing.name) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(stream_anon.ConfigError):
        stream_anon.redact(missing, missing)


def test_the_command_has_a_parameter_for_what_python_callers_can_say() -> None:
    wanted = set(inspect.signature(stream_anon.redact).parameters) - {"settings", "on_progress"}
    assert wanted <= set(inspect.signature(redact).parameters)


def test_messages_are_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[masking]\nlinger = -1\nmargin = 'x'\n")
    with pytest.raises(StreamAnonError) as caught:
        load_settings(bad)
    assert "\n" not in str(caught.value)
