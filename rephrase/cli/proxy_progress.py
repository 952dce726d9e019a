"""What `rephrase proxy` prints: how a training goes, its row, and at the end all mixtures with the spread of their seeds."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from rephrase.evidence.results import BITS, Row
from rephrase.live.words import counted, span
from rephrase.spark.runtime.progress import console

if TYPE_CHECKING:
    from rephrase.evidence.sweep import Candidate, Done, Sweep
    from rephrase.evidence.training import Progress as Steps

_MOSTLY = 3  # times the other parameters: so many embeddings are told
_LINE_EVERY = 30.0  # seconds, where nobody watches a bar


class Told:
    """Tells of a sweep while it goes on. On a terminal a bar, elsewhere a line now and then."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._missing = len(sweep.missing())
        self._number = 0
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def __enter__(self) -> Self:
        sweep = self._sweep
        there = len(sweep.candidates) * len(sweep.seeds) - self._missing
        line = f"proxy: {counted(self._missing, 'training')} of {sweep.size.name} on {sweep.tokens:,} tokens each, {sweep.device}"
        line += f", {sweep.schedule.batch:,} tokens a step, learning rate {sweep.schedule.learning_rate:.2g}"
        embeddings = sweep.size.hidden * sweep.candidates[0].export.vocabulary
        line += f", {sweep.size.parameters / 1e6:.1f} M parameters and {embeddings / 1e6:.1f} M of embeddings"
        console.print(line + (f"; {there} are in {sweep.results} already" if there else ""), soft_wrap=True)
        if embeddings > _MOSTLY * sweep.size.parameters:
            console.print("proxy: most of the model are embeddings: pack with a tokenizer of fewer tokens, or take a larger --size")
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def training(self, candidate: Candidate, seed: int) -> Steps:
        """What is told of each step of a training."""
        self._number += 1
        name = f"proxy: {candidate.name}, seed {seed} ({self._number} of {self._missing})"
        task = self._bar.add_task(name, total=self._sweep.tokens, note="")
        began: list[float] = []
        first: list[int] = []
        last = [time.monotonic()]

        def step(tokens: int, loss: float) -> None:
            now = time.monotonic()
            if not began:
                began.append(now)
                first.append(tokens)
            rate = (tokens - first[0]) / (now - began[0]) if now > began[0] else 0.0
            note = f"loss {loss:.3f}, {rate:,.0f} tokens/s"
            self._bar.update(task, completed=tokens, note=note)
            if not console.is_terminal and now - last[0] >= _LINE_EVERY:
                last[0] = now
                left = f", {span((self._sweep.tokens - tokens) / rate)} left" if rate else ""
                console.print(f"{name}: {tokens:,} of {self._sweep.tokens:,} tokens, {note}{left}", soft_wrap=True)
            if tokens >= self._sweep.tokens - self._sweep.schedule.batch:
                self._bar.update(task, visible=False)

        return step

    def done(self, done: Done) -> None:
        """The row of a training."""
        bits = ", ".join(f"{name} {value:.4f}" for name, value in done.measured.bits_per_byte.items())
        line = f"proxy: {done.candidate.name}, seed {done.seed}: bits per byte {bits} (in {span(done.measured.seconds)})"
        console.print(line, soft_wrap=True)
        for name, epochs in done.epochs.items():
            console.print(
                f"proxy: {done.candidate.name} has read `{name}` {epochs:.2f} times: there are too few tokens of it", soft_wrap=True
            )

    def summary(self) -> None:
        """All rows that are there, best first."""
        rows = self._sweep.rows()
        measures = list(dict.fromkeys(name for row in rows for name in row.measures))
        shares = list(dict.fromkeys(name for row in rows for name in row.shares))
        table = Table(title=f"bits per byte, in {self._sweep.results}", title_justify="left")
        table.add_column("mixture", overflow="fold")
        for name in shares:
            table.add_column(name, justify="right")
        for name in (
            ["mean", *(measure.removeprefix(BITS) for measure in measures)] if len(measures) > 1 else [measures[0].removeprefix(BITS)]
        ):
            table.add_column(name, justify="right")
        by_mixture: dict[str, list[Row]] = {}
        for row in rows:
            if row.measures:
                by_mixture.setdefault(row.mixture, []).append(row)
        for mixture, mine in sorted(by_mixture.items(), key=lambda item: _mean(item[1], measures)):
            figures = [_figure([_mean([row], measures) for row in mine])] if len(measures) > 1 else []
            figures += [_figure([row.measures[name] for row in mine if name in row.measures]) for name in measures]
            table.add_row(mixture, *(f"{mine[0].shares.get(name, math.nan):.1%}" for name in shares), *figures)
        console.print(table)
        if any(len(mine) > 1 for mine in by_mixture.values()):
            console.print("± is the standard deviation of the seeds of a mixture.")


def _mean(rows: Sequence[Row], measures: Sequence[str]) -> float:
    values = [row.measures[name] for row in rows for name in measures if name in row.measures]
    return float(np.mean(values)) if values else math.inf


def _figure(values: Sequence[float]) -> Any:
    if not values:
        return ""
    return f"{np.mean(values):.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else "")
