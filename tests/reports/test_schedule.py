"""Reports that run by themselves: when, once, where to, and what becomes of those that fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datawatch_lab.cli.report import _parameter
from datawatch_lab.core.alerting import ChannelSettings
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.config import Config
from datawatch_lab.core.config.reports import read_reports
from datawatch_lab.core.errors import BusyError
from datawatch_lab.core.reports import ReportRun, ReportSchedule
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine import Engine
from datawatch_lab.engine.reporting import Reporting
from datawatch_lab.engine.reporting.running import (
    RunError,
    _word,
    drop_old,
    run_in_process,
    target_of,
)
from datawatch_lab.service.operations import named
from datawatch_lab.service.reporting import apply_reports
from tests.alerts.receivers import mail_receiver
from tests.waiting import PATIENCE

SUNDAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


class Bench:
    """Reports of an engine whose clock is moved by hand; each run writes a line into its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(SUNDAY)
        self.ran: list[str] = []
        self.fault = ""
        self.open()

    def open(self) -> None:
        """Start, as a server does."""
        self.engine = Engine.open(
            self.folder / "w.duckdb", clock=self.clock, settings=Settings(timezone="Europe/Berlin")
        )
        self.reporting = self.engine.beside(Reporting)
        self.reporting.run = self._run
        self.reporting.retries = ()
        self.reporting.patience = 0.0

    def restart(self) -> None:
        """End, and start again."""
        self.engine.close()
        self.open()

    def _run(
        self, schedule: ReportSchedule, out: Path, workspace: Path, ended: threading.Event
    ) -> None:
        del schedule, workspace, ended
        self.ran.append(out.name)
        if self.fault:
            raise RunError(self.fault)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("<h1>The week</h1>", "utf-8")

    def schedule(self, **values: object) -> ReportSchedule:
        """A weekly report into this folder, configured."""
        (made,) = read_reports(
            [
                {"notebook": "a/week.ipynb", "every": "monday 08:00", "out": str(self.folder / "r")}
                | values
            ]
        )
        return made

    def runs(self) -> list[ReportRun]:
        """All runs, newest first."""
        return self.engine.store.reports.runs("week")


