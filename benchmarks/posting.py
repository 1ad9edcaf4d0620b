"""Posts over HTTP by one or many clients, of events that happen now."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.events import Mix, shop_row
from benchmarks.loopback import API, Client, Server, content_length, request
from benchmarks.model import UnmeasurableError

EVENT_BYTES = Mix().bytes
_SETTLE_SECONDS = 20.0


def live_event(number: int, table: str = "orders", *, prefix: str = "evt") -> bytes:
    """An insert of 495 bytes that happens now."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    row = shop_row((number, number * 7_907 % 1_000_000, number % 5))
    text = (
        f'{{"id":"{prefix}-{number:010d}","source":"shop-db","schema":"public","table":"{table}",'
        f'"operation":"INSERT","timestamp":"{stamp}","transaction_id":"{number}",'
        f'"position":{{"lsn":"0/{number:08X}","sequence":0}},"before":null,"after":{row}'
    )
    return f'{text},"note":"{"x" * (EVENT_BYTES - len(text) - 12)}"}}}}'.encode()


def live_batch(first: int, count: int, table: str = "orders", *, prefix: str = "evt") -> bytes:
    """An array of events."""
    events = (live_event(first + place, table, prefix=prefix) for place in range(count))
    return b"[" + b",".join(events) + b"]"


def singles(server: Server, first: int, count: int) -> list[bytes]:
    """Requests that post one event each."""
    host = f"{server.host}:{server.port}"
    return [
        request("POST", f"{API}/events", host, live_event(first + place)) for place in range(count)
    ]


def check_ledger(client: Client, posted: int) -> str:
    """What is wrong with the ledger of a server that was sent so many events; '' for nothing.

    What is durable may still have to be applied, so it is given a while.
    """
    end = time.monotonic() + _SETTLE_SECONDS
    while True:
        ledger = json.loads(client.get(f"{API}/ledger"))
        found = ledger["received"], ledger["applied"]
        if found == (posted, posted):
            return ""
        if time.monotonic() > end:
            return f"{found[1]} of {posted} posted events applied, {found[0]} received"
        time.sleep(0.05)


async def crowd(server: Server, parts: Sequence[Sequence[bytes]]) -> tuple[list[float], float]:
    """Send each part over a connection of its own, all at once.

    Returns:
        Milliseconds of every request, ascending, and seconds in all.
    """
    start = time.perf_counter()
    taken = await asyncio.gather(*(_one_client(server, part) for part in parts))
    return sorted(each for part in taken for each in part), time.perf_counter() - start


async def _one_client(server: Server, messages: Sequence[bytes]) -> list[float]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    taken = []
    for message in messages:
        start = time.perf_counter()
        writer.write(message)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(content_length(head[:-4]))
        taken.append((time.perf_counter() - start) * 1e3)
        if not head.startswith(b"http/1.1 2"):
            raise UnmeasurableError(f"answered {head[9:40].decode(errors='replace').strip()}")
    writer.close()
    await writer.wait_closed()
    return taken
