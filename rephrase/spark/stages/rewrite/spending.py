"""What the rewrite stage has spent: the time of engines on the executors, and the tokens that models wrote, told by the notes of units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.engines.vllm.settings import VllmSettings
from rephrase.notes import GenerationsNote
from rephrase.spark.runtime.gpus import configured_gpus

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.engines.settings import EngineSettings

_PAUSE = 60.0  # seconds without a unit for which an engine is still taken to be held for the run


def gpus_of(run: Run, settings: EngineSettings) -> int:
    """The GPUs of one server; 1 where the config does not say, as on a processor."""
    shared = settings.tensor_parallel if isinstance(settings, VllmSettings) else None
    return shared or configured_gpus(run) or 1


class Spending:
    """The sum of notes. Its size grows with the engines and their pauses, not with the units."""

    def __init__(self, run: Run) -> None:
        self._gpus = {settings.model_name: gpus_of(run, settings) for settings in run.all_engines.by_name.values()}
        self._of_server: dict[str, int] = {}
        self.tokens = 0
        """That models wrote for this run; those that were taken over are paid already."""
        self._spans: dict[str, list[tuple[float, float]]] = {}  # of servers: when they had units

    def add(self, note: GenerationsNote) -> None:
        """Take in the note of a finished unit."""
        self.tokens += note.completion_tokens - note.reused_tokens
        if note.engine.server:
            self._of_server[note.engine.server] = self._gpus.get(note.model, 1)
            start = max(note.started, note.engine.ready or note.started)
            self._spans[note.engine.server] = _merged([*self._spans.get(note.engine.server, ()), (min(start, note.ended), note.ended)])

    @property
    def gpu_seconds(self) -> float:
        """How long GPUs belonged to servers that could answer and had units, all of them together; a processor counts as a GPU."""
        seconds = {server: sum(end - start for start, end in spans) for server, spans in self._spans.items()}
        return sum(self._of_server[server] * length for server, length in seconds.items())


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= _PAUSE:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
