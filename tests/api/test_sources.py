"""Watched databases over REST: add, look, check, remove; no password in any answer."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from datawatch_lab.service.handle import connect
from tests.api.conftest import API, TOKEN
from tests.services.postgres import PASSWORD, URL_PASSWORD, Server
from tests.services.shop import Shop, shop
from tests.waiting import eventually


@pytest.fixture
def database(postgres_server: Server) -> Iterator[Shop]:
    """A shop of this test alone."""
    with shop(postgres_server) as made:
        yield made


def state(client: httpx.Client) -> str:
    """State of the one source."""
    (found,) = client.get(f"{API}/sources").json()
    return str(found["state"])


def test_a_source_from_post_to_delete(live: httpx.Client, database: Shop) -> None:
    """201 with its state; copied and followed by the server; deleted, its slot is gone."""
    answers = []
    made = live.post(f"{API}/sources", json={"url": database.url, "exclude": ["audit"]})
    answers.append(made)
    assert made.status_code == 201, made.text
    assert made.json()["name"] == database.source
    assert made.json()["resumes"] is False
    eventually(lambda: state(live) == "streaming")
    answers.append(live.get(f"{API}/sources"))
    names = [each["name"] for each in live.get(f"{API}/tables").json()]
    assert "orders" in names
    assert "audit" not in names
    stats = live.get(f"{API}/stats")
    assert stats.json()["watched"][0]["slot"] == made.json()["slot"]
    again = live.post(f"{API}/sources", json={"url": database.url, "exclude": ["audit"]})
    assert (again.status_code, again.json()["state"]) == (201, "streaming")
    answers += [stats, again]
    with connect(str(live.base_url), TOKEN) as remote:
        assert remote.sources()[0].name == database.source
        dropped = remote.unwatch(database.source)
    assert (dropped.removed, database.slots()) == (True, [])
    assert live.get(f"{API}/sources").json() == []
    for each in answers:
        assert PASSWORD not in each.text
        assert URL_PASSWORD not in each.text


def test_a_kept_slot_is_said(live: httpx.Client, database: Shop) -> None:
    """With keep=true the slot stays, and the answer says what is left."""
    made = live.post(f"{API}/sources", json={"url": database.url, "name": "shop"}).json()
    eventually(lambda: state(live) == "streaming")
    answer = live.delete(f"{API}/sources/shop", params={"keep": "true"})
    assert answer.json()["removed"] is False
    assert made["slot"] in answer.json()["left"]
    assert database.slots() == [made["slot"]]


def test_a_server_that_is_gone_leaves_a_sentence(live: httpx.Client, database: Shop) -> None:
    """Deleting works while the database is down; what is left there is named with its statement."""
    made = live.post(f"{API}/sources", json={"url": database.url, "name": "shop"}).json()
    eventually(lambda: state(live) == "streaming")
    database.server.stop()
    try:
        answer = live.delete(f"{API}/sources/shop").json()
    finally:
        database.server.start()
    assert answer["removed"] is False
    assert f"pg_drop_replication_slot('{made['slot']}')" in answer["left"]
    assert live.get(f"{API}/sources").json() == []


def test_what_cannot_be_watched_is_an_error(live: httpx.Client, database: Shop) -> None:
    """502 for a server that refuses, 400 for what is no address, 404 for an unknown name."""
    wrong = database.server.url(database=database.name, password="wrong-secret")  # noqa: S106
    refused = live.post(f"{API}/sources", json={"url": wrong})
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "source_failed")
    assert "wrong-secret" not in refused.text
    for url in ("oracle://ada:secret@db/shop", "postgresql://ada:secret@[db/shop"):
        bad = live.post(f"{API}/sources", json={"url": url})
        assert bad.status_code == 400, bad.text
        assert "secret" not in bad.text
    unset = live.post(f"{API}/sources", json={"url": "postgresql://ada:${NOT_SET}@db/shop"})
    assert (unset.status_code, "NOT_SET" in unset.text) == (400, True)
    unknown = live.delete(f"{API}/sources/none")
    assert unknown.status_code == 404
    assert live.get(f"{API}/sources").json() == []


def test_the_doctor_checks(live: httpx.Client, database: Shop) -> None:
    """By POST with an address, by GET with a name; a password in a query string is refused."""
    found = live.post(f"{API}/sources/doctor", json={"url": database.url}).json()
    checks = {each["check"]: each for each in found}
    assert checks["wal_level"]["ok"]
    assert not checks["replica identity"]["ok"]
    assert not checks["replica identity"]["blocking"]
    assert "ALTER TABLE public.audit" in checks["replica identity"]["fix"]
    selected = {"url": database.url, "exclude": ["audit"]}
    found = live.post(f"{API}/sources/doctor", json=selected).json()
    assert all(each["ok"] for each in found)
    refused = live.get(f"{API}/sources/doctor", params={"url": database.url})
    assert refused.status_code == 400
    assert "POST" in refused.json()["error"]["hint"]
    made = live.post(f"{API}/sources", json={"url": database.url, "name": "shop"}).json()
    eventually(lambda: state(live) == "streaming")
    found = live.get(f"{API}/sources/doctor", params={"name": "shop"}).json()
    slot = next(each for each in found if each["check"] == "slot")
    assert f"{made['slot']} is being read" in slot["detail"]
    assert live.get(f"{API}/sources/doctor").status_code == 400


def test_strangers_see_nothing(stranger: httpx.Client) -> None:
    """Every route of sources asks for the token."""
    assert stranger.get(f"{API}/sources").status_code == 401
    assert stranger.post(f"{API}/sources", json={"url": "x"}).status_code == 401
    assert stranger.delete(f"{API}/sources/x").status_code == 401
