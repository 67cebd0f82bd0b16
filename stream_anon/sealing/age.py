"""Keys and messages of age (age-encryption.org), through pyrage. No key is ever in an error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NewType

from stream_anon.core.credentials import scheme_of
from stream_anon.core.dependencies import load
from stream_anon.errors import ConfigError, SealError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Recipient = NewType("Recipient", object)
"""A public key: whoever has it can seal, and cannot open."""
Identity = NewType("Identity", object)
"""A secret key. Its repr does not show it."""

PUBLIC, SECRET = "age1", "AGE-SECRET-KEY-"
_MESSAGE = ("age-encryption.org/", "-----BEGIN AGE")
"""How a file begins that age has encrypted."""
_LARGEST = 1 << 20
"""Bytes that a file of keys may have."""
_HOW = "age-keygen makes a pair of keys"


def _age() -> Any:
    return load("pyrage")


# -- keys ---------------------------------------------------------------------------------------


def public_keys(named: Iterable[str]) -> list[str]:
    """The public keys of recipients, each once: keys themselves, or files with one on each line.

    Raises:
        ConfigError: one of them is neither.
        DependencyError: pyrage is missing.
    """
    found: list[str] = []
    for name in named:
        if not name.startswith(PUBLIC):
            found += _keys_in(name)
        elif _is_public(name):
            found.append(name)
        else:
            raise ConfigError(
                f"--seal {name[:80]!r} is not a public key of age (age1… and 58 letters): copy it "
                f"whole; {_HOW}"
            )
    return list(dict.fromkeys(found))


def recipients(keys: Iterable[str]) -> list[Recipient]:
    """Of public keys from `public_keys`."""
    from_str = _age().x25519.Recipient.from_str
    return [from_str(key) for key in keys]


def _is_public(key: str) -> bool:
    try:
        _age().x25519.Recipient.from_str(key)
    except _age().RecipientError:
        return False
    return True


def _keys_in(name: str) -> list[str]:
    if name.upper().startswith(SECRET):
        raise ConfigError(
            "--seal was given a secret key: name the public key that belongs to it (age1…), and "
            "make a new pair where others may have read this one"
        )
    path = Path(name)
    if scheme_of(name) or not name or not path.exists():
        shown = "an address" if scheme_of(name) else repr(name[:80])
        raise ConfigError(
            f"--seal {shown} is neither a public key of age (age1…) nor a file of them: {_HOW}"
        )
    lines = _lines(path, "public keys")
    if any(line.upper().startswith(SECRET) for line in lines):
        raise ConfigError(
            f"{path} holds a secret key: --seal takes public keys (age1…), and the secret one is "
            "to stay elsewhere"
        )
    if not lines:
        raise ConfigError(f"{path} holds no public key of age (age1…): {_HOW}")
    for number, line in enumerate(lines, 1):
        if not _is_public(line):  # which is not shown: it may be anything
            raise ConfigError(
                f"{path} is not a file of public keys of age (age1… and 58 letters, one on each "
                f"line): key {number} in it is none"
            )
    return lines


def load_identities(path: Path) -> list[Identity]:
    """The secret keys in a file, as `age-keygen` writes it.

    Raises:
        ConfigError: it cannot be read, or holds none.
        DependencyError: pyrage is missing.
    """
    if str(path).upper().startswith(SECRET):
        raise ConfigError(
            "--key takes a file: a secret key among the arguments can be read by everybody on "
            "this machine"
        )
    lines = _lines(path, "secret keys")
    if lines and lines[0].startswith(_MESSAGE):
        raise ConfigError(f"{path} is encrypted: decrypt it first, with age --decrypt")
    if any(line.startswith(PUBLIC) for line in lines):
        raise ConfigError(f"{path} holds a public key, which opens nothing: name the secret one's")
    if not lines:
        raise ConfigError(f"{path} holds no secret key of age ({SECRET}…): {_HOW}")
    from_str, wrong = _age().x25519.Identity.from_str, _age().IdentityError
    found: list[Identity] = []
    for line in lines:
        try:
            found.append(from_str(line))
        except wrong:
            raise ConfigError(
                f"{path} is not a file of secret keys of age ({SECRET}…): {_HOW}"
            ) from None  # its cause may show the line
    return found


def _lines(path: Path, what: str) -> list[str]:
    """Those that are neither empty nor comments."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1).decode()
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ConfigError(f"cannot read the file of {what} {path}: {reason}") from error
    except UnicodeDecodeError:
        text = ""
    if len(text) > _LARGEST or "\0" in text:
        text = ""
    stripped = (line.strip() for line in text.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


# -- messages -----------------------------------------------------------------------------------


class KeyPair:
    """A pair for one stream of a seal."""

    def __init__(self) -> None:
        identity = _age().x25519.Identity.generate()
        self.recipient: Recipient = identity.to_public()
        self.secret = str(identity).encode()
        """To be wrapped, and forgotten."""


def encrypt(data: bytes, to: Sequence[Recipient]) -> bytes:
    """A message that any of the recipients can open."""
    message: bytes = _age().encrypt(data, list(to))
    return message


def decrypt(message: bytes, identities: Sequence[Identity]) -> bytes:
    """What is in a message.

    Raises:
        SealError: it is damaged, or not for them.
    """
    try:
        data: bytes = _age().decrypt(message, list(identities))
    except _age().DecryptError as error:
        raise SealError(f"cannot be decrypted: {error}") from error
    return data


def identity_of(secret: bytes) -> Identity:
    """The inverse of `KeyPair.secret`.

    Raises:
        SealError: it is none.
    """
    try:
        identity: Identity = _age().x25519.Identity.from_str(secret.decode())
    except (_age().IdentityError, UnicodeDecodeError):
        raise SealError("a key in it is not one of age") from None
    return identity
