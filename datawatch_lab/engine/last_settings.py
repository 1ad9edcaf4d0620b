"""The settings that an engine works with: those given to it, else those last given.

What is dropped by age, which values are masked and how rows are told apart follow from settings. So
who opens a workspace without naming any, a notebook or another verb of the command line, must not
go by defaults that its owner had changed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from datawatch_lab.core.errors import ConfigError, DataWatchError
from datawatch_lab.core.plans import within
from datawatch_lab.core.settings import Settings
from datawatch_lab.store.duck import DuckStore

log = logging.getLogger(__name__)


class LastSettings:
    """The settings of a workspace, remembered when they are given.

    Args:
        store: of the workspace.
        given: all settings; None for those that the workspace remembers, else the defaults.
        changed: single ones beside these, by name.

    Attributes:
        chosen: what holds from now on, with an archive that does not depend on the folder that a
            process was started in.

    Raises:
        ConfigError: those that are given are wrong; they are not remembered.
        WorkspaceError: none are given, and those that it remembers cannot be read.
    """

    def __init__(
        self, store: DuckStore, given: Settings | None, changed: Mapping[str, object]
    ) -> None:
        self._store = store
        last = store.settings.last() if given is None else None
        chosen = msgspec.structs.replace(given or last or Settings(), **changed)
        if chosen.archive:
            archive = str(Path(chosen.archive).absolute())
            chosen = msgspec.structs.replace(chosen, archive=archive)
        self.chosen = chosen
        self._is_due = given is not None or bool(changed)
        if self._is_due:
            _check(chosen)
        self.remember()

    def remember(self) -> None:
        """Store them where they are not yet; a disk that is full is a line of the log.

        An engine starts on a full disk too: to keep less may be what it is started for. It is tried
        once more when it ends.
        """
        if not self._is_due:
            return
        try:
            if self._stored() != self.chosen:
                self._store.settings.keep(self.chosen)
        except DataWatchError as error:
            log.warning("the settings could not be remembered: %s", error)
        else:
            self._is_due = False

    def _stored(self) -> Settings | None:
        """What is remembered; None also where it cannot be understood, and is replaced."""
        try:
            return self._store.settings.last()
        except DataWatchError:
            return None


def _check(settings: Settings) -> None:
    """Refuse what could not be read again, or that nobody could work with: it would be remembered.

    Raises:
        ConfigError: a value is of the wrong type, or there is no such time zone or plan.
    """
    try:
        msgspec.json.decode(msgspec.json.encode(settings), type=Settings)
        ZoneInfo(settings.timezone)
    except ZoneInfoNotFoundError as error:
        hint = "Use an IANA name, such as Europe/Berlin."
        raise ConfigError(f"timezone: {settings.timezone!r} is not known.", hint=hint) from error
    except (TypeError, ValueError) as error:  # msgspec's errors are these, too
        raise ConfigError(f"the settings are wrong: {error}.") from error
    within(settings)
