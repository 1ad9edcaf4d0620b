"""What the name of a field hints at, before any value is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from datawatch_lab.core.values import Role
from datawatch_lab.metrics import lexicon
from datawatch_lab.metrics.naming import tokens

_REMEMBERED = 4096  # names; tables are looked at with each commit, and their names stay


@dataclass(frozen=True)
class Hint:
    """What a name hints at.

    Attributes:
        words: the name as words, run-together ones taken apart.
        role: the role that the name suggests, or None.
        strong: whether the name alone nearly decides.
    """

    words: tuple[str, ...]
    role: Role | None
    strong: bool = False

    @property
    def head(self) -> str:
        """The word that says what the thing is: the last one, without trailing digits."""
        return self.words[-1]

    def has(self, words: frozenset[str]) -> bool:
        """Whether any word of the name is among ``words``."""
        return not words.isdisjoint(self.words)

    @property
    def is_code(self) -> bool:
        """Whether the name says that it is a code of something."""
        return self.head in ("code", "codes", "codigo", "kode", "cd")

    @property
    def is_zip(self) -> bool:
        """Whether it is a postal code."""
        return self.has(lexicon.ZIP)

    @property
    def is_secret(self) -> bool:
        """Whether it is a password, a token, a key of access."""
        keyed = self.head in ("key", "keys") and self.has(lexicon.SECRET_KEYS)
        about = self.head in lexicon.STATUS  # auth_service, token_type: of one, and none itself
        return keyed or (self.has(lexicon.SECRETS) and not about)

    @property
    def is_participle(self) -> bool:
        """Whether it says that something was done: ``constrained``, ``group_constrained``."""
        return self.head.endswith("ed") and self.head not in lexicon.NOT_PARTICIPLES

    @property
    def is_moment(self) -> bool:
        """Whether it is a point in time whatever the values: ``deleted_at``, ``end_time``."""
        ends = self.head == "time" and not lexicon.MOMENT_STARTS.isdisjoint(self.words[-2:-1])
        named = len(self.words) > 1 and self.head in lexicon.MOMENT_HEADS
        return self.role is Role.TIMESTAMP and (named or ends or self.head in lexicon.ACTS)


@lru_cache(maxsize=_REMEMBERED)
def hint_of(name: str) -> Hint:
    """The hint that a field's name gives.

    >>> hint_of("orderDate").role.value, hint_of("customer_no").role.value, hint_of("foo").role
    ('timestamp', 'id', None)
    """
    words = _words(name)
    role, strong = _role(words)
    return Hint(words, role, strong)


def _words(name: str) -> tuple[str, ...]:
    words = tuple(word for word in tokens(name) if not word.isdigit()) or tokens(name)
    head = words[-1].rstrip("0123456789") or words[-1]
    if head not in _KNOWN:
        head_parts = _unglue(head)
        return (*words[:-1], *head_parts)
    return (*words[:-1], head)


_KNOWN = (
    lexicon.ID_HEADS
    | lexicon.TIME_HEADS
    | lexicon.NUMERIC
    | lexicon.STATUS
    | lexicon.BOOLEAN_WORDS
    | lexicon.TEXT_HEADS
    | lexicon.JSON_WORDS
    | lexicon.PERSON_NAMES
    | lexicon.SECRETS
    | lexicon.NOT_KEYS
)


def _unglue(word: str) -> tuple[str, ...]:
    """``orderdate`` as (order, date), ``custid`` as (cust, id); others as they are."""
    for head in lexicon.GLUED_HEADS:
        if word.endswith(head) and len(word) > len(head) + 1:
            return (word[: -len(head)], head)
    if word.endswith("id") and word[:-2] in lexicon.GLUED_ID_STEMS:
        return (word[:-2], "id")
    return (word,)


Reading = tuple[Role | None, bool]
"""A role and whether the name alone nearly decides."""


def _role(words: tuple[str, ...]) -> Reading:
    """The reading of the first rule that has one."""
    found = (rule(words) for rule in _RULES)
    return next((reading for reading in found if reading is not None), (None, False))


def _as_boolean(words: tuple[str, ...]) -> Reading | None:
    asks = len(words) > 1 and words[0] in lexicon.BOOLEAN_STARTS
    return (Role.BOOLEAN, True) if asks and words[-1] not in lexicon.ID_HEADS else None


def _as_foreign_key(words: tuple[str, ...]) -> Reading | None:
    return (Role.ID, True) if len(words) > 1 and words[0] in ("id", "fk", "pk") else None


def _as_numbered(words: tuple[str, ...]) -> Reading | None:
    """``order_number`` is an id, ``line_number`` an ordinal, ``phone_number`` neither."""
    rest = set(words[:-1])
    if words[-1] not in lexicon.NUMBER_HEADS or not rest:
        return None
    if rest & lexicon.NOT_ID_NUMBERS:
        return Role.TEXT, True
    return (Role.NUMERIC if rest & lexicon.ORDINALS else Role.ID), True


def _as_counted(words: tuple[str, ...]) -> Reading | None:
    """``number_of_items``, ``num_items``, ``avg_latency``."""
    if len(words) > 2 and words[0] in ("number", "no", "nombre") and words[1] in ("of", "de"):
        return Role.NUMERIC, True
    return (Role.NUMERIC, True) if len(words) > 1 and words[0] in lexicon.COUNT_STARTS else None


def _as_key_or_code(words: tuple[str, ...]) -> Reading | None:
    head, rest = words[-1], set(words[:-1])
    if head in ("key", "keys") and rest & lexicon.SECRET_KEYS:
        return Role.TEXT, True
    if (head == "by" and rest) or (head == "to" and rest & lexicon.REFERRING):
        return Role.ID, False
    if head not in ("code", "codes", "codigo", "cd"):
        return None
    if rest & lexicon.ZIP:
        return Role.TEXT, True
    return (Role.STATUS if rest & lexicon.CODE_STATUS else Role.ID), False


def _as_time(words: tuple[str, ...]) -> Reading | None:
    """A head like ``time`` or ``on`` may mean a span or a flag instead of a moment."""
    head, rest = words[-1], set(words[:-1])
    if head not in lexicon.TIME_HEADS or (head == "time" and rest & lexicon.NOT_TIMES):
        return None
    if not rest and head in ("due", "seen", "deleted", "login", "on", "am", "um", "at"):
        return None
    return Role.TIMESTAMP, bool(rest) or head in ("timestamp", "ts", "date", "datetime", "datum")


def _as_last(words: tuple[str, ...]) -> Reading | None:
    """``last_login``, ``next_run``: when that is."""
    turn = len(words) > 1 and words[0] in ("last", "latest", "next", "first", "previous", "prev")
    return (Role.TIMESTAMP, False) if turn and words[-1] in lexicon.ACTS else None


def _as_rank(words: tuple[str, ...]) -> Reading | None:
    """``sort_order``, ``menu_order``."""
    ranked = words[-1] == "order" and not lexicon.RANKED.isdisjoint(words[:-1])
    return (Role.NUMERIC, True) if ranked else None


def _as_id(words: tuple[str, ...]) -> Reading | None:
    return (Role.ID, True) if words[-1] in lexicon.ID_HEADS else None


def _as_time_by_start(words: tuple[str, ...]) -> Reading | None:
    starts = len(words) > 1 and words[0] in lexicon.TIME_STARTS
    return (Role.TIMESTAMP, True) if starts and not lexicon.NOT_TIMES & set(words) else None


def _by_head(words: tuple[str, ...]) -> Reading | None:
    role = next((role for role, heads in _BY_HEAD if words[-1] in heads), None)
    return None if role is None else (role, True)


def _as_total(words: tuple[str, ...]) -> Reading | None:
    """``total_orders``, ``amount_refunded``."""
    starts = len(words) > 1 and words[0] in lexicon.NUMERIC_STARTS
    return (Role.NUMERIC, True) if starts else None


def _by_singular(words: tuple[str, ...]) -> Reading | None:
    head = words[-1]
    if not head.endswith("s") or len(head) <= 3:
        return None
    role = next((role for role, heads in _BY_HEAD if head[:-1] in heads), None)
    return None if role is None else (role, False)


_BY_HEAD = (
    (Role.STATUS, lexicon.STATUS - lexicon.NUMERIC),
    (Role.NUMERIC, lexicon.NUMERIC),
    (Role.TEXT, lexicon.TEXT_HEADS),
    (Role.BOOLEAN, lexicon.BOOLEAN_WORDS),
    (Role.JSON, lexicon.JSON_WORDS),
)

_RULES: tuple[Callable[[tuple[str, ...]], Reading | None], ...] = (
    _as_boolean,
    _as_foreign_key,
    _as_numbered,
    _as_key_or_code,
    _as_time,
    _as_last,
    _as_rank,
    _as_id,
    _as_time_by_start,
    _as_counted,
    _by_head,
    _as_total,
    _by_singular,
)
