"""Sharing: a role for one user on one resource, and signed links that open one resource to read.

A resource is named by its kind and id, such as ``dashboard:3f2a…``. A link is signed with a key of
the access file and names an entry there, so it can be altered by nobody and revoked at any time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from itsdangerous import BadSignature, URLSafeSerializer

from datawatch_lab.core.clock import Clock
from datawatch_lab.core.errors import AccessError, InputError, not_found
from datawatch_lab.core.who import UserRole, Who
from datawatch_lab.service.access.file import AccessFile, moment_of, stamp
from datawatch_lab.service.access.keys import signing_key
from datawatch_lab.service.access.users import Users, checked_role

_SALT = "datawatch share"


@dataclass(frozen=True)
class Share:
    """A link that opens one resource until it expires or is revoked.

    Attributes:
        role: always ``viewer`` for a link that a stranger may hold.
    """

    id: str
    resource: str
    role: UserRole
    created_by: str
    created: datetime | None
    expires: datetime
    revoked: datetime | None


class Shares:
    """The shared resources of a workspace."""

    def __init__(self, file: AccessFile, clock: Clock, users: Users) -> None:
        self._file = file
        self._clock = clock
        self._users = users

    def sign_share(
        self, resource: str, expires: datetime, role: str = "viewer", *, by: str = "owner"
    ) -> tuple[Share, str]:
        """Make a link's token; gives the entry and the token.

        Args:
            resource: what it opens, ``kind:id``.
            expires: when it ends.
            role: only ``viewer``; links are for reading.
            by: who makes it.

        Raises:
            InputError: the end has passed, the role is more than reading, or no resource is named.
        """
        kind, colon, name = resource.partition(":")
        if not (kind and colon and name):
            raise InputError(f"{resource!r} names no resource; it is of the form kind:id.")
        if checked_role(role) != "viewer":
            raise InputError(
                f"a link cannot give the role {role}: whoever holds it may only read.",
                hint="Give a user a role on the resource instead.",
            )
        now = self._clock.now()
        if expires <= now:
            raise InputError(f"a link that ended {stamp(expires)} is of no use.")
        made = secrets.token_hex(8)
        self._file.write(
            "INSERT INTO shares (id, resource, role, created_by, created, expires) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            made,
            resource,
            role,
            by,
            stamp(now),
            stamp(expires),
        )
        share = self.get(made)
        return share, str(self._signer().dumps([share.id, share.resource]))

    def open_share(self, token: str) -> Share:
        """What a link's token opens.

        Raises:
            AccessError: 401: it was altered, is not of this workspace, expired or was revoked.
        """
        if not self._file.path.exists():  # nobody has made a link, and strangers make no file
            raise AccessError("this link is not valid.", hint="Ask for a new one.")
        try:
            id_, resource = self._signer().loads(token)
        except (BadSignature, ValueError, TypeError):
            raise AccessError("this link is not valid.", hint="Ask for a new one.") from None
        found = next((each for each in self._found("WHERE id = ?", id_)), None)
        if found is None or found.revoked is not None or found.resource != resource:
            raise AccessError("this link was revoked.", hint="Ask for a new one.")
        if found.expires <= self._clock.now():
            raise AccessError("this link has expired.", hint="Ask for a new one.")
        return found

    def all(self) -> list[Share]:
        """All links, newest first."""
        return self._found("ORDER BY created DESC, id")

    def get(self, id_: str) -> Share:
        """A link by its id; a `NotFoundError` when there is none."""
        found = self._found("WHERE id = ?", id_)
        if not found:
            raise not_found("share", id_, [each.id for each in self.all()])
        return found[0]

    def revoke(self, id_: str) -> Share:
        """End a link now."""
        self.get(id_)
        self._file.write(
            "UPDATE shares SET revoked = coalesce(revoked, ?) WHERE id = ?",
            stamp(self._clock.now()),
            id_,
        )
        return self.get(id_)

    def grant(self, resource: str, user: str, role: str) -> None:
        """Give a user a role on one resource, in place of the one they have everywhere."""
        name, wanted = self._users.get(user).name, checked_role(role)
        self._file.write(
            "INSERT INTO grants VALUES (?, ?, ?) "
            "ON CONFLICT (resource, user) DO UPDATE SET role = excluded.role",
            resource,
            name,
            wanted,
        )

    def withdraw(self, resource: str, user: str) -> bool:
        """Take that role back; whether there was one."""
        sql = "DELETE FROM grants WHERE resource = ? AND user = ?"
        return self._file.write(sql, resource, user) > 0

    def grants(self, resource: str) -> dict[str, UserRole]:
        """Role by user on a resource."""
        sql = "SELECT user, role FROM grants WHERE resource = ? ORDER BY user"
        return dict(self._file.rows(sql, resource))

    def granted_to(self, user: str) -> dict[str, UserRole]:
        """Role by resource of a user."""
        return dict(self._file.rows("SELECT resource, role FROM grants WHERE user = ?", user))

    def role_on(self, who: Who, resource: str) -> UserRole | None:
        """What somebody may do with a resource; None for nothing, as a link to another one.

        A role that was given on the resource stands in place of the one they have everywhere, be
        it more or less. Admins keep theirs, so that nobody is locked out; a token
        whose role was chosen gives no more than that.
        """
        if who.resource not in ("", resource):
            return None
        if who.resource or who.role == "admin":
            return who.role
        return who.at_most(self.grants(resource).get(who.name, who.role))

    def _signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(signing_key(self._file), salt=_SALT)

    def _found(self, condition: str, *values: object) -> list[Share]:
        rows = self._file.rows(f"{_SELECT} {condition}", *values)
        return [_share(row) for row in rows]


_SELECT = "SELECT id, resource, role, created_by, created, expires, revoked FROM shares"


def _share(row: tuple[str, str, UserRole, str, str, str, str | None]) -> Share:
    id_, resource, role, by, created, expires, revoked = row
    ends = datetime.fromisoformat(expires)
    return Share(id_, resource, role, by, moment_of(created), ends, moment_of(revoked))
