"""The engine `echo`: answers with the words of the prompt. For dry runs, and to see what everything but the model costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from rephrase.engines.base import Completion, Identity, Request
from rephrase.notes import EngineFigures


class Echo:
    """No model: each completion is the last message of its prompt, cut to max_tokens words. Words are counted as tokens."""

    model = "echo"
    identity = Identity("echo")
    batch_size = 256
    concurrency = 1024

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Engine.complete`."""
        return [_answer(request) for request in requests]

    async def figures(self) -> EngineFigures:
        """See `Engine.figures`."""
        return EngineFigures()

    async def close(self) -> None:
        """Nothing to let go of."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _answer(request: Request) -> Completion:
    words = request.messages[-1].content.split()
    kept = words[: request.sampling.max_tokens]
    return Completion(" ".join(kept), prompt_tokens=sum(len(m.content.split()) for m in request.messages), completion_tokens=len(kept))
