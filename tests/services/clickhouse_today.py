"""Today's ClickHouse as a process with its HTTP interface: the engine of the package chdb.

Run as a program it serves on the port of its argument until its standard input ends.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.services.ports import free_port

HOW_TO_GET_ONE = "install the package chdb (pip install -e '.[dev]')"


def find() -> bool:
    """Whether the engine is installed."""
    return importlib.util.find_spec("chdb") is not None


class Server:
    """A server that runs while the object is open; it asks for no password.

    Attributes:
        url: address of the HTTP interface.
    """

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.clickhouse_today", str(port)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "up\n":
            self.close()
            raise RuntimeError("chdb does not start")

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait(timeout=30)


def _serve(port: int) -> None:
    import chdb

    connection: Any = chdb.connect(":memory:")  # type: ignore[no-untyped-call]
    one_at_a_time = threading.Lock()
    folder = Path(tempfile.mkdtemp(prefix="datawatch-chdb-"))

    def answer(statement: str, body: bytes) -> bytes:
        """A block that comes with a statement is given as a file: the engine has no wire."""
        if statement.endswith("FORMAT Native") and statement.startswith("INSERT"):
            block = folder / "block"
            block.write_bytes(body)
            head = statement.removesuffix("FORMAT Native")
            statement = f"{head} FROM INFILE '{block}' FORMAT Native"
        found: bytes = connection.query(statement, "Native").bytes()
        return found

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = parse_qs(urlsplit(self.path).query).get("query")
            try:
                with one_at_a_time:
                    status, reply = 200, answer(asked[0] if asked else body.decode(), body)
            except RuntimeError as error:
                status, reply = 500, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("up", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
