"""Addresses of servers, with the secrets out of sight: what MySQL, Kafka and Redis share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from datawatch_lab.core.errors import InputError

_URL = re.compile(
    r"(?P<scheme>[a-z+]+)://(?:(?P<who>.*)@)?(?P<hosts>[^/?@]*)(?:/(?P<path>[^?]*))?(?:\?(?P<more>.*))?"
)
_HOST = re.compile(r"(?P<host>\[[^\]]+\]|[^:]*)(?::(?P<port>\d{1,5}))?")
_SECRET = re.compile(r"password|secret|token|pemkey|\.key$", re.IGNORECASE)
_IN_TEXT = re.compile(r"(://[^/@\s:]*):[^/\s]*@")
_IN_QUERY = re.compile(
    r"([?&][^=&\s]*(?:password|secret|token|pemkey|\.key)[^=&\s]*=)[^&\s]*", re.IGNORECASE
)


@dataclass(frozen=True)
class Scheme:
    """How addresses of one kind of server look.

    Attributes:
        names: schemes that mean it; the first is the one that is shown.
        port: where it listens unless the address says.
        product: for messages.
        example: an address.
    """

    names: Sequence[str]
    port: int
    product: str
    example: str


@dataclass(frozen=True)
class Endpoint:
    """A server, or several of one cluster, and who asks.

    Attributes:
        kind: what sort of address it is.
        scheme: as it was given.
        hosts: host and port of each.
        user: '' for none.
        password: '' for none; in no repr.
        path: behind the hosts, without the slash.
        options: the rest that may be shown.
        hidden: options that are secrets; in no repr.
    """

    kind: Scheme
    scheme: str
    hosts: Sequence[tuple[str, int]]
    user: str
    password: str = field(repr=False)
    path: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str, kind: Scheme) -> Endpoint:
        """Read ``scheme://user:password@host:port,host:port/path?option=value``.

        Raises:
            InputError: it is none; the message does not repeat the password.
        """
        found = _URL.fullmatch(url.strip())
        hosts = [_HOST.fullmatch(each) for each in (found["hosts"] if found else "").split(",")]
        if found is None or found["scheme"] not in kind.names or not all(hosts):
            raise InputError(
                f"{_masked(url)!r} is no address of {kind.product}.",
                hint=f"It looks like {kind.example}; characters such as @ or / in a password are "
                "written %40 or %2F.",
            )
        user, _, password = (found["who"] or "").partition(":")
        given = dict(parse_qsl(found["more"] or "", keep_blank_values=True))
        return cls(
            kind=kind,
            scheme=found["scheme"],
            hosts=[
                (each["host"].strip("[]") or "localhost", int(each["port"] or kind.port))
                for each in hosts
                if each
            ],
            user=unquote(user),
            password=unquote(password),
            path=unquote(found["path"] or ""),
            options={key: value for key, value in given.items() if not _SECRET.search(key)},
            hidden={key: value for key, value in given.items() if _SECRET.search(key)},
        )

    @property
    def place(self) -> str:
        """Hosts, with their ports where those are not the usual ones."""
        return ",".join(
            host if port == self.kind.port else f"{host}:{port}" for host, port in self.hosts
        )

    @property
    def name(self) -> str:
        """Name of a source of it: ``mysql:db.example/shop``."""
        path = f"/{self.path}" if self.path else ""
        return f"{self.kind.names[0]}:{self.place}{path}"

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{self.place}{f'/{self.path}' if self.path else ''}"

    def clean(self, text: str) -> str:
        """A message of a driver or a server without anything secret, in one line."""
        for secret in sorted(filter(None, (self.password, *self.hidden.values())), key=len)[::-1]:
            text = text.replace(secret, "***")
        return " ".join(_masked(text).split())


def _masked(text: str) -> str:
    """A text with what looks like the secrets of an address left out."""
    return _IN_QUERY.sub(r"\1***", _IN_TEXT.sub(_hidden, text))


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}:***@"
