"""An engine around another: what does not say otherwise is the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase.engines.base import Engine, Identity
from rephrase.notes import EngineFigures

if TYPE_CHECKING:
    from rephrase.live.figures import ServerFigures


class Around(Engine):
    """Passes everything on but `complete`, which is its own. What may change while the engine works is asked for each time."""

    def __init__(self, engine: Engine) -> None:
        self.model, self.batch_size = engine.model, engine.batch_size
        self._engine = engine

    @property
    @override
    def concurrency(self) -> int:  # type: ignore[override]  # a constant of most engines
        return self._engine.concurrency

    @property
    def identity(self) -> Identity:  # type: ignore[override]  # a constant of most engines
        """That of the engine itself."""
        return self._engine.identity

    @property
    @override
    def place(self) -> str:
        return self._engine.place

    @property
    @override
    def trouble(self) -> str:
        return self._engine.trouble

    @override
    def now(self) -> ServerFigures | None:
        return self._engine.now()

    @override
    async def figures(self) -> EngineFigures:
        return await self._engine.figures()

    @override
    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()
