"""A tornado server that makes each body durable with one fdatasync and does nothing else.

``python -m benchmarks.fsync_server FILE`` appends bodies to FILE and prints its address.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


class Keeper(RequestHandler):
    """Appends the body to the file, then answers 202."""

    def initialize(self, file: int) -> None:
        """Take the file."""
        self.file = file

    def post(self) -> None:
        """Write, sync, answer."""
        os.write(self.file, self.request.body)
        os.fdatasync(self.file)
        self.set_status(202)
        self.set_header("Content-Type", "application/json")
        self.finish(b'{"received": 1}')


async def serve(path: str) -> None:
    """Serve until SIGTERM."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([("/.*", Keeper, {"file": file})], log_function=_quiet))
    server.add_sockets(sockets)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/", flush=True)
    await stop.wait()
    os.close(file)


def _quiet(handler: RequestHandler) -> None:
    """Log nothing."""


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
