"""Free ports for private servers, of which no two workers of one run are given the same."""

from __future__ import annotations

import itertools
import os
import random
import socket

_FIRST, _PAST = 12_000, 32_000  # below those that systems give to outgoing connections
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OURS = range(_FIRST + _WORKER, _PAST, _WORKERS)
_TURNS = itertools.count(random.randrange(len(_OURS)))


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now, and which is not given out again soon."""
    for _ in _OURS:
        port = _OURS[next(_TURNS) % len(_OURS)]
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port of 127.0.0.1 is free")
