"""Answers kept as they come: work that is cut off, by whatever, asks again only for what was in flight."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.engines.base import Completion, Engine, Identity, Request, is_engine_error
from rephrase.notes import EngineFigures

_ENDING = ".jsonl"
_PAUSES = 10  # times what the last piece took: a store that is slow, or a machine that is busy, gets larger ones
_SHARE = 0.01  # of the work may be lost: pieces grow with it, so that there are some hundreds of them after hours
_SHORTEST, _LONGEST = 0.2, 60.0  # seconds between two pieces
_MOST = 8 << 20  # bytes that wait in memory


@dataclass(frozen=True, slots=True)
class _Kept:
    """A line of a piece. Rows tell the seed of their completions, so that answers to the same words are kept row by row."""

    request: str
    seed: int | None
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    error: str | None
    engine: str
    revision: str | None
    template: str | None

    @property
    def completion(self) -> Completion:
        """The answer as an engine gives it."""
        who = Identity(self.engine, self.revision, self.template)
        counts = (self.prompt_tokens, self.completion_tokens)
        return Completion(self.text, self.finish_reason, *counts, error=self.error, identity=who, reused=True)


class Keeping(Engine):
    """An engine whose answers go into small objects of a folder every now and then, and which is not asked for those that are there.

    Errors of the engine are not kept. Whoever has stored what came of the answers removes the folder.
    """

    def __init__(self, engine: Engine, folder: str) -> None:
        """Reads what is kept in the folder. A piece that cannot be read is as none."""
        self.model, self.batch_size, self.concurrency = engine.model, engine.batch_size, engine.concurrency
        self._engine, self._folder = engine, folder
        self._kept = _read(folder)
        self._lines: list[bytes] = []
        self._writing: asyncio.Task[None] | None = None
        self._began = self._ended = time.monotonic()
        self._took = 0.0  # seconds, by the last piece

    @property
    def identity(self) -> Identity:  # type: ignore[override]  # a constant of most engines
        """That of the engine itself; kept completions carry their own."""
        return self._engine.identity

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        answers = [self._kept.get((request.digest, request.seed)) for request in requests]
        missing = [number for number, answer in enumerate(answers) if answer is None]
        completions = await self._engine.complete([requests[number] for number in missing]) if missing else []
        for number, completion in zip(missing, completions, strict=True):
            answers[number] = completion
            if not (completion.error and is_engine_error(completion.error)):
                self._lines.append(self._line(requests[number], completion))
        if self._lines and self._writing is None and self._is_due():
            self._writing = asyncio.create_task(self._write())
        return [answer for answer in answers if answer is not None]

    def _is_due(self) -> bool:
        now = time.monotonic()
        pause = max(self._took * _PAUSES, (now - self._began) * _SHARE)
        return now - self._ended >= min(max(pause, _SHORTEST), _LONGEST) or sum(map(len, self._lines)) > _MOST

    def _line(self, request: Request, completion: Completion) -> bytes:
        who = completion.identity or self.identity
        counts = (completion.prompt_tokens, completion.completion_tokens)
        line = _Kept(
            request.digest,
            request.seed,
            completion.text,
            completion.finish_reason,
            *counts,
            completion.error,
            who.engine,
            who.revision,
            who.template,
        )
        return orjson.dumps(asdict(line), option=orjson.OPT_APPEND_NEWLINE)

    async def _write(self) -> None:
        lines, self._lines = self._lines, []
        started = time.monotonic()
        path = storage.join(self._folder, f"{uuid.uuid4().hex}{_ENDING}")
        try:
            await asyncio.to_thread(storage.create, path, b"".join(lines), durable=False)
        finally:
            self._ended = time.monotonic()
            self._took = self._ended - started
            self._writing = None

    @override
    async def figures(self) -> EngineFigures:
        return await self._engine.figures()

    @override
    async def close(self) -> None:
        """Keep the last answers and close the engine."""
        try:
            with contextlib.suppress(Exception):  # a store that takes nothing ends the work at its result, with a better message
                if self._writing is not None:
                    await self._writing
                if self._lines:
                    await self._write()
        finally:
            await self._engine.close()


def _read(folder: str) -> dict[tuple[str, int | None], Completion]:
    kept = {}
    for file in storage.list_files(folder):
        with contextlib.suppress(Exception):  # removed meanwhile, or not what was written: its answers are asked for again
            for line in storage.read(file.path).splitlines():
                entry = _Kept(**orjson.loads(line))
                kept[entry.request, entry.seed] = entry.completion
    return kept
