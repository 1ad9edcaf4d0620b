"""A worker of `multiprocessing`; in a module of its own, so that a fresh process loads little."""

from __future__ import annotations

from datawatch_lab.client import Client


def work(address: str, token: str, number: int) -> None:
    """Hand one event over, and end: neither flushed nor closed."""
    Client(address, token).insert("jobs", {"id": number})
