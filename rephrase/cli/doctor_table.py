"""The lines of `rephrase doctor`: executors that tell the same share one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from rephrase.cli.console import harmless
from rephrase.doctor.findings import Finding, Status
from rephrase.live.plain_console import PlainConsole

if TYPE_CHECKING:
    from rich.console import Console

    from rephrase.doctor.examination import Placed

_SHOWN = 5  # executors with the same trouble in different words
_COUNTED: dict[Status, str] = {"ok": "well", "warn": "to know", "fail": "to mend"}
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True, slots=True)
class _Line:
    where: str
    finding: Finding
    stands_for: int = 1


def print_findings(placed: Sequence[Placed], console: Console | None = None) -> None:
    """Print a line for each finding, the cure below what is not well, a count, and what comes next if nothing is to mend."""
    console = console or PlainConsole()
    lines = list(_lines(placed))
    check = max((len(line.finding.check) for line in lines), default=0)
    where = max((len(line.where) for line in lines), default=0)
    counts: Counter[Status] = Counter()
    for line in lines:
        finding = line.finding
        counts[finding.status] += line.stands_for
        text = Text(f"{finding.status:<4}  ", _STYLES[finding.status])
        text.append(f"{finding.check:<{check}}  {line.where:<{where}}  {harmless(finding.text)}", "")
        console.print(text, soft_wrap=True)
        if finding.cure and finding.status != "ok":
            console.print(Text(f"{'':<{check + where + 10}}cure: {harmless(finding.cure)}", "dim"), soft_wrap=True)
    console.print(", ".join(f"{counts[status]} {words}" for status, words in _COUNTED.items() if counts[status]))
    if not counts["fail"]:
        console.print("next: `rephrase plan run.yaml` tells what it will cost", soft_wrap=True)


def _lines(placed: Sequence[Placed]) -> Iterator[_Line]:
    """The driver's findings as they are; those of executors in one line where all is well, or all tell the same."""
    executors = {one.where for one in placed if one.where.startswith("executor")}
    nth: Counter[tuple[str, str]] = Counter()  # findings of a check so far, by place
    groups: dict[tuple[object, ...], list[Placed]] = {}
    for one in placed:
        if one.where not in executors:
            yield _Line(one.where, one.finding)
            continue
        nth[one.where, one.finding.check] += 1
        is_well = one.finding.status == "ok"
        key = (one.finding.check, nth[one.where, one.finding.check]) if is_well else (one.finding,)
        groups.setdefault(key, []).append(one)
    told: Counter[tuple[str, Status]] = Counter()
    for group in groups.values():
        finding = group[0].finding
        told[finding.check, finding.status] += 1
        if finding.status == "ok" or told[finding.check, finding.status] <= _SHOWN:
            yield _Line(_names(list(dict.fromkeys(one.where for one in group)), len(executors)), finding)
    for (check, status), count in told.items():
        if status != "ok" and (more := count - _SHOWN) > 0:
            yield _Line("executors", Finding(check, status, f"{more} more likewise; --json tells all of them"), more)


def _names(names: Sequence[str], all_executors: int) -> str:
    if len(names) == 1:
        return names[0]
    return f"all {all_executors} executors" if len(names) == all_executors else f"{len(names)} executors"
