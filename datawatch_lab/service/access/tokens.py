"""API tokens of users: shown once, kept as a hash, with a name, a role and an end."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from datawatch_lab.core.clock import Clock
from datawatch_lab.core.errors import InputError, WorkspaceError, not_found
from datawatch_lab.core.who import UserRole, lesser
from datawatch_lab.service.access.file import AccessFile, later, moment_of, stamp
from datawatch_lab.service.access.users import User, Users, checked_role

PREFIX = "dw_"
"""What every token begins with, so that a scanner of sources finds one that was left there."""

_NOTED_EVERY = timedelta(minutes=1)
_LONGEST_NAME = 64


@dataclass(frozen=True)
class Token:
    """A token, without its secret.

    Attributes:
        id: for looking at it and revoking it.
        name: what it is for, in its user's words.
        role: what it may do at most; never more than its user may.
        expires: None for never.
        last_used: to the minute.
        bounded: its role was chosen when it was made, and it may do no more on any resource either;
            otherwise what its user is given on a dashboard it has too.
    """

    id: str
    user: str
    name: str
    role: UserRole
    created: datetime | None
    expires: datetime | None
    last_used: datetime | None
    bounded: bool = True


class Tokens:
    """The tokens of a workspace's users."""

    def __init__(self, file: AccessFile, clock: Clock, users: Users) -> None:
        self._file = file
        self._clock = clock
        self._users = users

    def make(
        self,
        user: str,
        name: str = "",
        *,
        role: str | None = None,
        expires_in: timedelta | None = None,
        until: datetime | None = None,
    ) -> tuple[Token, str]:
        """Make a token; gives it and its secret, which is not kept and never shown again.

        Args:
            user: whose it is.
            name: what it is for.
            role: what it may do at most; what its user may when None.
            expires_in: None for never.
            until: it ends no later; None for no bound.

        Raises:
            NotFoundError: there is no such user.
            InputError: a role beyond the user's, or an end that has passed.
        """
        owner = self._users.get(user)
        wanted = checked_role(role) if role is not None else owner.role
        if lesser(wanted, owner.role) != wanted:
            raise InputError(f"{owner.name} is {owner.role}; a token cannot be {wanted}.")
        if expires_in is not None and expires_in <= timedelta(0):
            raise InputError("a token that has expired already is of no use.")
        if len(name) > _LONGEST_NAME:
            raise InputError(f"the name of a token has at most {_LONGEST_NAME} characters.")
        now = self._clock.now()
        wished = None if expires_in is None else later(now, expires_in)
        ends = min((each for each in (wished, until) if each is not None), default=None)
        made, secret = secrets.token_hex(6), PREFIX + secrets.token_urlsafe(32)
        self._file.write(
            "INSERT INTO tokens (id, hash, user, name, role, created, expires, bounded) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            made,
            _hash(secret),
            owner.name,
            name,
            wanted,
            stamp(now),
            stamp(ends),
            int(role is not None),
        )
        return self.get(made), secret

    def all(self, user: str | None = None) -> list[Token]:
        """All tokens, or those of a user, oldest first."""
        rows = self._file.rows(f"{_SELECT} ORDER BY created, id")
        mine = (_token(row) for row in rows)
        return [each for each in mine if user is None or each.user.lower() == user.lower()]

    def get(self, id_: str) -> Token:
        """A token by its id; a `NotFoundError` when there is none."""
        found = self._file.rows(f"{_SELECT} WHERE id = ?", id_)
        if not found:
            raise not_found("token", id_, [each.id for each in self.all()])
        return _token(found[0])

    def revoke(self, id_: str) -> Token:
        """End a token; the next request with it is refused."""
        token = self.get(id_)
        self._file.write("DELETE FROM tokens WHERE id = ?", id_)
        return token

    def open(self, secret: str) -> tuple[User, Token] | None:
        """Whose token this is, the user with the role that it gives; None for no valid token."""
        if not secret.startswith(PREFIX):
            return None
        found = self._file.rows(f"{_SELECT} WHERE hash = ?", _hash(secret))
        if not found:
            return None
        token, now = _token(found[0]), self._clock.now()
        user = self._users.named(token.user)
        if user is None or (token.expires is not None and token.expires <= now):
            return None
        if token.last_used is None or now - token.last_used >= _NOTED_EVERY:
            with suppress(WorkspaceError):  # a full disk keeps nobody out
                self._file.write(
                    "UPDATE tokens SET last_used = ? WHERE id = ?", stamp(now), token.id
                )
        return user, token


_SELECT = "SELECT id, user, name, role, created, expires, last_used, bounded FROM tokens"


def _token(row: tuple[str, str, str, UserRole, str, str | None, str | None, int]) -> Token:
    id_, user, name, role, created, expires, used, bounded = row
    times = moment_of(created), moment_of(expires), moment_of(used)
    return Token(id_, user, name, role, *times, bounded=bool(bounded))


def _hash(secret: str) -> bytes:
    """A token has 256 random bits, so a fast hash cannot be turned round."""
    return hashlib.sha256(secret.encode()).digest()
