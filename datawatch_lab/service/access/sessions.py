"""Cookies that say who signed in: signed, bound to one server, and without a role in them.

The role is looked up at each request, so it cannot be edited into a cookie, and a change of it
holds at once. Another password, or the end of a user, ends their sessions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from itsdangerous import BadSignature, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from datawatch_lab.core.clock import Clock
from datawatch_lab.service.access.file import AccessFile
from datawatch_lab.service.access.keys import signing_key
from datawatch_lab.service.access.users import User, Users

LASTING_DAYS = 30
_SECONDS = LASTING_DAYS * 86_400


class Sessions:
    """Signs cookies and reads them.

    Args:
        key: to sign with.
        purpose: what the cookie is for and the port of its server; a cookie that was signed for
            another purpose says nothing here. Browsers share cookies among the ports of a host.
        clock: cookies end 30 days after they were signed.
    """

    def __init__(self, key: str | bytes, purpose: str, clock: Clock) -> None:
        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock.now().timestamp())

            def timestamp_to_datetime(self, ts: int) -> datetime:
                return datetime.fromtimestamp(ts, tz=UTC)

        self._serializer = URLSafeTimedSerializer(key, salt=f"datawatch {purpose}", signer=Signer)

    def sign(self, *parts: str | int) -> str:
        """A cookie that says these parts."""
        return str(self._serializer.dumps(list(parts)))

    def read(self, cookie: str) -> list[str | int] | None:
        """What a cookie says; None for one that was altered, is of elsewhere or has ended."""
        try:
            parts = self._serializer.loads(cookie, max_age=_SECONDS)
        except (BadSignature, ValueError, UnicodeError):
            return None
        return parts if isinstance(parts, list) else None


class UserSessions:
    """The sessions of users at one server."""

    def __init__(self, file: AccessFile, users: Users, clock: Clock, port: int) -> None:
        self._file = file
        self._users = users
        self._clock = clock
        self._port = port

    def cookie(self, user: User) -> str:
        """A cookie for a user who has just signed in."""
        return self._sessions.sign(user.name, user.generation)

    def user(self, cookie: str) -> User | None:
        """Whose cookie this is; None when it says nothing any more."""
        parts = self._sessions.read(cookie) if cookie and self._file.path.exists() else None
        if parts is None or len(parts) != 2:
            return None
        name, generation = parts
        found = self._users.named(str(name))
        return found if found is not None and found.generation == generation else None

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(signing_key(self._file), f"session of port {self._port}", self._clock)
