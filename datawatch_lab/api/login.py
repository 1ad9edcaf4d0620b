"""The page where users sign in, and its two posts; plain HTML that works without JavaScript.

Safe against cross-site requests: the cookie is SameSite=Lax and HttpOnly, and a post whose Origin
is not this server's is refused.
"""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import Executor
from html import escape
from urllib.parse import urlsplit

from tornado.http1connection import HTTP1Connection
from tornado.web import MissingArgumentError, stream_request_body

from datawatch_lab.api.auth import address_of, without_token
from datawatch_lab.api.envelope import HttpError
from datawatch_lab.api.handlers import ApiHandler, Shared
from datawatch_lab.api.limits import RateError
from datawatch_lab.core.who import Who
from datawatch_lab.service.access.users import User

LOGIN = "/login"
LOGOUT = "/logout"

_LARGEST = 8_192
_DROPPED = 64 * _LARGEST
_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
PLAIN_STYLE = """:root{color-scheme:light dark;--dw-ground:Canvas;--dw-card:Canvas;
--dw-line:GrayText;
--dw-ink:CanvasText;--dw-ink-2:CanvasText;--dw-accent:LinkText;--dw-bad:CanvasText;
--dw-bad-soft:Canvas;--dw-font:system-ui,sans-serif}"""
_CSS = """*{box-sizing:border-box}
body{margin:0;background:var(--dw-ground);color:var(--dw-ink);font:15px/1.5 var(--dw-font)}
main{max-width:400px;margin:12vh auto;padding:32px;background:var(--dw-card);
border:1px solid var(--dw-line);border-radius:12px}
@media(max-width:440px){main{margin:0;min-height:100vh;border:0;border-radius:0}}
h1{font-size:22px;margin:0 0 4px}p{color:var(--dw-ink-2);margin:0 0 24px}
label{display:block;font-weight:600;margin:16px 0 4px}
input{width:100%;font:inherit;color:inherit;background:var(--dw-ground);padding:8px 12px;
border:1px solid var(--dw-line);border-radius:8px}
input:focus-visible,button:focus-visible{outline:2px solid var(--dw-accent);outline-offset:2px}
button{width:100%;margin-top:24px;padding:10px;font:inherit;font-weight:600;cursor:pointer;
color:var(--dw-card);background:var(--dw-accent);border:0;border-radius:8px}
[role=alert]{color:var(--dw-bad);background:var(--dw-bad-soft);padding:8px 12px;border-radius:8px;
margin:0 0 8px}code{background:var(--dw-ground);padding:2px 6px;border-radius:4px}"""


@stream_request_body
class LoginHandler(ApiHandler):
    """Shows the form, and takes it."""

    def initialize(  # type: ignore[override]  # values more than the base
        self, shared: Shared, home: str, style: str, checkers: Executor
    ) -> None:
        """Take where to go by default, the look, and threads that check passwords."""
        super().initialize(shared)
        self.checkers = checkers
        self.home = home
        self.style = style
        self.body = b""

    def prepare(self) -> None:
        """Take the body first, whoever sends it; what is more than a form is dropped.

        A post that were refused before its body is read would end in a reset connection, and not in
        an answer.
        """
        if isinstance(self.request.connection, HTTP1Connection):
            self.request.connection.set_max_body_size(_DROPPED)

    def data_received(self, chunk: bytes) -> None:
        """Keep what fits a form."""
        self.body += chunk[: _LARGEST + 1 - len(self.body)]

    def _check(self) -> None:
        """Everybody may see this page, by a name of this server and from its own pages."""
        self.shared.gate.check_host(self)
        self.shared.gate.check_origin(self)

    def get(self) -> None:
        """The form."""
        self._check()
        self._page(200, self.get_query_argument("next", ""))

    head = get

    async def post(self) -> None:
        """Sign in: to the page that was wanted, or the form again with what is wrong."""
        self._check()
        form = self._form()
        name, password = form.get("name", ""), form.get("password", "")
        wanted = form.get("next", "")
        gate = self.shared.gate
        try:
            gate.limits.login(address_of(self), name)
        except RateError as error:
            self.set_header("Retry-After", str(int(error.details["retry_after"]) + 1))
            self._page(429, wanted, "Too many attempts. Wait a minute, then try again.", name)
            return
        user = await self._verified(name, password)
        if user is None:
            self._page(401, wanted, "Name or password is not right.", name)
            return
        self.who = Who(user.name, user.role, "session")
        gate.sign_in(self, user)
        self.set_header("Cache-Control", "no-store")
        self.redirect(_local(wanted) or self.home, status=303)

    async def _verified(self, name: str, password: str) -> User | None:
        """The user; the check takes a tenth of a second, in a thread."""
        access = self.shared.gate.access
        if access is None:
            return None
        check = functools.partial(access.users.verify, name, password)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.checkers, check)

    def _form(self) -> dict[str, str]:
        from urllib.parse import parse_qsl

        if len(self.body) > _LARGEST:
            raise HttpError(413, f"a form is not larger than {_LARGEST:,} bytes.")
        try:
            pairs = parse_qsl(self.body.decode("utf-8"), keep_blank_values=True, max_num_fields=16)
        except ValueError:
            raise MissingArgumentError("name") from None
        return dict(pairs)

    def _page(self, status: int, wanted: str, fault: str = "", name: str = "") -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Security-Policy", _CSP)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")
        body = _FORM if self.shared.gate.has_users() else _LINK
        said = f'<p role="alert">⚠ {escape(fault)}</p>' if fault else ""
        self.finish(
            _PAGE.format(
                style=(self.style or PLAIN_STYLE) + _CSS,
                body=body.format(
                    fault=said,
                    name=escape(name, quote=True),
                    next=escape(_local(wanted), quote=True),
                ),
            )
        )


@stream_request_body
class LogoutHandler(ApiHandler):
    """Signs out."""

    def prepare(self) -> None:
        """Everybody may leave."""

    def data_received(self, chunk: bytes) -> None:
        """Nothing is asked for."""

    def post(self) -> None:
        """Take the cookie back and show the form, from a page of this server."""
        self.shared.gate.check_host(self)
        self.shared.gate.check_origin(self)
        self.shared.gate.sign_out(self)
        self.redirect(LOGIN, status=303)


def _local(wanted: str) -> str:
    """A page of this server, without secrets in its address; '' for any other.

    >>> _local("/datawatch?range=1h&token=x"), _local("//elsewhere.example"), _local("https://e.x/")
    ('/datawatch?range=1h', '', '')
    """
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return ""
    parts = urlsplit(wanted)
    return "" if parts.netloc or parts.path == LOGIN else without_token(parts.path, parts.query)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DataWatch: sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{style}</style></head>
<body><main>{body}</main></body></html>
"""
_FORM = """<h1>Sign in</h1><p>to DataWatch</p>{fault}
<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<label for="name">Name</label>
<input id="name" name="name" value="{name}" autocomplete="username" autocapitalize="none"
spellcheck="false" maxlength="64" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
maxlength="1024" required>
<button>Sign in</button></form>"""
_LINK = """<h1>This page needs its link</h1>{fault}
<p>The server printed a link when it started. It ends in <code>?token=…</code>, and opening it once
signs this browser in.</p>
<p>The token is also in the file <code>WORKSPACE.token</code> beside the workspace; only its owner
can read it. <code>datawatch serve</code> prints the link again.</p>
<p><code>datawatch users add NAME</code> adds somebody who signs in by name.</p>"""
