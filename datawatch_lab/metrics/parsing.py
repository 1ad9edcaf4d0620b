"""Expressions of users as syntax trees, and errors that point at the place of a fault.

sqlglot reads the text; only its tree is used. What a tree may hold is decided by `expressions` and
`formulas`, which know nothing but the nodes they allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from datawatch_lab.core.errors import InputError, NotFoundError, not_found

MAX_LENGTH = 2_000
"""Characters that an expression may have."""

_DISTINCT = re.compile(r"\bdistinct(?=\s*\()", re.IGNORECASE)

Place = tuple[int, int]
"""Where something stands in a text: first and last character, from 0."""


@lru_cache(maxsize=512)
def parse(text: str, what: str) -> exp.Expression:
    """The tree of an expression.

    Args:
        text: as the user wrote it.
        what: it is, for messages: ``expression``, ``filter``, ``formula``.

    Raises:
        InputError: it is empty, too long, or no expression; ``details['position']`` says where.
    """
    if not text.strip():
        raise InputError(f"the {what} is empty.")
    if len(text) > MAX_LENGTH:
        raise InputError(f"the {what} has {len(text):,} characters; the limit is {MAX_LENGTH:,}.")
    try:
        # a word of SQL that is a function here; as long as it was, so that places stay
        read = _DISTINCT.sub("_istinct", text)
        found = [tree for tree in sqlglot.parse(read, dialect="duckdb") if tree is not None]
    except ParseError as error:
        raise _unreadable(text, what, error) from None
    except (TokenError, RecursionError):
        raise InputError(
            f"the {what} cannot be read: {text[:80]}{' …' * (len(text) > 80)}",
            hint="Is a quote or a bracket left open?",
            details={"position": 0},
        ) from None
    if len(found) != 1 or not isinstance(found[0], exp.Expression):
        raise InputError(f"the {what} must be one expression: {text}")
    if isinstance(found[0], exp.Alias):
        named = found[0].args.get("alias") or found[0]
        raise fault(text, what, place_of(named), "an operator is missing here")
    return found[0]


def _unreadable(text: str, what: str, error: ParseError) -> InputError:
    first = error.errors[0] if error.errors else {}
    lines = text.split("\n")
    line, end = int(first.get("line") or 1) - 1, int(first.get("col") or 1)
    before = sum(len(each) + 1 for each in lines[:line])
    last = max(0, min(before + end - 1, len(text) - 1))
    start = max(0, last - max(0, len(str(first.get("highlight") or "")) - 1))
    return fault(
        text,
        what,
        (start, last),
        "it cannot be read here",
        hint="A column whose name is a word of SQL, or has blanks, stands in double quotes.",
    )


def place_of(node: exp.Expression) -> Place:
    """Where a node stands: from its first to its last word that has a place; (0, 0) for none."""
    marks = [each.meta for each in node.walk() if "start" in each.meta]
    if not marks:
        return (0, 0)
    return min(int(each["start"]) for each in marks), max(int(each["end"]) for each in marks)


def fault(text: str, what: str, place: Place, message: str, *, hint: str = "") -> InputError:
    """An error with a line of carets under the fault, and its place in ``details``."""
    ending = "\n" if hint else ""  # the hint begins a line of its own
    return InputError(
        f"{what}: {message}.\n{pointer(text, place)}{ending}", hint=hint, details=_details(place)
    )


def unknown(
    text: str, what: str, place: Place, kind: str, name: str, options: Iterable[str]
) -> NotFoundError:
    """The error for a name that does not exist; names the nearest and points at it."""
    plain = not_found(kind, name, options, where=what)
    return NotFoundError(
        f"{plain.message}\n{pointer(text, place)}", details={**plain.details, **_details(place)}
    )


def _details(place: Place) -> dict[str, int]:
    return {"position": place[0], "length": place[1] - place[0] + 1}


def pointer(text: str, place: Place) -> str:
    """The line of a text that a place is in, and carets below it.

    >>> print(pointer("amuont * 2", (0, 5)))
      amuont * 2
      ^^^^^^
    """
    begin = text.rfind("\n", 0, place[0]) + 1
    line = text[begin:].split("\n", 1)[0]
    width = max(1, min(place[1], begin + len(line) - 1) - place[0] + 1)
    return f"  {line}\n  {' ' * (place[0] - begin)}{'^' * width}"


def function_name(node: exp.Expression) -> str:
    """What a node is called in a message: the function's name, or the words of the node."""
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower().replace("_istinct", "distinct")
    if isinstance(node, exp.Func):
        return str(node.sql_name()).lower()
    return type(node).__name__.lower()
