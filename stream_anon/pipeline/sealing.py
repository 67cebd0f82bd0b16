"""The seal of a run: what was hidden, encrypted, and published with the output."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.core.files import HashedFile, PartFile, write_error
from stream_anon.errors import ConfigError
from stream_anon.pipeline.report import package_version
from stream_anon.sealing.age import public_keys, recipients
from stream_anon.sealing.sealer import Sealer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from stream_anon.config import Settings
    from stream_anon.core.frame import ColorTags, Planes
    from stream_anon.core.parts import Part
    from stream_anon.redaction.regions import Region

SEALED = ".sealed"
"""Added to the name of the output."""


def with_public_keys(settings: Settings) -> Settings:
    """The settings with recipients as keys: files of them are read.

    Raises:
        ConfigError: a recipient is none.
        DependencyError: sealing was asked for, and its library is missing.
    """
    if not settings.output.seal:
        return settings
    keys = public_keys(settings.output.seal)
    return settings.model_copy(update={"output": settings.output.model_copy(update={"seal": keys})})


def seal_path(output: object | None, settings: Settings, sealed: Path | None) -> Path | None:
    """Where the seal of a run goes; None where none was asked for.

    Args:
        output: of the run.
        settings: of the run.
        sealed: where the user wants it; None beside the output.

    Raises:
        ConfigError: there can be none.
    """
    if not settings.output.seal:
        if sealed is not None:
            raise ConfigError("--sealed needs to know who can open it: name a public key, --seal")
        return None
    if output is None:
        raise ConfigError("--seal keeps what an output hides, and masks alone have none: drop it")
    if not isinstance(output, Path):
        raise ConfigError(
            "--seal belongs to an output file, whose hash it holds: name one instead of a pipe"
        )
    return sealed or seal_beside(output)


def seal_beside(output: Path) -> Path:
    """Where the seal of an output lies if nobody put it elsewhere."""
    return output.with_name(output.name + SEALED)


def check_not_sealed(settings: Settings, what: str) -> None:
    """Refuse to seal where that is not possible. Args: what: cannot be sealed.

    Raises:
        ConfigError: it was asked for.
    """
    if settings.output.seal:
        raise ConfigError(f"{what} cannot be sealed (output.seal): seal recordings, with redact")


class Seal:
    """Written while a run goes on; a `HiddenObserver`. Closed with the stack."""

    def __init__(self, stack: ExitStack, path: Path, settings: Settings, color: ColorTags) -> None:
        """Create it, under the name of an unfinished file.

        Raises:
            SinkError: it cannot be written.
        """
        self._path, self._color = path, color
        self.file = PartFile(path, overwrite=settings.output.overwrite)
        """To be published with the output."""
        stack.callback(self.file.discard)
        with self._written():
            self.file.check()
            self.file.claim()
            self._out = self.file.part.open("r+b")
            stack.callback(self._out.close)
            self._sealer = Sealer(self._out, recipients(settings.output.seal))

    def see_parts(self, planes: Planes, parts: Sequence[Part], regions: Sequence[Region]) -> None:
        with self._written():
            self._sealer.see_parts(planes, parts, regions)

    def see_whole(self, planes: Planes) -> None:
        with self._written():
            self._sealer.see_whole(planes)

    def complete(self, output: HashedFile) -> None:
        """Bind it to the output, which is complete.

        Raises:
            SinkError: it cannot be written.
        """
        with self._written():
            self._sealer.end(package_version(), output.sha256, self._color)
            self._out.close()

    def named(self) -> tuple[Path, str]:
        """Its name and SHA-256, once it is complete.

        Raises:
            SinkError: it cannot be read.
        """
        with self._written():
            return self._path, HashedFile(self.file.part).sha256

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise write_error(self._path, error) from error
