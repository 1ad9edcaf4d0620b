from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from datawatch_lab.anomaly.judge import evaluation, trials
from datawatch_lab.anomaly.judge.corpora import Series, read_corpus
from datawatch_lab.anomaly.judge.report import update_report
from datawatch_lab.cli import main
from datawatch_lab.core.errors import InputError, NotFoundError
from tests.anomaly.series import planted


def _write(folder: Path, series: Series, name: str, *, labels: bool) -> None:
    """A series as a CSV file, with a label a row or without."""
    path = folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    times = series.times.astype("datetime64[s]").astype(str)
    head = "TimeStamp,Value,Label" if labels else "timestamp,value"
    rows = [
        f"{t}Z,{x},{int(label)}" if labels else f"{t.replace('T', ' ')},{x}"
        for t, x, label in zip(times, series.values, series.labels, strict=True)
    ]
    path.write_text("\n".join([head, *rows, ""]), "utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a set of each kind, four short series each."""
    folder = tmp_path_factory.mktemp("eval")
    windows: dict[str, list[list[str]]] = {}
    for seed in range(4):
        series = planted(seed, 8_000)
        short = Series(
            series.name,
            series.times[4_000:7_000],
            series.values[4_000:7_000],
            series.labels[4_000:7_000],
        )
        _write(folder / "cloud", short, f"shop/{seed}.csv", labels=True)
        _write(folder / "nab", short, f"real/{seed}.csv", labels=False)
        ends = np.array([short.times[950], short.times[1_100]]).astype("datetime64[s]").astype(str)
        windows[f"real/{seed}.csv"] = [[f"{end.replace('T', ' ')}.000000" for end in ends]]
    windows["real/3.csv"] = []
    (folder / "nab" / "combined_windows.json").write_text(json.dumps(windows), "utf-8")
    return folder


def test_both_kinds_of_sets_are_read(data: Path) -> None:
    """Labels come from a column or from windows; times with T and Z or a blank are the same."""
    cloud, nab = read_corpus(data / "cloud"), read_corpus(data / "nab")
    assert [series.name for series in nab] == [f"real/{seed}.csv" for seed in range(4)]
    assert nab[0].windows == ((950, 1_100),)
    assert nab[0].labels.sum() == 151
    assert nab[3].windows == ()
    assert cloud[0].labels.sum() == 25
    np.testing.assert_array_equal(cloud[0].times, nab[0].times)
    np.testing.assert_array_equal(cloud[0].values, nab[0].values)


def test_a_wrong_folder_is_refused(tmp_path: Path) -> None:
    """A folder without series, or a file without its columns, is named with what is missing."""
    with pytest.raises(InputError, match="no CSV files"):
        read_corpus(tmp_path)
    (tmp_path / "x.csv").write_text("time,value\n", "utf-8")
    with pytest.raises(InputError, match=r"x\.csv: no column timestamp, label"):
        read_corpus(tmp_path)


def test_the_command_prints_its_figures_as_json(data: Path) -> None:
    """Standard output is JSON with the figures, their halves, checks and each series."""
    args = [
        "evaluate",
        "nab",
        "--data",
        str(data),
        "--detector",
        "z-score",
        "--jobs",
        "1",
        "--json",
    ]
    ran = CliRunner().invoke(main, args)
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert {"standard", "low_fp", "low_fn"} <= set(found["nab"])
    assert {"precision", "recall", "f1", "recall_at_p85", "false_alarms_per_1k"} <= set(
        found["events"]
    )
    assert found["checks"] == {"never": 0.0, "always": 0.0, "perfect": 100.0}
    assert [each["name"] for each in found["series"]] == [f"real/{n}.csv" for n in range(4)]
    assert "4/4" in ran.stderr


def test_the_default_detector_is_judged_for_people(data: Path) -> None:
    """Without --json there are sentences and a table of hits and misses; --raw judges the score."""
    args = ["evaluate", "cloud", "--data", str(data / "cloud"), "--jobs", "1", "--raw"]
    ran = CliRunner().invoke(main, args)
    assert ran.exit_code == 0, ran.output
    assert "Events: F1 " in ran.stdout
    assert "shop/3.csv" in ran.stdout


def test_a_wrong_detector_is_refused_before_it_runs(data: Path) -> None:
    """The message names the nearest detector; a detector without policy has no raw score."""
    with pytest.raises(NotFoundError, match="no detector 'metrik'; did you mean 'metric'"):
        evaluation.evaluate("nab", data, detector="metrik")
    with pytest.raises(InputError, match="'mad' has no alert policy"):
        evaluation.evaluate("nab", data, detector="mad", raw=True, jobs=1)


def _judged() -> evaluation.Evaluation:
    """An evaluation of four series of which the first two are caught, with one false alarm."""
    corpus = [planted(seed) for seed in range(4)]
    scores = [np.zeros(len(series)) for series in corpus]
    scores[0][[5_001, 100]] = 3.0
    scores[1][[6_200, 7_300]] = 2.0
    return evaluation.judge("cloud", corpus, scores)


def test_hits_and_misses_are_those_of_the_threshold() -> None:
    """Each series lists its events, which were caught, and its false alarms."""
    first, second, third, _ = _judged().series
    assert (first.caught, first.hits, first.false_rows) == ([True, False, False], [5_001], [100])
    assert (second.caught, second.false_alarms) == ([False, True, True], 0)
    assert third.caught == [False, False, False]


def test_the_interval_holds_the_figure_and_halves_are_two() -> None:
    """The bootstrap interval lies around the figure; each half has the other's threshold."""
    found = _judged()
    interval = found.events.interval
    assert interval.low <= found.events.f1 <= interval.high
    assert interval.low < interval.high
    assert len(found.halves) == 2
    assert found.halves[0].threshold == 2.0
    assert found.halves[1].threshold == 3.0


def test_a_report_replaces_its_own_section_only(tmp_path: Path) -> None:
    """Written twice it is the same; what people wrote around it stays; the picture is beside it."""
    page = tmp_path / "evaluation.md"
    page.write_text("# Evaluation\n\nBefore.\n", "utf-8")
    found = _judged()
    picture = update_report(page, found)
    once = page.read_text("utf-8")
    page.write_text(once + "\nAfter.\n", "utf-8")
    update_report(page, found)
    assert page.read_text("utf-8") == once + "\nAfter.\n"
    assert "Before." in once
    assert "| planted/0.csv | 8,000 | 1 | 2 | 1 |" in once
    assert f"](images/{picture.name})" in once
    drawn = picture.read_text("utf-8")
    assert drawn.count('fill="#2a9d5c"') == 3 + 1  # and one in the legend
    assert drawn.count('fill="#d1495b"') == 9 + 1


def test_processes_give_what_one_gives(data: Path) -> None:
    """Scores do not depend on how many processes made them."""
    corpus = read_corpus(data / "nab")[:2]
    for one, two in zip(
        trials.score_corpus(corpus, "z-score", jobs=1),
        trials.score_corpus(corpus, "z-score", jobs=2),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.soak
@pytest.mark.skipif("DATAWATCH_EVAL_DATA" not in os.environ, reason="no DATAWATCH_EVAL_DATA")
def test_the_default_detector_holds_its_figures() -> None:
    """On the labelled sets: NAB standard ≥ 68, best F1 ≥ 0.45, recall at P ≥ 0.85 ≥ 0.20."""
    folder = Path(os.environ["DATAWATCH_EVAL_DATA"])
    nab = evaluation.evaluate("nab", folder).nab
    assert nab is not None
    assert nab.standard >= 68.0
    cloud = evaluation.evaluate("cloud", folder).events
    assert cloud.f1 >= 0.45
    assert cloud.recall_at_p85 >= 0.20
