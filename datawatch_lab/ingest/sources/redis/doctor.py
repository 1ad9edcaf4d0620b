"""Checks of all that reading streams needs, each with what to do where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.findings import Check, failed
from datawatch_lab.ingest.sources.redis import driver
from datawatch_lab.ingest.sources.redis.options import RedisOptions
from datawatch_lab.ingest.sources.redis.source import RedisSource

_OLDEST = (6, 2)  # XAUTOCLAIM


def doctor(url: str, options: RedisOptions | None = None) -> list[Check]:
    """Check everything; changes nothing on the server.

    Raises:
        InputError: the address cannot be read.
    """
    source, found = RedisSource(url, options), []
    client = driver.connect(source.address)
    try:
        with driver.telling(source.address):
            for check in _checks(source, client):
                found.append(check)  # noqa: PERF402 — those before a fault are kept
    except SourceError as error:
        found.append(failed(error))
    finally:
        client.close()
    return found


def _checks(source: RedisSource, client: Any) -> Iterator[Check]:
    client.ping()
    yield Check("connection", ok=True, detail=f"{source.address} answers.")
    info = client.info()
    yield _version(str(info.get("redis_version", "0")))
    yield _eviction(str(info.get("maxmemory_policy", "")))
    for pattern in [*source.patterns, *source.options.include]:
        only = RedisSource(f"redis://localhost/?streams={pattern}")
        if not only._streams(client):  # noqa: SLF001 — of the same package
            yield _no_stream(client, pattern)
    streams = source._streams(client)  # noqa: SLF001 — of the same package
    if not streams:
        fix = "Name them in the address: redis://host:6379/0?streams=orders,shop:*"
        yield Check("streams", ok=False, detail="No stream is to be read.", fix=fix)
        return
    count = sum(int(client.xlen(stream)) for stream in streams)
    yield Check("streams", ok=True, detail=f"{len(streams)} streams of {count:,} entries.")
    yield _rights(source, client, streams[0])


def _version(version: str) -> Check:
    numbers = tuple(int(each) for each in version.split(".")[:2] if each.isdigit())
    fine = numbers >= _OLDEST
    fix = "" if fine else "Use Redis 6.2 or newer: entries that others left cannot be taken over."
    return Check("version", fine, f"The server is Redis {version}.", fix)


def _eviction(policy: str) -> Check:
    fine = policy in ("", "noeviction") or policy.startswith("volatile")
    return Check(
        "eviction",
        fine,
        f"maxmemory-policy is {policy or 'not told'}.",
        "" if fine else "CONFIG SET maxmemory-policy noeviction; or streams may be evicted unread.",
        advice=True,
    )


def _no_stream(client: Any, pattern: str) -> Check:
    kind = client.type(pattern).decode()
    other = (
        f"{pattern} is a {kind}, no stream." if kind != "none" else f"There is no stream {pattern}."
    )
    return Check(
        "stream", ok=False, detail=other, fix=f"Correct the name, or add to it: XADD {pattern} * …"
    )


def _rights(source: RedisSource, client: Any, stream: str) -> Check:
    """Whether the user may make a group, read by it and acknowledge; asked without doing it."""
    group, user = source.group, source.address.user or "default"
    wanted = (
        ("XGROUP", "CREATE", stream, group, "$"),
        ("XREADGROUP", "GROUP", group, "datawatch", "STREAMS", stream, ">"),
        ("XACK", stream, group, "0-0"),
        ("XAUTOCLAIM", stream, group, "datawatch", "0", "0-0"),
    )
    try:
        answers = {each[0]: client.execute_command("ACL", "DRYRUN", user, *each) for each in wanted}
    except driver.package().RedisError:  # Redis before 7, or a user who may not ask
        return Check("rights", ok=True, detail="Rights of the group were not checked.")
    lacking = [name for name, answer in answers.items() if answer not in (b"OK", "OK", True)]
    fix = f"ACL SETUSER {user} ~{stream} {' '.join(f'+{name.lower()}' for name in lacking)}"
    if lacking:
        return Check("rights", ok=False, detail=f"The user {user} may not {', '.join(lacking)}.",
                     fix=fix)  # fmt: skip
    return Check("rights", ok=True, detail=f"The user {user} may read by the group {group}.")
