"""The signature of a Savegress webhook.

``X-Savegress-Signature: sha256=<hex>`` is the HMAC-SHA256 of the body as it was sent (packed, when
it was packed), and ``X-Savegress-Timestamp`` the time of sending: Unix seconds or milliseconds, or
ISO 8601. The signature does not cover the time, so the window stops what is sent again as it was;
what is sent again under a new time is made of events that are known already, and counts as
duplicates.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.errors import AccessError

SIGNATURE = "X-Savegress-Signature"
TIMESTAMP = "X-Savegress-Timestamp"
_SCHEME = "sha256="
_MILLISECONDS_FROM = 10**11
_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True)
class Webhook:
    """Checks deliveries.

    Attributes:
        secret: that both sides know; not in its repr.
        window: how far the time of sending may be from now, either way.
        clock: tells now.
    """

    secret: str = field(repr=False)
    window: timedelta = _WINDOW
    clock: Clock = field(default_factory=SystemClock)

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Refuse a delivery before its body is read.

        Raises:
            AccessError: 401; names the header that is missing or wrong.
        """
        given = headers.get(SIGNATURE, "")
        if not given:
            raise _refused(f"the header {SIGNATURE} is missing.")
        if not given.startswith(_SCHEME) or len(given) != len(_SCHEME) + 64:
            raise _refused(f"{SIGNATURE} is not of the form sha256=<64 hex digits>.")
        text = headers.get(TIMESTAMP, "")
        if not text:
            raise _refused(f"the header {TIMESTAMP} is missing.")
        moment = read_timestamp(text)
        if moment is None:
            raise _refused(f"{TIMESTAMP} is neither a Unix time nor ISO 8601.")
        if abs(self.clock.now() - moment) > self.window:
            seconds = int(self.window.total_seconds())
            raise _refused(f"{TIMESTAMP} is more than {seconds} s from now: sent again, or late.")

    def check_body(self, headers: Mapping[str, str], body: bytes) -> None:
        """Refuse a body that was not signed with the secret, in constant time.

        Raises:
            AccessError: 401.
        """
        wanted = sign(self.secret, body)
        if not hmac.compare_digest(headers.get(SIGNATURE, "").lower().encode(), wanted.encode()):
            raise _refused(f"{SIGNATURE} does not fit the body.")


def sign(secret: str, body: bytes) -> str:
    """The signature of a body.

    >>> sign("secret", b"{}")[:15]
    'sha256=77325902'
    """
    return _SCHEME + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def read_timestamp(text: str) -> datetime | None:
    """A time of sending; None when it is none.

    >>> read_timestamp("1767225600"), read_timestamp("2026-01-01T00:00:00Z")
    (datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
     datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))
    """
    plain = text.strip()
    try:
        if plain.isascii() and plain.isdecimal():
            number = int(plain)
            seconds = number / 1_000 if number >= _MILLISECONDS_FROM else number
            return datetime.fromtimestamp(seconds, tz=UTC)
        found = datetime.fromisoformat(plain)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _refused(message: str) -> AccessError:
    return AccessError(
        message,
        hint="Deliveries are signed with the secret of `server.webhook_secret`; other senders "
        "use a token.",
    )
