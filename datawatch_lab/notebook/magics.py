"""The magics ``%datawatch`` and ``%%datawatch``: look at a workspace, and ask it with SQL."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Callable
from typing import Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.notebook.bound import bound_values
from datawatch_lab.notebook.completion import OPTIONS, suggest
from datawatch_lab.notebook.frames import pandas_frame, polars_frame
from datawatch_lab.notebook.hints import hints
from datawatch_lab.notebook.objects import Lab, connect
from datawatch_lab.notebook.objects import open as open_lab
from datawatch_lab.notebook.quality import Quality
from datawatch_lab.notebook.sqlplot import draw
from datawatch_lab.service.handle import default_path

MAGIC = "datawatch"
_NAME = "lab"

HELP = f"""%{MAGIC} open [PATH or URL]   open a workspace file, or reach a server
%{MAGIC} status               the workspace at a glance
%{MAGIC} tables [NAME]        tables, or the columns and roles of one
%{MAGIC} metrics [TABLE]      metrics, or those of one table
%{MAGIC} quality [TABLE]      scores of the data, and what fails
%{MAGIC} alerts [RULE]        alert rules and open alerts, or one rule
%{MAGIC} anomalies [METRIC]   what was found strange, newest first
%{MAGIC} dashboards [NAME]    dashboards, or the layout of one
%{MAGIC} schema [TABLE]       what changed in the shape of tables
%{MAGIC} forecast METRIC [HORIZON]
%{MAGIC} ledger               what became of everything received
%{MAGIC} quarantine           events that were set aside, and why
%{MAGIC} help                 this

%%{MAGIC} [--out NAME] [--plot [line|bar]] [--polars] [--limit N] [--unmasked]
SELECT …                       one query over live.*, changes.* and metrics.*; gives a data frame,
                               calls it NAME, or draws it; $x is the notebook's variable x

