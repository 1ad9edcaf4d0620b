"""Records of delimited text (RFC 4180 and its relatives): their bounds, and their fields.

Quotes count where a field begins; elsewhere they are text, as spreadsheets and databases write
them. A record whose quote is never closed is one bad line, not the rest of the file.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from datawatch_lab.ingest.cutting import KEPT_OF_LONG, MAX_ITEM, Cut, Mode

DELIMITERS = ",;\t|"
SAMPLE = 64 * 1024
"""Bytes by which delimiter, quote, encoding and header are told."""

_MOST_LINES = 1_000  # a quoted field over more lines is taken for one that is never closed
_BOM = b"\xef\xbb\xbf"
_NUMBER_LIKE = r"^\s*[+-]?[0-9.][0-9.,eE:/ TZ+-]*\s*$"
_NEWLINE = ord("\n")


@dataclass(frozen=True)
class Dialect:
    """How a file of delimited text is written.

    Attributes:
        delimiter, quote: one ASCII character each.
        encoding: of the texts; ``utf-8`` or ``cp1252``.
        columns: names of the columns, from the header or made up (``column_1`` …).
        header: whether the first record is the header.
    """

    delimiter: str
    quote: str
    encoding: str
    columns: tuple[str, ...]
    header: bool


def dialect_of(sample: bytes, *, delimiter: str = "", header: bool | None = None) -> Dialect:
    """Tell the dialect by the first bytes of a file, or by what the user says."""
    encoding = "utf-8" if _is_utf8(sample) else "cp1252"
    text = sample.decode(encoding, "replace").removeprefix("\ufeff")
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    if len(lines) > 1 and not sample.endswith(b"\n"):
        lines.pop()
    chosen = delimiter or max(DELIMITERS, key=lambda mark: _regular(lines, mark))
    quote = "'" if '"' not in text and _quoted_by(text, chosen, "'") else '"'
    first = next(iter(csv.reader(lines[:_MOST_LINES], delimiter=chosen, quotechar=quote)), [])
    named = _is_header(first) if header is None else header
    columns = first if named else [f"column_{number}" for number in range(1, len(first) + 1)]
    return Dialect(chosen, quote, encoding, _unique(columns), named)


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end >= len(sample) and error.start > len(sample) - 4  # cut in a character
    return True


def _regular(lines: list[str], mark: str) -> tuple[int, int]:
    """How many lines have the same number of fields, more than one, with this delimiter."""
    widths = Counter(map(len, csv.reader(lines, delimiter=mark)))
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
    return (count, width) if width > 1 else (0, 0)


def _quoted_by(text: str, delimiter: str, quote: str) -> bool:
    """Whether fields are quoted by a rarer quote: everywhere, and always in pairs."""
    if f"{quote}{delimiter}{quote}" not in text or text.count(quote) % 2:
        return False
    dialect = Dialect(delimiter, quote, "utf-8", (), header=False)
    return quote_positions(text.encode(), dialect) is not None


def _is_header(fields: list[str]) -> bool:
    """A header has names only: none empty, none twice, none that is a number or a time."""
    names = [field.strip() for field in fields]
    if not names or "" in names or len(set(names)) < len(names):
        return False
    return not pl.Series(names).str.contains(_NUMBER_LIKE).any()


def _unique(names: list[str]) -> tuple[str, ...]:
    """Names stripped; an empty one is called by its number, one that comes twice by both."""
    made: list[str] = []
    for number, name in enumerate((name.strip() for name in names or [""]), 1):
        wanted = name or f"column_{number}"
        made.append(wanted if wanted not in made else f"{wanted}_{number}")
    return tuple(made)


class RecordCutter:
    """Cuts delimited text into records; the result does not depend on where the pieces end.

    Attributes:
        offset: byte offset of the first byte that belongs to no record yet: where to resume.
        line: number of the line that begins there, from 1.
        mode: ``""`` until the dialect is known, then ``lines``.
        dialect: None until it is known.
    """

    def __init__(
        self,
        offset: int = 0,
        line: int = 1,
        dialect: Dialect | None = None,
        *,
        delimiter: str = "",
        header: bool | None = None,
    ) -> None:
        self.offset = offset
        self.line = line
        self.dialect = dialect
        self._wanted = delimiter, header
        self._rest = b""

    @property
    def mode(self) -> Mode:
        """How the input is laid out here."""
        return "lines" if self.dialect else ""

    def feed(self, data: bytes) -> Cut:
        """The records that are complete once ``data`` has come."""
        self._rest += data
        return self._cut(final=False)

    def finish(self, damage: str = "") -> Cut:
        """What is left at the end; with ``damage``, the last record is refused for that."""
        cut = self._cut(final=not damage)
        if damage and self._rest:
            self._add(cut, self._rest, damage)
            self._rest = b""
        return cut

    def _cut(self, *, final: bool) -> Cut:
        cut = Cut()
        if self.dialect is None and not self._begin(final=final):
            return cut
        added = final and bool(self._rest) and not self._rest.endswith(b"\n")
        if added:
            self._rest += b"\n"
        bounds = self._bounds()
        if bounds is None:
            self._cut_by_line(cut, final=final)
        else:
            start = 0
            for end in bounds.tolist():
                self._add(cut, self._rest[start : end + 1])
                start = end + 1
            self._rest = self._rest[start:]
            if self._rest and (final or self._hopeless()):
                self._cut_by_line(cut, final=final)
        if len(self._rest) > MAX_ITEM:
            self._add(cut, self._rest, f"the record has more than {MAX_ITEM:,} bytes")
            self._rest = b""
        self.offset -= added
        return cut

    def _begin(self, *, final: bool) -> bool:
        """Tell the dialect and pass over the header; whether that could be done."""
        if not self._rest or not (final or len(self._rest) >= SAMPLE):
            return False
        if self._rest.startswith(_BOM):
            self._rest, self.offset = self._rest[len(_BOM) :], self.offset + len(_BOM)
        wanted, header = self._wanted
        self.dialect = dialect_of(self._rest[:SAMPLE], delimiter=wanted, header=header)
        if self.dialect.header:
            blank = len(self._rest) - len(self._rest.lstrip(b"\r\n"))
            bounds = self._bounds()
            ends = self._newlines() if bounds is None else bounds
            ends = ends[ends >= blank]
            end = int(ends[0]) + 1 if len(ends) else len(self._rest)
            self.line += self._rest.count(b"\n", 0, end)
            self.offset += end
            self._rest = self._rest[end:]
        return True

    def _newlines(self) -> np.ndarray:
        return np.flatnonzero(np.frombuffer(self._rest, np.uint8) == _NEWLINE)

    def _bounds(self) -> np.ndarray | None:
        """Where records end; None when quotes stand where they should not."""
        assert self.dialect is not None  # noqa: S101 - callers know it
        ends = self._newlines()
        quote = self.dialect.quote.encode()
        if quote not in self._rest:
            return ends
        quotes = quote_positions(self._rest, self.dialect)
        if quotes is None:
            return None
        return np.asarray(ends[np.searchsorted(quotes, ends) % 2 == 0])

    def _hopeless(self) -> bool:
        return self._rest.count(b"\n") > _MOST_LINES

    def _cut_by_line(self, cut: Cut, *, final: bool) -> None:
        """Records of text with stray quotes: each is as many lines as close its quotes."""
        lines = [line + b"\n" for line in self._rest.split(b"\n")[:-1]]
        at = 0
        while at < len(lines):
            count = self._lines_of_record(lines, at)
            if count == 0 and not final and len(lines) - at <= _MOST_LINES:
                break
            reason = "" if count else "a quoted field of the row is not closed"
            self._add(cut, b"".join(lines[at : at + max(count, 1)]), reason)
            at += max(count, 1)
        self._rest = self._rest[sum(map(len, lines[:at])) :]

    def _lines_of_record(self, lines: list[bytes], at: int) -> int:
        """How many lines make the record that begins here; 0 when its quote is not closed."""
        assert self.dialect is not None  # noqa: S101 - callers know it
        quote = self.dialect.quote.encode()
        text = b""
        for count, line in enumerate(lines[at : at + _MOST_LINES], 1):
            text += line
            if count == 1 and quote not in line:
                return 1
            fault = closing_fault(text.decode("latin-1"), self.dialect)
            if fault != "open":
                # A quote that closes lines further down in front of text is no closing quote.
                return count if count == 1 or not fault else 0
        return 0

    def _add(self, cut: Cut, record: bytes, reason: str = "") -> None:
        text = record.rstrip(b"\r\n")
        if text or reason:
            kept = text[:KEPT_OF_LONG] if reason else text
            cut.add(kept, self.line, self.offset, "lines", reason)
        self.line += record.count(b"\n")
        self.offset += len(record)


def quote_positions(text: bytes, dialect: Dialect) -> np.ndarray | None:
    """Positions of quotes; None when one stands inside a field that is not quoted."""
    data = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(data == ord(dialect.quote))
    outside = np.isin(data, [ord(dialect.delimiter), _NEWLINE, ord("\r")])
    opening, closing = quotes[0::2], quotes[1::2]
    before = opening[opening > 0] - 1
    after = closing[closing < len(data) - 1] + 1
    fine = (outside[before] | (data[before] == ord(dialect.quote))).all() and (
        outside[after] | (data[after] == ord(dialect.quote))
    ).all()
    return quotes if fine else None


def _reader(lines: list[str], dialect: Dialect, *, strict: bool = False) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=strict)


def closing_fault(record: str, dialect: Dialect) -> str:
    """What is wrong with the quotes of a record; ``open`` if the last is not closed, '' if well."""
    try:
        next(_reader([record], dialect, strict=True), None)
    except csv.Error as error:
        return "open" if "unexpected end" in str(error) else str(error)
    return ""


Faults = dict[int, str]


def fields_of(records: list[bytes], dialect: Dialect) -> tuple[pl.DataFrame, Faults]:
    """Fields of records as columns of texts, and why some records have none.

    An empty field is null; ``""`` is an empty text. Records with a fault are rows of nulls.
    """
    texts, faults = _decoded(records, dialect.encoding)
    joined = "\n".join(texts).encode()
    width = len(dialect.columns)
    quotes = quote_positions(joined, dialect)
    if quotes is None:
        return _by_reader(texts, dialect, faults)
    counts = _widths(joined, texts, quotes, dialect)
    wrong = np.flatnonzero(counts != width)
    for at in wrong.tolist():
        faults.setdefault(at, _width_fault(int(counts[at]), width))
    for at in faults:
        texts[at] = dialect.delimiter * (width - 1) or " "
    frame = _parsed(texts, dialect)
    return _by_reader(texts, dialect, faults) if frame is None else (frame, faults)


def _parsed(texts: list[str], dialect: Dialect) -> pl.DataFrame | None:
    """Records of equal width by the column parser; None when it does not see them as they are."""
    if not texts:
        return pl.DataFrame(schema=dict.fromkeys(dialect.columns, pl.String))
    try:
        frame = pl.read_csv(
            "\n".join(texts).encode(),
            has_header=False,
            separator=dialect.delimiter,
            quote_char=dialect.quote,
            infer_schema=False,
            new_columns=list(dialect.columns),
        )
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.shape == (len(texts), len(dialect.columns)) else None


def _decoded(records: list[bytes], encoding: str) -> tuple[list[str], Faults]:
    faults: Faults = {}
    texts = []
    for at, record in enumerate(records):
        try:
            texts.append(record.decode(encoding))
        except UnicodeDecodeError as error:
            bad = record[error.start]
            name = encoding.upper()
            faults[at] = f"the row is not {name}: byte 0x{bad:02x} at byte {error.start}"
            texts.append("")
    return texts, faults


def _widths(joined: bytes, texts: list[str], quotes: np.ndarray, dialect: Dialect) -> np.ndarray:
    """Number of fields of each record."""
    data = np.frombuffer(joined, np.uint8)
    marks = np.flatnonzero(data == ord(dialect.delimiter))
    marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    ends = np.cumsum(np.fromiter((len(t.encode()) for t in texts), np.int64, len(texts)) + 1)
    return np.diff(np.searchsorted(marks, np.concatenate(([0], ends)))) + 1


def _width_fault(found: int, wanted: int) -> str:
    return f"the row has {found} {'field' if found == 1 else 'fields'}, not {wanted}"


def _by_reader(texts: list[str], dialect: Dialect, faults: Faults) -> tuple[pl.DataFrame, Faults]:
    """The same for text with stray quotes; here an empty text is null, like an empty field."""
    width = len(dialect.columns)
    rows: list[list[str | None]] = []
    for at, text in enumerate(texts):
        reader = _reader([text], dialect)
        try:
            found = next(reader, [])
        except csv.Error as error:
            faults.setdefault(at, f"the row cannot be read: {error}")
            found = []
        if len(found) != width:
            faults.setdefault(at, _width_fault(len(found), width))
        rows.append([field or None for field in found] if at not in faults else [None] * width)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(dialect.columns, pl.String), orient="row")
    return frame, faults
