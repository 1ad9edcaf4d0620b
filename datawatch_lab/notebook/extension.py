"""``%load_ext datawatch_lab``: the magic ``%datawatch``, its completion, inline plots."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class

from datawatch_lab.notebook.inline import prepare_output
from datawatch_lab.notebook.listings import metric_listing
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.objects import open as open_lab

COMMANDS = ("status", "tables", "metrics", "ledger", "quarantine", "open", "close")
_MAGIC = "datawatch"
_VARIABLE = "lab"


@magics_class
class DataWatchMagics(Magics):
    """The line magic; it opens the workspace when it is first needed."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell=shell)
        self.kernel = shell
        self.found = shell.find_line_magic(_MAGIC)  # type: ignore[no-untyped-call]
        self.lab: Lab | None = None

    @line_magic
    def datawatch(self, line: str) -> Any:
        """``%datawatch [status|tables|metrics [TEXT]|ledger|quarantine|open PATH|close]``.

        Uses the variable ``lab`` if it is a workspace, else opens ``DATAWATCH_WORKSPACE`` or
        ``./datawatch.duckdb`` and calls it ``lab``.
        """
        command, _, rest = line.strip().partition(" ")
        command, rest = command or "status", rest.strip()
        if command not in COMMANDS:
            raise UsageError(
                f"%datawatch: no command {command!r}. Commands: {', '.join(COMMANDS)}."
            )
        if command == "open":
            return self.open(rest or None)
        if command == "close":
            return self.close()
        lab = self.current()
        if command == "metrics" and rest:
            return metric_listing(lab.workspace, search=rest)
        shown = getattr(lab, command)
        return shown() if command in ("ledger", "quarantine") else shown

    def current(self) -> Lab:
        """The workspace in use, opened when there is none; looking creates no file."""
        named = self.kernel.user_ns.get(_VARIABLE)
        if isinstance(named, Lab):
            return named
        return self.lab or self.open(None, create=False)

    def open(self, path: str | None, *, create: bool = True) -> Lab:
        """Open a workspace and call it ``lab``, unless that name means something else."""
        self.close()
        self.lab = open_lab(path, create=create)
        if not isinstance(self.kernel.user_ns.get(_VARIABLE), Lab | type(None)):
            return self.lab
        self.kernel.user_ns[_VARIABLE] = self.lab
        return self.lab

    def close(self) -> None:
        """Let go of the workspace that the magic opened."""
        if self.lab is not None:
            self.lab.close()
            if self.kernel.user_ns.get(_VARIABLE) is self.lab:
                del self.kernel.user_ns[_VARIABLE]
        self.lab = None

    def complete(self, _shell: InteractiveShell, event: Any) -> list[str]:
        """Words that may come next."""
        words = event.line.split()[1:]
        if len(words) > 1 or (words and event.line.endswith(" ")):
            return []
        return [each for each in COMMANDS if each.startswith(words[0] if words else "")]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magic and its completion; make plots show inline."""
    if isinstance(shell.magics_manager.registry.get(DataWatchMagics.__name__), DataWatchMagics):
        return
    magics = DataWatchMagics(shell)
    shell.register_magics(magics)
    shell.set_hook(  # type: ignore[no-untyped-call]
        "complete_command", magics.complete, str_key=f"%{_MAGIC}"
    )
    prepare_output()


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magic and its completion away, restore what was there, close what was opened."""
    magics = shell.magics_manager.registry.pop(DataWatchMagics.__name__, None)
    if not isinstance(magics, DataWatchMagics):
        return
    magics.close()
    lines = shell.magics_manager.magics["line"]
    lines.pop(_MAGIC, None)
    if magics.found is not None:
        lines[_MAGIC] = magics.found
    hooks = shell.strdispatchers.get("complete_command")
    if hooks is not None:
        hooks.strs.pop(f"%{_MAGIC}", None)
