"""The language of conditions: a grammar, and errors that point at the character.

::

    > 200% of baseline            < 50% of same_hour_last_week        < 90%
    > 20% above previous_hour     change in 1h < -30%                 outside band
    no data for 10m               p99(orders_amount) over 15m > 500   predicted > 80 in 15m
    > 5 and (orders_created_rate over 10m < 3 or not outside band)
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from datawatch_lab.alerts.conditions import (
    And,
    Band,
    Change,
    Comparison,
    Condition,
    NoData,
    Not,
    Or,
    Predicted,
    Relative,
    Subject,
    Unit,
)
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation

MAX_LENGTH = 1_000
"""Characters that a condition may have."""

_DEPTH = 30

_GRAMMAR = r"""
start: any
any: all (OR all)*
all: one (AND one)*
?one: NOT one -> negated
    | "(" any ")"
    | clause
?clause: head OP amount tail             -> comparison
    | head OP PERCENT OF REFERENCE tail  -> share
    | head OP PERCENT SIDE REFERENCE tail -> beside
    | head PERCENT SIDE REFERENCE tail   -> only_beside
    | head CHANGE (IN | OVER) DURATION OP amount tail -> change
    | head (OUTSIDE | SIDE | INSIDE) EXPECTED? BAND tail -> band
    | head NO DATA [(FOR | OVER | IN) DURATION] -> no_data
    | PREDICTED head OP amount IN DURATION -> predicted
head: [subject] [OVER DURATION]
subject: NAME ["(" NAME ")"]
tail: [OVER DURATION]
amount: NUMBER | PERCENT | DURATION

