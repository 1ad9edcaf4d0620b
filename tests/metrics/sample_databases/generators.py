"""Makers of sample values, by kind: what a column of a well-known database looks like in JSON.

A kind is named in the fixtures as ``kind argument …`` (``code SO#####``, ``money 1 500 2``); a
list there is a choice among its values, the first the most frequent.
"""

from __future__ import annotations

import json
import math
import random
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from tests.metrics.sample_databases import words as w

Maker: TypeAlias = Callable[[random.Random, Sequence[str]], object]

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_BASE32 = "ybndrfg8ejkmcpqxot1uwisza345h769"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def skewed(rng: random.Random, n: int) -> int:
    """A number in [0, n), small ones more often, as references to rows are."""
    return min(n - 1, int(n * rng.random() ** 1.5))


def chosen(rng: random.Random, options: Sequence[object]) -> object:
    """One of `options`, the first the most frequent."""
    weights = [1 / (i + 1) for i in range(len(options))]
    return rng.choices(options, weights)[0]


def _moment(rng: random.Random, args: Sequence[str]) -> datetime:
    start = datetime(int(args[0]), 1, 1, tzinfo=UTC)
    days = (int(args[1]) - int(args[0]) + 1) * 365
    return start + timedelta(milliseconds=rng.randrange(days * 86_400_000))


def _iso(rng: random.Random, args: Sequence[str]) -> str:
    return _moment(rng, args).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(rng: random.Random, args: Sequence[str]) -> str:
    return _moment(rng, args).isoformat(timespec="milliseconds")[:23]


def _stamp(rng: random.Random, args: Sequence[str]) -> str:
    return _moment(rng, args).isoformat(sep=" ")[:19]


def _date(rng: random.Random, args: Sequence[str]) -> str:
    return _moment(rng, args).strftime("%Y-%m-%d")


def _millis(rng: random.Random, args: Sequence[str]) -> int:
    return int(_moment(rng, args).timestamp() * 1000)


def _millis_or_zero(rng: random.Random, args: Sequence[str]) -> int:
    return _millis(rng, args) if rng.random() < float(args[2]) else 0


def _clock(rng: random.Random, args: Sequence[str]) -> str:
    return f"{rng.randrange(24):02d}:{rng.choice((0, 30)):02d}:00"


def _real(rng: random.Random, args: Sequence[str]) -> float:
    low, high = float(args[0]), float(args[1])
    if low > 0 and high / low > 100:
        return math.exp(rng.uniform(math.log(low), math.log(high)))
    return rng.uniform(low, high)


def _money(rng: random.Random, args: Sequence[str]) -> str:
    return f"{_real(rng, args):.{int(args[2])}f}"


def _number(rng: random.Random, args: Sequence[str]) -> float:
    return round(_real(rng, args), int(args[2]))


def _int(rng: random.Random, args: Sequence[str]) -> int:
    return rng.randint(int(args[0]), int(args[1]))


def _count(rng: random.Random, args: Sequence[str]) -> int:
    return int(rng.expovariate(1 / float(args[0])))


def _ref(rng: random.Random, args: Sequence[str]) -> int:
    return (int(args[1]) if len(args) > 1 else 1) + skewed(rng, int(args[0]))


def _uuid(rng: random.Random, args: Sequence[str]) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _token(rng: random.Random, args: Sequence[str]) -> str:
    return "".join(rng.choices(_BASE32, k=int(args[0])))


def _token_ref(rng: random.Random, args: Sequence[str]) -> str:
    return _token(random.Random(f"token {args[1]} {skewed(rng, int(args[1]))}"), args)


def _hex(rng: random.Random, args: Sequence[str]) -> str:
    return "".join(rng.choices("0123456789abcdef", k=int(args[0])))


def _base64(rng: random.Random, args: Sequence[str]) -> str:
    size = int(args[0]) // 4 * 4
    return "".join(rng.choices(_BASE64, k=size - 1)) + "="


def _filled(rng: random.Random, pattern: str) -> str:
    marks = {"#": "0123456789", "@": _LOWER.upper(), "~": _LOWER}
    return "".join(rng.choice(marks[c]) if c in marks else c for c in pattern).replace("%", "#")


def _code(rng: random.Random, args: Sequence[str]) -> str:
    if len(args) > 1:
        rng = random.Random(f"{args[0]} {skewed(rng, int(args[1]))}")
    return _filled(rng, args[0].replace("_", " "))


def _person(rng: random.Random, args: Sequence[str]) -> str:
    return f"{rng.choice(w.FIRST)} {rng.choice(w.LAST)}"


def _handle(rng: random.Random, args: Sequence[str]) -> str:
    return f"{rng.choice(w.FIRST)}{rng.choice(('', '.', '_'))}{rng.randrange(9999)}".lower()


def _email(rng: random.Random, args: Sequence[str]) -> str:
    host = rng.choice(("example.com", "example.org", "mail.example.net"))
    return f"{rng.choice(w.FIRST)}.{rng.choice(w.LAST)}@{host}".lower().replace("'", "")


def _company(rng: random.Random, args: Sequence[str]) -> str:
    return f"{rng.choice(w.LAST)} {rng.choice(w.NOUNS)} {rng.choice(w.COMPANY_ENDS)}"


