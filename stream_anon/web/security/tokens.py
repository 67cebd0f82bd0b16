"""Tokens of people: random, kept as scrypt hashes, each with a name and a role."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from time import time
from typing import TYPE_CHECKING, NamedTuple

from stream_anon.errors import ConfigError
from stream_anon.web.security.who import Role

if TYPE_CHECKING:
    import sqlite3

    from stream_anon.web.store.store import Store

COST, BLOCK, PARALLEL = 1 << 14, 8, 1
"""Of scrypt: 16 MiB and about 50 ms a try."""
AT_ONCE = 2
"""Tries that are computed at the same time; more wait."""
LINK_LIFE = 3600.0
"""Seconds that a login link is good for."""
SHORTEST = 16
"""Characters of a token that the user chose."""
LONGEST = 512
_OURS = re.compile(r"sa_(\d{1,18})_([A-Za-z0-9_-]{16,128})")
_NAME = re.compile(r"[\w][\w .@-]{0,59}")
_WORK = threading.BoundedSemaphore(AT_ONCE)


class Token(NamedTuple):
    """A token that was found good; its text is not among it."""

    id: int
    name: str
    role: Role
    kind: str
    """`person`, `given` on the command line, or `link`."""
    parent: int | None
    """Of a link: the token that it logs in for."""


def hashed(secret: str) -> str:
    """Scrypt of a secret, with a salt of its own and what it was computed with."""
    salt = secrets.token_bytes(16)
    return f"scrypt${COST}${BLOCK}${PARALLEL}${salt.hex()}${_scrypt(secret, salt).hex()}"


def _scrypt(secret: str, salt: bytes) -> bytes:
    with _WORK:
        return hashlib.scrypt(secret.encode(), salt=salt, n=COST, r=BLOCK, p=PARALLEL)


def matches(secret: str, stored: str) -> bool:
    """Whether a hash is that of a secret, in a time that does not depend on how near it is."""
    kind, cost, block, parallel, salt, digest = stored.split("$")
    if (kind, int(cost), int(block), int(parallel)) != ("scrypt", COST, BLOCK, PARALLEL):
        return False
    return hmac.compare_digest(_scrypt(secret, bytes.fromhex(salt)), bytes.fromhex(digest))


class Tokens:
    """All tokens, in the database. Any thread may call anything."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, int] = {}
        """Tokens that were checked in this process, by a keyed hash: scrypt for each request of a
        program would cost more than what it asks for."""
        self._key = secrets.token_bytes(32)

    def has_operator(self) -> bool:
        """Whether somebody can log in who may change things."""
        query = "SELECT 1 FROM tokens WHERE kind <> 'link' AND role = 'operator'"
        return self._store.row(query) is not None

    def people(self) -> list[Token]:
        """Whose tokens there are, by name."""
        return [_token(row) for row in self._store.rows(
            "SELECT * FROM tokens WHERE kind = 'person' ORDER BY name"
        )]  # fmt: skip

    def add(self, name: str, role: Role) -> str:
        """Make a token for somebody; the answer is the one time that its text is known.

        Raises:
            ConfigError: the name is taken, or is no name.
        """
        if _NAME.fullmatch(name) is None:
            raise ConfigError(
                f"{name!r} cannot be a name: use up to 60 letters, digits, spaces and . @ - _"
            )
        with self._store.changing():
            if self._store.row("SELECT 1 FROM tokens WHERE name = ? AND kind <> 'link'", (name,)):
                raise ConfigError(f"{name} has a token: remove it first, or take another name")
            return self._insert(name, role, "person", secrets.token_urlsafe(32))

    def renew(self, name: str) -> str:
        """A new token in place of somebody's; their old one and their logins end.

        Raises:
            ConfigError: nobody has that name.
        """
        with self._store.changing():
            role = self.remove(name)
            return self.add(name, role)

    def remove(self, name: str) -> Role:
        """End somebody's token and logins.

        Raises:
            ConfigError: nobody has that name.
        """
        with self._store.changing():
            row = self._person(name)
            self._store.change("DELETE FROM tokens WHERE id = ?", (row["id"],))
            return Role(row["role"])

    def link(self, name: str) -> str:
        """A secret that logs somebody in once, within `LINK_LIFE`.

        Raises:
            ConfigError: nobody has that name.
        """
        row = self._person(name)
        return self._insert(
            name, Role(row["role"]), "link", secrets.token_urlsafe(32), row["id"], LINK_LIFE
        )

    def give(self, given: dict[Role, str]) -> None:
        """Accept tokens of the user's choice for this run, in place of those of the last run.

        Raises:
            ConfigError: one is too short to be safe.
        """
        for text in given.values():
            if not SHORTEST <= len(text) <= LONGEST:
                raise ConfigError(
                    f"a token has {SHORTEST} to {LONGEST} characters: choose a longer one, or "
                    "leave it out, and a random one is made"
                )
        with self._store.changing():
            self._store.change("DELETE FROM tokens WHERE kind = 'given'")
            for role, text in given.items():
                self._insert(f"{role.value} token", role, "given", text)

    def check(self, text: str) -> Token | None:
        """The token with this text. A first check takes as long as scrypt does."""
        if len(text) > LONGEST:
            return None
        for row, secret in self._candidates(text):
            if matches(secret, row["hash"]) and not (row["ends"] and row["ends"] < time()):
                found = _token(row)
                if found.kind != "link":
                    self._known[self._mark(text)] = found.id
                return found
        return None

    def known(self, text: str) -> Token | None:
        """The token with this text if it was checked before; at once, and as often as you like."""
        number = self._known.get(self._mark(text))
        row = number and self._store.row("SELECT * FROM tokens WHERE id = ?", (number,))
        return _token(row) if row else None

    def _mark(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode(), "sha256")

    def use_link(self, token: Token) -> bool:
        """Spend a link; False where somebody was faster."""
        return self._store.change("DELETE FROM tokens WHERE id = ?", (token.id,)).rowcount == 1

    def _candidates(self, text: str) -> list[tuple[sqlite3.Row, str]]:
        if (ours := _OURS.fullmatch(text)) is not None:
            row = self._store.row("SELECT * FROM tokens WHERE id = ?", (int(ours[1]),))
            if row is not None and row["kind"] != "given":
                return [(row, ours[2])]
        given = self._store.rows("SELECT * FROM tokens WHERE kind = 'given'")
        return [(row, text) for row in given]

    def _person(self, name: str) -> sqlite3.Row:
        row = self._store.row("SELECT * FROM tokens WHERE name = ? AND kind = 'person'", (name,))
        if row is None:
            raise ConfigError(f"nobody is called {name!r}: see stream-anon tokens list")
        return row

    def _insert(
        self,
        name: str,
        role: Role,
        kind: str,
        secret: str,
        parent: int | None = None,
        life: float | None = None,
    ) -> str:
        now = time()
        row = self._store.change(
            "INSERT INTO tokens (name, role, kind, hash, parent, made, ends)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, role.value, kind, hashed(secret), parent, now, life and now + life),
        )
        return f"sa_{row.lastrowid}_{secret}"


def _token(row: sqlite3.Row) -> Token:
    return Token(row["id"], row["name"], Role(row["role"]), row["kind"], row["parent"])
