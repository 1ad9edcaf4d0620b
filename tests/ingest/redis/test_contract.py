from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from datawatch_lab.ingest.sources.redis import RedisOptions, RedisSource
from tests.ingest.source_contract import Rig, Rows, SourceContract, fresh, sink
from tests.services.broker_shop import Items
from tests.services.redis import PASSWORD, Server

__all__ = ["fresh", "sink"]

pytestmark = pytest.mark.services

_STREAM = "shop.items"


def make_source(url: str, *, follow: bool, small: bool = False) -> RedisSource:
    """A source as the suite wants it; ``small`` batches show what lies between them."""
    size = 500 if small else 10_000
    return RedisSource(
        url,
        RedisOptions(follow=follow, batch_entries=size, claim_after=timedelta(seconds=1)),
    )


class RedisRig(Rig):
    """A stream of a private server."""

    copies = False
    key = ("id",)

    def __init__(self, server: Server) -> None:
        self.server = server
        self.version = f"Redis {server.version}"
        self.items = Items(self._send)
        self._last: RedisSource | None = None

    def _send(self, events: Sequence[tuple[str, bytes]]) -> None:
        with contextlib.closing(self.server.client()) as client:
            pipe = client.pipeline(transaction=False)
            for key, event in events:
                pipe.xadd(_STREAM, {"key": key, "value": event})
            pipe.execute()

    def reset(self) -> None:
        with contextlib.closing(self.server.client()) as client:
            client.flushall()
            client.xadd(_STREAM, {"value": '{"operation":"BEGIN"}'})
            client.xtrim(_STREAM, maxlen=0)
        self.items = Items(self._send)

    def source(self, *, follow: bool, **options: Any) -> RedisSource:
        url = self.server.url(f"?streams={_STREAM}")
        self._last = make_source(url, follow=follow, **options)
        return self._last

    def factory(self, *, follow: bool) -> tuple[str, dict[str, Any]]:
        url = self.server.url(f"?streams={_STREAM}")
        arguments = {"url": url, "follow": follow, "small": True}
        return "tests.ingest.redis.test_contract:make_source", arguments

    def insert(self, first: int, count: int) -> None:
        self.items.insert(first, count)

    def churn(self, seed: int, changes: int) -> None:
        self.items.churn(seed, changes)

    def rows(self) -> Rows:
        return {(key,): row for key, row in self.items.rows.items()}

    def add_column(self) -> None:
        self.items.add_column()

    def restart(self) -> None:
        self.server.restart()

    def wrong_credentials(self) -> tuple[RedisSource, str]:
        secret = "not-the-s3cret"  # noqa: S105 — of no server
        url = self.server.url(f"?streams={_STREAM}", password=secret)
        return RedisSource(url, RedisOptions(follow=False)), secret

    def missing_rights(self) -> RedisSource:
        with contextlib.closing(self.server.client()) as client:
            client.acl_setuser(
                "guest", enabled=True, reset=True, passwords=[f"+{PASSWORD}"], keys=["*"],
                commands=["+ping", "+type", "+xlen", "+info", "+client"],
            )  # fmt: skip
        url = self.server.url(f"?streams={_STREAM}", user="guest")
        return RedisSource(url, RedisOptions(follow=False))

    def behind(self) -> int:
        assert self._last is not None
        return self._last.lag()


@pytest.fixture(scope="module")
def rig(redis_server: Server) -> RedisRig:
    """The server with one stream for each test in turn."""
    return RedisRig(redis_server)


class TestRedis(SourceContract):
    """The contract, kept by Redis Streams."""

    patience = 2.0
    flood = 10_000
    sections = ("commit", "feedback")
