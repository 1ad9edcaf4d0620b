"""Sending what a channel composed: HTTP, SMTP, Apprise. The one place of alerts with I/O.

An HTTP target is resolved once, every address it has is checked, and the connection goes to the
address that was checked: a name that means something else a moment later does not get in. Redirects
are not followed.
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from datawatch_lab.alerts.channels.base import Handed, HttpRequest, Mail, Outgoing, Several
from datawatch_lab.core.errors import InputError, MissingPackageError

TIMEOUT_SECONDS = 10.0
_RETRIED = frozenset({408, 425, 429})
_SMTPS_PORT = 465
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt.

    Attributes:
        ok: it was taken.
        retryable: whether trying again may help.
        detail: for the record, never with a secret.
        retry_after: seconds that the receiver asked for; None for nothing.
    """

    ok: bool
    detail: str
    retryable: bool = False
    retry_after: float | None = None


def send(outgoing: Outgoing, *, allow_private: bool = False) -> Outcome:
    """Send something once; never raises for what the other side does."""
    match outgoing:
        case HttpRequest():
            return _post(outgoing, allow_private=allow_private)
        case Mail():
            return _mail(outgoing)
        case Handed():
            return _hand(outgoing)
        case Several():
            return _several(outgoing, allow_private=allow_private)


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host.

    Raises:
        OSError: it has none now.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def checked_target(
    url: str, *, allow_private: bool, look: Resolve = resolve
) -> tuple[str, str, int]:
    """Scheme-checked host, one of its addresses, and the port.

    Raises:
        InputError: it is no web address, or one of this machine or network that is not allowed.
        OSError: the host has no address now.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("its address must begin with http:// or https:// and name a host.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise InputError("its address has no valid port.") from None
    addresses = look(parts.hostname, port)
    for address in addresses:
        if not allow_private and not is_public(address):
            raise InputError(
                f"{parts.hostname} is {address}, an address of this machine or network.",
                hint="Allow it with allow_private: true in the channel's configuration.",
            )
    return parts.hostname, addresses[0], port


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet.

    >>> [is_public(each) for each in ("8.8.8.8", "10.0.0.1", "127.0.0.1", "::ffff:169.254.169.254")]
    [True, False, False, False]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (mapped is None or mapped.is_global)


def _post(request: HttpRequest, *, allow_private: bool) -> Outcome:
    import httpx

    try:
        host, address, port = checked_target(request.url, allow_private=allow_private)
    except InputError as error:
        return Outcome(False, str(error))
    except OSError as error:
        return Outcome(False, f"its host has no address: {error}", retryable=True)
    url = httpx.URL(request.url)
    default = port == (443 if url.scheme == "https" else 80)
    headers = {**request.headers, "Host": host if default else f"{host}:{port}"}
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            answer = client.post(
                url.copy_with(host=address),
                content=request.body,
                headers=headers,
                follow_redirects=False,
                extensions={"sni_hostname": host},
            )
    except httpx.HTTPError as error:
        return Outcome(False, f"{type(error).__name__}: {host} cannot be reached", retryable=True)
    return _of_status(answer.status_code, answer.headers.get("Retry-After", ""))


def _several(outgoing: Several, *, allow_private: bool) -> Outcome:
    outcome = Outcome(True, "nothing is said of it there")
    for part in outgoing.parts:
        outcome = _post(part, allow_private=allow_private)
        if not outcome.ok:
            break
    return outcome


def _of_status(status: int, retry_after: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(True, f"HTTP {status}")
    if 300 <= status < 400:
        return Outcome(False, f"HTTP {status}: redirects are not followed; give the final address")
    wait = float(retry_after) if retry_after.isdecimal() else None
    again = status in _RETRIED or status >= 500
    return Outcome(False, f"HTTP {status}", retryable=again, retry_after=wait)


def _mail(mail: Mail) -> Outcome:
    context = ssl.create_default_context()
    try:
        if mail.port == _SMTPS_PORT:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                mail.host, mail.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_SECONDS)
        with server:
            server.ehlo_or_helo_if_needed()
            if mail.port != _SMTPS_PORT and server.has_extn("starttls"):
                server.starttls(context=context)
            elif mail.password and mail.port != _SMTPS_PORT:
                return Outcome(False, f"{mail.host} has no STARTTLS; a password is not sent openly")
            if mail.password:
                server.login(mail.username, mail.password)
            refused = server.send_message(mail.message, to_addrs=list(mail.recipients))
    except smtplib.SMTPAuthenticationError as error:
        return Outcome(False, f"SMTP {error.smtp_code}: the sign-in was refused")
    except smtplib.SMTPResponseException as error:
        return Outcome(False, f"SMTP {error.smtp_code}", retryable=400 <= error.smtp_code < 500)
    except (smtplib.SMTPException, OSError) as error:
        return Outcome(False, f"{type(error).__name__}: {error}"[:300], retryable=True)
    if refused:
        return Outcome(True, f"taken, but refused for {', '.join(refused)}")
    return Outcome(True, "taken")


def _hand(handed: Handed) -> Outcome:
    try:
        import apprise  # type: ignore[import-not-found,unused-ignore]  # an extra
    except ImportError:
        raise MissingPackageError(
            "channels of the kind apprise need the package apprise.",
            hint="pip install 'datawatch-lab[apprise]'",
        ) from None
    target = apprise.Apprise()
    for address in handed.addresses:
        target.add(address)
    done = bool(target.notify(title=handed.title, body=handed.text))
    return Outcome(done, "taken" if done else "Apprise could not send it", retryable=not done)
