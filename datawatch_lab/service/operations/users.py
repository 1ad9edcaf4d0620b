"""Users and their API tokens, over REST; `datawatch users` does the same beside the server."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import AccessError
from datawatch_lab.core.who import Who, current_who, lesser
from datawatch_lab.engine import Engine
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.tokens import Token
from datawatch_lab.service.access.users import User, checked_role
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation


class UserAnswer(msgspec.Struct, frozen=True):
    """A user.

    Attributes:
        has_password: otherwise they come by tokens only.
        last_seen: when they last signed in with it, ISO 8601.
    """

    name: str
    role: str
    has_password: bool
    created: str | None
    last_seen: str | None


class TokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token.

    Attributes:
        id: for revoking it.
        name: what it is for.
        role: what it may do at most; never more than its user may.
        expires: ISO 8601; null for never.
        last_used: to the minute.
        token: the token itself, in the answer that made it and nowhere else.
    """

    id: str
    user: str
    name: str
    role: str
    created: str | None
    expires: str | None
    last_used: str | None
    token: str = ""


class MeAnswer(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        via: ``local``, ``owner``, ``open``, ``session``, ``token:NAME``, ``share:ID``, ``webhook``.
        plan: limits that are switched on; ``none`` for none.
    """

    name: str
    role: str
    via: str
    plan: str


@operation("GET", f"{API}/me")
def me(engine: Engine, ask: Nothing) -> MeAnswer:
    """Who asks, and what they may do."""
    del ask
    who = current_who()
    return MeAnswer(who.name, who.role, who.via, engine.settings.plan)


class PasswordAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Another password for whoever asks; in no repr.

    Attributes:
        old: the one until now.
        new: the one from now on; 10 characters or more.
    """

    old: str
    new: str

    def __repr__(self) -> str:
        return "PasswordAsk(…)"


@operation(
    "PUT",
    f"{API}/me/password",
    before=lambda _engine, _ask: None,
    secret=("old", "new"),
    asks_password=True,
)
def change_password(engine: Engine, ask: PasswordAsk) -> UserAnswer:
    """Change the own password; all sessions of the user end, this one too."""
    with _access(engine) as access:
        found = access.users.verify(current_who().name, ask.old)
        if found is None:
            raise AccessError("the old password is not right.", status=403)
        return _user(access.users.set_password(found.name, ask.new))


@operation("GET", f"{API}/users", role="admin")
def list_users(engine: Engine, ask: Nothing) -> list[UserAnswer]:
    """The users by name."""
    del ask
    with _access(engine) as access:
        return [_user(each) for each in access.users.all()]


class UserBody(msgspec.Struct, frozen=True, kw_only=True):
    """A user to be added; in no repr.

    Attributes:
        name: 1 to 64 letters, digits and . _ - + @.
        role: viewer, editor or admin.
        password: none for a user who comes by tokens only.
    """

    name: str
    role: str = "viewer"
    password: str | None = None

    def __repr__(self) -> str:
        return f"UserBody(name={self.name!r}, role={self.role!r})"


@operation("POST", f"{API}/users", role="admin", status=201)
def add_user(engine: Engine, ask: UserBody) -> UserAnswer:
    """Add a user."""
    with _access(engine) as access:
        return _user(access.users.add(ask.name, ask.role, ask.password))


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changes; in no repr.

    Attributes:
        name: of the user.
        role: another one, or none to leave it.
        password: another one, or none to leave it.
    """

    name: str
    role: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"UserChange(name={self.name!r}, role={self.role!r})"


def _named(engine: Engine, ask: UserChange | UserAsk) -> UserAnswer | None:
    """The user before a change."""
    with _access(engine) as access:
        found = access.users.named(ask.name)
        return None if found is None else _user(found)


@operation("PUT", f"{API}/users/{{name}}", role="admin", before=_named)
def change_user(engine: Engine, ask: UserChange) -> UserAnswer:
    """Give a user another role or password; both hold from the next request on."""
    with _access(engine) as access:
        return _user(access.users.change(ask.name, role=ask.role, password=ask.password))


class UserAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which user."""

    name: str


@operation("DELETE", f"{API}/users/{{name}}", role="admin", before=_named)
def remove_user(engine: Engine, ask: UserAsk) -> UserAnswer:
    """Remove a user with all tokens; their sessions are over."""
    with _access(engine) as access:
        return _user(access.users.remove(ask.name))


class TokensAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens.

    Attributes:
        user: only an admin may name another than the own; ``*`` is everybody.
    """

    user: str = ""


@operation("GET", f"{API}/tokens")
def list_tokens(engine: Engine, ask: TokensAsk) -> list[TokenAnswer]:
    """The own tokens, or for an admin those of a user or of all; without their secrets."""
    user = "" if ask.user == "*" else ask.user
    whose = _whose(current_who(), user or ("" if ask.user else current_who().name))
    with _access(engine) as access:
        return [_token(each) for each in access.tokens.all(whose or None)]


class TokenBody(msgspec.Struct, frozen=True, kw_only=True):
    """A token to be made.

    Attributes:
        user: whose; only an admin may name another than the own.
        name: what it is for.
        role: what it may do at most; as its user when none is given.
        expires: after a duration such as 90d; none for never. A token that is made with a token
            may do no more than that one, and ends no later.
    """

    user: str = ""
    name: str = ""
    role: str | None = None
    expires: str | None = None


@operation("POST", f"{API}/tokens", status=201)
def make_token(engine: Engine, ask: TokenBody) -> TokenAnswer:
    """Make an API token; its secret is in this answer only."""
    who = current_who()
    if who.via.startswith(("share:", "webhook")):
        raise AccessError("a link makes no tokens.", status=403)
    with _access(engine) as access:
        made, secret = access.tokens.make(
            _whose(who, ask.user or who.name),
            ask.name,
            role=_bounded(who, ask.role),
            expires_in=span_of(ask.expires),
            until=who.until,
        )
        return msgspec.structs.replace(_token(made), token=secret)


def _bounded(who: Who, role: str | None) -> str | None:
    """The role of a new token: one that is made with a token may do no more than that one."""
    if not who.via.startswith("token:"):
        return role
    return who.role if role is None else lesser(checked_role(role), who.role)


class TokenAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which token."""

    id: str


def _token_before(engine: Engine, ask: TokenAsk) -> TokenAnswer:
    """The token before it is revoked."""
    with _access(engine) as access:
        return _token(access.tokens.get(ask.id))


@operation("DELETE", f"{API}/tokens/{{id}}", before=_token_before)
def revoke_token(engine: Engine, ask: TokenAsk) -> TokenAnswer:
    """End one of the own tokens, or for an admin anybody's; the next request with it is refused."""
    with _access(engine) as access:
        _whose(current_who(), access.tokens.get(ask.id).user)
        return _token(access.tokens.revoke(ask.id))


def _whose(who: Who, user: str) -> str:
    """The user, where whoever asks may manage their tokens.

    Raises:
        AccessError: 403: another's tokens are for admins.
    """
    if who.role != "admin" and user.lower() != who.name.lower():
        raise AccessError("the tokens of other users are for admins.", status=403)
    return user


def span_of(text: str | None) -> timedelta | None:
    """How long, from a duration such as ``90d``; None for ever."""
    return None if text in (None, "", "never") else parse_duration(text or "")


def _access(engine: Engine) -> Access:
    return Access(engine.path, engine.clock)


def _user(user: User) -> UserAnswer:
    return UserAnswer(
        user.name, user.role, user.has_password, iso(user.created), iso(user.last_seen)
    )


def _token(token: Token) -> TokenAnswer:
    return TokenAnswer(
        token.id,
        token.user,
        token.name,
        token.role,
        iso(token.created),
        iso(token.expires),
        iso(token.last_used),
    )
