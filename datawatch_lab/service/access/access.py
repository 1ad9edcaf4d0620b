"""`Access`: what the access file of one workspace holds, behind one name."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.service.access.audit import AuditLog
from datawatch_lab.service.access.file import AccessFile
from datawatch_lab.service.access.sessions import UserSessions
from datawatch_lab.service.access.shares import Shares
from datawatch_lab.service.access.tokens import Tokens
from datawatch_lab.service.access.users import Users

if TYPE_CHECKING:
    from argon2 import PasswordHasher


def access_path(workspace: Path) -> Path:
    """The access file of a workspace, beside it and not beside a link to it."""
    return Path(os.path.realpath(workspace) + ".access")


class Access:
    """Users, tokens, shares and the audit log of a workspace; opened when it is needed.

    Args:
        workspace: path of its file.
        clock: tells the time.
        hasher: of passwords; argon2's own choice of parameters by default.
    """

    def __init__(
        self, workspace: Path, clock: Clock | None = None, hasher: PasswordHasher | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._file = AccessFile(access_path(workspace))
        self.users = Users(self._file, self._clock, hasher)
        self.tokens = Tokens(self._file, self._clock, self.users)
        self.shares = Shares(self._file, self._clock, self.users)
        self.audit = AuditLog(self._file, self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def sessions(self, port: int) -> UserSessions:
        """The sessions of the server at a port."""
        return UserSessions(self._file, self.users, self._clock, port)

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        self._file.close()
