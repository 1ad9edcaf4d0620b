"""Who asks: a name and a role, carried beside a call, so that no signature has to name it.

An edge says it once, ``with acting(who): …``, in the thread that carries the call out; whoever
needs it asks `current_who`. Where nobody was said, it is the one who runs this process, and may do
everything.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

UserRole = Literal["viewer", "editor", "admin"]
USER_ROLES: tuple[UserRole, ...] = get_args(UserRole)
"""Each may do what those before it may."""


@dataclass(frozen=True)
class Who:
    """Somebody who asks.

    Attributes:
        name: of the user; ``owner`` for whoever has the token of the workspace.
        role: what they may do.
        via: how they came: ``local``, ``owner``, ``open`` (no sign-in asked for), ``session``,
            ``token:NAME``, ``share:ID``, ``webhook``.
        address: of the other side; '' in this process.
        request: id of the request; '' where there is none.
        resource: a share opens this alone, such as ``dashboard:ID``; '' is no bound.
        cap: what they may do at most, whatever they are given on a resource: the role that was
            chosen for their token; None for no bound.
        until: when the token that they came with ends; None for never.
    """

    name: str
    role: UserRole = "admin"
    via: str = "local"
    address: str = ""
    request: str = ""
    resource: str = ""
    cap: UserRole | None = None
    until: datetime | None = None

    def __str__(self) -> str:
        return self.name

    def may(self, role: UserRole, resource: str = "") -> bool:
        """Whether they may do what asks for a role, on a resource where they are bound to one."""
        return has_role(self.role, role) and self.resource in ("", resource)

    def at_most(self, role: UserRole) -> UserRole:
        """A role that they are given, within what they may do at most."""
        return role if self.cap is None else lesser(role, self.cap)

    @property
    def sees_sensitive(self) -> bool:
        """Whether sensitive values may be shown to them when they ask for it."""
        return self.may("editor", self.resource)


def has_role(role: UserRole, wanted: UserRole) -> bool:
    """Whether a role includes another.

    >>> has_role("editor", "viewer"), has_role("viewer", "editor")
    (True, False)
    """
    return USER_ROLES.index(role) >= USER_ROLES.index(wanted)


def lesser(one: UserRole, other: UserRole) -> UserRole:
    """The role of two that may do less.

    >>> lesser("admin", "viewer")
    'viewer'
    """
    return other if has_role(one, other) else one


_current: ContextVar[Who | None] = ContextVar("datawatch_who", default=None)


@contextmanager
def acting(who: Who) -> Iterator[Who]:
    """Calls of this block, in this thread or task, are made by ``who``."""
    before = _current.set(who)
    try:
        yield who
    finally:
        _current.reset(before)


def current_who() -> Who:
    """Who asks now; the user of this process where nobody was said."""
    return _current.get() or Who(_process_user())


def _process_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without an entry, as in containers
        return "owner"
