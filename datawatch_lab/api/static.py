"""The browser client, at ``/static/datawatch.js``: for any page, so without a token."""

from __future__ import annotations

from importlib.resources import files

from datawatch_lab.api.handlers import ApiHandler

PATH = "/static/datawatch.js"


class ScriptHandler(ApiHandler):
    """Serves the script, which holds no secret; browsers ask again after an hour."""

    def initialize(self, shared: object, body: bytes) -> None:  # type: ignore[override]
        """Take the text."""
        super().initialize(shared)  # type: ignore[arg-type]
        self.body = body

    def prepare(self) -> None:
        """Everybody may have it."""

    def get(self) -> None:
        """Answer with the script."""
        self.set_header("Content-Type", "text/javascript; charset=UTF-8")
        self.set_header("Cache-Control", "public, max-age=3600")
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.finish(self.body)

    head = get


def script(name: str = "datawatch.js") -> bytes:
    """The text of a script: the browser client, or another file of ``static/``."""
    return (files("datawatch_lab") / "static" / name).read_bytes()
