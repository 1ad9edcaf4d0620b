"""The settings that a workspace was last given."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.core.settings import Settings
from datawatch_lab.store.part import Part


class SettingsStore(Part):
    """The settings that were last given; any thread may ask and write."""

    def last(self) -> Settings | None:
        """The settings that were last given; None when none ever were.

        Raises:
            WorkspaceError: they are of a release that this one does not understand. To go on with
                the defaults instead could drop what is to be kept.
        """
        with self.reading() as con:
            row = con.execute("SELECT document FROM meta.settings").fetchone()
        if row is None:
            return None
        try:
            return msgspec.json.decode(row[0], type=Settings)
        except msgspec.DecodeError as error:
            raise WorkspaceError(
                f"the settings that this workspace remembers cannot be read: {error}.",
                hint="Give them anew: datawatch serve --config FILE.",
            ) from error

    def keep(self, settings: Settings) -> None:
        """Keep these in place of those before."""
        document = msgspec.json.encode(settings).decode()
        with self.writing() as con:
            con.execute("DELETE FROM meta.settings")
            con.execute("INSERT INTO meta.settings VALUES (?)", [document])