def content_of(mail: EmailMessage, kind: str) -> str:
    """The words of a mail in one form."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """One that is closed at the end."""
    made = Bench(tmp_path)
    yield made
    made.engine.close()


def test_a_report_runs_at_its_time_and_once(bench: Bench) -> None:
    """At eight on Monday by the clock of Berlin, not before, and not again that day."""
    bench.reporting.configure([bench.schedule()])
    assert bench.reporting.catch_up() == []
    bench.clock.set(datetime(2026, 3, 2, 6, 59, tzinfo=UTC))
    assert bench.reporting.catch_up() == []
    bench.clock.set(datetime(2026, 3, 2, 7, 0, tzinfo=UTC))
    assert [run.state for run in bench.reporting.catch_up()] == ["done"]
    bench.clock.advance(timedelta(hours=5))
    assert bench.reporting.catch_up() == []
    assert bench.ran == ["week-2026-03-02T0800.html"]
    bench.clock.set(datetime(2026, 3, 30, 6, 0, tzinfo=UTC))  # summer time by now
    assert [run.due.hour for run in bench.reporting.catch_up()] == [6]


def test_what_was_missed_is_made_up_for_by_one_run(bench: Bench) -> None:
    """Three Mondays without a server are one report, of the last of them, and no more."""
    bench.reporting.configure([bench.schedule()])
    bench.clock.advance(3 * WEEK)
    bench.restart()
    bench.reporting.configure([bench.schedule()])
    bench.reporting.catch_up()
    bench.restart()
    bench.reporting.catch_up()
    assert bench.ran == ["week-2026-03-16T0800.html"]


def test_a_new_report_has_missed_nothing(bench: Bench) -> None:
    """Neither one that is new, nor one whose times are changed, begins with the past."""
    bench.clock.advance(3 * WEEK)
    bench.reporting.configure([bench.schedule()])
    assert bench.reporting.catch_up() == []
    bench.reporting.configure([bench.schedule(every="daily 06:00")])
    assert bench.reporting.catch_up() == []


@pytest.mark.parametrize(("state", "again"), [("running", True), ("mailing", False)])
def test_a_run_that_was_cut_off(bench: Bench, state: str, again: bool) -> None:
    """It is made once more when it had made nothing, and never when it may have been mailed."""
    due = datetime(2026, 3, 2, 7, tzinfo=UTC)
    bench.reporting.configure([bench.schedule()])
    bench.clock.set(due + timedelta(minutes=1))
    cut = ReportRun(report="week", due=due, state="running", started=due)
    cut = msgspec.structs.replace(cut, state=state, out="x.html" if state == "mailing" else "")
    bench.engine.store.reports.put(cut)
    bench.restart()
    bench.reporting.catch_up()
    assert len(bench.ran) == again
    (run,) = bench.runs()
    assert (run.state, run.attempt) == (("done", 2) if again else ("cut off", 1))


def test_a_run_that_ends_the_server_is_not_made_forever(bench: Bench) -> None:
    """After the second attempt that was cut off it waits for its next time."""
    due = datetime(2026, 3, 2, 7, tzinfo=UTC)
    bench.reporting.configure([bench.schedule()])
    bench.clock.set(due + timedelta(minutes=1))
    cut = ReportRun(report="week", due=due, state="running", started=due, attempt=2)
    bench.engine.store.reports.put(cut)
    assert bench.reporting.catch_up() == []
    bench.clock.advance(WEEK)
    assert [run.attempt for run in bench.reporting.catch_up()] == [1]


def test_only_the_newest_files_are_kept(bench: Bench) -> None:
    """Older ones of the same report go; what somebody else put into the folder stays."""
    schedule = bench.schedule(keep=2)
    bench.reporting.configure([schedule])
    folder = Path(schedule.out)
    folder.mkdir()
    others = {"week-notes.html", "week-2026-01-01T0800.pdf", "weekly-2026-01-01T0800.html"}
    for name in others:
        (folder / name).touch()
    for _ in range(4):
        bench.clock.advance(WEEK)
        bench.reporting.catch_up()
    kept = {each.name for each in folder.iterdir()} - others
    assert kept == {"week-2026-03-16T0800.html", "week-2026-03-23T0800.html"}
    assert others <= {each.name for each in folder.iterdir()}
    assert drop_old(bench.schedule()) == []


def test_a_report_is_mailed_with_its_page(bench: Bench) -> None:
    """A real SMTP server gets words, HTML and the page, once; so it does when a report fails."""
    with mail_receiver() as box:
        options = {"recipients": ["x@y"], "smtp_host": "127.0.0.1", "smtp_port": box.port}
        channel = ChannelSettings(name="email", kind="email", options=options)
        schedule = bench.schedule(mail=["ada@example.org"], params={"note": "<b>"})
        bench.reporting.configure([schedule], [channel])
        bench.clock.advance(WEEK)
        (run,) = bench.reporting.catch_up()
        bench.fault = "cell 3 of 9 failed with KeyError"
        bench.clock.advance(WEEK)
        (failed,) = bench.reporting.catch_up()
    assert run.detail == "mailed to ada@example.org"
    good, bad = (message_from_bytes(each, policy=policy.default) for each in box.mails)
    assert (good["To"], good["Subject"]) == ("ada@example.org", "Report week")
    (page,) = good.iter_attachments()
    assert page.get_filename() == "week-2026-03-02T0800.html"
    assert page.get_content().strip() == "<h1>The week</h1>"
    html = content_of(good, "html")
    assert "&lt;b&gt;" in html
    assert "2026-03-09 08:00 CET" in html
    assert failed.state == "failed"
    assert bad["Subject"] == "Report week failed"
    assert "KeyError" in content_of(bad, "plain")
    assert list(bad.iter_attachments()) == []
    assert len(set(box.keys)) == 2


def test_without_a_channel_the_report_is_filed_all_the_same(bench: Bench) -> None:
    """It says that it was not mailed, and why."""
    bench.reporting.configure([bench.schedule(mail=["ada@example.org"])])
    bench.clock.advance(WEEK)
    (run,) = bench.reporting.catch_up()
    assert run.state == "done"
    assert Path(run.out).is_file()
    assert "not mailed" in run.detail
    assert "alerts.channels.email" in run.detail


def test_what_is_told_of_reports_depends_on_who_asks(bench: Bench) -> None:
    """An editor sees addresses and parameters; a viewer that there are some."""
    bench.reporting.configure([bench.schedule(mail=["ada@example.org"], params={"city": "Bonn"})])
    listing = named("reports")
    (found,) = listing.function(bench.engine, listing.ask())
    assert (found.mail, found.params, found.next) == (["ada@example.org"], {"city": "Bonn"}, None)
    with acting(Who("eve", "viewer", via="session")):
        told = msgspec.json.encode(listing.function(bench.engine, listing.ask())).decode()
    assert "ada@" not in told
    assert "Bonn" not in told


def test_a_report_runs_when_it_is_asked_for(bench: Bench) -> None:
    """Beside its times, which it does not shift; a server must run."""
    bench.reporting.configure([bench.schedule()])
    ask = named("run_report")
    with pytest.raises(ValueError, match="datawatch serve"):
        ask.function(bench.engine, ask.ask(name="week"))
    with pytest.raises(LookupError, match="week"):
        ask.function(bench.engine, ask.ask(name="weak"))
    done = threading.Event()
    bench.reporting.run = lambda *_: done.set()
    bench.reporting.start()
    ask.function(bench.engine, ask.ask(name="week"))
    assert done.wait(PATIENCE)
    bench.reporting.close()
    (run,) = bench.runs()
    assert run.asked
    (standing,) = bench.engine.beside(Reporting).standings()
    assert standing.schedule.times.after(SUNDAY, "Europe/Berlin") == datetime(
        2026, 3, 2, 7, tzinfo=UTC
    )


def test_many_that_are_asked_for_do_not_make_a_time_come_again(bench: Bench) -> None:
    """The run of its time is trimmed after a hundred others; its time stays over."""
    bench.reporting.configure([bench.schedule()])
    bench.clock.advance(timedelta(days=1))
    (run,) = bench.reporting.catch_up()
    for minute in range(101):
        asked = run.due + timedelta(minutes=minute + 1)
        bench.engine.store.reports.put(msgspec.structs.replace(run, due=asked, asked="ada"))
    assert all(each.asked for each in bench.runs())
    assert bench.reporting.catch_up() == []
    bench.reporting.configure([bench.schedule()])
    assert bench.reporting.catch_up() == []


def test_a_report_that_ends_with_the_server_is_made_once_more(bench: Bench) -> None:
    """What ends both may reach the report first: it is cut off, not failed, and nobody is told."""
    bench.reporting.configure([bench.schedule(mail=["ada@example.org"])])
    bench.clock.advance(timedelta(days=1))
    bench.fault = "Terminated"
    bench.reporting.patience = PATIENCE
    ending = threading.Thread(target=bench.reporting.close)
    made = bench.reporting.run

    def run(schedule: ReportSchedule, out: Path, workspace: Path, ended: threading.Event) -> None:
        ending.start()
        made(schedule, out, workspace, ended)

    bench.reporting.run = run
    assert [run.state for run in bench.reporting.catch_up()] == ["cut off"]
    ending.join()
    bench.fault = ""
    bench.restart()
    bench.reporting.configure([bench.schedule(mail=["ada@example.org"])])
    assert [(run.state, run.attempt) for run in bench.reporting.catch_up()] == [("done", 2)]


def test_any_other_fault_ends_the_run_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot go is passed over; a fault that nobody foresaw is a run that failed."""
    bench.reporting.configure([bench.schedule(keep=1)])
    folder = Path(bench.schedule().out)
    (folder / "week-2026-01-01T0800.html").mkdir(parents=True)  # no file: it cannot be unlinked
    bench.clock.advance(WEEK)
    assert [run.state for run in bench.reporting.catch_up()] == ["done"]
    monkeypatch.setattr("datawatch_lab.engine.reporting.stage.drop_old", lambda _: 1 / 0)
    bench.clock.advance(WEEK)
    (run,) = bench.reporting.catch_up()
    assert (run.state, run.detail) == ("failed", "ZeroDivisionError: division by zero")
    assert bench.reporting.catch_up() == []


