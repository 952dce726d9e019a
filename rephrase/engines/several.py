"""The engines of a run by name: the one place in which the name that a step gives becomes the engine that answers it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict
from typing_extensions import override

from rephrase.engines.settings import EngineSettings, engine_of
from rephrase.errors import UserError
from rephrase.settings.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rephrase.engines.base import Engine

ALONE = ""  # the name of an engine that stands under `engine:`
WRITER = "writer"
"""The name of the engine that answers steps which name none; where there is none of this name, it is the first one."""


@dataclass(frozen=True)
class Engines:
    """The settings of a run's engines by name, in the order of the config."""

    by_name: Mapping[str, EngineSettings]

    @classmethod
    def alone(cls, settings: EngineSettings) -> Engines:
        """One engine without a name, for all steps."""
        return cls({ALONE: settings})

    @property
    def default(self) -> EngineSettings:
        """That of steps that name none."""
        return self.by_name[self.name(None)]

    @property
    def are_several(self) -> bool:
        """Whether they have names, so that messages tell which is meant."""
        return ALONE not in self.by_name

    def name(self, name: str | None) -> str:
        """The name in full of the engine that a step names. Raises `UserError` where there is none."""
        if name is None:
            return WRITER if WRITER in self.by_name else next(iter(self.by_name))
        if name not in self.by_name or not self.are_several:
            raise UserError(f"there is no engine `{name}`", where="recipes", cure=self.cure(name))
        return name

    def find(self, name: str | None) -> EngineSettings:
        """The settings of the engine that a step names, if it names one. Raises `UserError` where there is none of this name."""
        return self.by_name[self.name(name)]

    def cure(self, name: str) -> str:
        """What to write instead of a name that no engine has."""
        if not self.are_several:
            return "list engines by name under `engines`, instead of one under `engine`"
        return nearest(name, self.by_name, "the engines are")

    def check(self, *, here: bool = False) -> None:
        """Raise the `UserError` of the first engine that would fail every task later; see `EngineSettings.check`."""
        for name, settings in self.by_name.items():
            try:
                settings.check(here=here)
            except UserError as error:
                if not self.are_several:
                    raise
                raise UserError(error.what, where=f"engines.{name}, {error.where}", cure=error.cure) from error

    def notices(self, checks: Collection[str] | None) -> list[str]:
        """What to tell the user before the engines are asked, in a run with checks of these kinds. None: the default checks."""
        return [notice for settings in self.by_name.values() if (notice := settings.notice_among(checks))]


class OwnEngine(EngineSettings):
    """An engine that a caller has made: an object of a class that extends `Engine`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    kind: str = "own"
    engine: Any

    @property
    @override
    def model_name(self) -> str:
        """How rows name the model."""
        return str(self.engine.model)

    @override
    def open(self, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Engine:
        """The object itself."""
        del gpu_addresses, logs
        engine: Engine = self.engine
        return engine


def engines_of(engine: Any) -> Engines:
    """The engines that a caller gives: the mapping that would stand under `engine:`, an engine, or a mapping of such by name.

    Raises `UserError` for what is none, and for wrong settings.
    """
    if isinstance(engine, Mapping) and engine and all(_may_be_engine(value) for value in engine.values()):
        return Engines({str(name): _settings_of(value, f"engines, {name}") for name, value in engine.items()})
    return Engines.alone(_settings_of(engine, "engine"))


def _settings_of(value: Any, where: str) -> EngineSettings:
    if isinstance(value, Mapping | EngineSettings):
        return engine_of(value, where)
    if not _is_open(value):
        cure = 'for example {"kind": "vllm", "model": …}, or an object of a class of yours that extends `rephrase.Engine`'
        raise UserError(f"{value!r} is no engine", where="rewrite", cure=cure)
    return OwnEngine(engine=value)


def _may_be_engine(value: Any) -> bool:
    return isinstance(value, Mapping | EngineSettings) or _is_open(value)


def _is_open(value: Any) -> bool:
    return callable(getattr(value, "complete", None)) and not isinstance(value, type)
