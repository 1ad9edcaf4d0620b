"""What a check of a server found, and how a source makes an error of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datawatch_lab.core.errors import SourceError


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        check: its name.
        ok: nothing stands in the way.
        detail: what was found, one sentence.
        fix: what to do; '' when there is nothing to do.
        advice: reading goes on without it.
        retry: trying again may help.
    """

    check: str
    ok: bool
    detail: str
    fix: str = ""
    advice: bool = False
    retry: bool = False


def refuse_blocking(where: object, checks: Iterable[Check]) -> None:
    """Raise the first fault that reading cannot go on with.

    Raises:
        SourceError: there is one; its hint says how to fix it.
    """
    for each in checks:
        if not each.ok and not each.advice:
            raise SourceError(
                f"{where}: {each.detail}", hint=each.fix, details={"retry": each.retry}
            )


def failed(error: SourceError, check: str = "connection") -> Check:
    """A check that ended with an error of the server."""
    retry = bool(error.details.get("retry"))
    return Check(check, ok=False, detail=error.message, fix=error.hint, retry=retry)
