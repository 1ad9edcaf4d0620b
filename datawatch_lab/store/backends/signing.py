"""User and password taken out of an address, since HTTP clients write addresses into logs."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


def signed(url: str) -> tuple[str, tuple[str, str] | None]:
    """An address without user and password, and these; None where it has none.

    >>> signed("http://ada:p%40ss@host:9090/x")
    ('http://host:9090/x', ('ada', 'p@ss'))
    >>> signed("http://host")
    ('http://host', None)
    """
    parts = urlsplit(url)
    user, found, host = parts.netloc.rpartition("@")
    if not found:
        return url, None
    name, _, password = user.partition(":")
    return parts._replace(netloc=host).geturl(), (unquote(name), unquote(password))
