"""What goes into an engine and what comes out. Recipes build these, engines answer them."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import orjson

from rephrase.live.figures import ServerFigures
from rephrase.notes import EngineFigures
from rephrase.records import content_id

Role = Literal["system", "user", "assistant", "text"]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat turn. A request whose only message has the role `text` is sent without a chat template (base models).

    >>> Message("user", "Say it shorter: The tide rises.").role
    'user'
    """

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw a completion. Names and meanings are vLLM's, but for `least_tokens`; None leaves the engine's own default.

    >>> Sampling(max_tokens=64, temperature=0.7).json()
    '{"max_tokens":64,"temperature":0.7,"top_p":1.0}'
    """

    max_tokens: int = 512
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False  # always write max_tokens tokens: for benchmarks
    least_tokens: int | None = None  # enough where prompt and max_tokens do not fit into a context; None: max_tokens are needed

    def fields(self) -> dict[str, Any]:
        """The fields that are set, ready for a request body; without `least_tokens`, which no server knows and no completion depends on."""
        values = ((name, getattr(self, name)) for name in self.__dataclass_fields__ if name != "least_tokens")
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values if v is not None and v is not False and v != ()}

    @property
    def needed_tokens(self) -> int:
        """The room for a completion without which a prompt is too long."""
        return self.max_tokens if self.least_tokens is None else min(self.least_tokens, self.max_tokens)

    def json(self) -> str:
        """Canonical JSON of the fields that are set."""
        return _json_of(self)


@functools.lru_cache(maxsize=256)  # a few settings, asked for with every request
def _json_of(sampling: Sampling) -> str:
    return orjson.dumps(sampling.fields(), option=orjson.OPT_SORT_KEYS).decode()


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to be made.

    >>> request = Request((Message("user", "Say it shorter: The tide rises."),), Sampling(max_tokens=64))
    >>> request.digest == Request(request.messages, request.sampling).digest  # by which recorded completions are found
    True
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    schema: str | None = None  # a JSON schema (canonical JSON text) that the completion should follow
    sample: int = 0  # which of several completions of the same prompt
    attempt: int = 0  # how often a completion of this prompt and sample has failed to parse
    seed: int | None = None
    origin: str = field(default="", compare=False)  # names the row that asks: seeds derive from it
    digest: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        # The seed is left out: it derives from ids that name the model, and a recording must be found under any model.
        turns = [part for message in self.messages for part in (message.role, message.content)]
        digest = content_id(self.sampling.json(), self.schema or "", str(self.sample), str(self.attempt), *turns)
        object.__setattr__(self, "digest", digest)


def seed_of(origin: str, attempt: int) -> int:
    """The seed of an attempt (31 bits). It derives from what identifies the row, so that any machine draws the same completion for it."""
    return int(content_id(origin, str(attempt))[:8], 16) & 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Identity:
    """What wrote a completion, beside the model's name: goes into every row, so that a run can be made again.

    >>> Identity("vllm 0.24.0", revision="3f1c").engine
    'vllm 0.24.0'
    """

    engine: str  # with its version: "vllm 0.24.0"
    revision: str | None = None  # of the model: a commit, or a digest of its folder
    template: str | None = None  # digest of the chat template and its arguments


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to one request. `error` is null or a code ("prompt_too_long", "prompt_refused: …", "engine:…"); then `text` is empty.

    An engine may give its server's own word as `finish_reason`: `rephrase.engines.finish_reasons` sorts it.

    >>> Completion("The sea rises.", "stop", prompt_tokens=9, completion_tokens=4).error is None
    True
    """

    text: str
    finish_reason: str = "stop"  # "stop", "length", or "error"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None
    identity: Identity | None = None  # of the engine that wrote it, where it was not the one that was asked
    reused: bool = False  # taken from an earlier run
    attempt: int | None = field(default=None, compare=False)  # that got it in an earlier run, and its seed, where they are known
    seed: int | None = field(default=None, compare=False)
    reasoning: str | None = None  # what the model wrote before its answer, which is no part of `text`
    reasoning_tokens: int | None = None  # of `completion_tokens`, where the server counts them


PROMPT_TOO_LONG = "prompt_too_long"  # the error of a prompt that is longer than the model's context allows
CRASH = "engine_crash"  # the error of a request that kills the engine
PROMPT_REFUSED = "prompt_refused"  # begins the error of a prompt that the model's chat template or tokenizer does not take
PROMPT_FAILED = "prompt:exception"  # begins the error of a row of which a recipe's code makes no prompt
CONTENT_FILTER = "engine:content_filter"  # begins the error of a request that a filter of the server refuses


def is_engine_error(code: str) -> bool:
    """Whether an error tells of the engine ("engine:…", "engine_crash"), rather than of the prompt or the answer."""
    return code.startswith("engine")


def was_asked(code: str) -> bool:
    """Whether an error tells of what an engine was asked, rather than of a prompt that none was asked for."""
    return not code.startswith((PROMPT_REFUSED, PROMPT_FAILED))


class Engine(ABC):
    """Answers requests. One instance lives in one asyncio event loop.

    >>> class Loud(Engine):
    ...     model, batch_size, concurrency = "loud", 8, 64
    ...     identity = Identity("loud 1.0")
    ...
    ...     async def complete(self, requests):
    ...         return [Completion(request.messages[-1].content.upper()) for request in requests]
    >>> import rephrase
    >>> table = rephrase.rewrite(["The tide rises."], "wrap/easy", Loud(), tokenizer="examples/tokenizer.json")
    >>> table.column("text")[0].as_py().endswith("THE TIDE RISES.")
    True
    """

    model: str
    """Name of the model, as it is written into every row."""
    identity: Identity
    """What writes the completions; known in full once a call of `complete` has returned."""
    batch_size: int
    """How many requests with equal sampling and schema one `complete` call should carry."""
    concurrency: int
    """How many requests one caller should keep in flight."""

    @abstractmethod
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order. A request that fails gives a Completion with an error, not an exception.

        All requests of a call have equal sampling and schema. Raises `UserError` when the engine itself cannot work (does not start,
        refuses the key, is gone for good).
        """

    async def figures(self) -> EngineFigures:
        """What the server says of itself, for the notes of units."""
        return EngineFigures()

    @property
    def place(self) -> str:
        """Where requests are answered, in a few words for users who wait for it; at a server that fails, with what it said last."""
        return self.model

    @property
    def trouble(self) -> str:
        """What the server said last, where it gives no completions; empty where it gives some, and where none tells."""
        return ""

    def now(self) -> ServerFigures | None:
        """What the server says of itself at this moment; None where none runs that tells. Called from other threads; may take seconds."""
        return None

    async def close(self) -> None:  # noqa: B027  # most engines hold nothing
        """Let go of connections. The model server, where there is one, stays up for the next task."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
