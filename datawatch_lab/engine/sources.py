"""Sources by what a user names them: the engine's place to wire ingest's sources."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.addresses import REFERENCE, without_password
from datawatch_lab.core.clock import Clock
from datawatch_lab.core.errors import DataWatchError, InputError, SourceError
from datawatch_lab.core.sources import Source
from datawatch_lab.core.watching import Finding, Watch
from datawatch_lab.engine.watching import kinds
from datawatch_lab.engine.watching.kinds import KINDS, kind_of

if TYPE_CHECKING:
    from datawatch_lab.ingest.sources.postgres import CopyProgress, PostgresSource
    from datawatch_lab.ingest.sources.postgres.statistics import Probe
    from datawatch_lab.ingest.sources.system import SystemSource

SYSTEM = "system"
"""Scheme of the machine itself as a source."""

UNKNOWN_SLOT = "datawatch"
"""Stands for the slot of a database that is not watched yet."""

_RELEASE_SECONDS = 10.0

_FILLING = "reference"

_ADVICE = frozenset({"replica identity", "idle slot", "encoding"})
"""Checks that do not stand in the way of watching."""


def open_file(path: str, **how: Any) -> Source:
    """A file (or ``-`` for standard input) as a source; see `ingest.sources.file.FileSource`."""
    from datawatch_lab.ingest.sources.file import FileSource

    return FileSource(path, **how)


def open_demo(
    clock: Clock,
    *,
    seed: int,
    orders_per_minute: float,
    history: timedelta,
    live: bool,
    progress: Callable[[float, float, int], None] | None,
) -> Source:
    """The simulated shop as a source; see `ingest.sources.demo.DemoSource`."""
    from datawatch_lab.ingest.sources.demo import DemoSource, Pace
    from datawatch_lab.ingest.sources.demo_simulator import Shop

    return DemoSource(
        clock,
        shop=Shop(seed=seed, orders_per_minute=orders_per_minute),
        history=history,
        live=Pace() if live else None,
        progress=progress,
    )


def is_system(url: str) -> bool:
    """Whether an address means the machine itself."""
    return url.partition("://")[0] == SYSTEM


def open_system(url: str, name: str = "") -> SystemSource:
    """The machine itself as a source; see `ingest.sources.system`.

    Raises:
        InputError: the address cannot be read.
    """
    from datawatch_lab.ingest.sources.system import SystemOptions, SystemSource

    return SystemSource(SystemOptions.parse(url, name))


def name_of(watch: Watch, url: str) -> str:
    """Name of the source of what is watched.

    Raises:
        InputError: the address cannot be read, or is of nothing that can be watched.
    """
    if is_system(url):
        return open_system(url, watch.name).name
    if (kind := kind_of(url)) is not None:
        return str(kind.open(watch, url, None).name)
    return open_watched(watch, url).name


def probe(watch: Watch, url: str) -> None:
    """Sign in, or measure, once, so that a wrong address of a new source is told at once.

    Raises:
        SourceError: the server cannot be reached, or refuses.
    """
    if is_system(url):
        open_system(url, watch.name).check()
        return
    if (kind := kind_of(url)) is not None:
        kind.probe(watch, url)
        return
    session = open_watched(watch, url).session
    try:
        session.open()
    finally:
        session.close()


def open_watched(
    watch: Watch, url: str, progress: Callable[[CopyProgress], None] | None = None
) -> PostgresSource:
    """A watched PostgreSQL database as a source; others are in `engine.source_kinds`.

    Args:
        watch: what is kept of it.
        url: its address, with the password.
        progress: told of the first copy after each batch.

    Raises:
        InputError: the address cannot be read, or is of no database that can be watched.
    """
    from datawatch_lab.ingest.sources.postgres import PostgresOptions, PostgresSource, Selection

    check_scheme(url)
    options = PostgresOptions(
        name=watch.name or None,
        slot=watch.slot,
        publication=watch.slot,
        selection=Selection(watch.include, watch.exclude),
        snapshot=watch.snapshot,
    )
    return PostgresSource(url, options, progress=progress)


def open_probe(source: PostgresSource) -> Probe:
    """What asks the server of a source for its statistics."""
    from datawatch_lab.ingest.sources.postgres.statistics import Probe

    return Probe(source.address, source.options.slot)


def check_scheme(url: str) -> None:
    """Refuse an address of something that cannot be watched.

    Raises:
        InputError: it is one; does not repeat it, for it may hold a password.
    """
    scheme, mark, _ = url.partition("://")
    if mark and scheme not in ("postgresql", "postgres", SYSTEM, *KINDS):
        examples = dict.fromkeys(kind.example for kind in KINDS.values())
        raise InputError(
            f"{scheme}:// cannot be watched; what can be are postgresql://, "
            f"{', '.join(f'{each}://' for each in KINDS)} and system://.",
            hint=f"Such as postgresql://user:password@host:5432/database, {', '.join(examples)}.",
        )


def holds_password(kept: str) -> bool:
    """Whether libpq would find a password in an address, references to the environment aside."""
    from datawatch_lab.ingest.sources.postgres.address import Address

    if is_system(kept):
        return kept != without_password(kept)
    filled = REFERENCE.sub(_FILLING, kept)
    if filled == _FILLING:
        return False
    if (kind := kind_of(filled)) is not None:
        return kinds.hides_password(kind, filled, _FILLING)
    hidden = Address.parse(filled).hidden
    return any(hidden.get(name, _FILLING) != _FILLING for name in ("password", "sslpassword"))


def diagnose(
    url: str, *, slot: str = "", include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> list[Finding]:
    """Check all that watching a database needs; changes nothing. See `…postgres.doctor`.

    Raises:
        InputError: the address cannot be read, or is of no database that can be watched.
    """
    from datawatch_lab.ingest.sources.postgres import Selection, doctor

    check_scheme(url)
    if is_system(url):
        return [_diagnose_system(url)]
    if (kind := kind_of(url)) is not None:
        return kinds.diagnose(kind, url, slot, include, exclude)
    name = slot or UNKNOWN_SLOT
    found = doctor(url, slot=name, publication=name, selection=Selection(include, exclude))
    return [
        Finding(
            check=each.check,
            ok=each.ok,
            blocking=each.check not in _ADVICE,
            detail=each.detail if slot else _without_name(each.detail),
            fix=each.fix,
        )
        for each in found
    ]


def _diagnose_system(url: str) -> Finding:
    """Whether the machine can be measured."""
    try:
        open_system(url).check()
    except DataWatchError as error:
        return Finding(
            check="system", ok=False, blocking=True, detail=error.message, fix=error.hint
        )
    return Finding(check="system", ok=True, blocking=False, detail="The machine can be measured.")


def _without_name(detail: str) -> str:
    """What is said of a slot or publication whose name is made up when watching begins."""
    for kind in ("slot", "publication"):
        detail = detail.replace(f"The {kind} {UNKNOWN_SLOT} will", f"A {kind} will")
    return detail


def remove_watched(watch: Watch, url: str) -> None:
    """Take slot, publications and triggers of a watched database, or its group, back.

    Args:
        watch: what is kept of it.
        url: its address, with the password.

    Raises:
        SourceError: the server cannot be reached, refuses, or the slot is still being read after
            some seconds.
    """
    if is_system(url):
        return
    if (kind := kind_of(url)) is not None:
        kind.remove(watch, url)
        return
    from datawatch_lab.ingest.sources.postgres import driver, remove
    from datawatch_lab.ingest.sources.postgres.address import Address

    address, slot = Address.parse(url), watch.slot
    connection = driver.connect(address)
    try:
        _patiently(lambda: remove(connection, slot, slot))
    except driver.psycopg2().Error as error:
        raise driver.refusal(address, error) from None
    finally:
        connection.close()


def _patiently(act: Callable[[], None]) -> None:
    """Try again while the server has not noticed yet that the slot's reader has gone."""
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        try:
            return act()
        except SourceError as error:
            if "is active for PID" not in error.message or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
