"""Real receivers on free ports: HTTP that answers as it is told, and SMTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.waiting import PATIENCE


@dataclass
class Received:
    """What came, and what is answered next (200 when nothing is planned)."""

    url: str
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)


@contextmanager
def http_receiver() -> Iterator[Received]:
    """An HTTP server of this machine while a block runs."""
    received = Received("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append((dict(self.headers), body))
            status, headers = received.answers.pop(0) if received.answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """An SMTP server's: what it took."""

    port: int
    mails: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 — named by aiosmtpd
        """Take a mail."""
        del server, session
        self.mails.append(envelope.content)
        return "250 OK"

    @property
    def keys(self) -> list[str]:
        """Message ids, in the order in which the mails came."""
        return [
            str(message_from_bytes(each, policy=policy.default)["Message-ID"])
            for each in self.mails
        ]


class _Postman(Controller):
    """Takes mails on a port that is its own from the beginning, so that nobody else takes it."""

    def __init__(self, box: Mailbox, bound: socket.socket) -> None:
        super().__init__(box, hostname="127.0.0.1", port=box.port, ready_timeout=PATIENCE)
        self._bound = bound

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._bound)


@contextmanager
def mail_receiver() -> Iterator[Mailbox]:
    """An SMTP server of this machine while a block runs."""
    bound = socket.create_server(("127.0.0.1", 0))
    box = Mailbox(bound.getsockname()[1])
    controller = _Postman(box, bound)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
