"""Connections to a Redis server, and what its refusals mean for the user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from datawatch_lab.core.errors import MissingPackageError, SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint, Scheme

SCHEME = Scheme(
    names=("redis", "rediss"),
    port=6379,
    product="a Redis server",
    example="redis://user:password@host:6379/0?streams=orders,shop:*",
)

_SECONDS = 10.0  # for a connection, and for an answer beyond the time that it may wait


def package() -> Any:
    """The client library.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        return import_module("redis")
    except ImportError as error:
        raise MissingPackageError(
            "Redis needs the package redis.", hint="pip install 'datawatch-lab[redis]'"
        ) from error


def connect(address: Endpoint) -> Any:
    """A client; it connects when it is first used. Values are bytes."""
    host, port = address.hosts[0]
    tls = {"ssl": True} if address.scheme == "rediss" else {}
    if tls and "ssl_ca_certs" in address.options:
        tls |= {"ssl_ca_certs": address.options["ssl_ca_certs"]}  # type: ignore[dict-item]
    redis = package()
    once = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
    return redis.Redis(
        retry=once,  # an answer that was lost holds entries, which are found by connecting anew
        host=host,
        port=port,
        db=int(address.path or 0) if (address.path or "0").isdigit() else 0,
        username=address.user or None,
        password=address.password or None,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
        socket_keepalive=True,
        health_check_interval=15,
        client_name="datawatch",
        **tls,
    )


@contextmanager
def telling(address: Endpoint) -> Iterator[None]:
    """Raise what the driver raises as a `SourceError` that says what to do."""
    try:
        yield
    except (package().RedisError, OSError) as error:
        raise refusal(address, error) from None


def refusal(address: Endpoint, error: BaseException) -> SourceError:
    """The error for the user: what failed at which server, and how to fix it."""
    said = address.clean(str(error)).rstrip(".")
    hint, retry = next(
        ((hint, retry) for marks, hint, retry in _HINTS if any(mark in said for mark in marks)),
        ("", isinstance(error, (package().ConnectionError, package().TimeoutError, OSError))),
    )
    user = address.user or "default"
    return SourceError(
        f"{address}: {said}.", hint=hint.replace("USER", user), details={"retry": retry}
    )


_HINTS: Sequence[tuple[Sequence[str], str, bool]] = (
    (
        (
            "WRONGPASS",
            "invalid username-password",
            "NOAUTH",
            "Authentication required",
            "without any",
        ),
        (
            "Check the user and the password in the address, redis://user:password@host; "
            "characters such as @ or / in a password are written %40 or %2F."
        ),
        False,
    ),
    (
        ("NOPERM", "has no permissions", "No permissions"),
        (
            "ACL SETUSER USER ~* +@read +@stream +ping +info +scan +type; or name the streams in "
            "place of ~*."
        ),
        False,
    ),
    (("WRONGTYPE",), "This key is no stream; name others in ?streams=.", False),
    (
        ("NOGROUP", "UNBLOCKED", "no such key"),
        "A stream or its group was removed; it is joined again when it is there.",
        True,
    ),
    (("LOADING", "MASTERDOWN", "READONLY", "BUSY "), "Try again.", True),
    (("maxclients", "max number of clients"), "Raise maxclients.", True),
    (("DB index", "invalid DB"), "Check the number of the database, redis://host:6379/0.", False),
    (("unknown command",), "Use Redis 5 or newer, which has streams.", False),
    (
        ("Connection refused", "Error 111", "Timeout", "timed out", "Error -2", "Error -3"),
        "Check the host and the port, and that the server is running and reachable.",
        True,
    ),
)
"""What a message holds, what the user can do, and whether trying again may help."""
