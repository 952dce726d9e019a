"""What checks are told of: the run, and what the driver knows that executors cannot see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rephrase.config.run import Run


@dataclass(frozen=True, slots=True)
class Site:
    """Travels to the executors as it is."""

    run: Run
    samples: tuple[str, ...] = ()
    """The first file of each input pattern, which executors must be able to read."""
    mark: str = ""
    """An object that the driver has stored below the output, which executors must see; empty on the driver itself."""
    missing: tuple[str, ...] = ()
    """The output and the folders around it that are not there: what the looks make of them goes again."""
    vllm_range: str = ""
    """The versions of vLLM that are tested, as `>=0.27.1,<0.33`; empty where the package's metadata is not installed."""
    seconds: float = 30.0
    """For each look, at most."""
    on_driver: bool = True
    """Whether this is the driver's machine."""
    has_tasks: bool = True
    """Whether tasks of the run work where this is looked at."""
