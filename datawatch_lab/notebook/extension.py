"""The IPython extension: ``%load_ext datawatch_lab`` gives ``%datawatch`` and ``%%datawatch``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from datawatch_lab.notebook.formatters import Formatters
from datawatch_lab.notebook.magics import MAGIC, Datawatch
from datawatch_lab.notebook.plots import Found, restore, set_up
from datawatch_lab.notebook.progress import in_kernel

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

_KEPT = "_datawatch_extension"
_FIRST = 10
"""Before IPython's own matchers, which would run what stands before a bracket."""
_KINDS = ("line", "cell")
_LINE = re.compile(rf"\s*%?{MAGIC}\s(?:.*\s)?(\S*)$")
"""The magic's line up to the cursor, with the sign and, under automagic, without."""


class Extension:
    """What was added to one shell, and what stood there before.

    Args:
        ipython: the shell.
    """

    def __init__(self, ipython: InteractiveShell) -> None:
        self.ipython = ipython
        self.magics = Datawatch(ipython)
        self.formatters = Formatters(ipython)
        self.found = Found()
        self._before: dict[str, Any] = {}

        def matcher(context: CompletionContext) -> SimpleMatcherResult:
            return self._match(context)

        self.matcher = context_matcher(priority=_FIRST, identifier=MAGIC)(
            matcher
        )  # it marks a function

    def load(self) -> None:
        """Add the magic, its completion and the formatters; in a notebook, let plots show.

        The default workspace is opened where there is one, or reached where it is served.
        """
        ipython = self.ipython
        kinds = ipython.magics_manager.magics
        self._before = {kind: kinds[kind][MAGIC] for kind in _KINDS if MAGIC in kinds[kind]}
        ipython.register_magics(self.magics)
        completer = ipython.Completer
        completer.custom_matchers = [*completer.custom_matchers, self.matcher]
        self.formatters.register()
        if in_kernel():
            self.found = set_up()
        self.magics.greet()

    def unload(self) -> None:
        """Take away what was added, and put back what stood there before.

        The workspace that the magic opened is closed, unless somebody else holds it.
        """
        for kind in _KINDS:
            known = self.ipython.magics_manager.magics[kind]
            known.pop(MAGIC, None)
            if kind in self._before:
                known[MAGIC] = self._before[kind]
        self.ipython.magics_manager.registry.pop(type(self.magics).__name__, None)
        completer = self.ipython.Completer
        completer.custom_matchers = [
            each for each in completer.custom_matchers if each is not self.matcher
        ]
        self.formatters.restore()
        restore(self.found)
        self.magics.release()

    def _match(self, context: CompletionContext) -> SimpleMatcherResult:
        if context.full_text.lstrip().startswith(f"%%{MAGIC}"):
            return self._match_cell(context)
        found = self._match_line(context)
        return found if found["completions"] else self._match_string(context)

    def _match_cell(self, context: CompletionContext) -> SimpleMatcherResult:
        """Names of the workspace at the cursor of a cell of SQL, where no Python is offered."""
        lines = context.full_text.lstrip("\n").split("\n")
        place = context.cursor_line - (context.full_text.count("\n") - len(lines) + 1)
        before = "\n".join([*lines[:place], context.text_until_cursor])
        fragment, words = self.magics.complete_cell(before, "\n".join(lines))
        return {
            "completions": [SimpleCompletion(each, type="name") for each in words],
            "matched_fragment": fragment,
            "suppress": True,
        }

    def _match_string(self, context: CompletionContext) -> SimpleMatcherResult:
        """Names of the workspace in a string of one of our calls; nothing in all other code."""
        lines = context.full_text.split("\n")[: context.cursor_line]
        before = "\n".join([*lines, context.text_until_cursor])
        fragment, words = self.magics.complete_python(before)
        if not words:
            return {"completions": []}
        return {
            "completions": [SimpleCompletion(each, type="name") for each in words],
            "matched_fragment": fragment,
            "suppress": True,
        }

    def _match_line(self, context: CompletionContext) -> SimpleMatcherResult:
        """Words that may stand at the cursor; on the magic's own line no Python is offered."""
        line = context.text_until_cursor
        found = _LINE.fullmatch(line)
        if found is None:
            return {"completions": []}
        words = [each for each in self.magics.complete(line) if each.startswith(found[1])]
        return {
            "completions": [SimpleCompletion(each, type="magic") for each in words],
            "matched_fragment": found[1],
            "suppress": True,
        }


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Called by ``%load_ext datawatch_lab``."""
    if getattr(ipython, _KEPT, None) is None:
        extension = Extension(ipython)
        extension.load()
        setattr(ipython, _KEPT, extension)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Called by ``%unload_ext datawatch_lab``."""
    extension: Extension | None = getattr(ipython, _KEPT, None)
    if extension is not None:
        delattr(ipython, _KEPT)
        extension.unload()