def _phone(rng: random.Random, args: Sequence[str]) -> str:
    shapes = ("(###) 555-####", "+49 30 ########", "###-555-01##", "0#.##.##.##.##")
    return _filled(rng, args[0] if args else rng.choice(shapes))


def _street(rng: random.Random, args: Sequence[str]) -> str:
    street, number = rng.choice(w.STREETS), rng.randint(1, 9999)
    return rng.choice((f"{street} {number}", f"{number} {street}"))


def _postcode(rng: random.Random, args: Sequence[str]) -> str:
    return _filled(rng, rng.choice(("#####", "@#@ #@#", "####", "#####-###", "@@# #@@")))


def _url(rng: random.Random, args: Sequence[str]) -> str:
    return f"https://www.{rng.choice(w.NOUNS).lower()}.example/{_filled(rng, '~~~~~')}"


def _ip(rng: random.Random, args: Sequence[str]) -> str:
    return ".".join(str(rng.randint(1, 254)) for _ in range(4))


def _agent(rng: random.Random, args: Sequence[str]) -> str:
    return rng.choice(w.AGENTS)


def _title(rng: random.Random, args: Sequence[str]) -> str:
    size = rng.randint(int(args[0]), int(args[1]))
    return " ".join([*rng.choices(w.ADJECTIVES, k=size - 1), rng.choice(w.NOUNS)])


def _slug(rng: random.Random, args: Sequence[str]) -> str:
    return _title(rng, args).lower().replace(" ", args[2] if len(args) > 2 else "-")


def _prose(rng: random.Random, args: Sequence[str]) -> str:
    size = rng.randint(int(args[0]), int(args[1]))
    return " ".join(rng.choices(w.PROSE, k=size)).capitalize() + "."


def _html(rng: random.Random, args: Sequence[str]) -> str:
    return f"<p>{_prose(rng, args)}</p>\n<pre><code>{_prose(rng, args)}</code></pre>"


def _xml(rng: random.Random, args: Sequence[str]) -> str:
    kind = args[0] if args else "Survey"
    return (
        f'<{kind} xmlns="http://example.com/{kind}"><Total>{rng.randrange(9999)}</Total></{kind}>'
    )


def _object(rng: random.Random, args: Sequence[str]) -> dict[str, object]:
    whole: dict[str, object] = {"channel": rng.choice(("all", "none")), "count": rng.randrange(9)}
    if rng.random() < 0.3:
        whole["desktop"] = {"sound": rng.random() < 0.5}
    return whole


def _object_text(rng: random.Random, args: Sequence[str]) -> str:
    return "{}" if rng.random() < 0.4 else json.dumps(_object(rng, args))


def _list_text(rng: random.Random, args: Sequence[str]) -> str:
    return json.dumps([_token(rng, ["26"]) for _ in range(rng.randrange(3))])


def _features(rng: random.Random, args: Sequence[str]) -> list[str]:
    return rng.sample(args, rng.randint(1, len(args)))


def _tags(rng: random.Random, args: Sequence[str]) -> str:
    return "".join(f"<{rng.choice(w.NOUNS).lower()}>" for _ in range(rng.randint(1, 4)))


def _lexemes(rng: random.Random, args: Sequence[str]) -> str:
    return " ".join(f"'{rng.choice(w.PROSE)[:5]}':{i + 1}" for i in range(rng.randint(4, 9)))


def _file(rng: random.Random, args: Sequence[str]) -> str:
    return f"{_slug(rng, ('1', '2'))}_{rng.randrange(999)}.{rng.choice(args)}"


def _path(rng: random.Random, args: Sequence[str]) -> str:
    return f"{_date(rng, ('2021', '2023')).replace('-', '')}/teams/noteam/{_file(rng, args)}"


def _bool(rng: random.Random, args: Sequence[str]) -> bool:
    return rng.random() < float(args[0])


def _bit(rng: random.Random, args: Sequence[str]) -> int:
    return int(rng.random() < float(args[0]))


def _const(rng: random.Random, args: Sequence[str]) -> object:
    return int(args[0]) if args and args[0].lstrip("-").isdigit() else " ".join(args)


MAKERS: dict[str, Maker] = {
    "agent": _agent, "base64": _base64, "bit": _bit, "bool": _bool, "clock": _clock,
    "code": _code, "company": _company, "const": _const, "count": _count, "date": _date,
    "email": _email, "features": _features, "file": _file, "handle": _handle, "hex": _hex,
    "html": _html, "int": _int, "ip": _ip, "iso": _iso, "lexemes": _lexemes,
    "list_text": _list_text, "local": _local, "millis": _millis,
    "millis_or_zero": _millis_or_zero, "money": _money, "number": _number, "object": _object,
    "object_text": _object_text, "path": _path, "person": _person, "phone": _phone,
    "postcode": _postcode, "prose": _prose, "ref": _ref, "slug": _slug, "stamp": _stamp,
    "street": _street, "tags": _tags, "title": _title, "token": _token,
    "token_ref": _token_ref, "url": _url, "uuid": _uuid, "xml": _xml,
    "city": lambda rng, _: rng.choice(w.CITIES),
    "country": lambda rng, _: chosen(rng, w.COUNTRIES),
    "first": lambda rng, _: rng.choice(w.FIRST),
    "last": lambda rng, _: rng.choice(w.LAST),
    "region": lambda rng, _: rng.choice(w.REGIONS),
}  # fmt: skip
