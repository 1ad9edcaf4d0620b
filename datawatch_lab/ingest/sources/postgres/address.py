"""Where a PostgreSQL database is and who asks, with the password out of sight."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from datawatch_lab.core.errors import InputError

_SECRETS = frozenset({"password", "sslpassword", "passfile", "sslkey", "service"})
_PASSWORD = re.compile(r"(://[^/@\s:]*):[^/\s]*@|((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)")


@dataclass(frozen=True)
class Address:
    """A database, a role and how to get there, as libpq understands it.

    Attributes:
        options: connection parameters that may be shown.
        hidden: the others; in no repr.
    """

    options: Mapping[str, str]
    hidden: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read ``postgresql://user:password@host:port/database?option=value``, or ``host=… …``.

        Raises:
            InputError: it is neither; the message does not repeat the password.
        """
        from datawatch_lab.ingest.sources.postgres.driver import psycopg2

        driver = psycopg2()
        try:
            given = driver.extensions.parse_dsn(url.replace("postgres+", "", 1))
        except driver.ProgrammingError as error:
            reason = redacted(str(error).strip(), url)
            raise InputError(
                f"{redacted(url)!r} is no address of a PostgreSQL database: {reason}.",
                hint="It looks like postgresql://user:password@host:5432/database; characters "
                "such as @ or / in a password are written %40 or %2F.",
            ) from None
        shown = {key: str(value) for key, value in given.items() if key not in _SECRETS}
        hidden = {key: str(value) for key, value in given.items() if key in _SECRETS}
        return cls(shown, hidden)

    @property
    def parameters(self) -> dict[str, str]:
        """All of it, for the driver only."""
        return {**self.options, **self.hidden}

    @property
    def name(self) -> str:
        """Host, port if it is not 5432, and database: ``postgresql:db.example/shop``."""
        host = self.options.get("host", "localhost")
        port = self.options.get("port", "5432")
        place = host if port == "5432" else f"{host}:{port}"
        database = self.options.get("dbname") or self.options.get("user") or "postgres"
        return f"postgresql:{place}/{database}"

    def __str__(self) -> str:
        user = self.options.get("user")
        return self.name.replace("postgresql:", f"postgresql://{f'{user}@' if user else ''}", 1)

    def clean(self, text: str) -> str:
        """A message of the driver or the server without anything secret."""
        return redacted(text, *self.hidden.values())


def redacted(text: str, *secrets: str) -> str:
    """The text with passwords in addresses, and these secrets, replaced by ``***``.

    >>> redacted("postgresql://ada:secret@db/shop and password='a b' host=x")
    'postgresql://ada:***@db/shop and password=*** host=x'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, redacted(secret) if "://" in secret else "***")
    return _PASSWORD.sub(lambda m: f"{m[1]}:***@" if m[1] is not None else f"{m[2]}***", text)
