"""What a figure came to, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.model import Better, Figure, Sample
from benchmarks.targets import TARGETS, reaches


@dataclass(frozen=True)
class Result:
    """What a figure came to.

    Attributes:
        value: median over the runs; None when it was not measured.
        unit: of the value.
        ratio: median over the runs of value to baseline; None when there is no baseline.
        against: what the ratio is to, in words.
        must, goal: see `targets.Target`; None without a target.
        of: what they are about, ``value`` or ``ratio``.
        held: it was measured, and the must was reached where there is one.
        reached: the goal was reached; None without a target.
        reason: why it was not measured, or does not count.
        scaled: what was done in place of the full size; '' at full size.
        better: ``higher`` or ``lower``.
        runs, least, most: how many runs, and between which values.
        baseline: median of what the baseline gave, in the unit of the value.
        cpu_seconds, memory_mb, file_mb: medians of the runs.
        load: average of the last minute at the end; the machine had other work when it is high.
        details: of the median run.
    """

    value: float | None
    unit: str
    ratio: float | None
    against: str
    must: float | None
    goal: float | None
    of: str
    held: bool
    better: Better
    reached: bool | None = None
    reason: str = ""
    scaled: str = ""
    runs: int = 0
    least: float | None = None
    most: float | None = None
    baseline: float | None = None
    cpu_seconds: float | None = None
    memory_mb: float | None = None
    file_mb: float | None = None
    load: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


Pair = tuple[Sample, Sample | None]
"""A run of the product and the run of its baseline beside it."""


def result_of(
    figure: Figure,
    pairs: Sequence[Pair],
    *,
    against: str = "",
    reason: str = "",
    scaled: str = "",
    load: float | None = None,
) -> Result:
    """Make one result of the runs of a figure; without runs, or with a fault, it is not held."""
    target = TARGETS.get(figure.name)
    usable = [pair for pair in pairs if figure.name in pair[0].values]
    values = [pair[0].values[figure.name] for pair in usable]
    value = median(values) if values else None
    others = [(pair, other) for pair in usable if (other := _baseline(figure.name, pair))]
    ratio = (
        median(pair[0].values[figure.name] / other for pair, other in others) if others else None
    )
    reason = reason or next((pair[0].fault for pair in usable if pair[0].fault), "")
    if not values and not reason:
        reason = "it was not measured"
    found = ratio if target and target.of == "ratio" else value
    attempted = max((pair[0].attempted or 0 for pair in usable), default=0) or None
    typical = _typical(usable, values)
    return Result(
        value=_short(value),
        unit=figure.unit,
        ratio=_short(ratio),
        against=against,
        must=target.must if target else None,
        goal=target.goal if target else None,
        of=target.of if target else "value",
        held=not reason
        and (target is None or reaches(target.must, found, figure.better, attempted)),
        reached=None if target is None else reaches(target.goal, found, figure.better),
        better=figure.better,
        reason=reason,
        scaled=scaled,
        runs=len(values),
        least=_short(min(values, default=None)),
        most=_short(max(values, default=None)),
        baseline=_short(median(other for _, other in others)) if others else None,
        cpu_seconds=_short(_median(pair[0].cpu_seconds for pair in usable)),
        memory_mb=_megabytes(_median(pair[0].memory_bytes for pair in usable)),
        file_mb=_megabytes(_median(pair[0].file_bytes for pair in usable)),
        load=_short(load),
        details=typical.details if typical else {},
    )


def _baseline(name: str, pair: Pair) -> float | None:
    """What the value stands against: timed along the way, or by the part beside it."""
    own, beside = pair
    return own.against.get(name) or (beside.values.get(name) if beside else None)


def _typical(usable: Sequence[Pair], values: Sequence[float]) -> Sample | None:
    order = sorted(range(len(values)), key=lambda place: values[place])
    return usable[order[(len(order) - 1) // 2]][0] if order else None


def _median(found: Any) -> float | None:
    known = [each for each in found if each is not None]
    return median(known) if known else None


def _megabytes(size: float | None) -> float | None:
    return None if size is None else _short(size / 1e6)


def _short(number: float | None) -> float | None:
    """Four significant digits: more would be noise."""
    return None if number is None else float(f"{number:.4g}")


HEADINGS = (
    *("name", "value", "unit", "ratio", "against", "must", "goal", "held"),
    *("memory", "CPU s", "file", "note"),
)


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The results for people: one line a figure."""
    rows = [HEADINGS, *(_row(name, each) for name, each in results.items())]
    return "\n".join(aligned(rows))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words in columns, numbers to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(_is_number(word) for word in column[1:]) for column in columns]
    return [
        "  ".join(
            word.rjust(width) if right else word.ljust(width)
            for word, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_number(word: str) -> bool:
    return word == "–" or word.lstrip("+-")[:1].isdigit()


def _row(name: str, result: Mapping[str, Any]) -> tuple[str, ...]:
    mark = "×" if result["of"] == "ratio" else ""
    return (
        name,
        number(result["value"]),
        result["unit"],
        number(result["ratio"], "×"),
        result["against"] if result["ratio"] is not None else "–",
        number(result["must"], mark),
        number(result["goal"], mark),
        "yes" if result["held"] else "NO",
        number(result["memory_mb"], " MB"),
        number(result["cpu_seconds"]),
        number(result["file_mb"], " MB"),
        "; ".join(part for part in (result["reason"], result["scaled"]) if part),
    )


def number(value: float | None, mark: str = "") -> str:
    """A number for people, – for none.

    >>> number(81234.0), number(0.2512, "×"), number(None), number(12.0)
    ('81,234', '0.251×', '–', '12')
    """
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return text + mark
