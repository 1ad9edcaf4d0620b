"""A deterministic e-commerce shop: an endless stream of change events with known faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np
import polars as pl

from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.sources.demo_plan import HORIZON, OPERATIONS, TABLES, Planner
from datawatch_lab.ingest.sources.demo_render import Renderer
from datawatch_lab.ingest.sources.demo_season import SECOND, Season, micros, moment
from datawatch_lab.ingest.sources.demo_truth import Incident, PlantedCounts, Truth

CHUNK = 5_000
_MAX_RATE = 3_000.0


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """What decides the stream of a shop, beside its start; the fields are those of `Simulator`.

    ``timezone`` is an IANA name.
    """

    seed: int = 7
    orders_per_minute: float = 8.0
    incidents: bool | tuple[Incident, ...] = True
    bad_share: float = 0.002
    duplicate_share: float = 0.002
    late_share: float = 0.002
    timezone: str = "UTC"

    def opened(self, start: datetime) -> Simulator:
        """The simulator of this shop.

        Raises:
            InputError: a field is out of its range.
        """
        return Simulator(
            self.seed,
            start,
            orders_per_minute=self.orders_per_minute,
            incidents=self.incidents,
            bad_share=self.bad_share,
            duplicate_share=self.duplicate_share,
            late_share=self.late_share,
            timezone=_zone(self.timezone),
        )


@dataclass(frozen=True)
class Stretch:
    """Lines that arrive up to a moment.

    Attributes:
        lines: JSON, without newline, in order of arrival.
        offsets: int64, ascending; a line has the same offset however the stream is cut.
        end: the next stretch starts here (arrival time, UTC).
    """

    lines: list[bytes]
    offsets: np.ndarray
    end: datetime


class Simulator:
    """A shop with customers, products, orders and payments.

    The stream is one function of the arguments and time: it does not matter in which pieces it is
    read, nor where history stops and live begins. Arrival is capture, 0.1 to 0.35 s after the
    event, more in a ``lag`` incident; so events come in order of their time, but for those planted
    late. (The bytes are those of one release of numpy, whose generators may change.)

    Args:
        seed: two simulators of one seed and start are the same.
        start: when the shop opens; nothing happens before.
        orders_per_minute: mean over a week, in (0, 3000]; about 5.7 events come with an order.
        incidents: True for three a day, False for none, or the incidents themselves.
        bad_share: malformed lines, and as many inserts of invalid rows, as shares of all events.
        duplicate_share: share of lines that come twice.
        late_share: share of events that come 10 min to 8 h late, a tenth of them over a day.
        timezone: whose wall clock the seasons follow.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(
        self,
        seed: int,
        start: datetime,
        *,
        orders_per_minute: float = 8.0,
        incidents: bool | Sequence[Incident] = True,
        bad_share: float = 0.002,
        duplicate_share: float = 0.002,
        late_share: float = 0.002,
        timezone: tzinfo = UTC,
    ) -> None:
        _check(seed, start, orders_per_minute, (bad_share, duplicate_share, late_share))
        self.seed = seed
        self.start = moment(micros(start) // SECOND * SECOND)
        season = Season(
            seed=seed,
            epoch=micros(self.start),
            orders_per_minute=orders_per_minute,
            incidents=incidents,
            timezone=timezone,
        )
        self._planner = Planner(season, bad_share, duplicate_share, late_share)
        self._schema = self._planner.schema_changes()
        self._renderer = Renderer(seed, self._schema)
        self._arrivals = _Arrivals(self._planner)

    def history(self, start: datetime, end: datetime) -> Iterator[list[bytes]]:
        """The lines that arrive in [start, end), in chunks of about 5,000."""
        for stretch in self.stretches(start, end):
            if stretch.lines:
                yield stretch.lines

    def stretches(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """The same with offsets; each ends where the next starts, the last one at ``end``."""
        at, stop = max(micros(start), micros(self.start)), micros(end)
        step = self._planner.block // 2
        pieces: list[pl.DataFrame] = []
        while at < stop:
            # Steps at fixed times, whatever the start, so that each plan is cut once.
            at, begun = min(stop, at - at % step + step), at
            pieces.append(self._arrivals.between(begun, at))
            if at == stop or sum(map(len, pieces)) >= CHUNK:
                yield self._stretch(pl.concat(pieces), at)
                pieces = []

    def live(self, now: datetime) -> list[bytes]:
        """The lines that arrive before ``now`` and were not yet given by any method."""
        return self.live_stretch(now).lines

    def live_stretch(self, now: datetime) -> Stretch:
        """The same with offsets."""
        reached = self._arrivals.reached
        end = max(micros(now), reached)
        return self._stretch(self._arrivals.between(reached, end), end)

    def truth(self, start: datetime, end: datetime) -> Truth:
        """What was planted among the lines that arrive in [start, end)."""
        first, last = max(micros(start), micros(self.start)), micros(end)
        arrivals = _Arrivals(self._planner)
        step = self._planner.block
        cuts = [*range(first, last, step), last]
        flags = ["table", "op", "fault", "duplicate", "invalid", "delayed", "late"]
        rows = pl.concat(
            [arrivals.between(a, b).select(flags) for a, b in pairwise(cuts)]
            or [arrivals.between(first, first).select(flags)]
        )
        return Truth(
            seed=self.seed,
            start=moment(first),
            end=moment(last),
            incidents=tuple(self._planner.season.between(first, last)),
            schema_changes=tuple(c for c in self._schema if first <= micros(c.at) < last),
            planted=_counted(rows),
            tables={t: _counted(rows.filter(table=n)) for n, t in enumerate(TABLES)},
        )

    def _stretch(self, plan: pl.DataFrame, end: int) -> Stretch:
        epoch = micros(self.start)
        offsets = _offsets(plan["out"].to_numpy() - epoch)
        return Stretch(self._renderer.lines(plan, epoch), offsets, moment(end))


class _Arrivals:
    """Cuts planned blocks into stretches of arrival time; keeps what is planned but not due."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.reached = planner.season.epoch
        self._waiting: list[tuple[np.ndarray, pl.DataFrame]] = []
        self._next = 0
        self._nothing = planner.plan(0).clear()

    def between(self, start: int, end: int) -> pl.DataFrame:
        """Planned lines with ``out`` in [start, end), in order of arrival."""
        epoch, length = self.planner.season.epoch, self.planner.block
        if start != self.reached:
            self._waiting = []
            self._next = max(0, (start - HORIZON - epoch) // length)
        while epoch + self._next * length < end:
            block = self.planner.plan(self._next).filter(pl.col("out") >= start)
            self._waiting.append((block["out"].to_numpy(), block))
            self._next += 1
        self.reached = end
        due = []
        for place, (arrivals, block) in enumerate(self._waiting):
            count = int(np.searchsorted(arrivals, end))
            if count:
                due.append(block[:count])
                self._waiting[place] = arrivals[count:], block[count:]
        self._waiting = [(arrivals, block) for arrivals, block in self._waiting if len(arrivals)]
        if not due:
            return self._nothing
        return pl.concat(due, how="diagonal").sort("out", "key")


def _offsets(arrivals: np.ndarray) -> np.ndarray:
    """Arrival in 1/16 µs, plus one for each earlier line of the same µs: ascending, stable."""
    if not len(arrivals):
        return np.empty(0, dtype=np.int64)
    places = np.arange(len(arrivals))
    starts = np.concatenate(([True], arrivals[1:] != arrivals[:-1]))
    first = np.maximum.accumulate(np.where(starts, places, 0))
    return np.asarray(arrivals * 16 + (places - first))


def _counted(rows: pl.DataFrame) -> PlantedCounts:
    good = rows.filter((pl.col("fault") == 0) & ~pl.col("duplicate"))
    return PlantedCounts(
        events=len(good),
        malformed=len(rows.filter(pl.col("fault") > 0)),
        duplicate=int(rows["duplicate"].sum()),
        invalid=int(good["invalid"].sum()),
        delayed=int(good["delayed"].sum()),
        late=int(good["late"].sum()),
        ddl=len(good.filter(op=OPERATIONS.index("DDL"))),
    )


def _check(seed: int, start: datetime, rate: float, shares: Sequence[float]) -> None:
    if seed < 0:
        raise InputError(f"demo: seed {seed} is negative; choose 0 or more.")
    if start.tzinfo is None:
        raise InputError(f"demo: start {start.isoformat()} has no time zone; add one, such as UTC.")
    if not 0 < rate <= _MAX_RATE:
        raise InputError(f"demo: {rate} orders per minute; choose more than 0, at most 3000.")
    for share in shares:
        if not 0 <= share <= 0.1:
            raise InputError(f"demo: a share of {share:g} is out of range; choose 0 to 0.1.")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(
            f"demo: no time zone {name!r}.", hint="Write an IANA name, such as Europe/Berlin."
        ) from error
