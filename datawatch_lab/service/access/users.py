"""Users: names, roles, passwords. A password is kept as argon2id (RFC 9106) and nothing else."""

from __future__ import annotations

import re
import secrets
import sqlite3
import threading
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from datawatch_lab.core.clock import Clock
from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.core.who import USER_ROLES, UserRole
from datawatch_lab.service.access.file import AccessFile, moment_of, stamp

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_NAME = re.compile(r"\w[\w.@+-]{0,63}")
_RESERVED = frozenset({"owner", "webhook", "open", "share"})
_LEAST, _MOST = 10, 1_024
_ROOM = threading.BoundedSemaphore(2)
"""Checks of a password at a time in this process: each takes 64 MiB, and strangers may ask."""


@dataclass(frozen=True)
class User:
    """Somebody who may sign in.

    Attributes:
        generation: sessions that were signed for another one are over.
        has_password: otherwise they come by tokens only.
    """

    name: str
    role: UserRole
    has_password: bool
    generation: int
    created: datetime | None
    last_seen: datetime | None


class Users:
    """The users of a workspace.

    Args:
        file: that keeps them.
        clock: tells when they were made.
        hasher: of passwords; argon2's own choice of parameters by default.
    """

    def __init__(
        self, file: AccessFile, clock: Clock, hasher: PasswordHasher | None = None
    ) -> None:
        self._file = file
        self._clock = clock
        self._hasher = hasher

    def any(self) -> bool:
        """Whether there are users."""
        return bool(self._file.rows("SELECT 1 FROM users LIMIT 1"))

    def all(self) -> list[User]:
        """All users by name."""
        return [_user(row) for row in self._file.rows(f"{_SELECT} ORDER BY name")]

    def named(self, name: str) -> User | None:
        """A user by name, whatever its case; None when there is none."""
        found = self._file.rows(f"{_SELECT} WHERE name = ?", _plain(name))
        return _user(found[0]) if found else None

    def get(self, name: str) -> User:
        """A user by name; a `NotFoundError` names the nearest when there is none."""
        found = self.named(name)
        if found is None:
            raise not_found("user", name, [each.name for each in self.all()])
        return found

    def add(self, name: str, role: str, password: str | None = None) -> User:
        """Add a user.

        Raises:
            InputError: the name is taken or no name, there is no such role, the password is weak.
        """
        name = checked_name(name)
        values = (name, checked_role(role), self._hashed(password, name))
        try:
            self._file.write(
                "INSERT INTO users (name, role, password, generation, created) "
                "VALUES (?, ?, ?, ?, ?)",
                *values,
                secrets.randbits(31),  # cookies of an earlier user of this name stay void
                stamp(self._clock.now()),
            )
        except sqlite3.IntegrityError:
            raise InputError(
                f"there is a user {name!r} already.",
                hint="`datawatch users role` changes the role, `datawatch users password` the "
                "password.",
            ) from None
        return self.get(name)

    def remove(self, name: str) -> User:
        """Remove a user with all tokens; their sessions are over."""
        user = self._kept_admin(self.get(name))
        self._file.write("DELETE FROM users WHERE name = ?", user.name)
        return user

    def change(self, name: str, *, role: str | None = None, password: str | None = None) -> User:
        """Give a user another role, another password, or both; all or nothing.

        Raises:
            NotFoundError: there is no such user.
            InputError: there is no such role, the password is weak, or no admin would be left.
        """
        if password is not None:
            check_password(password, self.get(name).name)
        if role is not None:
            self.set_role(name, role)
        if password is not None:
            self.set_password(name, password)
        return self.get(name)

    def set_role(self, name: str, role: str) -> User:
        """Give a user another role; it holds from the next request on, tokens included."""
        user, wanted = self.get(name), checked_role(role)
        if wanted != "admin":
            self._kept_admin(user)
        self._file.write("UPDATE users SET role = ? WHERE name = ?", wanted, user.name)
        return self.get(name)

    def set_password(self, name: str, password: str | None) -> User:
        """Give a user another password, or none; sessions are over, tokens stay."""
        user = self.get(name)
        self._file.write(
            "UPDATE users SET password = ?, generation = generation + 1 WHERE name = ?",
            self._hashed(password, user.name),
            user.name,
        )
        return self.get(name)

    def verify(self, name: str, password: str) -> User | None:
        """The user whose name and password these are; None otherwise.

        A name that is not there costs a check of a password too, so that the time of the answer
        does not tell which names there are.
        """
        from argon2.exceptions import InvalidHashError, VerificationError

        found = self._file.rows("SELECT password FROM users WHERE name = ?", _plain(name))
        kept = found[0][0] if found else None
        with _ROOM:
            hasher = self._hashing()
            try:
                hasher.verify(kept or _nobody(hasher), password[:_MOST])
            except (VerificationError, InvalidHashError):
                return None
            if kept is None:
                return None
            if hasher.check_needs_rehash(kept):
                self._file.write(
                    "UPDATE users SET password = ? WHERE name = ? AND password = ?",
                    hasher.hash(password),
                    _plain(name),
                    kept,
                )
        self.saw(name)
        return self.named(name)

    def saw(self, name: str) -> None:
        """Note that a user has signed in now."""
        self._file.write(
            "UPDATE users SET last_seen = ? WHERE name = ?", stamp(self._clock.now()), _plain(name)
        )

    def _kept_admin(self, user: User) -> User:
        admins = [each.name for each in self.all() if each.role == "admin"]
        others = [each for each in self.all() if each.name != user.name]
        if admins == [user.name] and others:
            raise InputError(
                f"{user.name} is the only admin; the others could not be managed any more.",
                hint="Make another user admin first.",
            )
        return user

    def _hashed(self, password: str | None, name: str) -> str | None:
        if password is None:
            return None
        check_password(password, name)
        with _ROOM:
            return self._hashing().hash(password)

    def _hashing(self) -> PasswordHasher:
        if self._hasher is None:
            from argon2 import PasswordHasher

            self._hasher = PasswordHasher()
        return self._hasher


