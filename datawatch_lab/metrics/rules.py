"""The rules that give a field its role, from its values and its name together.

Values have the first word where they are unmistakable (JSON, booleans, ISO times, UUIDs, e-mail);
names decide between readings that the values allow (is 42 an amount, an id or a state?). Every
verdict has a confidence in [0, 1] and a reason for people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from datawatch_lab.core.values import Role
from datawatch_lab.metrics import lexicon, shapes
from datawatch_lab.metrics.evidence import FieldEvidence
from datawatch_lab.metrics.hints import Hint

MOST = 0.9
"""Share of values that must agree before they decide alone."""

ENUM_LIMIT = 50
"""Distinct values that a field named like a state may have; without a name for it, 30."""

_PLAIN_ENUM_LIMIT = 30
_LARGEST_AMOUNT = 1e16
_ALWAYS_LARGE = 1e12
_ENUM_LENGTH = 60
_FEW_ROWS = 20
_FEWEST_ROWS = 12


@dataclass(frozen=True)
class Verdict:
    """A role, how sure it is, and why."""

    role: Role
    confidence: float
    reason: str


@dataclass(frozen=True)
class Case:
    """A field to be judged: what its values are like and what its name hints at."""

    field: FieldEvidence
    hint: Hint
    is_key: bool
    of_persons: bool = False

    @property
    def seen(self) -> int:
        """Values that are neither null nor empty text."""
        return self.field.values - self.field.shapes.get(shapes.EMPTY, 0)

    @cached_property
    def _shaped(self) -> int:
        """Values with a shape; the rules ask for shares of them some fifteen times."""
        return shapes.shaped(self.field.shapes)

    def share(self, *wanted: str) -> float:
        """Share of values with one of these shapes."""
        counts, found = self.field.shapes, 0
        for shape in wanted:
            found += counts.get(shape, 0)
        return found / self._shaped if found else 0.0

    @property
    def whole(self) -> bool:
        """Whether the values are integers."""
        return self.share(shapes.INTEGER, shapes.DIGITS) >= MOST

    @property
    def kind(self) -> str:
        """The narrowest type that holds every JSON type seen; '' for none."""
        return settled(self.field.kinds)

    @property
    def as_text(self) -> bool:
        """Whether values came as JSON strings, or so mixed that nothing else holds them."""
        return self.kind == "text"

    @property
    def few(self) -> bool:
        """Whether values repeat like states do: few of them against the rows seen."""
        return self.field.distinct <= max(3, self.seen * 0.2)

    @property
    def binary(self) -> bool:
        """Whether the values are 0 and 1 only."""
        return self.whole and (self.field.low, self.field.high) in ((0, 1), (0, 0), (1, 1))


def settled(kinds: Sequence[str]) -> str:
    """The narrowest type that holds these JSON types; '' for none."""
    if set(kinds) == {"integer", "number"}:
        return "number"
    return kinds[0] if len(kinds) == 1 else "text" if kinds else ""


def judge(case: Case) -> Verdict:
    """The role of a field: the first rule that knows one."""
    return next(verdict for rule in _RULES if (verdict := rule(case)) is not None)


def _unseen(case: Case) -> Verdict | None:
    if case.seen:
        return None
    if case.kind == "boolean":
        return Verdict(Role.BOOLEAN, 0.8, "Its values are true and false.")
    if case.kind == "json":
        return Verdict(Role.JSON, 0.8, "Its values are objects or arrays.")
    if case.hint.role is None:
        return Verdict(Role.TEXT, 0.1, "It has had no value yet and its name says nothing.")
    reason = f"It has had no value yet; its name says {case.hint.head!r}."
    return Verdict(case.hint.role, 0.5 if case.hint.strong else 0.3, reason)


def _json(case: Case) -> Verdict | None:
    if case.kind == "json" or case.share(shapes.JSON) >= MOST:
        return Verdict(Role.JSON, 0.98, "Its values are JSON objects or arrays.")
    return None


def _boolean(case: Case) -> Verdict | None:
    if case.kind == "boolean":
        return Verdict(Role.BOOLEAN, 0.99, "Its values are true and false.")
    if case.as_text and case.share(shapes.BOOLEAN) == 1 and case.field.distinct <= 2:
        letters_of_states = case.hint.role is Role.STATUS and case.field.longest <= 1
        if letters_of_states and "flag" not in case.hint.words:
            return None
        return Verdict(Role.BOOLEAN, 0.9, "Its values are words for yes and no.")
    return _zero_or_one(case) if case.binary else None


def _zero_or_one(case: Case) -> Verdict | None:
    hint = case.hint
    if hint.role is Role.BOOLEAN or hint.head in lexicon.BOOLEAN_WORDS or hint.head == "flag":
        return Verdict(Role.BOOLEAN, 0.93, "Its values are 0 and 1, and its name asks yes or no.")
    if hint.role is None and hint.is_participle:
        return Verdict(Role.BOOLEAN, 0.75, "Its values are 0 and 1, and its name says it is done.")
    if hint.role is None and case.seen >= _FEW_ROWS and case.field.distinct == 2:
        return Verdict(Role.BOOLEAN, 0.65, f"All {case.seen} values are 0 or 1.")
    return None


def _timestamp(case: Case) -> Verdict | None:
    if case.share(*shapes.MOMENTS) >= MOST:
        return Verdict(Role.TIMESTAMP, 0.98, "Its values are ISO 8601 dates or times.")
    named = case.hint.role is Role.TIMESTAMP
    if case.share(shapes.OTHER_DATE) >= MOST and (named or case.seen >= 5):
        return Verdict(Role.TIMESTAMP, 0.8, "Its values are dates, though not in ISO 8601 form.")
    participle = case.hint.head.endswith("ed") or case.hint.head in lexicon.TIME_PARTICIPLES
    numeric = case.share(*shapes.NUMBERS) >= MOST
    return _counted_time(case) if (named or participle) and numeric else None


def _counted_time(case: Case) -> Verdict | None:
    """Numbers under the name of a time: epochs, days written as numbers, days since 1970."""
    low, high = case.field.low or 0.0, case.field.high or 0.0
    if low >= 1e8 and high < 2e19 and (high < 4.2e9 or low >= 1e11):
        return Verdict(Role.TIMESTAMP, 0.95, "Its name is a time and its values are epoch times.")
    if case.whole and low in (-1, 0) and case.hint.is_moment and _is_epoch_or_never(high):
        return Verdict(Role.TIMESTAMP, 0.85, "Its name is a time, its values epoch times, or 0.")
    if case.whole and low >= 19_000_101 and high <= 21_001_231:
        return Verdict(Role.TIMESTAMP, 0.85, "Its name is a time, its values days as numbers.")
    if case.hint.head in _DAYS and case.whole and low > -40_000 and 1_000 <= high < 60_000:
        return Verdict(Role.TIMESTAMP, 0.75, "Its name is a date, its values days since 1970.")
    return None


def _is_epoch_or_never(high: float) -> bool:
    """Whether a largest value is an epoch time of 1990 to 2100, in s, ms, µs or ns, or 0."""
    return high == 0 or any(6.3e8 <= high / scale < 4.2e9 for scale in (1, 1e3, 1e6, 1e9))


_DAYS = frozenset({"date", "day", "datum", "fecha", "dob", "birthday", "dt", "on"})


def _id(case: Case) -> Verdict | None:
    hint = case.hint
    if case.share(shapes.UUID) >= MOST and not hint.is_secret:
        return Verdict(Role.ID, 0.96, "Its values are UUIDs.")
    if case.is_key and not case.share(shapes.DECIMAL) and hint.role is not Role.STATUS:
        return Verdict(Role.ID, 0.97, "It is part of the table's key.")
    unlike = case.share(shapes.DECIMAL, shapes.EMAIL, shapes.URL) > 0.1
    worded = case.share(shapes.WORDS, *(() if hint.strong else (shapes.PHONE,))) > 0.5
    if hint.role is not Role.ID or unlike or worded:
        return None
    if hint.strong:
        return Verdict(Role.ID, 0.97, f"Its name says {hint.head!r}, as ids do.")
    return _by(case) if hint.head in ("by", "to") else _code(case)


def _by(case: Case) -> Verdict:
    """Who or what it refers to: an id when it looks like one, else a name."""
    if case.whole or case.share(shapes.CODE, shapes.HASH) >= MOST:
        return Verdict(Role.ID, 0.8, "Its name refers to someone, and its values are ids.")
    return Verdict(Role.TEXT, 0.7, "Its name refers to someone, and its values are names.")


def _code(case: Case) -> Verdict:
    """Codes that repeat are states; codes that do not are ids."""
    if case.seen >= _FEW_ROWS and case.few and case.field.distinct <= ENUM_LIMIT:
        return Verdict(Role.STATUS, 0.75, f"A code with only {case.field.distinct} values.")
    if case.share(shapes.WORD) >= MOST and case.field.longest <= 4:
        return Verdict(Role.STATUS, 0.6, "A short code of letters.")
    return Verdict(Role.ID, 0.75, "A code with many values.")


def _text_by_value(case: Case) -> Verdict | None:
    for shape, what in (
        (shapes.EMAIL, "e-mail addresses"),
        (shapes.URL, "web addresses"),
        (shapes.IP, "network addresses"),
        (shapes.TOKEN, "tokens"),
        (shapes.TIME, "times of day"),
    ):
        if case.share(shape) >= MOST:
            return Verdict(Role.TEXT, 0.95, f"Its values are {what}.")
    if case.share(shapes.PHONE, shapes.CARD) >= MOST and case.hint.role in (None, Role.TEXT):
        return Verdict(Role.TEXT, 0.9, "Its values are phone or card numbers.")
    return None


def _text_by_name(case: Case) -> Verdict | None:
    hint = case.hint
    if hint.is_secret or hint.is_zip:
        what = "a secret" if hint.is_secret else "a postal code"
        return Verdict(Role.TEXT, 0.9, f"Its name is that of {what}.")
    if case.as_text and case.whole and _is_digits(case):
        return Verdict(Role.TEXT, 0.8, "Its values are digits that are no numbers, some from 0.")
    if hint.role is not Role.TEXT:
        return None
    numeric = case.share(*shapes.NUMBERS) >= MOST
    if numeric and not case.as_text and not hint.has(lexicon.CONTACTS | lexicon.NOT_ID_NUMBERS):
        return None
    if _repeats_like_states(case):
        return None
    return Verdict(Role.TEXT, 0.9, f"Its name says {hint.head!r}, which is text.")


def _is_digits(case: Case) -> bool:
    """Whether digits are written like a number's, yet are none: 0123, last digits of a card."""
    card = case.hint.has(lexicon.CARDS) and case.hint.head in ("last", "digits", "pan", "ccn")
    zeros = case.share(shapes.DIGITS) > 0.02 and case.field.distinct < 0.9 * case.seen
    return card or (zeros and case.hint.role is not Role.ID)


