"""The sections ``reports`` and ``objectives``: what runs by itself, and what should hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datawatch_lab.core.config.readers import check_known, decoded, duration, switch, texts
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.objectives import Objective, read_objective
from datawatch_lab.core.recurring import read_recurring
from datawatch_lab.core.reports import FORMS, NAME, ReportSchedule

_FIELDS = tuple(ReportSchedule.__struct_fields__)


def read_objectives(given: object) -> tuple[Objective, ...]:
    """Objectives of the configuration: texts or sections, or their JSON text.

    >>> read_objectives(["quality: dq_score >= 95%, 99%"])[0].name
    'quality'

    Raises:
        ValueError: one cannot be read; says which and why.
    """
    found = tuple(_objective(each) for each in _list(given, "objectives"))
    _check_names([each.name for each in found])
    return found


def _objective(given: object) -> Objective:
    try:
        return read_objective(given)
    except DataWatchError as error:
        raise ValueError(str(error)) from None


def read_reports(given: object) -> tuple[ReportSchedule, ...]:
    """Reports that run by themselves, from a list of sections, or its JSON text.

    >>> read_reports([{"name": "week", "notebook": "week.ipynb", "every": "monday 8:00"}])[0].form
    'html'

    Raises:
        ValueError: an entry cannot be read; names it, the fault and the options.
    """
    found = tuple(_report(number, each) for number, each in enumerate(_list(given, "reports"), 1))
    _check_names([each.name for each in found])
    return found


def _list(given: object, what: str) -> Sequence[object]:
    section = decoded(given)
    if isinstance(section, str) or not isinstance(section, Sequence):
        raise ValueError(f"it must be a list of {what}")  # noqa: TRY004 — read as a bad value
    return section


def _check_names(names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two entries have the name {twice!r}")


def _report(number: int, given: object) -> ReportSchedule:
    where = f"entry {number}"
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must hold notebook and every")  # noqa: TRY004 — as above
    check_known(where, given, _FIELDS)
    notebook = _text(where, given, "notebook")
    every = _text(where, given, "every")
    try:
        read_recurring(every)
        timeout = duration(given["timeout"]) if "timeout" in given else None
    except DataWatchError as error:
        raise ValueError(f"{where}: {error}") from None
    values: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
    for name in ("mail_failures", "code", "enabled"):
        values |= {name: switch(given[name])} if name in given else {}
    return ReportSchedule(
        name=_name(where, given.get("name") or notebook.rpartition("/")[2].removesuffix(".ipynb")),
        notebook=notebook,
        every=every,
        params=_params(where, given.get("params") or {}),
        out=str(given.get("out") or "reports"),
        form=_form(where, given.get("form", "html")),
        keep=_keep(where, given.get("keep", 0)),
        mail=read_addresses(where, given.get("mail") or ()),
        **values,
    )


def _text(where: str, given: Mapping[Any, Any], name: str) -> str:
    found = given.get(name)
    if not isinstance(found, str) or not found.strip():
        raise ValueError(f"{where} needs {name}, a text")
    return found.strip()


def _name(where: str, given: object) -> str:
    name = str(given)
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{where}: name is {name!r}; it is made of up to 64 letters, digits, dots and hyphens"
        )
    return name


def _params(where: str, given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: params holds a value by name")  # noqa: TRY004 — as above
    return {str(name): value for name, value in given.items()}


def _form(where: str, given: object) -> str:
    form = str(given).lower().removeprefix(".")
    if form not in FORMS:
        raise ValueError(f"{where}: form must be one of {', '.join(FORMS)}")
    return form


def _keep(where: str, given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ValueError(f"{where}: keep is a number of files, 0 for all")
    return given


def read_addresses(where: str, given: object) -> tuple[str, ...]:
    """Addresses of a mail.

    Raises:
        ValueError: one is none; says which.
    """
    found = texts(given, "addresses")
    wrong = next((each for each in found if "@" not in each or set(each) & set("\r\n,;")), None)
    if wrong is not None:
        raise ValueError(f"{where}: {wrong!r} is no address such as ops@example.org")
    return found
