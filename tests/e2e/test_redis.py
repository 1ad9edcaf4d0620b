"""A Redis stream under writes, followed by the whole product."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.watching import diagnose
from tests.e2e import source_speed
from tests.e2e.broker_survival import assert_survives, differences
from tests.services.broker_shop import Items
from tests.services.redis import PASSWORD, Server
from tests.waiting import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]


def items_of(server: Server, stream: str) -> Items:
    """A table that lives in a stream."""

    def send(events: Sequence[tuple[str, bytes]]) -> None:
        with contextlib.closing(server.client()) as client:
            pipe = client.pipeline(transaction=False)
            for key, event in events:
                pipe.xadd(stream, {"key": key, "value": event})
            pipe.execute()

    return Items(send)


def test_two_deaths_of_the_engine_leave_no_trace(redis_server: Server, tmp_path: Path) -> None:
    """Killed with a batch in hand and inside a commit, under writes: nothing lost or doubled."""
    url, items = redis_server.url("?streams=kills.a"), items_of(redis_server, "kills.a")
    assert_survives(url, items, tmp_path, seed=1, kills=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_deaths_of_the_engine_leave_no_trace(redis_server: Server, tmp_path: Path) -> None:
    """The same with ten deaths at drawn points."""
    url, items = redis_server.url("?streams=kills.b"), items_of(redis_server, "kills.b")
    assert_survives(url, items, tmp_path, seed=2, kills=10)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_how_fast_it_is_read(
    redis_server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same entries by the client library, the source and the whole product, each thrice."""
    items = items_of(redis_server, "speed.items")
    with contextlib.closing(redis_server.client()) as client:
        client.xgroup_create("speed.items", "library", mkstream=True)

    def library() -> int:
        count, after = 0, "-"
        with contextlib.closing(redis_server.client()) as client:
            while entries := client.xrange("speed.items", min=after, count=5_000):
                last = entries[-1][0]
                count += len(entries)
                after = f"({last.decode() if isinstance(last, bytes) else last}"
        return count

    speeds = source_speed.measure(
        f"Redis {redis_server.version}",
        redis_server.url("?streams=speed.items&group=GROUP"),
        tmp_path,
        lambda: items.insert(1, 40_000),
        library,
    )
    with capsys.disabled():
        print(f"\n  {speeds}")
    assert speeds.changes == 40_000


def test_a_stream_is_watched_by_its_address(redis_server: Server, tmp_path: Path) -> None:
    """Added, followed, shown without the password, and removed with its group."""
    url, items = redis_server.url("?streams=watched.*"), items_of(redis_server, "watched.items")
    items.insert(1, 300)
    assert all(finding.ok or not finding.blocking for finding in diagnose(url))
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        state = workspace.watch(url)
        assert PASSWORD not in repr(state)
        assert "s3cret" not in state.url
        eventually(lambda: workspace.sources()[0].state == "streaming")
        items.churn(1, 60)
        eventually(lambda: bool(workspace.tables()) and not differences(workspace, items))
        eventually(lambda: workspace.sources()[0].lag_events == 0)
        workspace.unwatch(state.name)
        with contextlib.closing(redis_server.client()) as client:
            assert client.xinfo_groups("watched.items") == []


def test_doctor_says_what_is_missing(redis_server: Server) -> None:
    """A stream that is not there, a key that is none, and missing rights, each with a way."""
    with contextlib.closing(redis_server.client()) as client:
        client.set("doctor.text", "x")
        client.xadd("doctor.stream", {"a": 1})
        client.acl_setuser(
            "poor", enabled=True, reset=True, passwords=[f"+{PASSWORD}"], keys=["*"],
            commands=["+ping", "+info", "+type", "+xlen", "+acl", "+client"],
        )  # fmt: skip
    found = {
        each.detail: each.fix
        for each in diagnose(redis_server.url("?streams=doctor.text,doctor.none"))
        if not each.ok
    }
    assert "doctor.text is a string, no stream." in found
    assert "XADD doctor.none" in found["There is no stream doctor.none."]
    poor = diagnose(redis_server.url("?streams=doctor.stream", user="poor"))
    rights = next(each for each in poor if each.check == "rights")
    assert not rights.ok
    assert rights.fix.startswith("ACL SETUSER poor ~doctor.stream +xgroup")
    (refused,) = diagnose(redis_server.url("?streams=x", password="wrong"))  # noqa: S106
    assert "Check the user and the password" in refused.fix