def _repeats_like_states(case: Case) -> bool:
    """Text whose name is none of a state, but whose values are: a dozen, each many times."""
    personal = case.hint.has(lexicon.NAME_OF_PERSON) or case.of_persons
    return (
        case.hint.head in lexicon.NAMES_OF_THINGS
        and "display" not in case.hint.words
        and not (personal and case.hint.head == "name")
        and case.seen >= 40
        and case.field.distinct <= min(12, case.seen / 8)
        and case.share(shapes.WORD, shapes.WORDS, shapes.CODE) >= MOST
        and case.field.longest <= 30
    )


def _status(case: Case) -> Verdict | None:
    unlike = case.share(shapes.DECIMAL) > 0.1 or case.field.longest > _ENUM_LENGTH
    if case.hint.role is not Role.STATUS or unlike:
        return None
    distinct, head = case.field.distinct, case.hint.head
    if case.whole:
        coded = case.hint.has(lexicon.INTEGER_STATUS | lexicon.HTTP_CODES)
        small = distinct <= 10 and (case.field.high or 0) < 1_000
        coded |= small and case.hint.strong and head not in lexicon.MEASURED_STATES
        words = f"Its name says {head!r} and it has few values."
        return Verdict(Role.STATUS, 0.85, words) if coded and distinct <= ENUM_LIMIT else None
    if distinct <= 8 or (distinct <= ENUM_LIMIT and (case.seen < _FEW_ROWS or case.few)):
        words = (
            f"Its name says {head!r} and it has {distinct} distinct value{'s' * (distinct != 1)}."
        )
        return Verdict(Role.STATUS, 0.95 if case.few else 0.7, words)
    if case.few and distinct <= 250 and case.hint.has(_WIDE):
        return Verdict(Role.STATUS, 0.75, f"Its name says {head!r} and its values repeat.")
    return None


