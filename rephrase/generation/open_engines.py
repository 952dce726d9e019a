"""Engines that are opened when a step first needs them, in a process that answers steps one after the other."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rephrase.engines.base import Engine
from rephrase.engines.settings import EngineSettings
from rephrase.engines.several import Engines


class OpenEngines:
    """The engines of steps by name. Of those that hold devices one is open at a time. Lives in one event loop; closes all at its end."""

    def __init__(self, engines: Engines, open_one: Callable[[EngineSettings], Engine]) -> None:
        self._engines, self._open_one = engines, open_one
        self._opened: dict[str, Engine] = {}

    async def find(self, name: str | None) -> Engine:
        """The engine of a step that gives this name. Raises `UserError` where there is none, and from its opening."""
        full = self._engines.name(name)
        if full not in self._opened:
            settings = self._engines.by_name[full]
            if settings.holds_devices:  # else the next one's server would wait for the one that is in use
                for other in [other for other in self._opened if self._engines.by_name[other].holds_devices]:
                    await self._opened.pop(other).close()
            self._opened[full] = self._open_one(settings)
        return self._opened[full]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for engine in {id(engine): engine for engine in self._opened.values()}.values():
            await engine.close()
