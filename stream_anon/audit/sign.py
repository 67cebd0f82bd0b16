"""Ed25519 signatures of records (RFC 8032), with the package `cryptography`."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any, cast

from stream_anon.audit.custody import canonical
from stream_anon.errors import ConfigError, DependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

FIELD = "signature"
MOST = 1 << 16
"""Bytes of the largest key file."""
HOW_TO_MAKE = "openssl genpkey -algorithm ed25519 -out key.pem"

_PRIVATE, _PUBLIC = b"PRIVATE KEY-----", b"PUBLIC KEY-----"
_SECRET = (_PRIVATE, b"AGE-SECRET-KEY-")
_OTHERS = {
    b"AGE-SECRET-KEY-": "is a key of age, which opens seals and signs nothing",
    b"age1": "is a key of age, which seals and signs nothing",
    b"BEGIN OPENSSH PRIVATE KEY": "is a key in the format of OpenSSH",
    b"ssh-": "is a key in the format of OpenSSH",
    _PUBLIC: "is a public key",
    b"CERTIFICATE-----": "is a certificate",
    _PRIVATE: "is a private key",
}
"""What files are named by mistake, by what they have in them."""


class Signer:
    """Signs records with one private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def signed(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record with a signature over everything else in it."""
        rest = {name: value for name, value in record.items() if name != FIELD}
        made = self._key.sign(canonical(rest))
        return {
            **rest,
            FIELD: {
                "algorithm": "ed25519",
                "public_key": _text(self._key.public_key().public_bytes_raw()),
                "value": _text(made),
            },
        }


def load_signer(path: Path) -> Signer:
    """The signer of a private key in a PEM file.

    Raises:
        ConfigError: it cannot be read, or is not an Ed25519 key without a passphrase.
        DependencyError: `cryptography` is missing.
    """
    keys, serialization = _library()
    data = _read(path)
    try:
        key = serialization.load_pem_private_key(data, None)
    except TypeError as error:
        raise ConfigError(
            f"the key {path} has a passphrase: name one without, in a place that only you can read"
        ) from error
    except Exception as error:  # `cryptography` raises errors of several kinds
        raise ConfigError(
            f"{path} {_instead(data, damaged=_PRIVATE)}: sign with a private Ed25519 key in PEM "
            f"format; where you have none, make one, under a new name: {HOW_TO_MAKE}"
        ) from error
    if not isinstance(key, keys.Ed25519PrivateKey):
        raise ConfigError(
            f"the key {path} is not for Ed25519 but for another algorithm: make one, under a name "
            f"that is not taken: {HOW_TO_MAKE}"
        )
    return Signer(key)


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file.

    Raises:
        ConfigError: it cannot be read, is not an Ed25519 key, or is a secret one: that must not
            lie where records are verified.
        DependencyError: `cryptography` is missing.
    """
    keys, serialization = _library()
    data = _read(path)
    if any(mark in data for mark in _SECRET):
        raise ConfigError(
            f"{path} holds a secret key, which belongs to nobody but the one who signs: name the "
            "public one, which openssl pkey -in SECRET.pem -pubout -out public.pem writes"
        )
    try:
        key = serialization.load_pem_public_key(data)
    except Exception as error:  # `cryptography` raises errors of several kinds
        raise ConfigError(
            f"{path} {_instead(data, damaged=_PUBLIC)}: name the public key, in PEM format, of "
            "whoever signed"
        ) from error
    if not isinstance(key, keys.Ed25519PublicKey):
        raise ConfigError(
            f"the key {path} is not for Ed25519 but for another algorithm: name the public key of "
            "whoever signed"
        )
    return cast("Ed25519PublicKey", key)


def _instead(data: bytes, *, damaged: bytes) -> str:
    """What a file is that is not the key it should be; nothing of its content.

    Args:
        data: of the file.
        damaged: the mark of the right kind of key, which was tried and could not be read.
    """
    if not data.strip():
        return "is empty"
    for mark, what in _OTHERS.items():
        if mark in data:
            return f"{what} that is damaged, or of another kind" if mark == damaged else what
    return "is not a key in PEM format"


def signer_of(record: Mapping[str, Any], key: Ed25519PublicKey | None = None) -> str | None:
    """Who signed a record.

    Args:
        record: with a signature or without.
        key: the only one that counts; None takes the one that the record names.

    Returns:
        The fingerprint of the key; None where there is no signature, or it is not valid.

    Raises:
        DependencyError: `cryptography` is missing.
    """
    signature = record.get(FIELD)
    if not isinstance(signature, dict):
        return None
    keys, _ = _library()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

    rest = {name: value for name, value in record.items() if name != FIELD}
    try:
        named = base64.b64decode(signature["public_key"], validate=True)
        value = base64.b64decode(signature["value"], validate=True)
        public = key or keys.Ed25519PublicKey.from_public_bytes(named)
        public.verify(value, canonical(rest))
    except (KeyError, TypeError, ValueError, binascii.Error, InvalidSignature):
        return None
    return fingerprint(public)


def fingerprint(key: Ed25519PublicKey) -> str:
    """Of a public key, to compare by eye."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:32]


def _library() -> tuple[ModuleType, ModuleType]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        raise DependencyError(
            "signatures need the package cryptography: pip install 'stream-anon[sign]'"
        ) from error
    return ed25519, serialization


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST)
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        named = str(path).encode(errors="replace")
        if any(mark in named for mark in (*_SECRET, b"PRIVATE KEY")):
            raise ConfigError(
                "a key itself was given where the name of its file belongs: name the file, and "
                "make a new key, because this one is in the history of your shell"
            ) from None
        raise ConfigError(f"cannot read the key {path}: {reason}") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