_WIDE = frozenset({"country", "currency", "language", "locale", "land", "pais", "category", "lang"})


def _number(case: Case) -> Verdict | None:
    if case.share(*shapes.NUMBERS) < MOST:
        return None
    hint = case.hint
    if hint.role is Role.NUMERIC:
        words = f"Its values are numbers and its name says {_said(hint)!r}."
        return Verdict(Role.NUMERIC, 0.97, words)
    if case.share(shapes.DECIMAL) > 0 or case.kind == "number":
        return Verdict(Role.NUMERIC, 0.92, "Its values are numbers with decimals.")
    return _bare_integer(case)


def _said(hint: Hint) -> str:
    return next((word for word in reversed(hint.words) if word in lexicon.NUMERIC), hint.head)


def _stands_for(case: Case) -> Verdict | None:
    """Integers that are no amounts: of a named thing, made from a content, or far too large."""
    field = case.field
    if case.hint.head in lexicon.GLUED_ID_STEMS:
        return Verdict(Role.ID, 0.7, f"Integers that stand for a {case.hint.head}.")
    if case.hint.has(lexicon.DIGESTS):
        return Verdict(Role.ID, 0.7, "Integers that are made from a content.")
    low, high = field.low or 0, field.high or 0
    # amounts of all sizes have an outlier now and then; digests and generated ids are large always
    if max(-low, high) > _LARGEST_AMOUNT and (low < -_LARGEST_AMOUNT or low > _ALWAYS_LARGE):
        return Verdict(Role.ID, 0.7, "Integers too large for amounts.")
    return None


