"""Completions that exist already: the engine `replay` has no others, and `Reuse` asks an engine only for what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Protocol

from typing_extensions import override

from rephrase.engines import recording
from rephrase.engines.around import Around
from rephrase.engines.base import Completion, Engine, Identity, Request
from rephrase.engines.settings import EngineSettings, engines
from rephrase.settings import paths

NOT_RECORDED = "engine:not_recorded"


@engines.register("replay")
class ReplaySettings(EngineSettings):
    """Completions recorded earlier: JSONL files (plain, .gz, .zst) or a finished run's generations folder."""

    runs_no_model = True

    kind: Literal["replay"]
    path: paths.Recording
    model: str = "recorded"

    @property
    @override
    def model_name(self) -> str:
        """How rows name the model."""
        return self.model

    @property
    @override
    def notice(self) -> str:
        """That no model runs."""
        return f"no model runs; completions recorded from a language model are replayed from {self.path}"

    @override
    def open(self, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Replay:
        del gpu_addresses, logs
        return Replay(self)

    @override
    def check(self, *, here: bool = False) -> None:
        """Raise a `UserError` if there are no files that could hold a recording."""
        del here
        recording.files_of(self.path)


class Replay(Engine):
    """Answers from JSONL files (plain, .gz, .zst) or from the generations of a finished run; from local disk or S3."""

    def __init__(self, config: ReplaySettings) -> None:
        """Nothing is read yet; the recording is loaded once per process. Rows name `config.model` as the model."""
        self.model = config.model
        self.identity = Identity("replay")
        self.batch_size = 256
        self.concurrency = 4096
        self._path = config.path

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """A request that was never recorded gets the error `engine:not_recorded`."""
        recorded = recording.load_recording(self._path)
        return [recorded.find(request) or Completion("", "error", error=NOT_RECORDED) for request in requests]


class Answers(Protocol):
    """Completions that can be looked up: a recording, or what an earlier process kept."""

    def find(self, request: Request) -> Completion | None:
        """The answer to a request; None where there is none."""


class Reuse(Around):
    """An engine that is asked only for what is not there already: what earlier runs or processes have got of the same model."""

    def __init__(self, engine: Engine, recordings: Sequence[Answers], *, any_attempt: bool = False) -> None:
        """`any_attempt`: answer with what an earlier attempt got, for recordings without failures."""
        super().__init__(engine)
        self._recordings, self._any_attempt = recordings, any_attempt

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        answers = [self._find(request) for request in requests]
        missing = [number for number, answer in enumerate(answers) if answer is None]
        completions = await self.ask([requests[number] for number in missing]) if missing else []
        for number, completion in zip(missing, completions, strict=True):
            answers[number] = completion
        return [answer for answer in answers if answer is not None]

    async def ask(self, requests: Sequence[Request]) -> list[Completion]:
        """What the engine itself answers."""
        return await self._engine.complete(requests)

    def _find(self, request: Request) -> Completion | None:
        first = replace(request, attempt=0) if self._any_attempt else request
        completions = (earlier.find(first) for earlier in self._recordings)
        recorded = next((completion for completion in completions if completion), None)
        return replace(recorded, reused=True) if recorded else None