def test_more_than_may_wait_are_refused(bench: Bench) -> None:
    """The twenty that were accepted all run; the next one is told to come again."""
    bench.reporting.configure([bench.schedule()])
    going, until = threading.Event(), threading.Event()

    def run(*_: object) -> None:
        going.set()
        until.wait(PATIENCE)

    bench.reporting.run = run
    bench.reporting.start()
    bench.reporting.ask("week", "ada")
    assert going.wait(PATIENCE)
    for _ in range(20):
        bench.reporting.ask("week", "ada")
    with pytest.raises(BusyError, match="20 reports wait"):
        bench.reporting.ask("week", "ada")
    until.set()
    bench.reporting.close()


def test_the_hour_that_comes_twice_has_two_files(bench: Bench) -> None:
    """The second has the offset in its name, and is the newer one."""
    schedule = bench.schedule(every="hourly", keep=1)
    first = datetime(2026, 10, 25, 0, tzinfo=UTC)
    names = []
    for hour in range(2):
        due = first + timedelta(hours=hour)
        run = ReportRun(report="week", due=due, state="done", started=due)
        out = target_of(schedule, run, "Europe/Berlin")
        out.parent.mkdir(exist_ok=True)
        out.touch()
        names.append(out.name)
    assert names == ["week-2026-10-25T0200.html", "week-2026-10-25T0200+0100.html"]
    assert [each.name for each in drop_old(schedule)] == names[:1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
@settings(max_examples=50)
@example(1e20)
@example(1e-7)
def test_parameters_reach_the_notebook_as_they_were(value: object) -> None:
    """The command line reads back what the server writes into it."""
    assert _parameter(f"x={_word(value)}") == ("x", value)


def test_a_process_that_fails_or_hangs_is_a_fault_that_says_so(tmp_path: Path) -> None:
    """A notebook that is not there ends with its words; one that takes too long is ended."""
    (schedule,) = read_reports([{"notebook": str(tmp_path / "no.ipynb"), "every": "hourly"}])
    never, out = threading.Event(), tmp_path / "r" / "no.html"
    with pytest.raises(RunError, match=r"no\.ipynb"):
        run_in_process(schedule, out, tmp_path / "w.duckdb", never)
    short = msgspec.structs.replace(schedule, timeout=timedelta(0))
    with pytest.raises(RunError, match="timeout"):
        run_in_process(short, out, tmp_path / "w.duckdb", never)
    never.set()
    with pytest.raises(RunError, match="the server ended"):
        run_in_process(schedule, out, tmp_path / "w.duckdb", never)
    assert not out.exists()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"every": "hourly"}, "notebook"),
        ({"notebook": "a.ipynb", "every": "sometimes"}, "no time that comes again"),
        ({"notebook": "a.ipynb", "every": "hourly", "name": "../a"}, "letters"),
        ({"notebook": "a.ipynb", "every": "hourly", "form": "doc"}, "html, pdf, ipynb"),
        ({"notebook": "a.ipynb", "every": "hourly", "mail": "a@b\nBcc: c@d"}, "address"),
        ({"notebook": "a.ipynb", "every": "hourly", "kept": 3}, "keep"),
    ],
)
def test_a_wrong_entry_is_refused(entry: dict[str, object], said: str) -> None:
    """The message names the entry, the fault and what is possible."""
    with pytest.raises(ValueError, match=r"entry 1") as error:
        read_reports([entry])
    assert said in str(error.value)