Without `open` it is ${{DATAWATCH_WORKSPACE}}, else ./datawatch.duckdb.
In Python it is `{_NAME}`:
  {_NAME}.tables.orders        {_NAME}.metrics["orders_amount_sum"].plot()
  {_NAME}.ledger()             {_NAME}.metrics["orders_amount_sum"].df(last="1h")"""


@magics_class
class Datawatch(Magics):
    """``%datawatch``; see `HELP`.

    The workspace is the one that the user's ``lab`` is, else the one that the magic opened, else
    the default one, which it opens.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._names: dict[str, Any] = shell.user_ns
        self._own: Lab | None = None
        self._actions: dict[str, Callable[[list[str]], Any]] = {
            "open": self._open,
            "status": self._status,
            "tables": self._tables,
            "metrics": self._metrics,
            "quality": self._quality,
            "alerts": self._alerts,
            "anomalies": self._anomalies,
            "dashboards": self._dashboards,
            "schema": self._schema,
            "forecast": self._forecast,
            "ledger": self._ledger,
            "quarantine": self._quarantine,
            "help": self._help,
        }

    @line_cell_magic
    def datawatch(self, line: str, cell: str | None = None) -> Any:
        """Look at a DataWatch workspace, or ask it with SQL; `%datawatch help` says how."""
        if cell is not None:
            return self._sql(line, cell)
        try:
            word, *rest = shlex.split(line) or ["status"]
        except ValueError as error:
            raise UsageError(f"%{MAGIC}: {line!r} cannot be read: {error}.") from None
        action = self._actions.get(word)
        if action is None:
            raise UsageError(self._unknown(word))
        try:
            return action(rest)
        except DataWatchError as error:
            raise UsageError(f"%{MAGIC} {word}: {error}") from None

    def complete(self, line: str) -> list[str]:
        """What may stand at the end of a line: subcommands, tables, or tables with metrics.

        Nothing is opened for it; names come from a workspace that is open.
        """
        words = line.lstrip().split(" ")
        before = [each for each in words[1:-1] if each]
        if not before:
            return list(self._actions)
        lab = self._found()
        if lab is None or len(before) > 1:
            return []
        names = lab.names
        offers: dict[str, Callable[[], list[str]]] = {
            "tables": names.tables,
            "quality": names.tables,
            "schema": names.tables,
            "metrics": lambda: [*names.tables(), *names.metrics()],
            "forecast": names.metrics,
            "anomalies": names.metrics,
            "dashboards": names.dashboards,
            "alerts": names.alert_rules,
        }
        ask = offers.get(before[0])
        return ask() if ask else []

    def complete_python(self, before: str) -> tuple[str, list[str]]:
        """The fragment at the cursor in Python, and what may stand in that string of ours."""
        return hints(before, self._names, self._found())

    def greet(self) -> None:
        """Open the default workspace where there is one; say why when that cannot be."""
        if self._found() is not None or not default_path().exists():
            return
        try:
            self._take(open_lab(create=False))
        except DataWatchError as error:
            print(error)  # noqa: T201 — loading goes on, and the user is told

    def release(self) -> None:
        """Close what the magic opened, and take its name away again."""
        if self._own is not None:
            if self._names.get(_NAME) is self._own:
                del self._names[_NAME]
            self._own.close()
            self._own = None

    # --------------------------------------------------------------------- SQL

    def _sql(self, line: str, cell: str) -> Any:
        """Run a cell of SQL; a data frame, or None when it was given a name."""
        how = _read_options(line)
        try:
            values = bound_values(cell, self._names)
            answer = self._lab().workspace.sql(
                cell, how.limit, masked=not how.unmasked, parameters=values
            )
        except DataWatchError as error:
            raise UsageError(f"%%{MAGIC}: {error}") from None
        frame = polars_frame(answer) if how.polars else pandas_frame(answer)
        if answer.truncated and how.limit is None:
            print(f"Cut at {answer.limit}; there is more.")  # noqa: T201 — the user is told
        if how.name is not None:
            self._names[how.name] = frame
        if how.plot is not None:
            try:
                return draw(pandas_frame(answer), how.plot)
            except DataWatchError as error:
                raise UsageError(f"%%{MAGIC}: {error}") from None
        return frame if how.name is None else None

    def complete_cell(self, before: str, whole: str) -> tuple[str, list[str]]:
        """The fragment at the cursor of a cell of SQL, and what may stand there.

        Args:
            before: the cell up to the cursor, its first line included.
            whole: the cell.
        """
        first, newline, rest = before.partition("\n")
        if not newline:
            fragment = first.rpartition(" ")[2]
            return fragment, [each for each in OPTIONS if each.startswith(fragment)]
        lab = self._found()
        if lab is None:
            return "", []
        return suggest(rest, whole.partition("\n")[2], lab.names)

    # --------------------------------------------------------------------- subcommands

    def _open(self, rest: list[str]) -> Lab:
        _at_most(1, rest, "open")
        where = rest[0] if rest else None
        self.release()
        return self._take(connect(where) if where and "://" in where else open_lab(where))

    def _take(self, lab: Lab) -> Lab:
        self._own = lab
        lab.names.warm()
        self._name_it(lab)
        return lab

    def _status(self, rest: list[str]) -> Any:
        _at_most(0, rest, "status")
        return self._lab().status

    def _tables(self, rest: list[str]) -> Any:
        _at_most(1, rest, "tables")
        lab = self._lab()
        return lab.table(rest[0]) if rest else lab.tables

    def _metrics(self, rest: list[str]) -> Any:
        _at_most(1, rest, "metrics")
        lab = self._lab()
        if not rest:
            return lab.metrics
        return lab.metrics[rest[0]] if rest[0] in lab.metrics else lab.metrics.of(rest[0])

    def _quality(self, rest: list[str]) -> Any:
        _at_most(1, rest, "quality")
        lab = self._lab()
        if not rest:
            return lab.quality
        lab.table(rest[0])
        return Quality(lab.workspace, table=rest[0])

    def _alerts(self, rest: list[str]) -> Any:
        alerts = self._lab().alerts()
        return alerts.rule(" ".join(rest)) if rest else alerts

    def _anomalies(self, rest: list[str]) -> Any:
        _at_most(1, rest, "anomalies")
        lab = self._lab()
        return lab.anomalies(metric=lab.metric(rest[0]).name) if rest else lab.anomalies()

    def _dashboards(self, rest: list[str]) -> Any:
        lab = self._lab()
        return lab.dashboard(" ".join(rest)) if rest else lab.dashboards()

    def _schema(self, rest: list[str]) -> Any:
        _at_most(1, rest, "schema")
        schema = self._lab().schema
        return schema.history(rest[0]) if rest else schema

    def _forecast(self, rest: list[str]) -> Any:
        if not rest:
            raise UsageError(f"%{MAGIC} forecast takes a metric, and how far ahead, such as 1h.")
        _at_most(2, rest, "forecast")
        return self._lab().metric(rest[0]).forecast(*rest[1:])

    def _ledger(self, rest: list[str]) -> Any:
        _at_most(0, rest, "ledger")
        return self._lab().ledger()

    def _quarantine(self, rest: list[str]) -> Any:
        _at_most(0, rest, "quarantine")
        return self._lab().quarantine()

    def _help(self, rest: list[str]) -> None:
        del rest
        print(HELP)  # noqa: T201 — help is text, in a notebook too

    # --------------------------------------------------------------------- which workspace

    def _found(self) -> Lab | None:
        """A workspace that is open: the user's own, called ``lab`` or the only one, or the magic's.

        One that the user opened goes before the one that the magic did.
        """
        named = self._names.get(_NAME)
        if isinstance(named, Lab) and not named.closed and named is not self._own:
            return named
        others = {
            id(each): each
            for each in list(self._names.values())
            if isinstance(each, Lab) and not each.closed and each is not self._own
        }
        if len(others) == 1:
            return next(iter(others.values()))
        return None if self._own is None or self._own.closed else self._own

    def _lab(self) -> Lab:
        found = self._found()
        return self._take(open_lab(create=False)) if found is None else found

    def _name_it(self, lab: Lab) -> None:
        known = self._names.get(_NAME)
        if known is None or (isinstance(known, Lab) and known.closed):
            self._names[_NAME] = lab
        if self._names[_NAME] is lab:
            said = f"Opened {lab.place} as `{_NAME}`."
        else:
            said = f"Opened {lab.place}. `{_NAME}` is something else of yours and stays so."
        print(said)  # noqa: T201 — the user is told which name was set

    def _unknown(self, word: str) -> str:
        near = difflib.get_close_matches(word, self._actions, n=1, cutoff=0.5)
        guess = f"; did you mean {near[0]!r}?" if near else "."
        return f"%{MAGIC}: no subcommand {word!r}{guess} There are: {', '.join(self._actions)}."


