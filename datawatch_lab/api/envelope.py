"""The one shape of an error over HTTP: ``{"error": {"code", "message", "details", "hint"}}``."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

import msgspec

from datawatch_lab.core.errors import DataWatchError


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong.

    Attributes:
        code: stable name of the kind of error, for programs.
        message: what is wrong, in a sentence for people.
        details: values for programs; depends on the code.
        hint: what to do about it; may be empty.
    """

    code: str
    message: str
    details: dict[str, Any] = {}
    hint: str = ""


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer with a status of 400 or more."""

    error: ErrorBody


class HttpError(DataWatchError):
    """A fault of the request itself, such as a method that the path does not take."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str = "",
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.status = status
        self.code = code_of(status)
        self.headers = headers or {}


def code_of(status: int) -> str:
    """A stable name for a status.

    >>> code_of(413), code_of(599)
    ('request_entity_too_large', 'error')
    """
    try:
        return HTTPStatus(status).name.lower()
    except ValueError:
        return "error"


def envelope(error: DataWatchError) -> bytes:
    """An error as the JSON body of its answer."""
    body = ErrorBody(error.code, error.message, error.details, error.hint)
    return msgspec.json.encode(ErrorAnswer(body), enc_hook=str)


def headers_of(error: DataWatchError) -> dict[str, str]:
    """The headers that belong to an error: when to try again, how to sign in, what is allowed."""
    headers = dict(error.headers) if isinstance(error, HttpError) else {}
    if error.status == 429:
        wait = float(error.details.get("retry_after", 1.0))
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
