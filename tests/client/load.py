"""Clients that send at a pace; ``python -m tests.client.load`` with what `main` reads.

Each has a thread of its own. Prints what became of their events as JSON.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import asdict

import msgspec

from datawatch_lab.client import Client

_TICK = 0.02


def send(client: Client, number: int, rate: float, seconds: float) -> None:
    """Hand events over at a rate a second, however long a tick takes."""
    begun = time.monotonic()
    sent = 0
    while sent < rate * seconds:
        wanted = min(rate * seconds, (time.monotonic() - begun) * rate)
        while sent < wanted:
            client.insert("load", {"client": number, "n": sent, "value": sent * 0.5})
            sent += 1
        time.sleep(_TICK)


def main() -> None:
    """Run the clients, flush them, say what became of their events and how long it took."""
    address, token, spool = sys.argv[1:4]
    first, count = int(sys.argv[4]), int(sys.argv[5])
    rate, seconds = float(sys.argv[6]), float(sys.argv[7])
    clients = [Client(address, token, spool=spool, flush_interval=1.0) for _ in range(count)]
    threads = [
        threading.Thread(target=send, args=(each, first + number, rate, seconds))
        for number, each in enumerate(clients)
    ]
    begun, used = time.monotonic(), time.process_time()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    handed = time.monotonic() - begun
    flushed = all(client.flush(300) for client in clients)
    answer = {
        "handed_seconds": handed,
        "seconds": time.monotonic() - begun,
        "cpu_seconds": time.process_time() - used,
        "flushed": flushed,
        "stats": [asdict(client.stats) for client in clients],
    }
    sys.stdout.write(msgspec.json.encode(answer).decode())
    for client in clients:
        client.close()


if __name__ == "__main__":
    main()
