"""Addresses of databases with references to the environment, and without their passwords."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from datawatch_lab.core.errors import ConfigError

REFERENCE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
"""A reference to the environment: ``${NAME}`` or ``${NAME:-default}``."""

_USER = re.compile(r"(://[^/@\s:]*):([^/\s]*)@")
_QUERY = re.compile(
    r"([?&])([^=&\s]*(?:password|secret|token|pemkey)[^=&\s]*|[^=&\s]*\.key)=([^&\s]*)",
    re.IGNORECASE,
)
_NESTED = re.compile(r"([?&][^=&\s]+=)([^&\s]*%[^&\s]*)")
_DEEPEST = 4  # addresses within addresses, and codings of one, that are looked into
_SLASHED = re.compile(r"(://[^/@\s:]*):(?!\d*[/?#])[^/@\s]*/\S*@")
"""A password with a bare slash: what follows the colon is no port."""
_CUT = re.compile(r"(://[^/@\s:]*)@[^/\s]*@")
"""What is left of a password, or of user and password, with a bare ``@``."""
_SPACE = re.compile(r"\s")
_GONE = "\0"
_WORD = re.compile(r"\b((?:ssl)?password)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)\s*")


def expand(url: str, environment: Mapping[str, str]) -> str:
    """The address with ``${NAME}`` and ``${NAME:-default}`` filled in.

    The value of a variable in the place of user or password is percent-encoded, so it may hold any
    character; elsewhere, and as the whole address, it is taken as it is.

    >>> expand("postgresql://ada:${PW}@db/shop", {"PW": "a/b@c"})
    'postgresql://ada:a%2Fb%40c@db/shop'

    Raises:
        ConfigError: a variable is not set; names it.
    """

    def value_of(found: re.Match[str]) -> str:
        value = environment.get(found[1]) or found[2]
        if value is None:
            raise ConfigError(
                f"the address asks for the environment variable {found[1]}, which is not set.",
                hint=f"Set it where the server runs: export {found[1]}=…",
            )
        before, after = url[: found.start()], url[found.end() :]
        if re.search(r"://[^/@]*$", before) and re.match(r"[^/?]*@", after):
            return quote(value, safe="")
        return value

    return REFERENCE.sub(value_of, url)


def without_password(url: str) -> str:
    """The address as it may be kept and shown: passwords go, references to the environment stay.

    >>> without_password("postgresql://ada:secret@db/shop?sslmode=require&password=x")
    'postgresql://ada@db/shop?sslmode=require'
    >>> without_password("kafka://db/shop?sasl.password=secret&ssl.key.password=x&tls=true")
    'kafka://db/shop?tls=true'
    >>> without_password("postgresql://ada:${PW}@db/shop")
    'postgresql://ada:${PW}@db/shop'
    >>> without_password("system://?redis=redis%3A%2F%2F%3Asecret%40db&every=5s")
    'system://?redis=redis://@db&every=5s'
    >>> without_password("system://?redis=redis://:secret%40db&every=5s")
    'system://?redis=redis://@db&every=5s'
    >>> without_password("host=db user=ada password='a b' dbname=shop")
    'host=db user=ada dbname=shop'
    """
    return _cleaned(url, _DEEPEST)


def _cleaned(url: str, depth: int) -> str:
    if depth and "://" in url:  # before the rest, which would cut a password there in two
        url = _NESTED.sub(lambda m: _without_nested(m, depth - 1), url)
    url = _without_user(url)
    if "://" in url:
        return _without_parameters(url)
    return _WORD.sub(lambda m: m[0] if _is_reference(m[2]) else "", url).strip()


def _without_nested(found: re.Match[str], depth: int) -> str:
    """A parameter that is itself an address, percent-encoded as a whole or in part."""
    inner = _decoded(found[2])
    if "://" not in inner:
        return found[0]
    kept = _decoded(_without_user(found[2]))  # as it is written, then as it is read
    kept = _CUT.sub(r"\1@", _cleaned(_SLASHED.sub(r"\1@", kept), depth))
    return found[0] if kept == inner else found[1] + quote(kept, safe="/:@?=,${}")


def _decoded(text: str) -> str:
    """Decoded until an address shows; its spaces stay encoded."""
    for _ in range(_DEEPEST):
        text = unquote(text)
        if "://" in text:
            break
    return _SPACE.sub(lambda m: quote(m[0]), text)


def _without_user(url: str) -> str:
    return _USER.sub(lambda m: m[0] if _is_reference(m[2]) else f"{m[1]}@", url)


def _without_parameters(url: str) -> str:
    def marked(found: re.Match[str]) -> str:
        return found[0] if _is_reference(found[3]) else f"{found[1]}{_GONE}"

    left = _QUERY.sub(marked, url).replace(f"&{_GONE}", "")
    return left.replace(f"?{_GONE}&", "?").replace(f"?{_GONE}", "")


def _is_reference(text: str) -> bool:
    return REFERENCE.fullmatch(text) is not None and ":-" not in text
