"""Steps whose answers are programs, run against their tests: a few at a time, each in a sandbox of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import Field
from typing_extensions import override

from rephrase.recipes.verified import Verified
from rephrase.settings.section import Section
from rephrase.verifiers.kinds import Verifier
from rephrase.verifiers.sandbox import Limits, Outcome, run_python

_AT_ONCE = 4  # each may use a processor


class SandboxOptions(Section):
    """What one run of a program may use."""

    samples: int = Field(default=1, ge=1)
    """Answers to each prompt."""
    seconds: float = Field(default=10.0, gt=0)
    """Time that a program has."""
    memory_mib: int = Field(default=512, ge=64)
    """Memory that it has, in MiB."""

    @property
    def verifier(self) -> Verifier:
        """What a step that runs programs has beside its prompt; the doctor asks for it, and looks whether this machine can."""
        return Verifier("python", seconds=self.seconds, memory_mib=self.memory_mib)

    def run(self, programs: Sequence[tuple[str, str]]) -> list[Outcome]:
        """How programs come out, each with its tests. Raises `UserError` where this machine has no sandbox."""
        limits = Limits(seconds=self.seconds, memory_mib=self.memory_mib)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda pair: run_python(pair[0], limits, pair[1]), programs))


@dataclass(frozen=True)
class Sandboxed(Verified):
    """A step whose answers are judged by running programs."""

    options: SandboxOptions

    @property
    @override
    def samples(self) -> int:  # type: ignore[override]  # a constant in most steps, an option here
        """Answers to each prompt."""
        return self.options.samples

    @property
    def verifier(self) -> Verifier:
        """What runs the programs."""
        return self.options.verifier
