"""Every error that DataWatch Lab raises on purpose.

The tree::

    DataWatchError
    ├── InputError             what a caller asked for cannot be done as asked   (HTTP 400)
    │   ├── NotFoundError      a named thing does not exist                      (HTTP 404)
    │   ├── ConflictError      somebody else changed it in between           (HTTP 409)
    │   ├── ConfigError        a setting or option is wrong
    │   └── TimeError          a time or duration cannot be read
    ├── WorkspaceError         the workspace file cannot be used                 (HTTP 503)
    │   ├── WorkspaceLockedError   another process owns it
    │   └── MigrationError     it was written by a newer or a damaged version
    ├── SourceError            an input cannot be read
    ├── BusyError              the engine is at its limit; try again             (HTTP 429)
    ├── AccessError            not allowed                                       (HTTP 401, 403)
    │   └── PlanError          not in the plan that is switched on               (HTTP 403)
    └── MissingPackageError    an optional package is needed; says which        (HTTP 501)

A message names the object, the fault and the options. ``hint`` says what to do.
Bad *data* is never an exception: it is a row of the quarantine.
"""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

_PACKAGE = str(Path(__file__).parents[1])


class DataWatchError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: stable machine-readable name of the kind of error.
        status: the HTTP status that an edge answers with.
        hint: what the user can do about it; may be empty.
        details: values for programs, JSON-serialisable.
    """

    code = "error"
    status = 500

    def __init__(
        self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip() if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the line that asked for it, and what is wrong; not our own frames.

        With ``DATAWATCH_DEBUG=1`` all frames. See `IPython.core.interactiveshell.showtraceback`.
        """
        if os.environ.get("DATAWATCH_DEBUG", "") not in ("", "0"):
            return "".join(traceback.format_exception(self)).splitlines()
        said = [f"\x1b[31m{type(self).__name__}\x1b[0m: {self.message}"]
        if self.hint:
            said.append(self.hint)
        frames = traceback.extract_tb(self.__traceback__)
        asked = takewhile(lambda each: not each.filename.startswith(_PACKAGE), frames)
        for each in [*asked][-1:]:
            is_cell = "ipykernel" in each.filename or each.filename.startswith("<")
            place = "of the cell" if is_cell else f"of {each.filename}"
            said += ["", f"line {each.lineno} {place}: \x1b[1m{each.line}\x1b[0m"]
        return said


class InputError(DataWatchError, ValueError):
    """What a caller asked for cannot be done as asked."""

    code = "invalid_input"
    status = 400


class NotFoundError(InputError, LookupError):
    """A named thing does not exist; the message names the nearest that does."""

    code = "not_found"
    status = 404


class ConflictError(InputError):
    """It was changed by somebody else in between, or its name is taken."""

    code = "conflict"
    status = 409


class ConfigError(InputError):
    """A setting or an option is wrong."""

    code = "invalid_config"


class TimeError(InputError):
    """A time or a duration cannot be read."""

    code = "invalid_time"


class WorkspaceError(DataWatchError):
    """The workspace file cannot be used."""

    code = "workspace_unavailable"
    status = 503


class WorkspaceLockedError(WorkspaceError):
    """Another process owns the workspace; ``details`` has its pid and address."""

    code = "workspace_locked"


class MigrationError(WorkspaceError):
    """The file was written by a newer version, or a migration failed."""

    code = "migration_failed"


class SourceError(DataWatchError):
    """An input cannot be opened or read."""

    code = "source_failed"
    status = 502


class BusyError(DataWatchError):
    """The engine is at its limit; ``details['retry_after']`` says when to try again, seconds."""

    code = "busy"
    status = 429


class AccessError(DataWatchError):
    """Not signed in (401) or not allowed (403)."""

    code = "not_allowed"
    status = 401

    def __init__(self, message: str, *, status: int = 401, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class PlanError(AccessError):
    """The plan that is switched on does not include it; ``details`` has the plan and the limit."""

    code = "plan_limit"

    def __init__(
        self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message, status=403, hint=hint)
        self.details = dict(details or {})


class MissingPackageError(DataWatchError, ImportError):
    """An optional package is needed; the hint is the command that installs it."""

    code = "missing_package"
    status = 501


def not_found(kind: str, name: str, options: Iterable[str], *, where: str = "") -> NotFoundError:
    """Build the error for a missing thing, with the nearest name and what exists.

    >>> str(not_found("table", "ordres", ["orders", "customers"]))
    "no table 'ordres'; did you mean 'orders'? Tables: customers, orders."
    """
    known = sorted(set(options))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]!r}?" if near else "."
    shown = ", ".join(known[:20]) + (f" … and {len(known) - 20} more" if len(known) > 20 else "")
    listing = f" {kind.capitalize()}s: {shown}." if known else f" There are no {kind}s yet."
    prefix = f"{where}: " if where else ""
    return NotFoundError(
        f"{prefix}no {kind} {name!r}{guess}{listing}", details={"name": name, "known": known[:100]}
    )
