"""A private Redis server on a free port of 127.0.0.1, that keeps what it has over a restart."""

from __future__ import annotations

import contextlib
import shutil
import signal
from typing import Any

import redis

from tests.services.program import Program

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install redis-server)"
PASSWORD = "s3cret/pass@word"  # noqa: S105 — of private servers only
URL_PASSWORD = "s3cret%2Fpass%40word"  # noqa: S105


def find() -> str | None:
    """Path of the server's program; None when there is none."""
    return shutil.which("redis-server")


class Server(Program):
    """A server that runs while the object is open; appended commands outlive its crash.

    Attributes:
        version: as the server tells it.
    """

    ends_by = signal.SIGKILL

    def __init__(self) -> None:
        super().__init__("redis")
        self.open()
        with contextlib.closing(self.client()) as client:
            self.version = str(client.info()["redis_version"])

    def command(self) -> list[str]:
        """It writes what is appended, and no snapshots."""
        return [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(self.folder), "--requirepass", PASSWORD, "--save", "",
            "--appendonly", "yes", "--appendfsync", "everysec",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether it takes commands."""
        with contextlib.suppress(redis.RedisError), contextlib.closing(self.client()) as client:
            return bool(client.ping())
        return False

    def client(self) -> Any:
        """A client as the default user."""
        return redis.Redis(port=self.port, password=PASSWORD)

    def url(self, more: str = "", user: str = "", password: str = "") -> str:
        """Address with the password in it; ``more`` goes behind the database."""
        return f"redis://{user}:{password or URL_PASSWORD}@127.0.0.1:{self.port}/0{more}"
