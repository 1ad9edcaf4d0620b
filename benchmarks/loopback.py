"""Servers in processes of their own, and an HTTP client that adds little time of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from benchmarks.meters import cpu_of, peak_bytes
from benchmarks.model import UnmeasurableError

API = "/api/v1/datawatch"
_STOP_SECONDS = 60.0


class Server:
    """A command that prints one line with its address and then serves; used with ``with``.

    Args:
        command: what is run.
        log: a file for what it complains of.
        page: that is asked for once before anything is measured, so that a server which loads
            more after it answers has done so; '' for none.

    Attributes:
        host, port: where it listens.
        cpu_seconds: used since `mark`; None where it cannot be had.
        memory_bytes: peak so far.
    """

    def __init__(self, command: Sequence[str], log: Path, page: str = "") -> None:
        self.command = list(command)
        self.log = log
        self._page = page
        self._marked = 0.0

    def __enter__(self) -> Self:
        with self.log.open("wb") as errors:
            self._process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if "http://" not in line:
            self._process.kill()
            self._process.wait()
            words = self.log.read_text(errors="replace").split()
            raise UnmeasurableError(f"the server did not start: {' '.join(words)[-300:]}")
        address = urlsplit("http://" + line.split("http://")[1].split()[0])
        self.host, self.port = str(address.hostname), int(address.port or 80)
        if self._page:
            with Client(self) as client:
                client.get(self._page)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def mark(self) -> None:
        """Count CPU seconds from here on."""
        self._marked = cpu_of(self._process.pid) or 0.0

    @property
    def cpu_seconds(self) -> float | None:
        """CPU seconds since `mark`."""
        used = cpu_of(self._process.pid)
        return None if used is None else used - self._marked

    @property
    def memory_bytes(self) -> int | None:
        """Peak resident memory."""
        return peak_bytes(self._process.pid)


def product(workspace: Path, *, is_loaded: bool = True) -> Server:
    """``datawatch serve`` on a workspace, on any free port.

    Args:
        workspace: path of its file.
        is_loaded: whether it is waited for until its pages are loaded, too, which takes some
            seconds after it answers.
    """
    words = ["serve", "--port", "0", "--no-auth", "--workspace", str(workspace)]
    command = [sys.executable, "-m", "datawatch_lab.cli", *words]
    page = "/datawatch" if is_loaded else ""
    return Server(command, workspace.with_suffix(".log"), page)


def bare(folder: Path) -> Server:
    """A tornado handler that writes each body to a file and calls fdatasync; `fsync_server`."""
    command = [sys.executable, "-m", "benchmarks.fsync_server", str(folder / "bodies")]
    return Server(command, folder / "bare.log")


class Client:
    """One connection that is kept alive; requests are made from ready bytes."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection((server.host, server.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(60)
        self._host = f"{server.host}:{server.port}"
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self._socket.close()

    def post(self, path: str, body: bytes) -> bytes:
        """Post JSON; gives the body of the answer."""
        return self.send(request("POST", path, self._host, body))

    def get(self, path: str) -> bytes:
        """Get; gives the body of the answer."""
        return self.send(request("GET", path, self._host))

    def send(self, message: bytes) -> bytes:
        """Send a whole request and read its answer.

        Raises:
            UnmeasurableError: the answer is not a success.
        """
        self._socket.sendall(message)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self._buffer[:end].lower()
        size = content_length(head)
        while len(self._buffer) < end + 4 + size:
            self._more()
        body, self._buffer = self._buffer[end + 4 : end + 4 + size], self._buffer[end + 4 + size :]
        if not head.startswith(b"http/1.1 2"):
            raise UnmeasurableError(f"answered {head[9:40].decode()}: {body[:200].decode()}")
        return body

    def _more(self) -> None:
        data = self._socket.recv(1 << 16)
        if not data:
            raise UnmeasurableError("the server closed the connection")
        self._buffer += data


def request(method: str, path: str, host: str, body: bytes = b"") -> bytes:
    """The bytes of an HTTP/1.1 request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
    if body:
        head += "Content-Type: application/json\r\n"
    return head.encode() + b"\r\n" + body


def content_length(head: bytes) -> int:
    r"""The length of the body that a lower-cased head announces; 0 without one.

    >>> content_length(b"http/1.1 202 accepted\r\ncontent-length: 17")
    17
    """
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


def latencies(client: Client, messages: Sequence[bytes]) -> list[float]:
    """Milliseconds from sending each request to its whole answer, ascending."""
    taken = []
    for message in messages:
        start = time.perf_counter()
        client.send(message)
        taken.append((time.perf_counter() - start) * 1e3)
    return sorted(taken)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending numbers, at least one.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0, 3.0, 4.0], 0.99)
    (2.0, 4.0)
    """
    rank = -(-len(ordered) * round(share * 1_000) // 1_000)
    return ordered[max(rank, 1) - 1]


def summary(ordered: Sequence[float]) -> dict[str, Any]:
    """Percentiles of ascending milliseconds, for the details."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    found: dict[str, Any] = {
        name: round(percentile(ordered, share), 3) for name, share in shares.items()
    }
    return {**found, "max": round(ordered[-1], 3), "count": len(ordered)}
