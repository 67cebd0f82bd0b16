"""Every error a user of stream_anon can meet.

    StreamAnonError
    ├── ConfigError            a setting, a scope or an argument is wrong
    │   └── ScopeError         a scope names what the engine cannot see
    ├── SourceError            the input cannot be read
    │   └── SealError          a seal is damaged, of another output, or not for this key
    ├── SinkError              the output cannot be written
    │   ├── OutputExistsError  an output is there already and may not be replaced
    │   └── DiskFullError      no space left for the output
    ├── ModelError             a parser's weights are missing, damaged or not what they should be
    │   └── CheckpointError    weights that belong to another network
    ├── ParserError            a parser failed, or answered with nonsense
    ├── CustodyError           a file is not the one that its record names, or the record is forged
    ├── DependencyError        a library that this package needs is missing or cannot start
    ├── StalledError           a stage sent no heartbeat for too long
    └── CancelledError         a job was cancelled

Each message says what happened, to what, and what to do about it, in one line and without
credentials. `exit_code` is what the command line returns for it.
"""

from __future__ import annotations

from typing import Any, ClassVar

DEBUG_VARIABLE = "STREAM_ANON_DEBUG"
"""In the environment, 1 shows where an unexpected error came from."""


class StreamAnonError(Exception):
    """Base of all errors that stream_anon raises on purpose."""

    exit_code: ClassVar[int] = 1


class ConfigError(StreamAnonError):
    """A setting or an argument is unknown, out of range or contradicts another one."""

    exit_code: ClassVar[int] = 2


class ScopeError(ConfigError):
    """A scope names a label that does not exist or that the chosen engine cannot see."""


class SourceError(StreamAnonError):
    """The input cannot be opened, holds no video, or cannot be decoded."""

    exit_code: ClassVar[int] = 3


class SealError(SourceError):
    """A seal is damaged or incomplete, belongs to another output, or the key does not open it."""


class SinkError(StreamAnonError):
    """The output cannot be opened, written or completed."""

    exit_code: ClassVar[int] = 4


class OutputExistsError(SinkError):
    """The output exists already and overwriting was not asked for."""


class DiskFullError(SinkError):
    """The device that holds the output has no space left."""


class ModelError(StreamAnonError):
    """The weights of a parser are missing, damaged, or not the ones that are expected."""

    exit_code: ClassVar[int] = 5


class CheckpointError(ModelError):
    """A checkpoint that does not fit its network, key by key."""

    shown = 3
    """Keys of each kind that the message names; the attributes hold all of them."""

    def __init__(
        self, path: str, missing: list[str], unexpected: list[str], misshapen: list[str]
    ) -> None:
        self.path = path
        self.missing, self.unexpected, self.misshapen = missing, unexpected, misshapen
        kinds = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
        said = "; ".join(
            f"{len(keys)} {kind}: {', '.join(keys[: self.shown])}"
            + (", …" if len(keys) > self.shown else "")
            for kind, keys in kinds.items()
            if keys
        )
        super().__init__(f"{path} does not match its configuration: {said}")

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle would call the class with the message alone.
        given = self.path, self.missing, self.unexpected, self.misshapen
        return type(self), given, self.__dict__


class ParserError(StreamAnonError):
    """A parser raised, or answered with something that cannot be a mask."""

    exit_code: ClassVar[int] = 5


class CustodyError(StreamAnonError):
    """A record does not belong to the file, was changed, or its signature is not valid."""

    exit_code: ClassVar[int] = 3


class DependencyError(StreamAnonError, ImportError):
    """A library that this package needs cannot be imported, or cannot start on this machine."""

    exit_code: ClassVar[int] = 5


class StalledError(StreamAnonError):
    """A stage of the pipeline sent no heartbeat for longer than its watchdog allows."""


class CancelledError(StreamAnonError):
    """A job was cancelled by its owner."""


EXIT_OK = 0
EXIT_UNEXPECTED = 1
EXIT_EXPOSED = 3
"""An audit found a face that the redacted video still shows."""
EXIT_INCOMPLETE = 6
"""The output is redacted, but part of the input could not be decoded, or an output of a live
run was not completed or was down when it ended."""
EXIT_INTERRUPTED = 130
