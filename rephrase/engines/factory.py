"""From a config to an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rephrase.engines.echo import Echo
    from rephrase.engines.endpoint import Endpoint
    from rephrase.engines.replay import Replay
    from rephrase.engines.settings import EngineConfig
    from rephrase.engines.vllm.engine import Vllm


def open_engine(config: EngineConfig, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Vllm | Endpoint | Replay | Echo:
    """An engine, to be used in `async with` inside the event loop that it will live in.

    `gpu_addresses` are the GPUs of this executor, as Spark names them; none on CPU. `logs` is a folder for servers' logs. A vLLM
    server starts with the first request. Raises `UserError`.
    """
    if config.kind == "vllm":
        from rephrase.engines.vllm.engine import Vllm

        return Vllm(config, gpu_addresses, logs=logs)
    if config.kind == "endpoint":
        from rephrase.engines.endpoint import Endpoint

        return Endpoint(config)
    if config.kind == "echo":
        from rephrase.engines.echo import Echo

        return Echo()
    from rephrase.engines.replay import Replay

    return Replay(config)


def check_engine(config: EngineConfig, *, here: bool = False) -> None:
    """Raise a `UserError` now about what would fail every task later: no model folder, no recording, no API key.

    Starts nothing and asks no server. Folders are looked for on this machine; vLLM only where tasks run `here`, too.
    """
    if config.kind == "vllm":
        from rephrase.engines.vllm.engine import check_installed, check_model

        check_model(config)
        if here:
            check_installed(config.model)
    elif config.kind == "endpoint":
        from rephrase.engines.endpoint import check_endpoint

        check_endpoint(config)
    elif config.kind == "replay":
        from rephrase.engines.replay import check_recording

        check_recording(config)
