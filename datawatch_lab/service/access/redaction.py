"""What may be kept of a request: everything but its secrets, and not more than fits a line."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from datawatch_lab.core.addresses import without_password
from datawatch_lab.service.access.tokens import PREFIX

HIDDEN = "…"
_SECRET = re.compile(
    r"pass(?:word|wd|phrase)?$|secret|token$|api_?key|private_?key|authorization|credential|cookie"
    r"|signature|webhook_url|service_key",
    re.IGNORECASE,
)
_TOKEN = re.compile(rf"\b{PREFIX}[\w-]{{20,}}")
_LINK = re.compile(r"([?&;](?:share|token)=)[^&;\s\"'<>#\\]+", re.IGNORECASE)
_LONGEST = 16_384
_TEXT = 2_000
_ITEMS = 50


def redacted(value: object) -> Any:
    """A value as plain JSON values, without secrets; long lists and texts are cut.

    >>> redacted({"url": "postgresql://ada:pw@db/shop", "password": "x", "limit": 3})
    {'url': 'postgresql://ada@db/shop', 'password': '…', 'limit': 3}
    >>> redacted("/d/shop?share=WyJhIl0.x&embed=1")
    '/d/shop?share=…&embed=1'
    """
    return _without(msgspec.to_builtins(value, enc_hook=str))


def as_text(value: object) -> str | None:
    """A value as redacted JSON text of at most 16 kB; None for None."""
    if value is None:
        return None
    text = msgspec.json.encode(redacted(value)).decode()
    if len(text) <= _LONGEST:
        return text
    return msgspec.json.encode({"cut": len(text), "begins": text[:_TEXT]}).decode()


def without_links(text: str) -> str:
    """A text, or JSON text, without the tokens of the links in it."""
    return _LINK.sub(rf"\1{HIDDEN}", text)


def _without(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: HIDDEN if _hides(key, each) else _without(each) for key, each in value.items()
            }
        case list() if len(value) > _ITEMS:
            return [*map(_without, value[:_ITEMS]), f"{HIDDEN} and {len(value) - _ITEMS} more"]
        case list():
            return [_without(each) for each in value]
        case str():
            return _short(value[: 2 * _TEXT])
        case _:
            return value


def _short(text: str) -> str:
    """A text without the secrets that are known by their form, then cut."""
    text = without_password(text) if "://" in text else text
    text = without_links(_TOKEN.sub(HIDDEN, text))
    return text if len(text) <= _TEXT else text[:_TEXT] + HIDDEN


def _hides(key: object, value: object) -> bool:
    """Whether what stands under a key is a secret; a flag or nothing is none."""
    return value not in (None, "", True, False) and bool(_SECRET.search(str(key)))
