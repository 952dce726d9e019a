"""Answers kept as they come: work that is cut off, by whatever, asks again only for what was in flight."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.engines.base import Completion, Engine, Identity, Request, is_engine_error, was_asked
from rephrase.engines.pieces import pieces_in
from rephrase.engines.replay import Reuse

_MOST_FILES, _MOST_BYTES = 200, 32 << 20  # that are read to count answers: a second or two


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
    reasoning: str | None = None
    reasoning_tokens: int | None = None

    @property
    def completion(self) -> Completion:
        """The answer as an engine gives it."""
        return Completion(
            self.text,
            self.finish_reason,
            self.prompt_tokens,
            self.completion_tokens,
            error=self.error,
            identity=Identity(self.engine, self.revision, self.template),
            reasoning=self.reasoning,
            reasoning_tokens=self.reasoning_tokens,
        )


class Keeping(Reuse):
    """An engine whose answers go into a folder as they come, and which is not asked for those that are there.

    On disk an answer is kept once `complete` has returned it, elsewhere soon after: see `rephrase.engines.pieces`. Errors of the engine are
    not kept. Whoever has stored what came of the answers removes the folder.
    """

    def __init__(self, engine: Engine, folder: str, *, is_new: bool = False) -> None:
        """Reads what is kept in the folder, unless it `is_new`. A line that cannot be read is as none."""
        super().__init__(engine, [] if is_new else [_Answers(folder)])
        self._folder, self._is_new = folder, is_new
        self._pieces = pieces_in(folder)
        self._needed = True

    @override
    async def ask(self, requests: Sequence[Request]) -> list[Completion]:
        completions = await super().ask(requests)
        pairs = zip(requests, completions, strict=True)
        lines = [self._line(request, completion) for request, completion in pairs if _is_answer(completion)]
        if lines:
            await self._pieces.add(b"".join(lines))
        return completions

    def _line(self, request: Request, completion: Completion) -> bytes:
        who = completion.identity or self.identity
        kept = _Kept(
            request.digest,
            request.seed,
            completion.text,
            completion.finish_reason,
            completion.prompt_tokens,
            completion.completion_tokens,
            completion.error,
            who.engine,
            who.revision,
            who.template,
            completion.reasoning,
            completion.reasoning_tokens,
        )
        return orjson.dumps(kept, option=orjson.OPT_APPEND_NEWLINE)

    @override
    async def close(self) -> None:
        """Keep the last answers and close the engine."""
        try:
            await self._pieces.close(needed=self._needed)
        finally:
            await super().close()

    def end(self) -> None:
        """All is answered, and soon stored: keep no more."""
        self._needed = False

    def remove(self) -> None:
        """Remove the answers, once what came of them is stored."""
        if self._is_new:
            self._pieces.remove()
        else:
            storage.remove_folder(self._folder)


def count_kept(folder: str) -> int | None:
    """How many answers are kept below a folder; None where there are too many to count at a glance."""
    files = list(islice(storage.list_files(folder), _MOST_FILES + 1))
    if len(files) > _MOST_FILES or sum(file.size for file in files) > _MOST_BYTES:
        return None
    return len({(kept.request, kept.seed) for kept in _read(folder)})


def _is_answer(completion: Completion) -> bool:
    return completion.error is None or (was_asked(completion.error) and not is_engine_error(completion.error))


class _Answers:
    """What is kept in a folder."""

    def __init__(self, folder: str) -> None:
        self._kept = {(kept.request, kept.seed): kept for kept in _read(folder)}

    def find(self, request: Request) -> Completion | None:
        """The answer to a request of this seed."""
        kept = self._kept.get((request.digest, request.seed))
        return kept.completion if kept else None


def _read(folder: str) -> Iterator[_Kept]:
    for file in storage.list_files(folder):
        with contextlib.suppress(Exception):  # removed meanwhile, or not what was written: its answers are asked for again
            for line in storage.read(file.path).splitlines():
                if kept := _read_line(line):
                    yield kept


def _read_line(line: bytes) -> _Kept | None:
    try:
        values: dict[str, Any] = orjson.loads(line)
        kept = _Kept(**values)
        return kept if all(isinstance(part, str) for part in (kept.request, kept.text, kept.finish_reason, kept.engine)) else None
    except (ValueError, TypeError):  # the last line of a process that was killed while it wrote, or a damaged one
        return None
