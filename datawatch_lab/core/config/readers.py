"""Readers of single values: what a file or the environment says, as a value of its type.

Each takes what YAML or a variable gives and raises ValueError, with the options, for what it
cannot take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.sizes import parse_size

Reader = Callable[[object], object]

_RATE = re.compile(r"[1-9]\d*/(?:[1-9]\d* ?)?(?:second|minute|hour|day)s?")
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_LEVELS = ("low", "medium", "high")
_LONGEST = timedelta(days=365 * 1_000)


def text(given: object) -> str:
    """A text that is not empty."""
    if not isinstance(given, str) or not given.strip():
        raise ValueError("it must be a text")
    return given.strip()


def port(given: object) -> int:
    """A port; 0 for any free one."""
    number = count(given, least=0)
    if number > 65_535:
        raise ValueError("ports go from 0 to 65535")
    return number


def count(given: object, *, least: int = 1) -> int:
    """A whole number."""
    found = str(given).strip()
    if isinstance(given, bool) or not re.fullmatch(r"[0-9]+", found) or int(found) < least:
        raise ValueError(f"it must be a whole number of at least {least}")
    return int(found)


def switch(given: object) -> bool:
    """True or false."""
    found = str(given).strip().lower()
    if found not in _YES | _NO:
        raise ValueError("it must be true or false")
    return found in _YES


def duration(given: object) -> timedelta:
    """A duration such as ``30s``; a bare number is seconds."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("it must be a duration such as 30s, 5m, 24h, 7d")  # noqa: TRY004
    span = parse_duration(given)
    if span < timedelta(0):
        raise ValueError("it must not be negative")
    return span


def kept(given: object) -> timedelta:
    """How long something is kept."""
    span = duration(given)
    if not timedelta(0) < span < _LONGEST:
        raise ValueError("it must be more than nothing, and at most 1000y")
    return span


def size(given: object) -> int:
    """Bytes, from ``500MB`` and the like."""
    if not isinstance(given, str | int):
        raise ValueError("it must be a size such as 500MB or 20GB")  # noqa: TRY004
    found = parse_size(given)
    if not found:
        raise ValueError("it must be more than nothing")
    return found


def percent(given: object) -> float:
    """A percentage in [0, 100], from ``99.9%`` or 99.9.

    >>> percent("99.9%"), percent(90)
    (99.9, 90.0)
    """
    found = str(given).strip().removesuffix("%").strip()
    if isinstance(given, bool) or not re.fullmatch(r"\d+(?:\.\d+)?", found, re.ASCII):
        raise ValueError("it must be a percentage such as 99.9%")
    if not 0 <= float(found) <= 100:
        raise ValueError("percentages go from 0% to 100%")
    return float(found)


def sensitivity(given: object) -> str | float:
    """low, medium or high; a number from 0 to 1; or a threshold in standard deviations.

    >>> sensitivity("High"), sensitivity("2.5")
    ('high', 2.5)
    """
    found = str(given).strip().lower()
    if found in _LEVELS and isinstance(given, str):
        return found
    if isinstance(given, bool) or not re.fullmatch(r"\d+(?:\.\d+)?", found, re.ASCII):
        raise ValueError(
            "it must be low, medium, high, a number from 0 to 1, or standard deviations such as 2.5"
        )
    if float(found) > 100:
        raise ValueError("more than 100 standard deviations find nothing")
    return float(found)


def folder(given: object) -> str:
    """A path; '' for none."""
    if given in ("", False):
        return ""
    return str(Path(text(given)).expanduser())


def names(given: object) -> tuple[str, ...]:
    """Names of this server, lower case."""
    found = tuple(each.lower() for each in texts(given, "names, such as [watch.example.org]"))
    if any("*" in each for each in found):
        raise ValueError("a wildcard would let any page in")
    return found


def origins(given: object) -> tuple[str, ...]:
    """Origins of pages: scheme, host and port, nothing behind.

    >>> origins("https://App.example.org")
    ('https://app.example.org',)
    """
    found = tuple(
        each.lower().rstrip("/") for each in texts(given, "origins, such as [https://example.org]")
    )
    for each in found:
        if "*" in each:
            raise ValueError("a wildcard would let any page in; list the origins")
        parts = urlsplit(each)
        is_bare = each == f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("http", "https") or not parts.netloc or not is_bare:
            raise ValueError(f"{each!r} is no origin such as https://app.example.org")
    return found


def texts(given: object, what: str = "texts") -> tuple[str, ...]:
    """A list of texts; one text may have several with commas."""
    found = given.split(",") if isinstance(given, str) else given
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"it must be a list of {what}")
    return tuple(each.strip() for each in found if each.strip())


def rate(given: object) -> str:
    """A limit such as ``600/minute``; '' for none."""
    found = str(given).strip() if given not in (None, False) else ""
    if found and not _RATE.fullmatch(found):
        raise ValueError("it must be of the form 600/minute, or empty for no limit")
    return found


def plan(given: object) -> str:
    """The name of a plan."""
    from datawatch_lab.core.plans import plan_named

    return plan_named(text(given).lower()).name


def zone(given: object) -> str:
    """An IANA time zone."""
    name = text(given)
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # by the way in which the name is wrong
        raise ValueError("it must be an IANA time zone such as Europe/Berlin") from None
    return name


def address(given: object) -> str:
    """The address of another server, as it is: whether it can be right is for `config check`."""
    return text(given)


def remote_write(given: object) -> bool | str:
    """Whether to write to Prometheus: true, false, or the address of its receiver."""
    if isinstance(given, Mapping):
        if set(given) - {"url"}:
            raise ValueError("it must be true, false or an address")
        given = given.get("url")
    if str(given).strip().lower() in _YES | _NO:
        return switch(given)
    return text(given)


def one_of(*options: str) -> Reader:
    """A reader of one word out of these.

    >>> one_of("json", "text")("JSON")
    'json'
    """

    def read(given: object) -> str:
        found = str(given).strip().lower()
        if found not in options:
            raise ValueError(f"it must be one of {', '.join(options)}")
        return found

    return read


def some_of(*options: str) -> Reader:
    """A reader of a list of words out of these, each once."""
    single = one_of(*options)

    def read(given: object) -> tuple[object, ...]:
        found = tuple(single(each) for each in texts(given, f"some of {', '.join(options)}"))
        if not found:
            raise ValueError(f"it must name at least one of {', '.join(options)}")
        if len(set(found)) < len(found):
            raise ValueError("it names one twice")
        return found

    return read


def decoded(given: object) -> object:
    """A section as it is, or from its JSON text as the environment has it."""
    if not isinstance(given, str):
        return given
    try:
        return msgspec.json.decode(given)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ValueError(f"it must be JSON: {error}") from None


def check_known(where: str, given: Iterable[object], options: Iterable[str]) -> None:
    """Refuse a key of a section that does not exist.

    Raises:
        ValueError: names the nearest, and all.
    """
    import difflib

    known = list(options)
    for each in given:
        if each not in known:
            near = difflib.get_close_matches(str(each), known, n=1, cutoff=0.6)
            guess = f"; did you mean {near[0]!r}?" if near else ";"
            raise ValueError(f"{where} has no {str(each)!r}{guess} it may hold {', '.join(known)}")
