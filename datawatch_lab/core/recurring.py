"""Times that come again: ``monday 08:00``, ``daily 7:30``, ``monthly 1 06:00``, or cron.

They go by the wall clock of a time zone. A time that a change to summer time leaves out comes when
it would have been, an hour later by the clock; one that comes twice in autumn is meant once, the
first time. What is meant at every hour comes every hour, as time passes.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from datawatch_lab.core.errors import InputError

DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
FORM = (
    "Such as 'daily 07:30', 'weekdays 8:00', 'monday 08:00', 'monthly 1 06:00', 'hourly', or cron: "
    "'0 8 * * 1'."
)

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_MACROS = {"hourly": "0 * * * *", "@hourly": "0 * * * *", "@daily": "0 0 * * *"} | {
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_FAR = 366 * 9  # days; a 29 February is at most eight years away


@dataclass(frozen=True)
class Recurring:
    """Times that come again.

    Attributes:
        minutes, hours, days, months: those that are meant.
        weekdays: 0 is Sunday.
        either: a day of the month or a day of the week is enough, as cron has it where both are
            given.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def meets(self, day: date) -> bool:
        """Whether it comes on a day."""
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either else of_month and of_week

    def on(self, day: date, zone: ZoneInfo) -> list[datetime]:
        """Its times on a day, UTC, ascending."""
        if not self.meets(day):
            return []
        folds = (0, 1) if len(self.hours) == 24 else (0,)
        return sorted(
            {
                datetime(
                    day.year, day.month, day.day, hour, minute, tzinfo=zone, fold=fold
                ).astimezone(UTC)
                for hour in self.hours
                for minute in self.minutes
                for fold in folds
            }
        )

    def after(self, moment: datetime, zone: str) -> datetime | None:
        """The first time after a moment, UTC; None when it never comes."""
        tz = ZoneInfo(zone)
        day = moment.astimezone(tz).date() - timedelta(days=1)
        for each in _forward(day):
            found = [at for at in self.on(each, tz) if at > moment]
            if found:
                return found[0]
        return None

    def latest(self, since: datetime, until: datetime, zone: str) -> datetime | None:
        """The last time in (since, until], UTC; None for none."""
        tz = ZoneInfo(zone)
        day, first = until.astimezone(tz).date(), since.astimezone(tz).date()
        while day >= first:
            found = [at for at in self.on(day, tz) if since < at <= until]
            if found:
                return found[-1]
            day -= timedelta(days=1)
        return None


def _forward(day: date) -> Iterator[date]:
    for number in range(_FAR):
        yield day + timedelta(days=number)


def read_recurring(text: str) -> Recurring:
    """Read times that come again.

    >>> read_recurring("monday 08:00") == read_recurring("0 8 * * mon")
    True

    Raises:
        InputError: it is none; shows the form.
    """
    said = " ".join(text.lower().replace(",", ", ").split()).replace(", ", ",")
    fields = (_MACROS.get(said) or _words(said) or said).split()
    if len(fields) != len(_FIELDS):
        raise InputError(f"{text!r} is no time that comes again.", hint=FORM)
    sets = [_field(text, given, *limits) for given, limits in zip(fields, _FIELDS, strict=True)]
    weekdays = frozenset(each % 7 for each in sets[4])
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    found = Recurring(sets[0], sets[1], sets[2], sets[3], weekdays, either)
    if found.after(datetime(2000, 1, 1, tzinfo=UTC), "UTC") is None:
        raise InputError(f"{text!r} never comes: no such month has such a day.", hint=FORM)
    return found


def _words(said: str) -> str | None:
    """Cron's five fields of words such as ``monday 08:00``; None for other texts."""
    front, _, clock = said.rpartition(" ")
    time = _TIME.fullmatch(clock)
    if time is None:
        return None
    at = f"{int(time[2])} {int(time[1])}"
    match front.split():
        case ["daily"] | ["every", "day"] | ["day"]:
            return f"{at} * * *"
        case ["weekdays"] | ["weekday"]:
            return f"{at} * * 1-5"
        case ["monthly", day]:
            return f"{at} {day} * *"
        case [days] | ["every", days]:
            return f"{at} * * {days}"
        case _:
            return None


def _field(text: str, given: str, name: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in given.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        try:
            first = least if span == "*" else _number(low, name)
            last = _number(high, name) if dash else first
            if span == "*" or (slash and not dash):
                last = most
            width = int(step) if slash else 1
        except ValueError:
            first, last, width = 1, 0, 1
        if not (least <= first <= last <= most and width >= 1):
            raise InputError(
                f"{text!r}: its {name} is {part!r}; it goes from {least} to {most}.", hint=FORM
            )
        found.update(range(first, last + 1, width))
    return frozenset(found)


def _number(word: str, name: str) -> int:
    """A number, or that of a month or a day of the week by its first three letters or more."""
    names, first = (MONTHS, 1) if name == "month" else (DAYS, 0) if name == "weekday" else ((), 0)
    if len(word) >= 3:
        for place, each in enumerate(names):
            if each.startswith(word):
                return place + first
    return int(word)