def _bare_integer(case: Case) -> Verdict:
    """Integers whose name does not tell: ids when they count up, or stand for a named thing."""
    field = case.field
    unnamed = case.hint.role is None
    if (standing := _stands_for(case)) is not None:
        return standing
    if unnamed and case.seen >= 100 and field.distinct <= 12 and (field.low or 0) >= 100:
        return Verdict(Role.STATUS, 0.6, f"Integers like codes: only {field.distinct} values.")
    if case.hint.words in (("number",), ("nr",), ("no",)) and field.distinct >= 0.9 * field.values:
        return Verdict(Role.ID, 0.6, "A number that hardly ever repeats.")
    climbing = (
        field.unique and field.rows >= _FEW_ROWS and field.rising >= 0.95 * (field.values - 1)
    )
    if climbing and unnamed:
        return Verdict(Role.ID, 0.65, "Integers that count up and never repeat.")
    if case.as_text and field.unique and field.rows >= _FEW_ROWS and unnamed:
        return Verdict(Role.ID, 0.6, "Digits given as text that never repeat.")
    return Verdict(Role.NUMERIC, 0.7 if unnamed else 0.6, "Its values are integers.")


def _text(case: Case) -> Verdict:
    field, hint = case.field, case.hint
    coded = case.share(shapes.CODE, shapes.HASH, shapes.DIGITS) >= MOST
    if coded and hint.role in (None, Role.ID) and field.distinct >= 0.9 * case.seen >= 4.5:
        return Verdict(Role.ID, 0.7, "Codes that hardly ever repeat.")
    named = hint.head in lexicon.NAMES_OF_THINGS and "display" not in hint.words
    sentence = (hint.role is Role.TEXT and not named) or hint.words in (("value",), ("val",))
    if hint.is_code and hint.role is Role.STATUS:
        return Verdict(Role.ID, 0.6, "A code with more values than states have.")
    wordy = case.share(*_WORDY) >= MOST
    limit = min(_PLAIN_ENUM_LIMIT, max(3, case.seen * 0.15))
    repeated = case.seen >= _FEWEST_ROWS and field.distinct <= limit
    if wordy and repeated and field.longest <= 40 and not sentence:
        return Verdict(Role.STATUS, 0.8, f"Only {field.distinct} values in {case.seen} rows.")
    sure = 0.8 if case.seen >= _FEW_ROWS else 0.4
    return Verdict(Role.TEXT, sure, "Its values are text of many kinds.")


_WORDY = (
    shapes.WORD,
    shapes.WORDS,
    shapes.CODE,
    shapes.BOOLEAN,
    shapes.DIGITS,
    shapes.INTEGER,  # sizes: "44", "M"; where numbers alone decide they did so before
)

_RULES: tuple[Callable[[Case], Verdict | None], ...] = (
    _unseen,
    _json,
    _boolean,
    _timestamp,
    _id,
    _text_by_value,
    _text_by_name,
    _status,
    _number,
    _text,
)
