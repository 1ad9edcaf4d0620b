"""Watched servers other than PostgreSQL, by the scheme of their address: opened, checked, left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import SourceError
from datawatch_lab.core.watching import Finding, Watch

if TYPE_CHECKING:
    from datawatch_lab.ingest.sources.endpoints import Endpoint
    from datawatch_lab.ingest.sources.findings import Check
    from datawatch_lab.ingest.sources.postgres import CopyProgress

Progress = Callable[["CopyProgress"], None] | None


class Followed(Protocol):
    """A source that a watch follows."""

    @property
    def name(self) -> str:
        """Name of the source in the ledger."""
        ...

    @property
    def reading(self) -> bool:
        """Whether it streams now."""
        ...

    @property
    def trouble(self) -> SourceError | None:
        """Why it is connecting again now."""
        ...

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """See `core.sources.Source`."""
        ...

    def stored(self, position: Mapping[str, object]) -> None:
        """See `core.sources.Acknowledged`."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...

    def lag(self) -> int:
        """What is not stored yet, in the unit of its kind."""
        ...


@dataclass(frozen=True)
class Kind:
    """One sort of server.

    Attributes:
        example: an address.
        lag: unit of `Followed.lag`.
        open: a source of a watch and its address.
        probe: sign in once, so that a wrong address is told at once.
        check: see the packages' ``doctor``.
        remove: take back what was made on the server.
        parse: the address.
    """

    example: str
    lag: str
    open: Callable[[Watch, str, Progress], Any]
    probe: Callable[[Watch, str], None]
    check: Callable[[str, str, Sequence[str], Sequence[str]], list[Check]]
    remove: Callable[[Watch, str], None]
    parse: Callable[[str], Endpoint]


def kind_of(url: str) -> Kind | None:
    """The kind of server that an address means; None for another."""
    return KINDS.get(url.partition("://")[0])


def diagnose(
    kind: Kind, url: str, slot: str, include: Sequence[str], exclude: Sequence[str]
) -> list[Finding]:
    """The findings of a server's checks."""
    return [
        Finding(
            check=each.check, ok=each.ok, blocking=not each.advice, detail=each.detail, fix=each.fix
        )
        for each in kind.check(url, slot, include, exclude)
    ]


def hides_password(kind: Kind, url: str, filling: str) -> bool:
    """Whether an address has a password, references to the environment (as filled in) aside."""
    address = kind.parse(url)
    secrets = [address.password, *address.hidden.values()]
    return any(secret and secret != filling for secret in secrets)


# ------------------------------------------------------------------ MySQL and MariaDB


def _mysql(watch: Watch, url: str, progress: Progress) -> Any:
    from datawatch_lab.ingest.sources.mysql import MysqlOptions, MysqlSource
    from datawatch_lab.ingest.sources.postgres import Selection

    options = MysqlOptions(
        name=watch.name or None,
        slot=watch.slot,
        selection=Selection(watch.include, watch.exclude),
        snapshot=watch.snapshot,
    )
    return MysqlSource(url, options, progress=progress)


def _probe_mysql(watch: Watch, url: str) -> None:
    session = _mysql(watch, url, None).session
    try:
        session.open()
    finally:
        session.close()


def _check_mysql(
    url: str, slot: str, include: Sequence[str], exclude: Sequence[str]
) -> list[Check]:
    from datawatch_lab.ingest.sources.mysql import doctor
    from datawatch_lab.ingest.sources.postgres import Selection

    del slot
    return doctor(url, selection=Selection(include, exclude))


def _parse_mysql(url: str) -> Endpoint:
    from datawatch_lab.ingest.sources.endpoints import Endpoint
    from datawatch_lab.ingest.sources.mysql.driver import SCHEME

    return Endpoint.parse(url, SCHEME)


# ------------------------------------------------------------------ Kafka, Redis Streams


@dataclass(frozen=True)
class _Parts:
    """What the package of a source of events offers; loaded when it is needed."""

    options: type[Any]
    source: type[Any]
    doctor: Callable[..., list[Check]]
    scheme: Any


def _kafka() -> _Parts:
    from datawatch_lab.ingest.sources.kafka import KafkaOptions, KafkaSource, doctor
    from datawatch_lab.ingest.sources.kafka.driver import SCHEME

    return _Parts(KafkaOptions, KafkaSource, doctor, SCHEME)


def _redis() -> _Parts:
    from datawatch_lab.ingest.sources.redis import RedisOptions, RedisSource, doctor
    from datawatch_lab.ingest.sources.redis.driver import SCHEME

    return _Parts(RedisOptions, RedisSource, doctor, SCHEME)


def _remove_redis(watch: Watch, url: str) -> None:
    """The group goes, unless the address names it; entries and other groups stay."""
    _REDIS.open(watch, url, None).remove_group()


def _nothing_made(watch: Watch, url: str) -> None:
    """Nothing was made on the server."""
    del watch, url


_MYSQL = Kind(
    example="mysql://user:password@host:3306/database",
    lag="bytes",
    open=_mysql,
    probe=_probe_mysql,
    check=_check_mysql,
    remove=_nothing_made,
    parse=_parse_mysql,
)


def _events(
    parts: Callable[[], _Parts], example: str, remove: Callable[[Watch, str], None] = _nothing_made
) -> Kind:
    """A server whose streams hold events as they come, named by ``include`` and ``exclude``."""

    def made(watch: Watch, url: str, progress: Progress) -> Any:
        found = parts()
        options = found.options(
            name=watch.name or None,
            slot=watch.slot,
            include=watch.include,
            exclude=watch.exclude,
            snapshot=watch.snapshot,
        )
        return found.source(url, options, progress=progress)

    def check(url: str, slot: str, include: Sequence[str], exclude: Sequence[str]) -> list[Check]:
        found = parts()
        options = found.options(include=include, exclude=exclude)
        return found.doctor(url, replace(options, slot=slot) if slot else options)

    def parse(url: str) -> Endpoint:
        from datawatch_lab.ingest.sources.endpoints import Endpoint

        return Endpoint.parse(url, parts().scheme)

    return Kind(
        example=example,
        lag="events",
        open=made,
        probe=lambda watch, url: made(watch, url, None).check(),
        check=check,
        remove=remove,
        parse=parse,
    )


_KAFKA = _events(_kafka, "kafka://host:9092/topic")
_REDIS = _events(_redis, "redis://host:6379/0?streams=orders", _remove_redis)

KINDS: Mapping[str, Kind] = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "kafka": _KAFKA,
    "redis": _REDIS,
    "rediss": _REDIS,
}
"""By scheme."""
