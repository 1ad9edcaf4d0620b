"""Reports of the configuration, handed to the engine of a workspace; and mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from datawatch_lab.core.config.alerts import channels_of
from datawatch_lab.core.errors import DataWatchError

if TYPE_CHECKING:
    from datawatch_lab.core.config.keys import Config
    from datawatch_lab.core.reports import ReportSchedule
    from datawatch_lab.engine import Engine


class MailError(DataWatchError):
    """A report could not be mailed; the message says why, never with a password."""

    code = "mail_failed"


def apply_reports(engine: Engine, config: Config, *, told: bool = True) -> None:
    """Take the reports of the configuration; `start_reports` lets them run.

    Args:
        engine: of the workspace.
        config: as it was read.
        told: whether there is a file that says which reports there are. Without one, those that the
            workspace knows stay, and of the environment counts what it names.
    """
    from datawatch_lab.engine.reporting import Reporting

    reporting, channels = engine.beside(Reporting), channels_of(config.channels)
    if told or config.reports:
        reporting.configure(config.reports, channels)
    elif channels:
        reporting.mail_through(channels)


def schedule_reports(engine: Engine, reports: Sequence[ReportSchedule]) -> None:
    """Keep these reports in place of all, where no configuration says which; nobody is mailed."""
    from datawatch_lab.engine.reporting import Reporting

    engine.beside(Reporting).configure(reports, None)


def start_reports(engine: Engine) -> None:
    """Run reports by themselves from now on; their notebooks reach the workspace by its server."""
    from datawatch_lab.engine.reporting import Reporting

    engine.beside(Reporting).start()


def end_reports(engine: Engine) -> None:
    """Run no more reports, while what runs can still reach the workspace: it is cut off."""
    from datawatch_lab.engine.reporting import Reporting

    engine.beside(Reporting).close()


def mail_report(
    config: Config, title: str, page: Path, to: Sequence[str], rows: Mapping[str, str]
) -> str:
    """Mail a report through the channel of the kind email; gives what became of it, in words.

    Args:
        config: whose channels there are.
        title: of the report.
        page: the file.
        to: addresses.
        rows: what else is said, by name.

    Raises:
        InputError: there is no such channel.
        MailError: the server did not take it.
    """
    from datawatch_lab.engine.reporting.mail import Letter, channel_of, mail, told

    channel = channel_of(channels_of(config.channels))
    now = datetime.now(UTC)
    letter = Letter(title=title, made=now, page=page, rows=rows, key=f"{page} {now.isoformat()}")
    outcome = mail(letter, channel, to)
    if not outcome.ok:
        raise MailError(f"{page.name} is written, but was not mailed: {outcome.detail}.")
    return told(to, outcome)
