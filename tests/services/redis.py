"""A private Redis server on a free port of 127.0.0.1, that keeps what it has over a restart."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from tests.services.ports import free_port

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install redis-server)"
PASSWORD = "s3cret/pass@word"  # noqa: S105 — of private servers only
URL_PASSWORD = "s3cret%2Fpass%40word"  # noqa: S105


def find() -> str | None:
    """Path of the server's program; None when there is none."""
    return shutil.which("redis-server")


class Server:
    """A server that runs while the object is open.

    Attributes:
        version: as the server tells it.
        port: on 127.0.0.1.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="datawatch-redis-"))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        with contextlib.closing(self.client()) as client:
            self.version = str(client.info()["redis_version"])

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                    "--dir", str(self.folder), "--requirepass", PASSWORD, "--save", "",
                    "--appendonly", "yes", "--appendfsync", "everysec",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(redis.RedisError), contextlib.closing(self.client()) as client:
                client.ping()
                return
            time.sleep(0.05)
        raise RuntimeError(
            f"the server does not start: {(self.folder / 'log').read_text()[-2000:]}"
        )

    def client(self) -> Any:
        """A client as the default user."""
        return redis.Redis(port=self.port, password=PASSWORD)

    def restart(self) -> None:
        """Crash it and start it again on the same port; appended commands are written by then."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Crash it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(timeout=30)
            self._process = None

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, more: str = "", user: str = "", password: str = "") -> str:
        """Address with the password in it; ``more`` goes behind the database."""
        return f"redis://{user}:{password or URL_PASSWORD}@127.0.0.1:{self.port}/0{more}"