OP: ">=" | "<=" | "==" | "!=" | ">" | "<" | "="
PERCENT.4: /[+-]?\d[\d_]*(\.\d+)?\s*%/
DURATION.3: /(\d+(\.\d+)?\s*(ms|min|[smhdwy])(?![A-Za-z_])\s*)+/i
NUMBER.2: /[+-]?(\d[\d_]*(\.\d+)?|\.\d+)(e[+-]?\d+)?(?![\w%])/i
AND.5: /and\b|&&/i
OR.5: /or\b|\|\|/i
NOT.5: /not\b/i
OF.5: /of\b/i
SIDE.5: /(above|below)\b/i
OUTSIDE.5: /outside\b/i
INSIDE.5: /inside\b/i
EXPECTED.5: /(the\s+)?expected\b|the\b/i
BAND.5: /band\b/i
NO.5: /no\b/i
DATA.5: /data\b/i
FOR.5: /for\b/i
OVER.5: /over\b/i
IN.5: /in\b/i
CHANGE.5: /(change|rise|drop)\b/i
PREDICTED.5: /predicted\b/i
REFERENCE.5: /(baseline|previous_hour|same_hour_yesterday|same_hour_last_week)\b/i
NAME: /[^\W\d][\w]*/
%ignore /\s+/
"""

_WORDS = {
    "OP": "a comparison (> >= < <= == !=)",
    "NUMBER": "a number",
    "PERCENT": "a percentage such as 20%",
    "DURATION": "a duration such as 5m or 1h",
    "REFERENCE": "baseline, previous_hour, same_hour_yesterday or same_hour_last_week",
    "NAME": "a metric",
    "SIDE": "'above' or 'below'",
    "CHANGE": "'change', 'rise' or 'drop'",
    "LPAR": "'('",
    "RPAR": "')'",
    "BAND": "'band'",
    "DATA": "'data'",
    "$END": "the end",
}
_HINT = "Conditions look like: > 5, < 90%, > 200% of baseline, change in 1h > 20%, outside band."


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", maybe_placeholders=True)


@lru_cache(maxsize=20_000)
def parse_condition(text: str) -> Condition:
    """The condition that a text says.

    >>> parse_condition("> 200% of baseline").factor
    2.0

    Raises:
        InputError: it cannot be read; points at the character and says what was expected.
            ``details['position']`` is the place, from 0.
    """
    if not text.strip():
        raise InputError("the condition is empty.", hint=_HINT, details={"position": 0})
    if len(text) > MAX_LENGTH:
        raise InputError(f"the condition has more than {MAX_LENGTH:,} characters.")
    _check_depth(text)
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _unreadable(text, error) from None
    made: Condition = _Maker(text).transform(tree)
    return made


def _check_depth(text: str) -> None:
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth > _DEPTH:
            raise fault(text, place, f"more than {_DEPTH} brackets are open")


def fault(text: str, place: int, message: str, hint: str = "") -> InputError:
    """An error that points at a character of a condition."""
    return InputError(
        f"the condition cannot be read at character {place + 1}: {message}"
        f"{'' if message.endswith('?') else '.'}\n  {text}\n  {' ' * place}^",
        hint=f"\n{hint}" if hint else "",
        details={"position": place},
    )


def _unreadable(text: str, error: UnexpectedInput) -> InputError:
    names: set[str]
    if isinstance(error, UnexpectedEOF):
        place, found, names = len(text), "", set(map(str, error.expected))
    elif isinstance(error, UnexpectedToken):
        is_end = error.token.type == "$END"
        place = len(text.rstrip()) if is_end else int(error.token.start_pos or 0)
        found, names = (
            "" if is_end else str(error.token),
            set(map(str, error.accepts)),
        )
    elif isinstance(error, UnexpectedCharacters):
        places = (
            error.column - 1 + sum(len(each) + 1 for each in text.split("\n")[: error.line - 1])
        )
        place, names = places, set(map(str, error.allowed or ()))
        found = text[place:].split(maxsplit=1)[0] if text[place:].split() else ""
    else:
        place, found, names = 0, text, set()
    said = f"{found!r} was not expected here" if found else "it ends too early"
    wanted = sorted({_WORDS.get(name, f"'{name.lower()}'") for name in names})
    near = _near(found, names)
    guess = f"; did you mean {near!r}?" if near else ""
    return fault(text, place, f"{said}{guess or '; expected ' + _either(wanted)}", _HINT)


def _near(found: str, names: set[str]) -> str:
    words = [name.lower() for name in names if name.isalpha() and name not in _WORDS]
    if "REFERENCE" in names:
        words += ["baseline", "previous_hour", "same_hour_yesterday", "same_hour_last_week"]
    for name, more in (("SIDE", ("above", "below")), ("CHANGE", ("change", "rise", "drop"))):
        words += more if name in names else ()
    near = difflib.get_close_matches(found.lower(), words, n=1, cutoff=0.6)
    return near[0] if near and near[0] != found.lower() else ""


def _either(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words) or "something else"
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _amount(token: Token) -> tuple[float, Unit]:
    text = str(token)
    if token.type == "PERCENT":
        return float(text.rstrip("% ").replace("_", "")), "%"
    if token.type == "DURATION":
        return parse_duration(text).total_seconds(), "s"
    return float(text.replace("_", "")), ""


def _op(token: Token) -> Any:
    word = str(token)
    return "==" if word == "=" else word


class _Maker(Transformer[Token, Any]):
    """Conditions of a parse tree."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def start(self, parts: list[Any]) -> Condition:
        made: Condition = parts[0]
        return made

    def any(self, parts: list[Any]) -> Condition:
        return self._joined(Or, parts)

    def all(self, parts: list[Any]) -> Condition:
        return self._joined(And, parts)

    def _joined(self, kind: type[And | Or], parts: list[Any]) -> Condition:
        found: tuple[Condition, ...] = tuple(x for x in parts if not isinstance(x, Token))
        return found[0] if len(found) == 1 else kind(found)

    def negated(self, parts: list[Any]) -> Condition:
        return Not(parts[1])

    def subject(self, parts: list[Any]) -> Subject:
        first, inner = parts
        if inner is None:
            return Subject(str(first))
        if str(first).lower() not in list(Aggregation):
            options = ", ".join(each.value for each in Aggregation)
            raise _Fault(int(first.start_pos), f"no aggregation {str(first)!r}; use {options}")
        return Subject(str(inner), str(first).lower())

    def head(self, parts: list[Any]) -> Subject:
        subject, _, over = parts
        found = subject or Subject()
        return found if over is None else Subject(found.metric, found.aggregation, self._span(over))

    def tail(self, parts: list[Any]) -> Token | None:
        found: Token | None = parts[1]
        return found

    def amount(self, parts: list[Any]) -> tuple[float, Unit]:
        return _amount(parts[0])

    def _span(self, token: Token) -> Any:
        span = parse_duration(str(token))
        if not 60 <= span.total_seconds() <= 31 * 86_400 or span.total_seconds() % 60:
            raise _Fault(int(token.start_pos or 0), "a width is whole minutes, from 1m to 31d")
        return span

    def _over(self, head: Subject, tail: Token | None) -> Subject:
        if tail is None:
            return head
        if head.over:
            raise _Fault(int(tail.start_pos or 0), "'over' is said twice")
        return Subject(head.metric, head.aggregation, self._span(tail))

    def comparison(self, parts: list[Any]) -> Condition:
        head, op, (number, unit), tail = parts
        return Comparison(self._over(head, tail), _op(op), number, unit)

    def share(self, parts: list[Any]) -> Condition:
        head, op, percent, _, reference, tail = parts
        factor = _amount(percent)[0] / 100
        return Relative(self._over(head, tail), _op(op), factor, str(reference).lower())  # type: ignore[arg-type]  # the grammar lets only these pass

    def beside(self, parts: list[Any]) -> Condition:
        head, op, percent, side, reference, tail = parts
        share = _amount(percent)[0] / 100
        factor = 1 + share if str(side).lower() == "above" else 1 - share
        return Relative(self._over(head, tail), _op(op), factor, str(reference).lower())  # type: ignore[arg-type]  # as above

    def only_beside(self, parts: list[Any]) -> Condition:
        head, percent, side, reference, tail = parts
        op = Token("OP", ">" if str(side).lower() == "above" else "<")
        return self.beside([head, op, percent, side, reference, tail])

    def change(self, parts: list[Any]) -> Condition:
        head, word, _, back, op, (number, unit), tail = parts
        subject = self._over(head, tail)
        return Change(subject, str(word).lower(), self._span(back), _op(op), number, unit)  # type: ignore[arg-type]  # as above

    def band(self, parts: list[Any]) -> Condition:
        return Band(self._over(parts[0], parts[-1]), str(parts[1]).lower())  # type: ignore[arg-type]  # as above

    def no_data(self, parts: list[Any]) -> Condition:
        head, span = parts[0], parts[-1]
        if isinstance(span, Token) and span.type == "DURATION":
            return NoData(self._over(head, span))
        return NoData(head)

    def predicted(self, parts: list[Any]) -> Condition:
        _, head, op, (number, unit), _, ahead = parts
        return Predicted(head, _op(op), number, unit, parse_duration(str(ahead)))

    @v_args(inline=True)
    def __default_token__(self, token: Token) -> Token:
        return token

    def transform(self, tree: Any) -> Any:
        from lark.exceptions import VisitError

        try:
            return super().transform(tree)
        except VisitError as error:
            if isinstance(error.orig_exc, _Fault):
                raise fault(self._text, error.orig_exc.place, str(error.orig_exc)) from None
            raise error.orig_exc from None


class _Fault(Exception):  # noqa: N818 — never leaves this module
    """What is wrong, and where."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place
