"""The harness of the benchmarks: what it says when something was measured, and when it was not."""

from __future__ import annotations

import doctest
import importlib
import io
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import child, compare, ingesting, results, running, scenarios
from benchmarks.events import Maker, Mix, read_truth, write_events
from benchmarks.loopback import percentile
from benchmarks.model import Context, Figure, Sample, Scenario, UnmeasurableError, of_size
from benchmarks.targets import TARGETS, reaches

ROOT = Path(__file__).resolve().parents[1]
KEYS = {"value", "unit", "ratio", "against", "must", "goal", "held"}
SPEED = Figure("ingest_4_tables", "events/s", "higher")
DELAY = Figure("visible", "ms", "lower")


def _scenario(**how: Any) -> Scenario:
    def part(context: Context) -> Sample:
        return Sample({"tiny": 2.0}, details={"folder": str(context.folder)})

    given_ = {"name": "tiny", "about": "A tiny thing.", "subject": part, **how}
    return Scenario(figures=(Figure("tiny", "s", "lower"),), **given_)


Parts = dict[str, Callable[[], Sample | None]]


def _here(parts: Parts) -> Callable[..., Sample | None]:
    """In place of the function that starts a process for a part."""

    def run(scenario: Scenario, part: str, *rest: object) -> Sample | None:
        return parts[part]()

    return run


def _always(scenario: Scenario) -> Callable[[str], Scenario]:
    """In place of the one that finds a scenario by name."""

    def named(name: str) -> Scenario:
        return scenario

    return named


def _empty(context: Context) -> Sample:
    return Sample({})


def _silent(line: str) -> None:
    """Say nothing of progress."""


def _run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scenario: Scenario, parts: Parts) -> Any:
    """Results of a scenario whose parts run here rather than in processes."""
    monkeypatch.setattr(running, "_part", _here(parts))
    context = Context(folder=tmp_path, cache=tmp_path, quick=True)
    return running.run([scenario], context, _silent)["tiny"]


def _unmeasurable() -> Sample:
    raise UnmeasurableError("no such thing here")


# ------------------------------------------------------------------ as a user runs it


