"""The section `engine:` of a run: what the settings of every kind of engine have in common, and the kinds by name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import SerializeAsAny  # noqa: TC002  # pydantic reads the annotation

from rephrase.engines.base import Engine, Message
from rephrase.settings.by_kind import ByKind
from rephrase.settings.kinds import Kinds
from rephrase.settings.section import Section
from rephrase.settings.validation import validate

PromptCounter = Callable[[Sequence[Message]], int]
"""Gives the tokens of a prompt as an engine counts them, its chat template among them."""


@dataclass(frozen=True, slots=True)
class Context:
    """The tokens that a model has for prompt and output, and the key or file that says so."""

    tokens: int
    source: str


class EngineSettings(Section):
    """Settings of one kind of engine: an own class each, with `kind: Literal["its name"]`, registered in `engines`.

    They travel to the executors, and open the engine there.
    """

    kind: str
    """Which kind of engine; each has keys of its own, as under `engine`."""
    secret: ClassVar[frozenset[str]] = frozenset()
    """Keys that may hold secrets: what is published of a run leaves them out."""
    holds_devices: ClassVar[bool] = False
    """Whether it computes on the GPUs or cores of its executor: of a run's engines that do, one is there at a time."""
    runs_no_model: ClassVar[bool] = False
    """Whether its answers are there without a model, in no time worth planning."""

    @property
    @abstractmethod
    def model_name(self) -> str:
        """How rows name the model."""

    @abstractmethod
    def open(self, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Engine:
        """An engine that lives in the event loop of its first request, and is closed by the caller.

        `gpu_addresses` are the GPUs of this executor, as Spark names them; none on CPU. `logs` is a folder for servers' logs.
        Raises `UserError`.
        """

    def check(self, *, here: bool = False) -> None:
        """Raise a `UserError` now about what would fail every task later: no model folder, no recording, no API key.

        Starts nothing and asks no server. `here`: tasks run on this machine, so that what they need must be there.
        """

    def check_gpus(self, gpus: int, tasks: int | None = None) -> None:
        """Raise a `UserError` where an executor with so many GPUs, and so many tasks at a time, cannot use all of them."""

    @property
    def context(self) -> Context | None:
        """What is known of the model's context before it is asked."""
        return None

    def sized(self, tokens: int, tokenizer: str) -> EngineSettings:
        """The same engine with a context of so many tokens, by this tokenizer, where it can be given one and the user has not."""
        del tokens, tokenizer
        return self

    @property
    def without_template(self) -> str | None:
        """Where a chat template would stand and none does; None where there is one, none is needed, or nobody knows yet."""
        return None

    def prompt_counter(self) -> PromptCounter | None:
        """What counts prompts as the engine will; None where only a server knows. Raises `UserError` for a tokenizer that does not load."""
        return None

    @property
    def meaning(self) -> dict[str, Any]:
        """The settings, beside the model's name, that change what is written, as JSON values: a run under others is another one."""
        return {}

    @property
    def notice(self) -> str:
        """What to tell the user before the rewrite stage begins; empty where nothing is out of the ordinary."""
        return ""

    def notice_among(self, checks: Collection[str] | None) -> str:
        """The same in a run with checks of these kinds. None: the default checks."""
        del checks
        return self.notice


engines: Kinds[type[EngineSettings]] = Kinds(
    "engine",
    ["rephrase.engines.vllm.settings", "rephrase.engines.endpoint", "rephrase.engines.replay", "rephrase.engines.echo"],
    EngineSettings,
)
"""The kinds that `engine.kind` can name."""


class _Engine(Section):
    engine: Annotated[SerializeAsAny[EngineSettings], ByKind(engines)]


def engine_of(settings: Mapping[str, Any] | EngineSettings, where: str = "engine") -> EngineSettings:
    """The settings of an engine from the mapping that would stand under `engine:`. Raises `UserError`."""
    if isinstance(settings, EngineSettings):
        return settings
    chosen: EngineSettings = validate(_Engine, {"engine": dict(settings)}, where).engine
    return chosen
