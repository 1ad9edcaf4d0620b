"""The handler that everything below ``<base>/datawatch/`` is: Jupyter's login, its own pages only.

Jupyter's setting ``allow_origin`` may open it to one further origin; ``*`` opens nothing here.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

from datawatch_lab.jupyter.engines import Engines
from datawatch_lab.jupyter.forward import is_own

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Guarded(JupyterHandler):
    """Answers whom Jupyter knows, and changes nothing for pages of other origins.

    Requests that are made by a page say which (``Origin``, and of reads ``Sec-Fetch-Site``); a
    change without either must carry Jupyter's XSRF token, as elsewhere in Jupyter.
    """

    auth_resource = "datawatch"

    def initialize(self, engines: Engines) -> None:
        """Take what finds the engine."""
        super().initialize()
        self.engines = engines

    async def prepare(self, *, _redirect_to_login: bool = True) -> None:
        """Refuse strangers and other origins."""
        is_socket = self.is_socket
        done: Any = super().prepare(_redirect_to_login=_redirect_to_login and not is_socket)
        if done is not None:
            await done
        if self._finished:  # sent to the login
            return
        if self.current_user is None:
            raise HTTPError(403)
        if not self.check_origin():
            raise HTTPError(403, "a page of another origin may not do this.")
        action = "read" if self.request.method in SAFE_METHODS and not is_socket else "write"
        if is_socket:
            action = "execute"
        allowed: Any = self.authorizer.is_authorized(
            self, self.current_user, action, self.auth_resource
        )
        if not (await allowed if hasattr(allowed, "__await__") else allowed):
            raise HTTPError(403, f"you may not {action} {self.auth_resource} in this Jupyter.")

    @property
    def is_socket(self) -> bool:
        """Whether the request asks for a WebSocket."""
        return self.request.headers.get("Upgrade", "").lower() == "websocket"

    def check_origin(self, origin: str | None = None) -> bool:
        """Whether the page that asks is of this server."""
        headers = self.request.headers
        origin = origin or headers.get("Origin")
        if self.request.method in SAFE_METHODS and not self.is_socket:
            is_page = headers.get("Sec-Fetch-Mode") == "navigate"
            return is_page or headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
        return is_own(origin, self.request.host, self.allow_origin)

    def check_xsrf_cookie(self) -> None:
        """Take the browser's word for its origin; without it ask for Jupyter's XSRF token."""
        if not hasattr(self, "_jupyter_current_user"):
            return  # called again once the user is known
        if "Origin" not in self.request.headers:
            super().check_xsrf_cookie()
        elif not self.check_origin():
            raise HTTPError(403, "a page of another origin may not change anything here.")

    def set_cors_headers(self) -> None:
        """No page of another origin reads what stands here."""
