"""The engine `echo`: answers with the words of the prompt. For dry runs, and to see what everything but the model costs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from typing_extensions import override

from rephrase.engines.base import Completion, Engine, Identity, Message, Request
from rephrase.engines.settings import EngineSettings, PromptCounter, engines

_HARMLESS = {"finished", "parsed"}  # checks that keep what parses


@engines.register("echo")
class EchoSettings(EngineSettings):
    """No model: the words of the prompt come back. For dry runs, which show passages, prompts and tables."""

    runs_no_model = True

    kind: Literal["echo"]

    @property
    @override
    def model_name(self) -> str:
        """How rows name the model."""
        return Echo.model

    @property
    @override
    def notice(self) -> str:
        """That no model runs."""
        return "no model runs: the engine echo gives the words of each prompt back, which most checks reject"

    @override
    def notice_among(self, checks: Collection[str] | None) -> str:
        cure = "`--set 'filter.checks=[finished]'` keeps what parses, with `--replace` where rows were judged already"
        return f"{self.notice}; {cure}" if checks is None or set(checks) - _HARMLESS else self.notice

    @override
    def prompt_counter(self) -> PromptCounter:
        return _words

    @override
    def open(self, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Echo:
        del gpu_addresses, logs
        return Echo()


class Echo(Engine):
    """No model: each completion is the last message of its prompt, cut to max_tokens words. Words are counted as tokens."""

    model = "echo"
    identity = Identity("echo")
    batch_size = 256
    concurrency = 1024

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return [_answer(request) for request in requests]


def _words(messages: Sequence[Message]) -> int:
    return sum(len(message.content.split()) for message in messages)


def _answer(request: Request) -> Completion:
    words = request.messages[-1].content.split()
    kept = words[: request.sampling.max_tokens]
    return Completion(" ".join(kept), prompt_tokens=_words(request.messages), completion_tokens=len(kept))
