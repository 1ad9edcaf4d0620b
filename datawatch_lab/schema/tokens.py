"""Reading the tokens of a statement: names, words, lists; sqlglot knows quotes and comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot.dialects import MySQL, Postgres
from sqlglot.errors import TokenError
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

from datawatch_lab.schema.types import Dialect

NameTable = Callable[[tuple[str, ...]], str]
"""From the parts of a name to the qualified name of a table."""


class Unreadable(ValueError):  # noqa: N818 — a result in the making: the statement is kept as such
    """A part of a statement that is not understood; says what was expected."""


@dataclass(frozen=True)
class Clause:
    """One thing that a statement says, not yet compared with what there is.

    Attributes:
        verb: what it says, see `schema.resolving`.
        table: qualified name.
        name: of the column, index, constraint or type.
        facts: what is said of it.
        lenient: IF EXISTS, or IF NOT EXISTS.
    """

    verb: str
    table: str = ""
    name: str = ""
    facts: Any = None
    lenient: bool = False


@dataclass(frozen=True)
class Token:
    """A word, name, text, number or sign.

    Attributes:
        kind: ``name`` in quotes, ``text`` in quotes, or ``word`` for all else.
        text: without its quotes.
        start, end: of its first and last character.
    """

    kind: str
    text: str
    start: int
    end: int


class _Postgres(Postgres.Tokenizer):  # type: ignore[misc]
    COMMANDS: ClassVar[set[TokenType]] = set()  # what follows is wanted as tokens


class _MySQL(MySQL.Tokenizer):  # type: ignore[misc]
    COMMANDS: ClassVar[set[TokenType]] = set()


_TEXTS = frozenset(
    {
        *(TokenType.STRING, TokenType.HEREDOC_STRING, TokenType.NATIONAL_STRING),
        *(TokenType.RAW_STRING, TokenType.BYTE_STRING, TokenType.UNICODE_STRING),
    }
)


def tokenized(text: str, dialect: Dialect) -> list[Token]:
    """The tokens of a text; keywords of several words are taken apart.

    Raises:
        Unreadable: a quote or comment does not end.
    """
    tokenizer = _Postgres() if dialect == "postgres" else _MySQL()
    try:
        found = tokenizer.tokenize(text)
    except TokenError as error:
        raise Unreadable(str(error).splitlines()[0]) from None
    tokens = []
    for each in found:
        kind = "name" if each.token_type is TokenType.IDENTIFIER else "word"
        kind = "text" if each.token_type in _TEXTS else kind
        if kind == "word" and " " in each.text:
            words = re.finditer(r"\S+", text[each.start : each.end + 1])
            tokens += [
                Token(kind, word[0], each.start + word.start(), each.start + word.end() - 1)
                for word in words
            ]
        else:
            tokens.append(Token(kind, str(each.text), each.start, each.end))
    return tokens


class Reader:
    """Goes over the tokens of one statement.

    Args:
        text: that they were made of.
        tokens: of the statement.
        dialect: decides how names without quotes are folded.
        name_table: makes the qualified name of a table.
    """

    def __init__(
        self, text: str, tokens: Sequence[Token], dialect: Dialect, name_table: NameTable
    ) -> None:
        self._text = text
        self._tokens = tokens
        self.dialect = dialect
        self.name_table = name_table
        self.at = 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self._tokens)

    def part(self, start: int, end: int) -> Reader:
        """A reader of the tokens [start, end)."""
        return Reader(self._text, self._tokens[start:end], self.dialect, self.name_table)

    def between(self, start: int, end: int) -> str:
        """The text of the tokens [start, end)."""
        if start >= end:
            return ""
        return self._text[self._tokens[start].start : self._tokens[end - 1].end + 1]

    def rest(self) -> str:
        """The text from here."""
        return self.between(self.at, len(self._tokens))

    def word_at(self, index: int) -> str:
        """The word at a place in upper case; '' for quoted names, texts, and beyond the end."""
        if not 0 <= index < len(self._tokens):
            return ""
        token = self._tokens[index]
        return token.text.upper() if token.kind == "word" else ""

    def looks(self, *words: str) -> bool:
        """Whether these words stand here, one after another."""
        return all(self.word_at(self.at + i) == word for i, word in enumerate(words))

    def take(self, *words: str) -> bool:
        """Go over these words if they stand here."""
        found = self.looks(*words)
        if found:
            self.at += len(words)
        return found

    def take_any(self, *words: str) -> str:
        """Go over one of these words if it stands here; gives it, or ''."""
        return next((word for word in words if self.take(word)), "")

    def need(self, *words: str) -> None:
        """Go over these words.

        Raises:
            Unreadable: something else stands here.
        """
        if not self.take(*words):
            raise Unreadable(f"{' '.join(words)} was expected before {self.rest()[:40]!r}")

    def name(self) -> str:
        """A name; without quotes PostgreSQL takes it in lower case.

        Raises:
            Unreadable: there is none.
        """
        if self.ended:
            raise Unreadable("a name was expected at the end")
        token = self._tokens[self.at]
        text = token.text
        if token.kind == "name":
            self.at += 1
            return text
        if token.kind == "text" or not _is_word(text):
            raise Unreadable(f"a name was expected before {self.rest()[:40]!r}")
        self.at += 1
        return text.lower() if self.dialect == "postgres" else text

    def names(self) -> tuple[str, ...]:
        """A name with its qualifiers."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return tuple(parts)

    def table(self) -> str:
        """The qualified name of a table."""
        return self.name_table(self.names())

    def string(self) -> str:
        """A text in quotes.

        Raises:
            Unreadable: there is none.
        """
        if self.ended or self._tokens[self.at].kind != "text":
            raise Unreadable(f"a text in quotes was expected before {self.rest()[:40]!r}")
        self.at += 1
        return self._tokens[self.at - 1].text

    def end_of(self, *words: str) -> int:
        """The first place from here, outside of parentheses, with such a word; or the end."""
        depth = 0
        for index in range(self.at, len(self._tokens)):
            word = self.word_at(index)
            if depth == 0 and word in words:
                return index
            depth += (word in _OPENING) - (word in _CLOSING)
        return len(self._tokens)

    def items(self) -> Iterator[Reader]:
        """The parts between commas, from here to the end."""
        while not self.ended:
            end = self.end_of(",")
            yield self.part(self.at, end)
            self.at = end + 1

    def group(self) -> Reader:
        """What stands in parentheses here.

        Raises:
            Unreadable: there are none, or they do not end.
        """
        self.need("(")
        end = self.end_of(")")
        if end >= len(self._tokens):
            raise Unreadable("a ) is missing")
        inner = self.part(self.at, end)
        self.at = end + 1
        return inner


_OPENING, _CLOSING = ("(", "["), (")", "]")


def _is_word(text: str) -> bool:
    return bool(text) and (text[0].isalpha() or text[0] in "_$") and text != "$$"
