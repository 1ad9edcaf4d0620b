"""What changes on the way between a browser and the engine: headers, addresses, policies.

Pure functions. The engine's pages are made for the root of a server; below Jupyter they stand under
a prefix, such as ``/user/ada/datawatch``. Their own links are relative. What is not, namely
addresses in attributes of watch pages and of the API's page, and in two scripts, is moved here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

Headers = Sequence[tuple[str, str]]

_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade", "content-length", "content-encoding"),
    }
)
"""Headers of one connection, RFC 9110 section 7.6.1, and those that go with the body's form."""

_NOT_SENT = _HOP | {
    *("authorization", "cookie", "host", "origin", "referer", "accept-encoding", "x-xsrftoken"),
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"),
    "expect",
}
"""What the engine must not see: who Jupyter knows the browser as, and where the page stands."""

_NOT_ANSWERED = _HOP | {
    *("set-cookie", "server", "date", "etag", "strict-transport-security"),
    *("access-control-allow-origin", "access-control-allow-credentials"),
}
"""What the browser must not get: the engine's cookies, and leave for pages of other origins."""

_ATTRIBUTE = re.compile(rb"""(\s(?:href|src|action|data-world)=["'])/(?!/)""")
_SCRIPTED = re.compile(rb"([\"'`])/(ws/boards/|static/board/|api/openapi\.json)")

CLOSED = frozenset({"login", "logout"})
"""Paths of the engine that are not there below Jupyter, where Jupyter's login counts."""


_PLAIN = "/:@!$&'()*+,;=~"
"""What stands in a path as it is, RFC 3986 section 3.3, beside letters, digits and ``-._``."""


def to_engine(headers: Iterable[tuple[str, str]], token: str | None) -> list[tuple[str, str]]:
    """The headers of a request as the engine gets them, with its owner's token."""
    kept = [(name, value) for name, value in headers if name.lower() not in _NOT_SENT]
    kept = [(name, value) for name, value in kept if not name.lower().startswith("sec-")]
    kept.append(("Accept-Encoding", "identity"))
    return [*kept, ("Authorization", f"Bearer {token}")] if token else kept


def to_browser(
    headers: Iterable[tuple[str, str]], address: str, prefix: str, host: str
) -> list[tuple[str, str]]:
    """The headers of an answer as the browser gets them.

    Args:
        headers: of the engine.
        address: of the engine.
        prefix: that it stands under here, without a slash at its end.
        host: that the browser asked, with its port.
    """
    made = []
    for name, value in headers:
        small = name.lower()
        if small in _NOT_ANSWERED:
            continue
        text = value
        if small == "location":
            text = moved(value, address, prefix)
        elif small == "content-security-policy":
            text = value.replace(urlsplit(address).netloc, host)
        made.append((name, text))
    return made


def moved(location: str, address: str, prefix: str) -> str:
    """Where a redirect of the engine leads here.

    >>> moved("/datawatch?range=1h", "http://127.0.0.1:3002", "/user/ada/datawatch")
    '/user/ada/datawatch/datawatch?range=1h'
    >>> moved("data", "http://127.0.0.1:3002", "/datawatch")
    'data'
    >>> moved("http://127.0.0.1:3002/d/1", "http://127.0.0.1:3002", "/datawatch")
    '/datawatch/d/1'
    """
    rest = location.removeprefix(address)
    if location.startswith(address + "/") or (rest.startswith("/") and not rest.startswith("//")):
        return prefix + rest
    return location


def rebased(body: bytes, media_type: str, prefix: str) -> bytes:
    """A page or a script with the addresses that begin at the root moved below a prefix.

    >>> rebased(b'<a href="/d/1"> <a href="//e.x/"> <a href="data">', "text/html", "/datawatch")
    b'<a href="/datawatch/d/1"> <a href="//e.x/"> <a href="data">'
    >>> rebased(b'new URL(`/ws/boards/${id}`)', "text/javascript", "/datawatch")
    b'new URL(`/datawatch/ws/boards/${id}`)'
    """
    base = prefix.encode()
    kind = media_type.partition(";")[0].strip().lower()
    if kind == "text/html":
        return _ATTRIBUTE.sub(rb"\g<1>" + base.replace(b"\\", rb"\\") + rb"/", body)
    if kind in ("text/javascript", "application/javascript"):
        return _SCRIPTED.sub(rb"\g<1>" + base.replace(b"\\", rb"\\") + rb"/\g<2>", body)
    return body


def below(raw: str, prefix: str, path: str) -> str:
    """The path of a request below a prefix, escaped as the browser sent it.

    Args:
        raw: path of the request.
        prefix: that the engine stands under here, without a slash at its end.
        path: what is below, decoded; it was checked, and what is passed on says the same.

    >>> below("/user/ada/datawatch/d/what%3F", "/user/ada/datawatch", "d/what?")
    'd/what%3F'
    >>> below("/datawatch/d/a%2Fb", "/datawatch", "d/a/b"), below("/else", "/datawatch", "my board")
    ('d/a%2Fb', 'my%20board')
    """
    parts = raw.split("/", prefix.count("/") + 1)
    rest = parts[-1] if len(parts) == prefix.count("/") + 2 else ""
    return rest if unquote(rest) == path else quote(path, safe=_PLAIN)


def target(address: str, path: str, query: str) -> str:
    """The engine's address of a request; Jupyter's own token stays here.

    Args:
        address: of the engine.
        path: escaped; what may not stand in an address is escaped here.
        query: of the request.

    >>> target("http://127.0.0.1:3002", "d/1", "range=1h&token=secret")
    'http://127.0.0.1:3002/d/1?range=1h'
    """
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "token"]
    whole = f"{address}/{quote(path.lstrip('/'), safe=_PLAIN + '%')}"
    return f"{whole}?{urlencode(kept)}" if kept else whole


def is_own(origin: str | None, host: str, allowed: str = "") -> bool:
    """Whether a page of this origin may change things here; programs send none and may.

    Args:
        origin: header of the request.
        host: that was asked, with its port.
        allowed: one further origin; a wildcard is none.

    >>> is_own("http://localhost:8888", "localhost:8888"), is_own("https://evil.example", "a:1")
    (True, False)
    >>> is_own("null", "localhost:8888"), is_own("https://evil.example", "a:1", "*")
    (False, False)
    """
    if origin is None:
        return True
    same = urlsplit(origin).netloc.lower() == host.lower() != ""
    return same or (allowed not in ("", "*") and origin.lower() == allowed.lower())