def test_what_is_mailed_waits_for_who_knows_the_channels(bench: Bench) -> None:
    """Where no configuration was read it stays due, and is no next time; by hand it is filed."""
    mailed, filed = bench.schedule(mail=["ada@example.org"]), bench.schedule(name="filed")
    with mail_receiver() as receiver:
        options = {"recipients": ["x@y"], "smtp_host": "127.0.0.1", "smtp_port": receiver.port}
        channel = ChannelSettings(name="post", kind="email", options=options)
        bench.reporting.configure([mailed, filed], [channel])
        bench.clock.advance(WEEK)
        bench.restart()  # as lab, or serve without a file
        bench.reporting.start()
        assert [run.report for run in bench.reporting.catch_up()] in ([], ["filed"])
        assert bench.runs() == []
        nexts = {each.schedule.name: each.next for each in bench.reporting.standings()}
        assert nexts["week"] is None
        assert nexts["filed"] is not None
        bench.restart()
        bench.reporting.mail_through([channel])
        (run,) = (each for each in bench.reporting.catch_up() if each.report == "week")
        assert (run.state, run.detail) == ("done", "mailed to ada@example.org")
        assert len(receiver.mails) == 1


def test_a_report_that_is_asked_for_says_why_it_is_not_mailed(bench: Bench) -> None:
    """Who asks is there to see it: it is made, and the words name what is missing."""
    bench.reporting.configure([bench.schedule(mail=["ada@example.org"])], None)
    bench.reporting._asked.append(("week", "ada"))
    (run,) = bench.reporting.catch_up()
    assert run.state == "done"
    assert "without a configuration" in run.detail


def test_a_report_that_comes_back_has_been_known(bench: Bench) -> None:
    """Without it in the configuration it neither runs nor is listed; what it missed is not lost."""
    bench.reporting.configure([bench.schedule()])
    bench.clock.advance(timedelta(days=1))
    assert len(bench.reporting.catch_up()) == 1
    bench.restart()
    bench.reporting.configure([])
    assert bench.reporting.standings() == []
    bench.clock.advance(WEEK)
    assert bench.reporting.catch_up() == []
    bench.restart()
    assert bench.reporting.standings() == []
    bench.reporting.configure([bench.schedule()])
    assert [run.due.day for run in bench.reporting.catch_up()] == [9]
    bench.reporting.configure([])
    bench.reporting.configure([bench.schedule(every="daily 06:00")])
    assert bench.reporting.catch_up() == []


def test_a_server_without_a_file_leaves_reports_as_they_are(bench: Bench) -> None:
    """It does not say which there are; one with a file does, also that there is none."""
    bench.reporting.configure([bench.schedule()])
    apply_reports(bench.engine, Config(), told=False)
    assert [each.schedule.name for each in bench.reporting.standings()] == ["week"]
    apply_reports(bench.engine, Config(), told=True)
    assert bench.reporting.standings() == []
