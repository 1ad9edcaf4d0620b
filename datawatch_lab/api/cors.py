"""Pages of other origins that may ask, where the configuration lists them (`server.cors`).

Off by default. Tokens travel in headers that a page sets itself; cookies are never taken from
another origin, so no answer says that credentials are allowed.
Source: Fetch Standard, section 3.2.
"""

from __future__ import annotations

from tornado.web import RequestHandler

_EXPOSED = "X-Request-ID, X-Total-Count, Link, ETag, Retry-After"
_HEADERS = "Authorization, Content-Type, Content-Encoding, If-None-Match, X-Request-ID"
_SECONDS = 600


def allow(handler: RequestHandler, origins: frozenset[str]) -> None:
    """Let the page read the answer, if it is of a listed origin."""
    if not origins:
        return
    handler.add_header("Vary", "Origin")
    origin = handler.request.headers.get("Origin", "").lower()
    if origin in origins:
        handler.set_header("Access-Control-Allow-Origin", origin)
        handler.set_header("Access-Control-Expose-Headers", _EXPOSED)


def is_preflight(handler: RequestHandler, origins: frozenset[str]) -> bool:
    """Whether a browser asks on behalf of a listed origin what it may send."""
    headers = handler.request.headers
    return (
        handler.request.method == "OPTIONS"
        and "Access-Control-Request-Method" in headers
        and headers.get("Origin", "").lower() in origins
    )


def answer_preflight(handler: RequestHandler, methods: str) -> None:
    """Say what the page may send."""
    handler.set_header("Access-Control-Allow-Methods", methods)
    handler.set_header("Access-Control-Allow-Headers", _HEADERS)
    handler.set_header("Access-Control-Max-Age", str(_SECONDS))