_SELECT = "SELECT name, role, password IS NOT NULL, generation, created, last_seen FROM users"


def _user(row: tuple[str, UserRole, int, int, str, str | None]) -> User:
    name, role, has_password, generation, created, seen = row
    return User(name, role, bool(has_password), generation, moment_of(created), moment_of(seen))


def _nobody(hasher: PasswordHasher) -> str:
    """A hash in the form of `hasher`, with its costs, that no password fits."""
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}$MhfqsjSODT0Gc26EDBE2vw$" + "A" * 43


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip()


def checked_name(name: str) -> str:
    """The name as it is kept.

    Raises:
        InputError: it is no name.
    """
    plain = _plain(name)
    if not _NAME.fullmatch(plain):
        raise InputError(
            f"{name!r} is no name of a user.",
            hint="1 to 64 letters, digits and . _ - + @, beginning with a letter or digit.",
        )
    if plain.lower() in _RESERVED:
        raise InputError(f"{plain!r} has a meaning of its own here; choose another name.")
    return plain


def checked_role(role: str) -> UserRole:
    """The role.

    Raises:
        InputError: there is none of that name.
    """
    for each in USER_ROLES:
        if each == role:
            return each
    raise InputError(f"no role {role!r}. Roles: {', '.join(USER_ROLES)}.")


def check_password(password: str, name: str) -> None:
    """Refuse a password that is too short or the name itself; nothing else makes one bad.

    Raises:
        InputError: says what is asked for.
    """
    if not _LEAST <= len(password) <= _MOST or password.lower() == name.lower():
        raise InputError(
            f"a password has {_LEAST} to {_MOST:,} characters, and is not the user's name."
        )


def new_password() -> str:
    """A random password of 20 letters, digits, - and _."""
    return secrets.token_urlsafe(15)
