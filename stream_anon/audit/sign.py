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
    try:
        key = serialization.load_pem_private_key(_read(path), None)
    except TypeError as error:
        raise ConfigError(f"the key {path} has a passphrase: name one without") from error
    except Exception as error:  # `cryptography` raises errors of several kinds
        raise ConfigError(
            f"{path} is not a private key in PEM format: name yours, or make a new one, under a "
            f"name that is not taken, with {HOW_TO_MAKE}"
        ) from error
    if not isinstance(key, keys.Ed25519PrivateKey):
        raise ConfigError(f"the key {path} is not for Ed25519: make one with {HOW_TO_MAKE}")
    return Signer(key)


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file; a private one will do.

    Raises:
        ConfigError: it cannot be read, or is not an Ed25519 key.
        DependencyError: `cryptography` is missing.
    """
    keys, serialization = _library()
    data = _read(path)
    for load in (
        serialization.load_pem_public_key,
        lambda pem: serialization.load_pem_private_key(pem, None).public_key(),
    ):
        try:
            key = load(data)
        except Exception:  # noqa: BLE001, S112 - it is the other kind, or none
            continue
        if isinstance(key, keys.Ed25519PublicKey):
            return cast("Ed25519PublicKey", key)
    raise ConfigError(
        f"{path} is not an Ed25519 key in PEM format: make one with "
        "openssl pkey -in key.pem -pubout -out public.pem"
    )


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
        raise ConfigError(f"cannot read the key {path}: {reason}") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
