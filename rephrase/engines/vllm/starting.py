"""How the start of a server goes: a line now and then, with what it is at as its log tells it."""

from __future__ import annotations

import time
from pathlib import Path

from rephrase.engines.starting import READY, log
from rephrase.engines.vllm.server_folder import Launch, read_status

_EVERY = 15.0  # seconds between two lines of one phase
_BETWEEN, _LOOKS = 5.0, 1.0  # seconds between two lines at least; between two looks into the log

# What a line of vLLM's log says that the server is at from then on. CPU builds compile in silence after `Warming up model`.
_PHASES = {
    "Initializing a V1 LLM engine": "sets up its engine",
    "Starting to load model": "loads the weights",
    "Model loading took": "has the weights and sets up",
    "Warming up model for the compilation": "compiles the model and warms up",
    "Starting torch.compile": "compiles the model",
    "Dynamo bytecode transform time": "compiles the model",
    "Directly load AOT compilation": "warms up, compiled before",
    "Directly load the compiled graph": "warms up, compiled before",
    "torch.compile took": "warms up",
    "Capturing CUDA graphs": "captures CUDA graphs",
    "Warming up done": "is warm",
    "init engine (profile": "opens its API",
}


def phase_of(server_log: str) -> str:
    """What a server is at, by its log so far: the last that it tells of."""
    last = max(_PHASES, key=server_log.rfind)
    return _PHASES[last] if last in server_log else "loads Python packages"


class StartTold:
    """Tells of one start: that it begins, each new phase, every 15 seconds how it goes, and how long it took."""

    def __init__(self, launch: Launch, folder: Path) -> None:
        self._name, self._folder = launch.where.rstrip("/").rsplit("/", 1)[-1], folder
        self._started = self._told = self._looked = time.monotonic()
        self._phase = ""
        # On one line, as the driver may see the last of several alone.
        log.warning("vLLM for %s starts%s", self._name, f"; it {'; it '.join(launch.reasons)}" if launch.reasons else "")

    def look(self) -> None:
        """Tell how it goes, if there is something new or it is time."""
        now = time.monotonic()
        if now - self._looked < _LOOKS:
            return
        self._looked = now
        phase = self._find_phase()
        if now - self._told >= (_EVERY if phase == self._phase else _BETWEEN):
            self._told, self._phase = now, phase
            log.warning("vLLM for %s starts: it %s, %.0f s so far", self._name, phase, now - self._started)

    def ready(self) -> None:
        """Tell that the server answers."""
        log.warning("vLLM for %s answers after %.0f s", self._name, time.monotonic() - self._started, extra=READY)

    def _find_phase(self) -> str:
        if read_status(self._folder).get("state") == "queued":
            return "waits for another server of this machine, which compiles the same model"
        try:
            return phase_of((self._folder / "engine.log").read_text(errors="replace"))
        except OSError:  # not there yet
            return phase_of("")
