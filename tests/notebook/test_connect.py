"""`lab.connect("postgresql://…")`: it runs in the engine, the card goes on, nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.core.watching import Copying, WatchState
from datawatch_lab.notebook.objects import Lab, connect
from datawatch_lab.notebook.sources import Card, card, line
from tests.notebook.conftest import HOSTILE
from tests.services.postgres import PASSWORD, URL_PASSWORD, Server
from tests.services.shop import Shop, shop
from tests.waiting import eventually


@pytest.fixture
def database(postgres_server: Server) -> Iterator[Shop]:
    """A shop of this test alone."""
    with shop(postgres_server) as made:
        yield made


def state(**parts: Any) -> WatchState:
    """A state with these parts."""
    whole: dict[str, Any] = {
        "name": "shop",
        "url": "postgresql://db/shop",
        "slot": "datawatch_1",
        "state": "streaming",
        "since": "2026-01-01T00:00:00Z",
        "message": "streaming",
    }
    return WatchState(**{**whole, **parts})


def test_a_database_is_connected(fresh: Lab, database: Shop) -> None:
    """Connect, wait, ask; then take it away. No display holds the password."""
    watched = fresh.connect(database.url, exclude="audit").wait(60)
    assert fresh.sql("SELECT count(*) AS n FROM live.orders").df()["n"][0] == 1_000
    assert [each.name for each in fresh.sources()] == [watched.name] == [database.source]
    shown = repr(watched) + watched._repr_html_() + repr(fresh.sources())
    assert "streaming" in shown
    assert "1,000 rows" in repr(watched)
    assert PASSWORD not in shown
    assert URL_PASSWORD not in shown
    assert watched.remove().removed
    assert (database.slots(), fresh.sources()) == ([], [])


def test_a_wrong_password_is_told(fresh: Lab, database: Shop) -> None:
    """The error comes at once, says what to do, and does not repeat the password."""
    url = database.server.url(database=database.name, password="wrong-secret")  # noqa: S106
    with pytest.raises(SourceError, match="Check the user and the password") as caught:
        fresh.connect(url)
    assert "wrong-secret" not in str(caught.value)


def test_waiting_for_one_that_fails_says_why(fresh: Lab, database: Shop) -> None:
    """A slot that somebody dropped is an error with the way on, not an endless wait."""
    watched = fresh.connect(database.url).wait(60)
    database.query(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s",
        [watched.state.slot],
    )
    eventually(lambda: _dropped(database, watched.state.slot))
    eventually(lambda: watched.state.state == "failed")
    with pytest.raises(SourceError, match="--remove"):
        watched.wait(60)


def _dropped(database: Shop, slot: str) -> bool:
    """Whether the slot is gone; it can only be dropped while nobody reads it."""
    database.query(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
        "WHERE slot_name = %s AND active",
        [slot],
    )
    database.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
        "WHERE slot_name = %s AND NOT active",
        [slot],
    )
    return slot not in database.slots()


def test_the_card_goes_on_until_it_is_over() -> None:
    """It draws each state in its place, and ends with the last one."""
    copying = Copying(table="public.orders", rows=430, expected=1000, tables_done=0, tables=1,
                      share=0.43, seconds_left=3.0)  # fmt: skip
    states = [
        state(state="snapshot", copying=copying),
        state(state="streaming", rows=1_000, lag_bytes=2_000),
        state(state="failed", message="the slot is gone", hint="Remove it."),
    ]
    drawn: list[str] = []
    shown = Card(lambda: states.pop(0), lambda data, **_: drawn.append(data["text/html"]))
    shown.start()
    eventually(lambda: len(drawn) == 3)
    assert "43%" in drawn[0]
    assert 'value="0.4300"' in drawn[0]
    assert "2 kB" in drawn[1].replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\xa0", " ")
    assert "Remove it." in drawn[2]
    assert not states


def test_names_of_the_database_are_escaped() -> None:
    """A table with a hostile name shows as text."""
    copying = Copying(
        table=HOSTILE, rows=1, expected=2, tables_done=0, tables=1, share=0.5, seconds_left=None
    )
    shown = card(state(state="snapshot", name=HOSTILE, copying=copying))
    assert HOSTILE not in shown
    assert "&lt;img" in shown
    assert "50%" in line(state(state="snapshot", copying=copying))


def test_a_database_is_no_server() -> None:
    """`dw.connect` with an address of a database says where it belongs, without the password."""
    with pytest.raises(InputError, match=r"lab\.connect\(url\)") as caught:
        connect("postgresql://ada:secret@db/shop")
    assert "secret" not in str(caught.value)
