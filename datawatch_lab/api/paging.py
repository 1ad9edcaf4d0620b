"""Pages of answers that are lists: ``?limit=`` and ``?offset=``, the count and the next page said.

Lists that grow with time (events, measurements, the quarantine, the audit log) are limited by the
operation itself, to 100 by default. Lists of what there is (tables, metrics, users) are whole
unless a limit is given, so that a client that asks once has them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_origin
from urllib.parse import parse_qsl, urlencode

import msgspec

from datawatch_lab.core.errors import InputError
from datawatch_lab.service.operation import Operation

TOTAL = "X-Total-Count"
LINK = "Link"
LARGEST = 10_000
_DIGITS = 20


class Page(msgspec.Struct, frozen=True):
    """The part of a list that is asked for.

    Attributes:
        limit: items at most, from 1 to 10,000; all of them without one.
        offset: items to leave out at the beginning.
    """

    limit: int | None = None
    offset: int = 0


def has_pages(operation: Operation[Any, Any]) -> bool:
    """Whether its answer is a list that is cut here, and not by the operation itself."""
    if operation.method != "GET" or get_origin(operation.answer) is not list:
        return False
    fields = set(operation.ask.__struct_encode_fields__)
    return not fields & {"limit", "offset"}


def take_page(query: dict[str, list[str]]) -> Page:
    """Take the page out of a query string's values.

    Raises:
        InputError: a value is given twice, or is no number of that range.
    """
    limit, offset = query.pop("limit", None), query.pop("offset", None)
    return Page(
        None if limit is None else _number("limit", limit, 1, LARGEST),
        0 if offset is None else _number("offset", offset, 0, 2**53),
    )


def _number(name: str, given: list[str], least: int, most: int) -> int:
    (text, *more) = given
    if more:
        raise InputError(f"parameter {name!r} is given {len(given)} times.")
    is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
    if not is_number or not least <= int(text) <= most:
        raise InputError(f"{name} is {text[:40]!r}; it must be a number from {least} to {most}.")
    return int(text)


def cut(answer: Sequence[Any], page: Page) -> list[Any]:
    """The part of a list that a page is."""
    end = None if page.limit is None else page.offset + page.limit
    return list(answer[page.offset : end])


def headers_for(page: Page, total: int, path: str, query: str) -> dict[str, str]:
    """What is said of a page beside it: how many there are, and where the next one is.

    >>> headers_for(Page(10, 0), 25, "/tables", "limit=10")["Link"]
    '</tables?limit=10&offset=10>; rel="next"'
    >>> headers_for(Page(10, 20), 25, "/tables", "limit=10&offset=20")
    {'X-Total-Count': '25'}
    """
    found = {TOTAL: str(total)}
    if page.limit is not None and page.offset + page.limit < total:
        kept = [pair for pair in parse_qsl(query) if pair[0] not in ("limit", "offset", "token")]
        following = [*kept, ("limit", str(page.limit)), ("offset", str(page.offset + page.limit))]
        found[LINK] = f'<{path}?{urlencode(following)}>; rel="next"'
    return found
