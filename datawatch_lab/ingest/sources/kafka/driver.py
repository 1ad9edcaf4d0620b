"""Clients of a Kafka cluster, and what its errors mean for the user."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from datawatch_lab.core.errors import MissingPackageError, SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint, Scheme
from datawatch_lab.ingest.sources.kafka.options import KafkaOptions

SCHEME = Scheme(
    names=("kafka",),
    port=9092,
    product="a Kafka cluster",
    example="kafka://user:password@host:9092/topic,other.*",
)

LOST = (
    "The cluster keeps no longer what follows the last stored message (retention.ms, or the topic "
    "was made anew). Remove the source (`datawatch watch URL --remove`) and watch it again: it "
    "begins with what is kept now."
)

WAIT = 10.0  # seconds for an answer
_OWN = ("group", "tls")


def package() -> Any:
    """The client library.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        return import_module("confluent_kafka")
    except ImportError as error:
        raise MissingPackageError(
            "Kafka needs the package confluent-kafka.", hint="pip install 'datawatch-lab[kafka]'"
        ) from error


def settings(address: Endpoint, options: KafkaOptions) -> dict[str, Any]:
    """Settings of librdkafka; those with a dot in the address are passed on as they are."""
    given = {name: value for name, value in address.options.items() if name not in _OWN}
    hidden = dict(address.hidden)
    made: dict[str, Any] = {
        "bootstrap.servers": ",".join(f"{host}:{port}" for host, port in address.hosts),
        "client.id": "datawatch",
        "group.id": address.options.get("group") or options.slot,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "queued.max.messages.kbytes": options.buffer_kilobytes,
        "fetch.message.max.bytes": min(1_048_576, options.buffer_kilobytes * 256),
        "fetch.wait.max.ms": 100,
        "reconnect.backoff.max.ms": 5_000,
        "broker.address.family": "v4" if address.hosts[0][0] == "127.0.0.1" else "any",
    }
    tls = address.options.get("tls", "").lower() in ("1", "true", "yes")
    if address.user:
        made["security.protocol"] = "SASL_SSL" if tls else "SASL_PLAINTEXT"
        made["sasl.mechanisms"] = "PLAIN"
        made["sasl.username"], made["sasl.password"] = address.user, address.password
    elif tls:
        made["security.protocol"] = "SSL"
    return made | given | hidden


class Client:
    """A consumer that remembers what its threads complain of.

    Args:
        address: of the cluster.
        options: how it is read.

    Raises:
        SourceError: a setting of the address is none of librdkafka.
    """

    def __init__(self, address: Endpoint, options: KafkaOptions) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._complaint: Any = None
        kafka = package()
        try:
            self.consumer = kafka.Consumer(
                settings(address, options) | {"error_cb": self._complain},
                logger=_silent(),
            )
        except kafka.KafkaException as error:
            raise refusal(address, error.args[0]) from None

    def _complain(self, error: Any) -> None:
        """Keep the error that says most: a refusal rather than a connection that broke."""
        with self._lock:
            if self._complaint is None or error.name() in _REFUSED:
                self._complaint = error

    @property
    def complaint(self) -> Any:
        """What went wrong since it was last asked; None for nothing."""
        with self._lock:
            found, self._complaint = self._complaint, None
        return found

    def partitions(self, wants: Any) -> tuple[str, dict[str, list[int]]]:
        """Name of the cluster, and the partitions of the topics that are wanted.

        Raises:
            SourceError: no server can be reached, or refuses.
        """
        found = self._listed()
        topics = {
            name: sorted(topic.partitions)
            for name, topic in sorted(found.topics.items())
            if topic.error is None and wants(name)
        }
        return str(found.cluster_id or self.address.place), topics

    def _listed(self) -> Any:
        """What the cluster has; a refusal ends the wait for it."""
        kafka, deadline = package(), time.monotonic() + WAIT
        while True:
            try:
                return self.consumer.list_topics(timeout=1.0)
            except kafka.KafkaException as error:
                self.consumer.poll(0)
                complaint = self.complaint or error.args[0]
                if complaint.name() in _REFUSED or time.monotonic() > deadline:
                    raise refusal(self.address, complaint) from None

    def ends(self, topics: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], tuple[int, int]]:
        """First offset that is kept and the one behind the last, of each partition.

        Raises:
            SourceError: no server can be reached, or refuses.
        """
        kafka = package()
        with telling(self.address):
            return {
                (topic, number): self.consumer.get_watermark_offsets(
                    kafka.TopicPartition(topic, number), timeout=WAIT, cached=False
                )
                for topic, numbers in topics.items()
                for number in numbers
            }

    def close(self) -> None:
        """End all connections."""
        self.consumer.close()


def _silent() -> Any:
    """What librdkafka says for itself holds addresses; errors are told by this program."""
    import logging

    quiet = logging.Logger("kafka")  # noqa: LOG001 — of no hierarchy, so nobody hears it
    quiet.addHandler(logging.NullHandler())
    return quiet


@contextmanager
def telling(address: Endpoint) -> Iterator[None]:
    """Raise what the driver raises as a `SourceError` that says what to do."""
    try:
        yield
    except package().KafkaException as error:
        raise refusal(address, error.args[0]) from None


def refusal(address: Endpoint, error: Any) -> SourceError:
    """The error for the user: what failed at which cluster, and how to fix it."""
    name = error.name()
    hint, retry = _HINTS.get(name, ("", bool(error.retriable())))
    said = address.clean(str(error.str())).rstrip(".")
    return SourceError(f"{address}: {said}.", hint=hint, details={"retry": retry, "code": name})


_REFUSED = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "_SSL"})

_SIGN_IN = (
    "Check the user and the password in the address, and how the cluster signs in: "
    "?sasl.mechanisms=SCRAM-SHA-512 (PLAIN without it), and &tls=true where it wants TLS."
)
_ACL = (
    "Let the user read: kafka-acls --add --allow-principal User:NAME --operation Read --operation "
    "Describe --topic TOPIC, and the same with --group GROUP."
)
_REACH = "Check the servers in the address, and that they tell addresses that are reachable here "
_REACH += "(advertised.listeners)."

_HINTS: Mapping[str, tuple[str, bool]] = {
    "_AUTHENTICATION": (_SIGN_IN, False),
    "SASL_AUTHENTICATION_FAILED": (_SIGN_IN, False),
    "TOPIC_AUTHORIZATION_FAILED": (_ACL, False),
    "GROUP_AUTHORIZATION_FAILED": (_ACL, False),
    "CLUSTER_AUTHORIZATION_FAILED": (_ACL, False),
    "_SSL": ("Check ssl.ca.location in the address, and that the cluster speaks TLS.", False),
    "_AUTO_OFFSET_RESET": (LOST, False),
    "OFFSET_OUT_OF_RANGE": (LOST, False),
    "_TRANSPORT": (_REACH, True),
    "_ALL_BROKERS_DOWN": (_REACH, True),
    "_RESOLVE": ("Check the names of the servers in the address.", True),
    "_TIMED_OUT": (_REACH, True),
    "_INVALID_ARG": ("Settings in the address are those of librdkafka's CONFIGURATION.md.", False),
    "UNKNOWN_TOPIC_OR_PART": ("Check the names of the topics, or make them.", True),
}
"""By name of an error: what the user can do, and whether trying again may help."""
