"""Who may ask: the owner's token, users, the Host that was asked, the Origin of a change.

The rules on loopback are those of Jupyter: tools and the links that they print carry the token, a
link turns it into a cookie, and a page of another site can neither read (Host: DNS rebinding) nor
change (Origin: cross-site requests) anything. Elsewhere users sign in, or their tokens do; the
owner's token is for this machine only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from tornado.web import Finish, RequestHandler

from datawatch_lab.api.limits import Limits
from datawatch_lab.core.clock import SystemClock
from datawatch_lab.core.errors import AccessError
from datawatch_lab.core.who import UserRole, Who, lesser
from datawatch_lab.service.access import same_token
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.door import check_role
from datawatch_lab.service.access.sessions import LASTING_DAYS, Sessions, UserSessions
from datawatch_lab.service.access.users import User
from datawatch_lab.service.access.webhook import Webhook

OWNER = "owner"
"""The user that the token of the workspace stands for."""

TOKEN = "token"  # noqa: S105 — the name of a query parameter
SHARE = "share"
SECRETS = (TOKEN, SHARE)
"""Query parameters that a link carries."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Gate:
    """Tells who asks, from any tornado handler, also those of Bokeh.

    Attributes:
        token: of the owner; None lets everybody in (``--no-auth``, loopback only).
        port: of the server. It names the cookie, since cookies of all ports of a host are shared.
        hosts: names and addresses, beside those of loopback, that the server is asked by.
        access: the users of the workspace; None for a server without any.
        limits: how often strangers and users may ask.
        webhook: checks signed deliveries of events; None when no secret is set.
        origins: of pages elsewhere that may ask, lower case; see `api.cors`.
    """

    token: str | None = field(repr=False)
    port: int
    hosts: frozenset[str] = field(default_factory=frozenset)
    access: Access | None = None
    limits: Limits = field(default_factory=Limits)
    webhook: Webhook | None = None
    origins: frozenset[str] = field(default_factory=frozenset)

    @property
    def cookie(self) -> str:
        """Name of the cookie that says who signed in."""
        return f"datawatch_token_{self.port}"

    def check(
        self, handler: RequestHandler, role: UserRole = "viewer", resource: str | None = ""
    ) -> Who:
        """Who asks, when they may; for every route and every opening of a WebSocket.

        Args:
            handler: of the request.
            role: that it asks for.
            resource: that it is about, such as ``dashboard:ID``; a shared link opens that alone.
                None when the operation itself checks it.

        Raises:
            AccessError: 403 for a foreign Host or Origin or too small a role, 401 for a stranger.
            RateError: 429: too often.
        """
        self.check_host(handler)
        self.check_origin(handler)
        who = self.who(handler)
        if who is None:
            if not is_loopback(address_of(handler)):
                self.limits.stranger(address_of(handler))
            raise AccessError(
                "this needs a token or a user who is signed in.",
                hint="Sign in at /login, or open the link that `datawatch serve` printed; programs "
                "send the header `Authorization: Bearer TOKEN` with a token of a user, or that of "
                "the file WORKSPACE.token.",
            )
        self.limits.take(who)
        check_role(who, role, who.resource if resource is None else resource)
        return who

    def user(self, handler: RequestHandler) -> str | None:
        """The name of who may see all pages; None for a stranger, and for who has but a link."""
        try:
            who = self.who(handler)
        except AccessError:
            return None
        return None if who is None or who.resource else who.name

    def who(self, handler: RequestHandler) -> Who | None:
        """Who sends this request; None for a stranger.

        A page that was opened by a link with ``?token=`` gets the cookie and is sent to the same
        address without the token, so that it stays out of the history and of later requests: then
        this does not return but ends the request with `tornado.web.Finish`.

        Raises:
            AccessError: 401: it comes by a shared link that is not valid any more.
        """
        if not self.knows_host(handler):
            return None
        found = self._found(handler)
        if found is None:
            return None
        request = str(getattr(handler, "request_id", ""))
        return replace(found, address=address_of(handler), request=request)

    def _found(self, handler: RequestHandler) -> Who | None:
        if self.token is None:
            return Who(OWNER, "admin", "open")
        scheme, _, bearer = handler.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(handler, bearer.strip())
        if given := handler.get_query_argument(TOKEN, ""):
            who = self._by_token(handler, given)
            if who is not None:
                self._welcome(handler, who)
                return who
        if share := handler.get_query_argument(SHARE, ""):
            return self._by_share(handler, share)
        return self._by_cookie(handler, handler.get_cookie(self.cookie) or "")

    def _by_token(self, handler: RequestHandler, given: str) -> Who | None:
        if self.token is not None and same_token(given, self.token):
            return self._owner(handler)
        found = self.access.tokens.open(given) if self.access is not None else None
        if found is None:
            return None
        user, token = found
        return Who(
            user.name,
            lesser(user.role, token.role),
            f"token:{token.name or token.id}",
            cap=token.role if token.bounded else None,
            until=token.expires,
        )

    def _by_share(self, handler: RequestHandler, given: str) -> Who | None:
        if self.access is None:
            return None
        found = self.access.shares.open_share(given)
        handler.set_header("Referrer-Policy", "no-referrer")
        return Who(f"share:{found.id}", "viewer", f"share:{found.id}", resource=found.resource)

    def _by_cookie(self, handler: RequestHandler, given: str) -> Who | None:
        if not given:
            return None
        if self._owner_sessions.read(given) == [OWNER]:
            return self._owner(handler)
        user = self._sessions.user(given) if self._sessions is not None else None
        return None if user is None else Who(user.name, user.role, "session")

    def _owner(self, handler: RequestHandler) -> Who | None:
        """The owner, on this machine; from elsewhere their token is nobody's."""
        address = address_of(handler)
        if is_loopback(address) or address in self.hosts:
            return Who(OWNER, "admin", "owner")
        return None

    @cached_property
    def _owner_sessions(self) -> Sessions:
        key = self.token or ""  # without one nobody is asked for a cookie
        return Sessions(key, f"owner of port {self.port}", SystemClock())

    @cached_property
    def _sessions(self) -> UserSessions | None:
        return None if self.access is None else self.access.sessions(self.port)

    def has_users(self) -> bool:
        """Whether somebody can sign in by name."""
        return self.access is not None and self.access.users.any()

    def knows_host(self, handler: RequestHandler) -> bool:
        """Whether the Host header names this server, and not a name that somebody pointed at it."""
        name = host_name(handler.request.host)
        return is_loopback(name) or name in self.hosts

    def check_host(self, handler: RequestHandler) -> None:
        """Refuse a Host that is not this server's.

        Raises:
            AccessError: 403.
        """
        if not self.knows_host(handler):
            raise AccessError(
                f"this server is not known as {handler.request.host!r}.",
                status=403,
                hint="Use the address that it printed when it started; further names are listed "
                "under `server.names`.",
            )

    def check_origin(self, handler: RequestHandler) -> None:
        """Refuse a change, or a WebSocket, that a page of another origin asks for.

        Raises:
            AccessError: 403. Programs send no Origin and pass.
        """
        request = handler.request
        origin = request.headers.get("Origin")
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if origin is None or (request.method in SAFE_METHODS and not is_socket):
            return
        is_own = urlsplit(origin).netloc.lower() == request.host.lower()
        if not is_own and origin.lower() not in self.origins:
            raise AccessError(
                f"a page of {origin} may not change anything here.",
                status=403,
                hint="Changes come from pages of this server or from programs.",
            )

    def sign_in(self, handler: RequestHandler, user: User) -> None:
        """Give a user who has shown the password the cookie."""
        if self._sessions is not None:
            self._set_cookie(handler, self._sessions.cookie(user))

    def sign_out(self, handler: RequestHandler) -> None:
        """Take the cookie back."""
        handler.clear_cookie(self.cookie, path="/")

    def _welcome(self, handler: RequestHandler, who: Who) -> None:
        """Turn the token of a page's link into a cookie and send the page to its clean address."""
        request = handler.request
        is_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
        if not is_page or "Upgrade" in request.headers or who.via != "owner":
            return
        self._set_cookie(handler, self._owner_sessions.sign(OWNER))
        handler.set_header("Cache-Control", "no-store")
        handler.set_header("Referrer-Policy", "no-referrer")
        handler.redirect(without_token(request.path, request.query))
        raise Finish

    def _set_cookie(self, handler: RequestHandler, value: str) -> None:
        handler.set_cookie(
            self.cookie,
            value,
            expires_days=LASTING_DAYS,
            path="/",
            httponly=True,
            samesite="Lax",
            secure=handler.request.protocol == "https",
        )


