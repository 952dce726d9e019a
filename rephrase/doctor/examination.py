"""The whole examination: the driver, then a visit to each executor."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rephrase.doctor import facts
from rephrase.doctor.alike import compared
from rephrase.doctor.check import run_checks
from rephrase.doctor.checks.input_table import TABLE, look_at_table
from rephrase.doctor.checks.inputs import samples_of
from rephrase.doctor.checks.store import mark, missing_folders, remove_again
from rephrase.doctor.checks.vllm import tested_range
from rephrase.doctor.everything import CHECKS
from rephrase.doctor.findings import Finding, failure
from rephrase.doctor.site import Site
from rephrase.errors import UserError
from rephrase.spark.runtime.executors import Visited, visit_executors
from rephrase.spark.runtime.gpus import rewrite_profile
from rephrase.spark.runtime.session import LazySession

if TYPE_CHECKING:
    from rephrase.config.run import Run

DRIVER = "driver"
_SESSION = {
    # Spark's own daemon of Python workers: ours is a part of the package, which an executor may lack.
    "spark.python.daemon.module": "pyspark.daemon",
    # An executor on which tasks fail at once is free at once: it would take one task until that has failed too often for the whole job.
    "spark.excludeOnFailure.enabled": "true",
    "spark.excludeOnFailure.task.maxTaskAttemptsPerNode": "99",
    "spark.excludeOnFailure.stage.maxFailedExecutorsPerNode": "99",
    "spark.excludeOnFailure.application.maxFailedExecutorsPerNode": "99",
    "spark.task.maxFailures": "100",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding and where it was made: `driver`, or the name of an executor."""

    where: str
    finding: Finding


def examine(run: Run, master: str | None = None, *, seconds: float = 30.0, wait: float = 240.0) -> list[Placed]:
    """Look at all that the run needs, on the driver and on each executor of its Spark; on one machine without Spark.

    Each look takes `seconds` at most, the executors `wait` to come and to answer. No model is started. What cannot be done is a finding.
    """
    conf = {**run.spark.conf, **_SESSION}
    session = LazySession(run.spark.model_copy(update={"conf": conf}), master)
    is_local = session.is_local
    here = Site(run, missing=missing_folders(run.output), vllm_range=tested_range(), seconds=seconds, has_tasks=is_local)
    placed = [Placed(DRIVER, Finding(**finding)) for finding in findings_here(here)]
    if is_local:
        return [*placed, *_of_table(run, session, wait)]
    with mark(run.output) as marked:
        there = replace(here, samples=samples_of(here), mark=marked, on_driver=False, has_tasks=True)
        try:
            placed += _on_executors(there, session, wait)
            placed += _of_table(run, session, wait)
        except UserError as error:
            placed.append(Placed(DRIVER, failure("spark", error)))
        finally:
            session.stop()
    remove_again(here.missing)
    return placed


def findings_here(site: Site) -> list[dict[str, Any]]:
    """The findings of the machine that this is called on: the driver's, or in a task an executor's."""
    findings = [asdict(finding) for finding in run_checks(CHECKS, site)]
    remove_again(site.missing)
    return findings


def _of_table(run: Run, session: LazySession, wait: float) -> list[Placed]:
    """What is said of the run's table, by a session that is stopped again; nothing where its input is no table."""
    if run.input is None or run.input.table is None:
        return []
    try:
        if run.input.table.format is None:
            _in_time(session, wait)
        return [Placed(DRIVER, look_at_table(run, run.input, session).finding(TABLE))]
    except UserError as error:
        return [Placed(DRIVER, failure(TABLE, error))]
    finally:
        session.stop()


def _on_executors(site: Site, session: LazySession, wait: float) -> Iterator[Placed]:
    spark = _in_time(session, wait)
    travelling, look = pickle.dumps(site), facts.visit

    def visit(token: str, seen: list[str], hold: float) -> dict[str, Any] | None:
        return look(travelling, "rephrase.doctor.examination", token, seen, hold)

    expected = int(spark.conf.get("spark.executor.instances", None) or 0)
    profile = rewrite_profile(spark, site.run.rewrite)
    visited = visit_executors(spark, visit, facts, seconds=wait, expected=expected, profile=profile)
    yield from _of_spark(visited, expected)
    java = os.path.join(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else "java"
    driver = {**facts.facts(), "java": facts.java_version(java)}
    for report in visited.reports:
        where = _name(report)
        yield from (Placed(where, finding) for finding in compared(driver, report))
        yield from (Placed(where, Finding(**finding)) for finding in report["findings"])


def _in_time(session: LazySession, seconds: float) -> Any:
    """The session. Raises `UserError` where none starts, or none in time: Spark would wait for a master that is not there."""
    started: list[Any] = []
    fault: list[UserError] = []

    def start() -> None:
        try:
            started.append(session.get())
        except UserError as error:
            fault.append(error)

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    thread.join(seconds)
    if fault:
        raise fault[0]
    if not started:
        cure = "is the master's address right, and does it run? --wait gives it longer"
        raise UserError(f"no session within {seconds:g} s", where="Spark", cure=cure)
    return started[0]


def _of_spark(visited: Visited, expected: int) -> Iterator[Placed]:
    count = len(visited.reports)
    for number, error in sorted(visited.failures.items()):
        cure = "its log tells more; the Python of each executor needs rephrase and what it depends on (PYSPARK_PYTHON names it)"
        yield Placed(f"executor {number}", Finding("spark", "fail", f"Python tasks fail: {error}", cure))
    lacking = max(expected, visited.known or 0) - count - len(visited.failures)
    if count == 0 or lacking > 0:
        text = f"{count} of {count + max(lacking, 1 - count)} executors answer" + (f": {visited.fault}" if visited.fault else "")
        cure = "look at Spark's own page for executors that die or wait for resources; --wait gives them longer"
        yield Placed(DRIVER, Finding("spark", "fail" if count == 0 else "warn", text, cure))
    else:
        yield Placed(DRIVER, Finding("spark", "ok", f"{count} executor{'s' if count > 1 else ''} answer{'' if count > 1 else 's'}"))


def _name(report: Mapping[str, Any]) -> str:
    return f"executor {report['number']} ({report['host']})" if report["number"] else f"executor {report['name']}"
