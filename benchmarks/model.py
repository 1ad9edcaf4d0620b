"""What a scenario is: figures, parts that are measured in child processes, and their samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Better = Literal["higher", "lower"]


class UnmeasurableError(Exception):
    """A part cannot be measured here; the message is the reason that the results give."""


@dataclass(frozen=True)
class Figure:
    """A number that a scenario gives.

    Attributes:
        name: unique among all scenarios; the key in the JSON.
        unit: of its value.
        better: which way is better.
    """

    name: str
    unit: str
    better: Better


@dataclass(frozen=True)
class Context:
    """What one run of a part is given.

    Attributes:
        folder: empty, its own, deleted after the run.
        cache: shared by all parts of one invocation; what `Scenario.prepare` makes is kept in it.
        quick: long scenarios are to be scaled down.
        scale: in (0, 1]; size of long scenarios when it is not quick.
        kills: how often to kill, for the scenario that does.
    """

    folder: Path
    cache: Path
    quick: bool = False
    scale: float = 1.0
    kills: int = 50

    def size(self, full: int, quick: int) -> int:
        """A count of a long scenario: ``full`` times the scale, or ``quick``."""
        return quick if self.quick else max(round(full * self.scale), min(quick, full))


@dataclass(frozen=True)
class Sample:
    """What one run of one part gave.

    Attributes:
        values: by name of figure.
        against: by name of figure, where a part times its own baseline along the way.
        cpu_seconds: user and system, of the measured stretch.
        memory_bytes: peak resident memory of the process under test.
        file_bytes: the workspace on disk at the end.
        details: further numbers and words, JSON-serialisable.
        fault: why the values do not count; '' when they do.
        attempted: how many there were to succeed at, where a value counts successes.
    """

    values: Mapping[str, float]
    against: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    fault: str = ""
    attempted: float | None = None


Part = Callable[[Context], Sample]


def _as_is(context: Context) -> str:
    """Nothing is scaled."""
    return ""


@dataclass(frozen=True)
class Scenario:
    """One thing that is measured.

    Attributes:
        name: on the command line.
        about: one sentence.
        figures: what it gives; the first is the one in its name.
        subject: measures the product.
        baseline: measures what it is set against, with values of the same names; or None.
        against: what the ratio is to, in words; '' for nothing.
        prepare: makes what both parts read, in ``cache``; runs once an invocation.
        scaled: says what it does in place of the full size; '' at full size.
        runs: how often each part is measured at most.
        seconds: after which a run of a part is given up.
        needs: modules that the baseline imports and that may be missing.
    """

    name: str
    about: str
    figures: tuple[Figure, ...]
    subject: Part
    baseline: Part | None = None
    against: str = ""
    prepare: Callable[[Context], None] | None = None
    scaled: Callable[[Context], str] = _as_is
    runs: int = 5
    seconds: float = 900.0
    needs: tuple[str, ...] = ()


def of_size(full: int, quick: int, what: str) -> Callable[[Context], str]:
    """The sentence of `Scenario.scaled` for a scenario with one size."""

    def scaled(context: Context) -> str:
        size = context.size(full, quick)
        return "" if size == full else f"{size:,} {what} instead of {full:,}"

    return scaled
