"""What the name of a field hints at, before any value is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from datawatch_lab.core.values import Role
from datawatch_lab.metrics import lexicon
from datawatch_lab.metrics.naming import tokens

_ARTICLES = frozenset({"the", "of", "de", "del", "der", "von", "a"})


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
        return keyed or self.has(lexicon.SECRETS)


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


def _role(words: tuple[str, ...]) -> tuple[Role | None, bool]:
    head, first = words[-1], words[0]
    several = len(words) > 1
    if several and first in lexicon.BOOLEAN_STARTS and head not in lexicon.ID_HEADS:
        return Role.BOOLEAN, True
    special = _special(words)
    if special is not None:
        return special
    if head in lexicon.TIME_HEADS and _is_time(words):
        return Role.TIMESTAMP, several or head in ("timestamp", "ts", "date", "datetime", "datum")
    if head in lexicon.ID_HEADS:
        return Role.ID, True
    if several and first in lexicon.TIME_STARTS and not lexicon.NOT_TIMES & set(words):
        return Role.TIMESTAMP, True
    if several and first in lexicon.NUMERIC_STARTS and first not in ("total", "amount", "units"):
        return Role.NUMERIC, True
    for role, heads in _BY_HEAD:
        if head in heads:
            return role, True
    if several and first in lexicon.NUMERIC_STARTS:
        return Role.NUMERIC, True
    return _by_singular(head)


_BY_HEAD = (
    (Role.STATUS, lexicon.STATUS - lexicon.NUMERIC),
    (Role.NUMERIC, lexicon.NUMERIC),
    (Role.TEXT, lexicon.TEXT_HEADS),
    (Role.BOOLEAN, lexicon.BOOLEAN_WORDS),
    (Role.JSON, lexicon.JSON_WORDS),
)


def _by_singular(head: str) -> tuple[Role | None, bool]:
    if head.endswith("s") and len(head) > 3:
        for role, heads in _BY_HEAD:
            if head[:-1] in heads:
                return role, False
    return None, False


def _special(words: tuple[str, ...]) -> tuple[Role | None, bool] | None:
    """Names whose head means different things in different company."""
    head, rest = words[-1], set(words[:-1])
    if head in lexicon.NUMBER_HEADS and rest:
        if rest & lexicon.NOT_ID_NUMBERS:
            return Role.TEXT, True
        return (Role.NUMERIC if rest & lexicon.ORDINALS else Role.ID), True
    if words[0] in ("number", "num", "no", "count", "anzahl") and len(words) > 2 and words[1] == "of":
        return Role.NUMERIC, True
    if head in ("key", "keys") and rest & lexicon.SECRET_KEYS:
        return Role.TEXT, True
    if head in ("code", "codes", "codigo", "cd"):
        if rest & lexicon.ZIP:
            return Role.TEXT, True
        return (Role.STATUS if rest & (lexicon.CODE_STATUS | lexicon.HTTP_CODES) else Role.ID), False
    if head == "by" and rest:
        return Role.ID, False
    return None


def _is_time(words: tuple[str, ...]) -> bool:
    """Whether a head like ``time`` or ``on`` means a moment and not a span or a flag."""
    head, rest = words[-1], set(words[:-1])
    if head == "time" and rest & lexicon.NOT_TIMES:
        return False
    return bool(rest) or head not in ("due", "seen", "deleted", "login", "on", "am", "um", "at")
