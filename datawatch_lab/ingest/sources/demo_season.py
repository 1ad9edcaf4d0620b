"""How busy the demo shop is at a moment: seasons, growth, incidents, and the lag of its capture.

All times are int64 µs since the epoch (UTC); all functions are deterministic in (seed, time).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np

from datawatch_lab.ingest.sources.demo_truth import Incident, IncidentKind

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS = np.array(
    [
        *(55, 48, 45, 45, 48, 55, 65, 80, 95, 105, 115, 120),  # before noon
        *(125, 120, 112, 110, 115, 128, 145, 158, 152, 130, 100, 72),
    ],
    dtype=np.float64,
)
_DAYS = np.array([1.0, 0.97, 0.98, 1.02, 1.1, 1.08, 0.85])  # Monday first
_GROWTH_PER_WEEK = 0.012
_SLOTS = 3  # incidents a day, one in each 8 hours
_BACKLOG = 0.1  # what waited during an outage is worked off in this share of its length
_LAG_SHARE = 0.12  # peak lag as a share of a lag incident's length

# kind -> table, metric, least and greatest magnitude, least and greatest length in minutes
_KINDS: dict[IncidentKind, tuple[str, str, float, float, int, int]] = {
    "spike": ("orders", "orders_created_rate", 2.5, 4.0, 15, 40),
    "drop": ("orders", "orders_created_rate", 0.1, 0.35, 30, 60),
    "outage": ("orders", "orders_created_rate", 0.0, 0.0, 20, 45),
    "payment_failures": ("payments", "payments_by_status", 0.45, 0.8, 20, 45),
    "lag": ("orders", "orders_lag_seconds", 0.0, 0.0, 20, 40),
    "price_error": ("orders", "orders_amount_avg", 100.0, 100.0, 30, 60),
}
_SENTENCES: dict[IncidentKind, str] = {
    "spike": "A flash sale brings {0:.1f} times the usual orders.",
    "drop": "Checkout is broken for many: {0:.0%} of the usual orders.",
    "outage": "Nothing is sent; the backlog of shipping follows afterwards.",
    "payment_failures": "A payment provider declines {0:.0%} of the payments.",
    "lag": "Capture falls behind by up to {0:.0f} seconds.",
    "price_error": "Three orders in ten have amounts {0:.0f} times too high.",
    "trend": "A new market brings {0:.2f} times the orders for a day.",
}


def micros(moment: datetime) -> int:
    """A moment as µs since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """µs since the epoch as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def uniform(seed: int, salt: int, keys: np.ndarray) -> np.ndarray:
    """A number in [0, 1) per key, the same for ever (SplitMix64, Steele et al. 2014)."""
    return np.asarray((mix(seed, salt, keys) >> np.uint64(11)) * 2.0**-53)


def mix(seed: int, salt: int, keys: np.ndarray) -> np.ndarray:
    """64 hashed bits per key, uint64."""
    start = (seed * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) % 2**64
    z = np.asarray(keys).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


class Season:
    """Rates, incidents and lag of one simulated shop.

    Args:
        seed: of everything that looks random.
        epoch: when the shop opens, µs.
        orders_per_minute: mean over a week, before growth and incidents.
        incidents: True for three a day and a shift of trend a week, False for none, or the
            incidents themselves; their times are cut to whole minutes.
        timezone: whose wall clock the seasons follow.
    """

    def __init__(
        self,
        *,
        seed: int,
        epoch: int,
        orders_per_minute: float,
        incidents: bool | Sequence[Incident],
        timezone: tzinfo,
    ) -> None:
        self.seed = seed
        self.epoch = epoch
        self.orders_per_minute = orders_per_minute
        self.incidents = incidents
        self.timezone = timezone
        self._days: dict[int, tuple[Incident, ...]] = {}

    def between(self, start: int, end: int) -> list[Incident]:
        """Incidents that overlap [start, end), by start."""
        if self.incidents is True:
            first, last = (start - self.epoch) // DAY - 1, (end - self.epoch) // DAY
            planned = [i for day in range(max(0, first), last + 1) for i in self._day(day)]
        else:
            planned = list(self.incidents or ())
        found = [i for i in planned if micros(i.start) < end and micros(i.end) > start]
        return sorted(found, key=lambda i: i.start)

    def rate(self, minutes: np.ndarray) -> np.ndarray:
        """Expected orders in each of the minutes that start at the given times."""
        if not len(minutes):
            return np.empty(0)
        local = minutes + self._offsets(minutes)
        hours = np.interp((local % DAY) / HOUR, np.arange(25) + 0.5, np.append(_HOURS, _HOURS[0]))
        days = _DAYS[(local // DAY + 3) % 7]  # the epoch was a Thursday
        growth = 1 + _GROWTH_PER_WEEK * (minutes - self.epoch) / (7 * DAY)
        rates = self.orders_per_minute * growth * hours / _HOURS.mean() * days / _DAYS.mean()
        for kind in ("spike", "drop", "outage", "trend"):
            rates = rates * self.level(kind, minutes, 1.0)
        return np.asarray(rates)

    def _offsets(self, minutes: np.ndarray) -> np.ndarray:
        """Wall clock minus UTC, µs, looked up once a quarter of an hour."""
        quarters, where = np.unique(minutes // (15 * MINUTE), return_inverse=True)
        clocks = [moment(int(q) * 15 * MINUTE).astimezone(self.timezone) for q in quarters]
        spans = [
            (clock.utcoffset() or timedelta()) // timedelta(microseconds=1) for clock in clocks
        ]
        return np.array(spans, dtype=np.int64)[where]

    def level(self, kind: str, times: np.ndarray, usual: float) -> np.ndarray:
        """Magnitude of the incident of that kind at each time, else ``usual``."""
        levels = np.full(len(times), usual)
        if len(times):
            for incident in self.between(int(times.min()), int(times.max()) + 1):
                if incident.kind == kind:
                    start, end = micros(incident.start), micros(incident.end)
                    levels[(times >= start) & (times < end)] = incident.magnitude
        return levels

    def defer(self, times: np.ndarray) -> np.ndarray:
        """Times moved out of outages: what fell into one happens just after it, in order."""
        if not len(times):
            return times
        moved = times.copy()
        for outage in self.between(int(times.min()), int(times.max()) + 1):
            if outage.kind == "outage":
                start, end = micros(outage.start), micros(outage.end)
                inside = (moved >= start) & (moved < end)
                moved[inside] = end + (_BACKLOG * (moved[inside] - start)).astype(np.int64)
        return moved

    def lag(self, times: np.ndarray) -> np.ndarray:
        """Capture minus event time, µs, at least 0.1 s; never lets one event overtake another."""
        second, rest = times // SECOND, (times % SECOND) / SECOND
        near, next_ = uniform(self.seed, 11, second), uniform(self.seed, 11, second + 1)
        lag = 0.1 + 0.25 * (near * (1 - rest) + next_ * rest)
        if len(times):
            for incident in self.between(int(times.min()), int(times.max()) + 1):
                if incident.kind == "lag":
                    start, end = micros(incident.start), micros(incident.end)
                    ramp = (end - start) / 5
                    rise = np.minimum(times - start, end - times) / ramp
                    lag = lag + incident.magnitude * np.clip(rise, 0.0, 1.0)
        return np.asarray((lag * SECOND).astype(np.int64))

    def _day(self, day: int) -> tuple[Incident, ...]:
        if day not in self._days:
            slots = range(day * _SLOTS, (day + 1) * _SLOTS)
            # The first eight hours are quiet, so that there is something usual to compare with.
            found = [self._planned(slot) for slot in slots if slot]
            if day % 7 == 3:
                found.append(self._trend(day))
            self._days[day] = tuple(found)
        return self._days[day]

    def _planned(self, slot: int) -> Incident:
        """The incident of the n-th eight hours; each kind comes once in six."""
        order = np.random.default_rng([self.seed, 2, slot // len(_KINDS)]).permutation(len(_KINDS))
        kind = list(_KINDS)[order[slot % len(_KINDS)]]
        _, _, least, most, shortest, longest = _KINDS[kind]
        rng = np.random.default_rng([self.seed, 1, slot])
        length = int(rng.integers(shortest, longest + 1))
        start = self.epoch + slot * DAY // _SLOTS + int(rng.integers(60, 360)) * MINUTE
        start -= start % MINUTE
        size = _LAG_SHARE * length * 60 if kind == "lag" else float(rng.uniform(least, most))
        return self._incident(kind, start, start + length * MINUTE, size)

    def _trend(self, day: int) -> Incident:
        start = self.epoch + day * DAY + 9 * HOUR
        start -= start % MINUTE
        return self._incident("trend", start, start + DAY, 1.4)

    def _incident(self, kind: IncidentKind, start: int, end: int, size: float) -> Incident:
        table, metric, *_ = _KINDS["spike" if kind == "trend" else kind]
        return Incident(
            id=f"{kind}-{moment(start):%Y%m%dT%H%M}",
            kind=kind,
            table=table,
            metric=metric,
            start=moment(start),
            end=moment(end),
            magnitude=round(size, 3),
            description=_SENTENCES[kind].format(size),
        )
