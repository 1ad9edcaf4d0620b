"""Who may ask: the token of the workspace, the Host that was asked, the Origin of a change.

The rules are those of Jupyter: tools and the links that they print carry the token, a link turns it
into a cookie, and a page of another site can neither read (Host: DNS rebinding) nor change (Origin:
cross-site requests) anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from tornado.web import Finish, RequestHandler

from datawatch_lab.core.errors import AccessError
from datawatch_lab.service.access import same_token

OWNER = "owner"
"""The user that the token of the workspace stands for, until there are named users."""

TOKEN = "token"  # noqa: S105 — the name of a query parameter
"""The query parameter that a link carries."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_COOKIE_DAYS = 30


@dataclass(frozen=True)
class Gate:
    """Lets the owner of the workspace in, from any tornado handler, also those of Bokeh.

    Attributes:
        token: what a caller must show; None lets everybody in (``--no-auth``, loopback only).
        port: of the server. It names the cookie, since cookies of all ports of a host are shared.
        hosts: names and addresses, beside those of loopback, that the server is asked by.
    """

    token: str | None
    port: int
    hosts: frozenset[str] = field(default_factory=frozenset)

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the token."""
        return f"datawatch_token_{self.port}"

    def user(self, handler: RequestHandler) -> str | None:
        """Who sends this request; None for a stranger.

        A page that was opened by a link with ``?token=`` gets the cookie and is sent to the same
        address without the token, so that it stays out of the history and of later requests: then
        this does not return but ends the request with `tornado.web.Finish`.
        """
        if not self.knows_host(handler):
            return None
        if self.token is None:
            return OWNER
        scheme, _, bearer = handler.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return OWNER if same_token(bearer.strip(), self.token) else None
        if same_token(handler.get_query_argument(TOKEN, ""), self.token):
            self._welcome(handler)
            return OWNER
        return OWNER if same_token(handler.get_cookie(self.cookie) or "", self.token) else None

    def knows_host(self, handler: RequestHandler) -> bool:
        """Whether the Host header names this server, and not a name that somebody pointed at it."""
        name = host_name(handler.request.host)
        return is_loopback(name) or name in self.hosts

    def check(self, handler: RequestHandler) -> str:
        """The user, or an error that says what is missing.

        Raises:
            AccessError: 403 for a foreign Host or Origin, 401 for a stranger.
        """
        if not self.knows_host(handler):
            raise AccessError(
                f"this server is not known as {handler.request.host!r}.",
                status=403,
                hint="Use the address that it printed when it started.",
            )
        self.check_origin(handler)
        user = self.user(handler)
        if user is None:
            raise AccessError(
                "this needs the token of the workspace.",
                hint="Open the link that `datawatch serve` printed, or send the header "
                "`Authorization: Bearer TOKEN`; the token is in the file WORKSPACE.token.",
            )
        return user

    def check_origin(self, handler: RequestHandler) -> None:
        """Refuse a change that a page of another origin asks for.

        Raises:
            AccessError: 403. Programs send no Origin and pass.
        """
        request = handler.request
        origin = request.headers.get("Origin")
        if request.method in SAFE_METHODS or origin is None:
            return
        if urlsplit(origin).netloc.lower() != request.host.lower():
            raise AccessError(
                f"a page of {origin} may not change anything here.",
                status=403,
                hint="Changes come from pages of this server or from programs.",
            )

    def _welcome(self, handler: RequestHandler) -> None:
        """Turn the token of a page's link into a cookie and send the page to its clean address."""
        request = handler.request
        is_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
        if not is_page or "Upgrade" in request.headers or self.token is None:
            return
        handler.set_cookie(
            self.cookie,
            self.token,
            expires_days=_COOKIE_DAYS,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=request.protocol == "https",
        )
        handler.set_header("Cache-Control", "no-store")
        handler.set_header("Referrer-Policy", "no-referrer")
        handler.redirect(without_token(request.path, request.query))
        raise Finish


def host_name(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets.

    >>> host_name("LocalHost:3002"), host_name("[::1]:3002"), host_name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def is_loopback(name: str) -> bool:
    """Whether a host name or address is this machine's loopback.

    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("::1")
    (True, True, True)
    >>> is_loopback("0.0.0.0"), is_loopback("127.0.0.1.example.com")
    (False, False)
    """
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def without_token(path: str, query: str) -> str:
    """The address of a request on this server, without the token.

    >>> without_token("/datawatch", "range=1h&token=abc")
    '/datawatch?range=1h'
    >>> without_token("//elsewhere.example/", "token=abc")
    '/elsewhere.example/'
    """
    # One slash only: "//host" in a Location header would lead to another server.
    clean = "/" + path.lstrip("/\\")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != TOKEN]
    return f"{clean}?{urlencode(kept)}" if kept else clean


def gate_for(token: str | None, *, host: str, port: int, names: Iterable[str] = ()) -> Gate:
    """A gate for a server that is bound to ``host`` and may also be asked by ``names``."""
    return Gate(token, port, frozenset({host.lower(), *(name.lower() for name in names)}))
