"""The lines of `rephrase doctor`: executors that tell the same share one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from rephrase.cli.console import harmless
from rephrase.doctor.findings import Finding, Status

if TYPE_CHECKING:
    from rephrase.doctor.examination import Placed

_SHOWN = 5  # executors with the same trouble in different words
_COUNTED: dict[Status, str] = {"ok": "well", "warn": "to know", "fail": "to mend"}
_MORE = re.compile(r"(\d+) more likewise;")
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def print_findings(placed: Sequence[Placed], console: Console | None = None) -> None:
    """Print a line for each finding, the cure below what is not well, and a count at the end."""
    console = console or Console(highlight=False)
    lines = list(_lines(placed))
    widths = [max((len(part) for part in column), default=0) for column in ([f.check for _, f in lines], [where for where, _ in lines])]
    for where, finding in lines:
        line = Text(f"{finding.status:<4}  ", _STYLES[finding.status])
        line.append(f"{finding.check:<{widths[0]}}  {where:<{widths[1]}}  {harmless(finding.text)}", "")
        console.print(line, soft_wrap=True)
        if finding.cure and finding.status != "ok":
            console.print(Text(f"{'':<6}{'':<{widths[0]}}  {'':<{widths[1]}}  cure: {harmless(finding.cure)}", "dim"), soft_wrap=True)
    counts = Counter(finding.status for _, finding in lines)
    for _, finding in lines:
        if more := _MORE.match(finding.text):  # a line that stands for several
            counts[finding.status] += int(more[1]) - 1
    told = [f"{counts[status]} {words}" for status, words in _COUNTED.items() if counts[status]]
    console.print(", ".join(told))


def _lines(placed: Sequence[Placed]) -> Iterator[tuple[str, Finding]]:
    """Where and what: the driver's findings as they are, those of executors in one line where all is well or all tell the same."""
    executors = {one.where for one in placed if one.where.startswith("executor")}
    groups: dict[tuple[object, ...], list[Placed]] = {}
    for one in placed:
        if one.where not in executors:
            yield one.where, one.finding
            continue
        nth = sum(other.finding.check == one.finding.check for other in _before(placed, one))
        well = one.finding.status == "ok"
        groups.setdefault((one.finding.check, nth) if well else (one.finding,), []).append(one)
    told: Counter[tuple[str, Status]] = Counter()
    for group in groups.values():
        finding, names = group[0].finding, list(dict.fromkeys(one.where for one in group))
        told[finding.check, finding.status] += 1
        if finding.status == "ok" or told[finding.check, finding.status] <= _SHOWN:
            yield _names(names, len(executors)), finding
    for (check, status), count in told.items():
        if status != "ok" and count > _SHOWN:
            yield "executors", Finding(check, status, f"{count - _SHOWN} more likewise; --json tells all of them")


def _before(placed: Sequence[Placed], one: Placed) -> Iterator[Placed]:
    """The findings of the same place that stand before one."""
    for other in placed:
        if other is one:
            return
        if other.where == one.where:
            yield other


def _names(names: Sequence[str], all_executors: int) -> str:
    if len(names) == 1:
        return names[0]
    return f"{'all' if len(names) == all_executors else len(names)} {all_executors if len(names) == all_executors else 'executors'}"
