"""Completions that exist already: the engine `replay` has no others, and `Reuse` asks an engine only for what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from rephrase.engines.base import Completion, Engine, Identity, Request
from rephrase.engines.recording import Recording, files_of, load_recording
from rephrase.notes import EngineFigures

if TYPE_CHECKING:
    from rephrase.engines.settings import ReplayEngine

NOT_RECORDED = "engine:not_recorded"


class Replay:
    """Answers from JSONL files (plain, .gz, .zst) or from the generations of a finished run; from local disk or S3."""

    def __init__(self, config: ReplayEngine) -> None:
        """Nothing is read yet; the recording is loaded once per process. Rows name `config.model` as the model."""
        self.model = config.model
        self.identity = Identity("replay")
        self.batch_size = 256
        self.concurrency = 4096
        self._path = config.path

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Engine.complete`. A request that was never recorded gets the error `engine:not_recorded`."""
        recorded = load_recording(self._path)
        return [recorded.find(request) or Completion("", "error", error=NOT_RECORDED) for request in requests]

    async def figures(self) -> EngineFigures:
        """See `Engine.figures`."""
        return EngineFigures()

    async def close(self) -> None:
        """Nothing to let go of."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Reuse:
    """An engine that is asked only for what earlier runs have not written with the same model."""

    def __init__(self, engine: Engine, recordings: Sequence[Recording], *, any_attempt: bool = False) -> None:
        """`any_attempt`: answer with what an earlier attempt got, for recordings without failures."""
        self.model, self.batch_size, self.concurrency = engine.model, engine.batch_size, engine.concurrency
        self._engine, self._recordings, self._any_attempt = engine, recordings, any_attempt

    @property
    def identity(self) -> Identity:
        """That of the engine itself; reused completions carry their own."""
        return self._engine.identity

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Engine.complete`."""
        answers = [self._find(request) for request in requests]
        missing = [number for number, answer in enumerate(answers) if answer is None]
        made = await self._engine.complete([requests[number] for number in missing]) if missing else []
        for number, completion in zip(missing, made, strict=True):
            answers[number] = completion
        return [answer for answer in answers if answer is not None]

    def _find(self, request: Request) -> Completion | None:
        asked = replace(request, attempt=0) if self._any_attempt else request
        for recording in self._recordings:
            if found := recording.find(asked):
                return replace(found, reused=True)
        return None

    async def figures(self) -> EngineFigures:
        """See `Engine.figures`."""
        return await self._engine.figures()

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()


def check_recording(config: ReplayEngine) -> None:
    """Raise a `UserError` if there are no files that could hold a recording."""
    files_of(config.path)