def test_a_run_prints_json_and_nothing_else() -> None:
    """`run NAME --quick --json -` gives one entry a figure on standard output, and exits with 0."""
    command = [sys.executable, "-m", "benchmarks", "run", "import_time", "--quick", "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"import_time", "import_time_help"}
    for each in found.values():
        assert set(each) >= KEYS
        assert each["value"] > 0
        assert each["ratio"] > 0
        assert isinstance(each["held"], bool)
        assert (each["must"], each["goal"]) == tuple(
            getattr(TARGETS["import_time" if each["must"] == 0.3 else "import_time_help"], name)
            for name in ("must", "goal")
        )


def test_an_unknown_scenario_is_wrong_usage() -> None:
    """A name that does not exist is refused with the nearest, and status 2."""
    command = [sys.executable, "-m", "benchmarks", "run", "import_tim"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "did you mean 'import_time'?" in done.stderr


def test_every_scenario_is_listed_and_every_target_measured() -> None:
    """Each file is a scenario of its name, figures are unique, and each target belongs to one."""
    files = {path.stem for path in (ROOT / "benchmarks" / "scenarios").glob("[!_]*.py")}
    assert set(scenarios.NAMES) == files
    figures = [
        figure.name for name in scenarios.NAMES for figure in scenarios.scenario_named(name).figures
    ]
    assert max(Counter(figures).values()) == 1
    assert set(TARGETS) <= set(figures)
    for name in scenarios.NAMES:
        found = scenarios.scenario_named(name)
        assert (found.name, found.figures[0].name) == (name, name)


def test_every_scenario_is_explained() -> None:
    """benchmarks/README.md names each figure."""
    text = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    missing = [
        figure.name
        for name in scenarios.NAMES
        for figure in scenarios.scenario_named(name).figures
        if f"`{figure.name}`" not in text
    ]
    assert not missing


@pytest.mark.parametrize("module", ["results", "targets", "loopback", "compare"])
def test_doctests_of_the_harness(module: str) -> None:
    """Examples in docstrings print what they say."""
    assert doctest.testmod(importlib.import_module(f"benchmarks.{module}")).failed == 0


# ------------------------------------------------------------------ what is said of a run


def test_a_part_runs_in_a_process_and_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The child reads its context from standard input and writes the sample to the given file."""
    monkeypatch.setattr(scenarios, "scenario_named", _always(_scenario()))
    context = Context(folder=tmp_path / "own", cache=tmp_path, quick=True, kills=3)
    answer = _child(monkeypatch, tmp_path, context)
    assert answer["values"] == {"tiny": 2.0}
    assert answer["details"] == {"folder": str(tmp_path / "own")}
    assert Sample(**answer).values == {"tiny": 2.0}
    assert not capsys.readouterr().out


def _child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, context: Context) -> Any:
    out = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["child", "tiny", "subject", str(out)])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(child.plain_of(context))))
    monkeypatch.setattr(child, "keep_to_cores", lambda: None)
    child.main()
    return json.loads(out.read_text())


def test_a_missing_library_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A baseline whose library is not installed says which, rather than failing."""

    def part(context: Context) -> Sample:
        importlib.import_module("a_library_that_is_not_there")
        return Sample({})

    scenario = _scenario(subject=part, needs=("a_library_that_is_not_there",))
    monkeypatch.setattr(scenarios, "scenario_named", _always(scenario))
    answer = _child(monkeypatch, tmp_path, Context(tmp_path, tmp_path))
    assert answer["reason"].startswith("the package a_library_that_is_not_there is not installed")


def test_a_value_without_its_baseline_is_not_held(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The product's own value stays, the ratio is missing, the reason says why."""
    parts: Parts = {"subject": lambda: Sample({"tiny": 2.0}), "baseline": _unmeasurable}
    found = _run(monkeypatch, tmp_path, _scenario(baseline=_empty), parts)
    assert (found.value, found.ratio, found.held) == (2.0, None, False)
    assert found.reason == "no baseline: no such thing here"


def test_what_cannot_be_measured_is_not_held(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a value there is a reason, and nothing is held."""
    found = _run(monkeypatch, tmp_path, _scenario(), {"subject": _unmeasurable})
    assert (found.value, found.held, found.reason) == (None, False, "no such thing here")


def test_a_value_that_does_not_count_is_not_held(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fast run that lost something is no success."""
    sample = Sample({"tiny": 0.1}, fault="3 of 4 events applied")
    found = _run(monkeypatch, tmp_path, _scenario(), {"subject": lambda: sample})
    assert (found.value, found.held, found.reason) == (0.1, False, "3 of 4 events applied")


def test_the_product_and_its_baseline_take_turns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Runs are interleaved, the first place alternates, and quick runs are three."""
    order: list[str] = []

    def noted(part: str) -> Callable[[], Sample]:
        def run() -> Sample:
            order.append(part)
            return Sample({"tiny": float(len(order))})

        return run

    parts: Parts = {part: noted(part) for part in ("subject", "baseline")}
    found = _run(monkeypatch, tmp_path, _scenario(baseline=_empty), parts)
    assert order == ["subject", "baseline", "baseline", "subject", "subject", "baseline"]
    assert (found.runs, found.value, found.least, found.most) == (3, 4.0, 1.0, 5.0)


def test_a_scenario_there_is_no_time_for_is_skipped(tmp_path: Path) -> None:
    """When the minute is over, what is left is not held and says so."""
    context = Context(folder=tmp_path, cache=tmp_path, quick=True)
    found = running.run([_scenario()], context, _silent, seconds=0.0)["tiny"]
    assert (found.value, found.held) == (None, False)
    assert "minute" in found.reason


def test_a_part_that_fails_gives_its_last_words(tmp_path: Path) -> None:
    """A child that cannot run is a reason, not the end of the run."""
    context = Context(folder=tmp_path, cache=tmp_path, quick=True)
    found = running.run([_scenario(name="not_there")], context, _silent)["tiny"]
    assert not found.held
    assert "not_there" in found.reason
    assert list(tmp_path.iterdir()) == []


def test_what_is_scaled_says_so() -> None:
    """Quick and scaled sizes are named beside the full one; the full size is not."""
    scaled = of_size(1_000, 50, "events")
    folder = Path()
    assert scaled(Context(folder, folder, quick=True)) == "50 events instead of 1,000"
    assert scaled(Context(folder, folder, scale=0.2)) == "200 events instead of 1,000"
    assert scaled(Context(folder, folder)) == ""


NUMBERS = st.floats(0.001, 1e9)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=7))
def test_value_and_ratio_are_medians(runs: list[tuple[float, float]]) -> None:
    """The value is the median of the runs, the ratio the median of the runs' own ratios."""
    pairs = [(Sample({SPEED.name: own}), Sample({SPEED.name: other})) for own, other in runs]
    found = results.result_of(SPEED, pairs)
    ratio = median(own / other for own, other in runs)
    assert found.value == pytest.approx(median(own for own, _ in runs), rel=1e-3)
    assert found.ratio == pytest.approx(ratio, rel=1e-3)
    assert found.held == (ratio >= TARGETS[SPEED.name].must)
    assert json.loads(json.dumps(found.plain()))["runs"] == len(runs)


@pytest.mark.parametrize(("value", "held", "reached"), [(140, 1, 1), (400, 1, 0), (600, 0, 0)])
def test_must_and_goal_of_a_value(value: float, held: int, reached: int) -> None:
    """The must decides whether it is held; the goal is told apart."""
    found = results.result_of(DELAY, [(Sample({DELAY.name: value}), None)])
    assert (found.held, found.reached) == (bool(held), bool(reached))


def test_a_ratio_timed_along_the_way() -> None:
    """A part that times its own baseline needs no second one."""
    sample = Sample({DELAY.name: 30.0}, {DELAY.name: 10.0})
    assert results.result_of(DELAY, [(sample, None)]).ratio == 3.0


def test_successes_are_counted_among_attempts() -> None:
    """Three kills survived of three hold; three of four, or a fault, do not."""
    assert reaches(50, 3, "higher", 3)
    assert not reaches(50, 3, "higher", 4)
    assert not reaches(50, 49, "higher", 60)
    assert not reaches(50, None, "higher", 3)


@given(st.lists(NUMBERS, min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_are_values_that_occurred(values: list[float], share: float) -> None:
    """Nearest rank: at least that share of the values is not above it, and no smaller one does."""
    values.sort()
    found = percentile(values, share)
    assert found in values
    assert sum(each <= found for each in values) >= math.ceil(share * len(values) - 1e-9)
    assert sum(each < found for each in values) < math.ceil(share * len(values) - 1e-9)


# ------------------------------------------------------------------ comparing


def _result(value: float | None, ratio: float | None = None, **more: Any) -> dict[str, Any]:
    return {"value": value, "ratio": ratio, "unit": "s", "better": "higher", **more}


def test_a_comparison_goes_by_ratios() -> None:
    """A slower machine changes the value; only the ratio says whether the code got better."""
    change = compare.comparison({"a": _result(100, 0.2)}, {"a": _result(60, 0.3)})["a"]
    assert (change["change"], change["ratio_change"], change["better"]) == (-0.4, 0.5, True)


@pytest.mark.parametrize(
    ("way", "after", "better"),
    [("higher", 120, True), ("higher", 80, False), ("lower", 80, True), ("lower", 102, None)],
)
def test_what_is_better_depends_on_the_figure(way: str, after: float, better: object) -> None:
    """More is better for speeds, less for times; within 5 % nothing is said."""
    old, new = _result(100, better=way), _result(after, better=way)
    assert compare.comparison({"a": old}, {"a": new})["a"]["better"] is better


def test_a_comparison_names_what_differs() -> None:
    """Other sizes, missing figures and faults are told; nothing is made up for them."""
    before = {"a": _result(1, scaled=""), "gone": _result(1)}
    after = {"a": _result(1, scaled="half"), "new": _result(None, reason="no disk")}
    found = compare.comparison(before, after)
    assert found["a"]["differs"] == "sizes: full / half"
    assert found["gone"]["differs"] == found["new"]["differs"] == "only in one of them"
    assert found["new"]["change"] is None
    assert "only in one of them" in compare.comparison_table(found)


def test_results_are_found_by_file_or_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is read; the first digits of a commit name the results that were kept of it."""
    monkeypatch.setattr(compare, "RESULTS", tmp_path)
    for commit in ("abc123", "abd456"):
        (tmp_path / f"{commit}.json").write_text(json.dumps({commit: _result(1)}))
    assert set(compare.load(str(tmp_path / "abc123.json"))) == {"abc123"}
    assert set(compare.load("abd")) == {"abd456"}
    with pytest.raises(SystemExit, match="several results"):
        compare.load("ab")
    with pytest.raises(SystemExit, match=r"no results of it. Kept: abc123, abd456"):
        compare.load("ffff")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SystemExit, match="not results"):
        compare.load(str(tmp_path / "list.json"))


def test_the_table_has_a_line_a_figure() -> None:
    """The table for people names each figure, its must, and why it is not held."""
    found = results.result_of(SPEED, [], reason="no time", scaled="half").plain()
    heading, line = results.table({SPEED.name: found}).splitlines()
    assert heading.split()[:3] == ["name", "value", "unit"]
    assert {"ingest_4_tables", "0.25×", "0.6×", "NO"} <= set(line.split())
    assert line.endswith("no time; half")


# ------------------------------------------------------------------ the events


MIXES = st.builds(
    Mix,
    kind=st.sampled_from(["shop", "eight", "wide"]),
    tables=st.sampled_from([1, 4, 30]),
    updates=st.sampled_from([0.0, 0.3, 0.8]),
    deletes=st.sampled_from([0.0, 0.15]),
    before=st.booleans(),
    seed=st.integers(0, 99),
)


@given(mix=MIXES, count=st.integers(1, 600))
@settings(max_examples=25, deadline=None)
def test_the_truth_about_a_file_is_the_truth(mix: Mix, count: int) -> None:
    """Folding the events one by one gives what the maker says; the same seed, the same bytes."""
    maker = Maker(mix)
    lines = list(maker.lines(count))
    assert lines == list(Maker(mix).lines(count))
    events = [json.loads(line) for line in lines]
    assert len({each["id"] for each in events}) == count
    rows: dict[str, dict[int, Any]] = {}
    cents: Counter[str] = Counter()
    for event in events:
        table = rows.setdefault(event["table"], {})
        old, new = event.get("before"), event.get("after")
        if old:
            stored = table.pop(old["id"])
            assert {
                name: stored[name] for name in ("id", "amount", "status")
            }.items() <= old.items()
        if new:
            table[new["id"]] = new
        if event["operation"] == "INSERT":
            cents[event["table"]] += round(float(new["amount"]) * 100)
    assert maker.truth.total == count
    assert {table: len(each) for table, each in rows.items()} == {
        table: found for table, found in maker.truth.rows.items() if table in rows
    }
    assert cents == Counter(maker.truth.cents)


def test_an_insert_has_the_size_that_is_stated() -> None:
    """The events of `ingest_4_tables` are 495 bytes, save for updates and deletes."""
    sizes = [len(line.rstrip()) for line in Maker(Mix()).lines(2_000) if b'"INSERT"' in line]
    assert set(sizes) == {495}


def test_an_ingest_is_checked_against_the_truth(tmp_path: Path) -> None:
    """A run counts only when ledger, rows and sums are those of the file."""
    file = tmp_path / "few.ndjson"
    truth = write_events(file, 1_500, Mix(tables=2, updates=0.3, deletes=0.1))
    assert read_truth(file) == truth
    (tmp_path / "own").mkdir()
    context = Context(folder=tmp_path / "own", cache=tmp_path, quick=True)
    sample = ingesting.ingest(context, "few", file)
    assert sample.fault == ""
    assert sample.values["few"] > 0
    assert sample.file_bytes
    assert _fault(tmp_path, truth.rows, "orders", "rows instead of")
    assert _fault(tmp_path, truth.cents, "payments", "cents instead of")
    assert _fault(tmp_path, truth.events, "orders", "events applied")


def _fault(tmp_path: Path, part: dict[str, int], table: str, words: str) -> bool:
    """Whether a truth that is off by one is told apart from what the workspace says."""
    from datawatch_lab.service.handle import open_workspace

    truth = read_truth(tmp_path / "few.ndjson")
    name = next(each for each in ("rows", "cents", "events") if getattr(truth, each) == part)
    getattr(truth, name)[table] += 1
    with open_workspace(tmp_path / "own" / "bench.duckdb") as lab:
        return words in ingesting.difference(lab, truth)
