"""The driver's eye on a job: what is foreign among the reports, or cannot be read, ends no work."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from rephrase.engines.vllm.server_folder import make_private
from rephrase.errors import UserError
from rephrase.live.figures import ExecutorFigures, Totals, WorkerFigures
from rephrase.spark.runtime.hearing import Hearing
from rephrase.spark.runtime.machine_folder import MachineFolder
from rephrase.spark.runtime.task_reports import Reports
from rephrase.spark.runtime.watch import Watch


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "generations" / "_run-0123456789ab" / "reports"


def watch(reports: Path) -> Watch:
    return Watch(Reports(str(reports)), "searching", None, lambda: "", 30.0)


@pytest.mark.parametrize("report", [b"", b"\xff", b"[1]", b"null", b'{"a": 1}', b"[[], []]"])
def test_a_foreign_report_of_a_start_ends_no_work(reports: Path, report: bytes) -> None:
    watching = watch(reports)
    (reports / "starting-a").write_bytes(report)
    (reports / "figures-a").write_bytes(report)
    assert watching.look(at_once=True) is None


def test_a_foreign_report_of_an_error_is_told_as_that(reports: Path) -> None:
    watching = watch(reports)
    (reports / "fatal").write_bytes(b'["what", 1, null]')
    error = watching.look(at_once=True)
    assert error is not None
    assert "fatal: not the report that a task wrote" in error.line()


def test_an_error_that_looks_like_marks_is_printed_as_it_is(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watching = watch(reports)
    (reports / "executor-a").write_bytes(b"")
    (reports / "executor-b").write_bytes(b"")
    (reports / "not-started-a").write_bytes(UserError("no \x1b[31mroom[/x] in [bold]", where="vllm").json().encode())
    assert watching.look(at_once=True) is None
    assert "vllm: no \\x1b[31mroom[/x] in [bold]" in capsys.readouterr().err


def test_figures_that_cannot_be_read_are_not_heard(reports: Path) -> None:
    reports.mkdir(parents=True)
    (reports / "figures-a").mkdir()
    (reports / "figures-b").write_bytes(ExecutorFigures(executor="b", at=0.0, answers=3).to_json())
    hearing = Hearing(Reports(str(reports)))
    hearing.look({"a": 1.0, "b": 1.0})
    assert hearing.totals == Totals(executors=1, answers=3)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's folder for temporary files, of the test's own."""
    folder = make_private(tmp_path / "machine")
    monkeypatch.setattr("rephrase.spark.runtime.machine_folder.base_folder", lambda: folder)
    return folder


@pytest.mark.parametrize("name", ["live-", "live-x", "live-a-b-c", "live-1-2-3-4", "live-99999999999999999999-1-x"])
def test_a_folder_of_another_name_keeps_no_executor_from_telling(machine: Path, name: str) -> None:
    (machine / name).mkdir(parents=True)
    folder = MachineFolder("job", "a")
    folder.put_worker(WorkerFigures(pid=os.getpid(), answers=2))
    assert folder.added_up([]).answers == 2
    assert not (machine / name).exists()


def test_figures_of_a_clock_that_was_set_back_are_old(machine: Path) -> None:
    folder = MachineFolder("job", "a")
    folder.put_told(ExecutorFigures(executor="a", at=0.0))
    assert 0 <= folder.age < 60
    [told] = machine.glob("live-*/told.json")
    os.utime(told, (time.time() + 3600,) * 2)
    assert folder.age == float("inf")
