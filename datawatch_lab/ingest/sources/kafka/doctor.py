"""Checks of all that reading topics needs, each with what to do where it fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.findings import Check, failed
from datawatch_lab.ingest.sources.kafka.driver import WAIT, Client, package, refusal
from datawatch_lab.ingest.sources.kafka.options import KafkaOptions
from datawatch_lab.ingest.sources.kafka.source import KafkaSource

_MOST = 20  # topics that are named


def doctor(url: str, options: KafkaOptions | None = None) -> list[Check]:
    """Check everything; changes nothing in the cluster.

    Raises:
        InputError: the address cannot be read.
    """
    source = KafkaSource(url, options)
    found: list[Check] = []
    try:
        with contextlib.closing(Client(source.address, source.options)) as client:
            for check in _checks(source, client):
                found.append(check)  # noqa: PERF402 — those before a fault are kept
    except SourceError as error:
        found.append(failed(error))
    return found


def _checks(source: KafkaSource, client: Client) -> Iterator[Check]:
    cluster, topics = client.partitions(lambda _: True)
    yield Check("connection", ok=True, detail=f"The cluster {cluster} answers.")
    wanted = {
        name: numbers
        for name, numbers in topics.items()
        if source.options.wants(name, source.patterns)
    }
    for pattern in [*source.patterns, *source.options.include]:
        if not any(KafkaOptions().wants(name, [pattern]) for name in topics):
            near = ", ".join([name for name in topics if not name.startswith("__")][:_MOST])
            yield Check(
                "topic",
                ok=False,
                detail=f"There is no topic {pattern}; there are: {near or 'none'}.",
                fix="Correct the name, make the topic, or let the user describe it (kafka-acls "
                f"--add --operation Describe --topic {pattern}).",
            )
    if not wanted:
        fix = "Name them in the address: kafka://host/shop.public.orders,shop.*"
        yield Check("topics", ok=False, detail="No topic is to be read.", fix=fix)
        return
    parts = sum(map(len, wanted.values()))
    kept = sum(max(0, high - low) for low, high in client.ends(wanted).values())
    yield Check(
        "topics",
        ok=True,
        detail=f"{len(wanted)} topics of {parts} partitions, {kept:,} messages kept.",
    )
    yield _group(source, client, wanted)


def _group(source: KafkaSource, client: Client, topics: dict[str, list[int]]) -> Check:
    """Whether the group may be used; without it only the lag in Kafka's own tools is missing."""
    kafka = package()
    group = source.address.options.get("group") or source.options.slot
    places = [kafka.TopicPartition(topic, n) for topic, numbers in topics.items() for n in numbers]
    try:
        client.consumer.committed(places, timeout=WAIT)
    except kafka.KafkaException as error:
        told = refusal(source.address, error.args[0])
        return Check("group", ok=False, detail=told.message, fix=told.hint, advice=True)
    return Check("group", ok=True, detail=f"The group {group} may be used.")