def _at_most(most: int, rest: list[str], word: str) -> None:
    if len(rest) > most:
        wanted = ("takes no argument", "takes one argument at most")[min(most, 1)]
        wanted = wanted if most < 2 else f"takes {most} arguments at most"
        raise UsageError(f"%{MAGIC} {word} {wanted}; got {' '.join(rest)!r}.")


class _Options(argparse.ArgumentParser):
    """Options of ``%%datawatch``; what is wrong with them is said without ending the program."""

    def error(self, message: str) -> NoReturn:
        """Refuse the line."""
        raise UsageError(f"%%{MAGIC}: {message}. See `%{MAGIC} help`.")


def _read_options(line: str) -> argparse.Namespace:
    parser = _Options(prog=f"%%{MAGIC}", add_help=False)
    parser.add_argument("said", nargs="?")
    parser.add_argument("--out", dest="name")
    parser.add_argument("--plot", nargs="?", const="", choices=("", "line", "bar"))
    parser.add_argument("--polars", action="store_true")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--unmasked", action="store_true")
    try:
        found = parser.parse_args(shlex.split(line))
    except ValueError as error:
        raise UsageError(f"%%{MAGIC}: {line!r} cannot be read: {error}.") from None
    if found.plot is not None and found.said in ("line", "bar"):
        found.said, found.plot = None, found.said
    found.name = found.name or found.said
    if found.name is not None and not found.name.isidentifier():
        raise UsageError(f"%%{MAGIC}: {found.name!r} is no name that Python knows.")
    return found
