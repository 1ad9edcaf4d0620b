"""Which fields are personal or secret; they are masked in displays unless a user says otherwise."""

from __future__ import annotations

from functools import lru_cache

from datawatch_lab.core.values import Role
from datawatch_lab.metrics import lexicon, shapes
from datawatch_lab.metrics.evidence import FieldEvidence
from datawatch_lab.metrics.hints import Hint
from datawatch_lab.metrics.naming import tokens

_SOME = 0.5
_SHOWS = (shapes.EMAIL, shapes.IP, shapes.TOKEN)


def is_sensitive(field: FieldEvidence, hint: Hint, role: Role, table: str) -> bool:
    """Whether a field identifies a person or opens a door.

    E-mail, phone, postal and network addresses, names of persons, dates of birth, numbers of
    identity papers, cards and accounts, passwords, tokens and keys. Flags and times *about* such a
    thing (``email_verified``, ``password_changed_at``) are not.
    """
    if hint.has(lexicon.BIRTH):
        return role in (Role.TIMESTAMP, Role.TEXT)
    if role is Role.TEXT or role is Role.JSON:
        return _text(field, hint, table)
    if role is Role.ID:
        return _identity(field, hint)
    if role is Role.STATUS:
        return _text(field, hint, table) and not hint.has(frozenset({"type", "status", "method"}))
    return role is Role.NUMERIC and hint.has(lexicon.SECRETS - {"tokens", "token"})


def _text(field: FieldEvidence, hint: Hint, table: str) -> bool:
    if any(shapes.share(field.shapes, shape) >= _SOME for shape in _SHOWS):
        return True
    if hint.is_secret or hint.has(
        lexicon.IDENTITY_NUMBERS - {"license", "tax", "social", "insurance"}
    ):
        return True
    if _is_person_name(hint, table) or _is_card(field, hint):
        return True
    if not hint.has(lexicon.CONTACTS):
        return False
    return hint.head not in ("type", "status", "provider", "template", "subject", "count", "domain")


def _is_person_name(hint: Hint, table: str) -> bool:
    if hint.has(lexicon.PERSON_NAMES):
        return True
    if hint.head not in ("name", "names", "nombre"):
        return False
    whose = tuple(word for word in hint.words[:-1] if word != "display")  # how, and not whose
    return whose[-1] in lexicon.NAME_OF_PERSON if whose else is_person_table(table)


@lru_cache(maxsize=1024)
def is_person_table(table: str) -> bool:
    """Whether the rows of a table are persons, by its name."""
    return bool(set(tokens(table)) & lexicon.PERSON_TABLES)


def _is_card(field: FieldEvidence, hint: Hint) -> bool:
    if shapes.share(field.shapes, shapes.CARD) >= _SOME and hint.role is not Role.ID:
        return True
    number = ("number", "no", "num", "pan", "ccn", "digits", "last", "four", "nummer", "last4")
    return hint.has(lexicon.CARDS) and (hint.head in number or len(hint.words) == 1)


def _identity(field: FieldEvidence, hint: Hint) -> bool:
    """Ids that mean a person outside of this database."""
    papers = hint.has(lexicon.IDENTITY_NUMBERS)
    account = (
        hint.has(frozenset({"account", "routing", "konto"})) and hint.head in lexicon.NUMBER_HEADS
    )
    device = hint.head in ("imei", "imsi", "msisdn", "mac", "iban")
    shown = any(shapes.share(field.shapes, shape) >= _SOME for shape in _SHOWS)
    return papers or account or device or shown or hint.is_secret