def address_of(handler: RequestHandler) -> str:
    """The address of the other side; '' for a socket of the file system."""
    return str(handler.request.remote_ip or "").partition("%")[0].removeprefix("::ffff:")


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


def is_everywhere(host: str) -> bool:
    """Whether a server that is bound to this host is reached by every address of the machine.

    >>> is_everywhere("0.0.0.0"), is_everywhere("::"), is_everywhere("10.0.0.1")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def names_of_machine() -> frozenset[str]:
    """Names and addresses by which other machines reach this one, as far as it knows them."""
    import socket

    import psutil

    addresses = {
        each.address.partition("%")[0].lower()
        for found in psutil.net_if_addrs().values()
        for each in found
        if each.family in (socket.AF_INET, socket.AF_INET6)
    }
    name = socket.gethostname().lower()
    return frozenset(addresses | {name, name.partition(".")[0]})


def without_token(path: str, query: str) -> str:
    """The address of a request on this server, without the token.

    >>> without_token("/datawatch", "range=1h&token=abc")
    '/datawatch?range=1h'
    >>> without_token("//elsewhere.example/", "token=abc")
    '/elsewhere.example/'
    """
    # One slash only: "//host" in a Location header would lead to another server.
    clean = "/" + path.lstrip("/\\")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in SECRETS]
    return f"{clean}?{urlencode(kept)}" if kept else clean


def gate_for(
    token: str | None,
    *,
    host: str,
    port: int,
    names: Iterable[str] = (),
    workspace: Path | None = None,
    limits: Limits | None = None,
    webhook: Webhook | None = None,
    origins: Iterable[str] = (),
) -> Gate:
    """A gate for a server.

    Args:
        token: of the owner; None lets everybody in.
        host: that it is bound to.
        port: that it is bound to.
        names: that it may also be asked by.
        workspace: whose users may sign in; None for no users.
        limits: how often somebody may ask.
        webhook: checks signed deliveries.
        origins: of pages elsewhere that may ask, such as ``https://app.example.org``.
    """
    known = {host.lower(), *(name.lower() for name in names)}
    if is_everywhere(host):
        known |= names_of_machine()
    return Gate(
        token,
        port,
        frozenset(known),
        access=None if workspace is None or token is None else Access(workspace),
        limits=limits or Limits(),
        webhook=webhook,
        origins=frozenset(each.lower() for each in origins),
    )
