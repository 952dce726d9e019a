"""The engine `vllm`: a server of our own on this executor's devices, found or started when the first request comes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase.engines.base import Completion, Engine, Identity, Message, Request, Sampling
from rephrase.engines.client import DIED, Client
from rephrase.engines.connection import Server
from rephrase.engines.model_folder import config_of, config_path
from rephrase.engines.processes import Process, find_owner
from rephrase.engines.vllm import processor, servers
from rephrase.engines.vllm.filling import Filling
from rephrase.engines.vllm.isolation import Isolation
from rephrase.engines.vllm.replicas import taken
from rephrase.engines.vllm.server_folder import Launch
from rephrase.engines.vllm.settings import (
    VllmSettings,
    check_arguments,
    check_installed,
    check_model,
    check_seeds,
    name_of,
    parts,
    prompter_of,
)
from rephrase.engines.vllm.turns import Turns
from rephrase.live.figures import ServerFigures
from rephrase.notes import EngineFigures
from rephrase.records import content_id

if TYPE_CHECKING:
    from rephrase.engines.prompts import ChatPrompter

_RETRIES = 3  # of calls that fail while the server lives
PROBE = Request((Message("text", "Hello"),), Sampling(max_tokens=1))
_GONE = 3.0  # seconds that a server may take to be seen as gone after a failed call


class Vllm(Engine):
    """Completions from the vLLM server that all tasks of this executor share.

    Calls under which the server dies are made again on a new one, then with nothing else on it; see `Isolation`.
    """

    def __init__(
        self, config: VllmSettings, gpu_addresses: Sequence[str] = (), owner: Process | None = None, logs: str | None = None
    ) -> None:
        """Nothing is started yet.

        `gpu_addresses` are the executor's, none on CPU; `owner` is by default the executor; `logs` is the folder where the server's
        log is kept after its end. Raises `UserError` if the model folder cannot be one, the GPUs make no servers as configured, or
        seeds would end the server.
        """
        check_model(config)
        check_arguments(config)
        check_seeds(config)
        config.check_gpus(len(gpu_addresses))
        self.model = config.model_name
        self.identity = Identity("vllm")
        self.batch_size = config.batch_size
        self._config = config
        self._filling = Filling()
        self._owner = owner or find_owner()
        self._place = contextlib.ExitStack()
        self._launch = launch(config, self._place.enter_context(taken(self._owner, gpu_addresses, config.tensor_parallel)), logs)
        self._seeds = config.seeds == "on" or (config.seeds == "auto" and bool(gpu_addresses) and not processor.is_built_for_it())
        self._starting = asyncio.Lock()
        self._info: servers.ServerInfo | None = None
        self._ready: float | None = None
        self._client: Client | None = None
        self._isolation = Isolation(functools.partial(self._together, alone=True), self._prove)
        self._server_use = contextlib.ExitStack()

    @property
    @override
    def concurrency(self) -> int:  # type: ignore[override]  # a constant of most engines
        """As configured, or as many as fill the server's batch."""
        return self._config.concurrency or self._filling.limit

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """The first call waits for the server to start, which takes minutes for a large model."""
        answers = await self._call(requests)
        if _died(answers):
            answers = await self._ask_again(requests, answers, self._call)
        if _died(answers):  # twice may still be others' fault, or bad luck
            answers = await self._ask_again(requests, answers, self._isolation.complete)
        await self._filling.look(self._has_queue)
        return answers

    @override
    async def figures(self) -> EngineFigures:
        """Tokens looked up in the prefix cache, and those found there."""
        if self._info is None:
            return EngineFigures()
        return replace(await asyncio.to_thread(servers.figures, self._info), ready=self._ready)

    @property
    @override
    def place(self) -> str:
        return f"vLLM on {socket.gethostname()}"

    @override
    def now(self) -> ServerFigures | None:
        """What its server says of itself; None while it starts, and where it is too busy to say."""
        info = self._info
        return None if info is None else servers.figures_now(info)

    @override
    async def close(self) -> None:
        """Close the connections; the server stays up for the executor's next task."""
        if self._client is not None:
            await self._client.close()
        self._server_use.close()
        self._place.close()
        self._client = self._info = None

    async def _call(self, requests: Sequence[Request]) -> list[Completion]:
        [answers] = await self._together([requests])
        return answers

    async def _together(self, calls: Sequence[Sequence[Request]], *, alone: bool = False) -> list[list[Completion]]:
        """The answers of calls that are made side by side on one server."""
        while True:
            client, info = await self._open()
            turns = Turns(info.folder)
            async with turns.alone() if alone else turns.together():
                if info.process.alive:  # it may have died of another's call while this one waited for its turn
                    return await asyncio.gather(*map(client.complete, calls))
            self._forget(info)

    async def _prove(self) -> None:
        for _ in range(2):  # once may be bad luck
            _, info = await self._open()
            [answers] = await self._together([[PROBE]], alone=True)
            if not _died(answers):
                return
        raise await asyncio.to_thread(servers.dies_of_anything, self._launch, info)

    async def _ask_again(
        self, requests: Sequence[Request], answers: list[Completion], call: Callable[[Sequence[Request]], Awaitable[list[Completion]]]
    ) -> list[Completion]:
        numbers = [number for number, answer in enumerate(answers) if answer.error == DIED]
        completions = await call([requests[number] for number in numbers])
        again = dict(zip(numbers, completions, strict=True))
        return [again.get(number, answer) for number, answer in enumerate(answers)]

    async def _open(self) -> tuple[Client, servers.ServerInfo]:
        async with self._starting:
            if self._info is None:
                self._info = await self._start()
                self._ready = self._ready or round(time.time(), 3)
                self._server_use.close()
                self._server_use.enter_context(servers.in_use(self._info))
            if self._client is None:
                self._client = self._new_client(self._info)
            return self._client, self._info

    async def _start(self) -> servers.ServerInfo:
        starting = asyncio.to_thread(find_or_start, self._launch, self._owner)
        # The first import of transformers takes as long as a small model's start: it is done meanwhile.
        info, prompter = await asyncio.gather(starting, asyncio.to_thread(lambda: self._prompter), return_exceptions=True)
        if isinstance(info, BaseException):  # first, as the server's own error says more
            raise info
        if isinstance(prompter, BaseException):
            raise prompter
        return info

    @functools.cached_property
    def _prompter(self) -> ChatPrompter:
        return prompter_of(self._config)

    def _forget(self, info: servers.ServerInfo | None) -> None:
        if self._info is info:
            self._info = None  # the next call starts another

    def _new_client(self, info: servers.ServerInfo) -> Client:
        self.identity = Identity(f"vllm {info.version}".strip(), model_revision(self._config), self._prompter.template_digest)
        server = Server(
            url="http://localhost/v1",
            model=self.model,
            unix_socket=info.socket,
            max_model_len=info.max_model_len,
            counts_tokens=True,
            bounds_texts=True,
        )
        return Client(
            server,
            self._prompter,
            request_timeout=self._config.request_timeout,
            retries=_RETRIES,
            seeds=self._seeds,
            died=self._server_died,
            queued=self._has_queue,
        )

    async def _has_queue(self) -> bool:
        return self._info is not None and await asyncio.to_thread(servers.has_queue, self._info)

    async def _server_died(self) -> bool:
        # A dying server refuses calls for a moment before it is gone.
        info, deadline = self._info, time.monotonic() + _GONE
        while info is not None and info.process.alive and time.monotonic() < deadline:  # noqa: ASYNC110  # processes have no events
            await asyncio.sleep(0.1)
        if info is not None and info.process.alive:
            return False
        self._forget(info)
        return True


def _died(answers: Sequence[Completion]) -> bool:
    return any(answer.error == DIED for answer in answers)


def find_or_start(launch: Launch, owner: Process) -> servers.ServerInfo:
    """The executor's server, as `servers.find_or_start` gives it. Raises `UserError` also where vLLM is not installed."""
    check_installed(launch.where)
    return servers.find_or_start(launch, owner)


def launch(config: VllmSettings, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Launch:
    """How the server is started on this machine: on all of these GPUs as one tensor-parallel engine, on CPU without any.

    Where the user's arguments ask for copies of the model or a pipeline, these share the GPUs. Where there is no address, vLLM takes as
    many of those it sees as `tensor_parallel` says.
    """
    arguments = ["--model", config.model, "--served-model-name", config.model_name, "--disable-uvicorn-access-log"]
    # The model's own generation config would change sampling unasked. Its end tokens are obeyed all the same.
    arguments += ["--generation-config", "vllm", "--enable-prefix-caching"]
    on_processor = processor.is_used(gpu_addresses)
    if not on_processor:
        # A server's defaults are for readers who wait: half, or less, of the prompt tokens a step that vLLM takes offline. A processor is
        # busy with fewer, and writes slower with more.
        arguments += ["--performance-mode", "throughput"]
    # Small models write white space between the tokens of JSON without end, if they may. vLLM wants the backend named with it: this one
    # takes all that schemas say, and lets strings of bounded length have quotes and line breaks.
    arguments += ["--structured-outputs-config", '{"backend": "guidance", "disable_any_whitespace": true}']
    if config.revision is not None:
        arguments += ["--revision", config.revision]
    if config.trust_remote_code:
        arguments.append("--trust-remote-code")
    shared = (len(gpu_addresses) or config.tensor_parallel or 1) // parts(config)
    if shared > 1:
        arguments += ["--tensor-parallel-size", str(shared)]
    if config.max_model_len is not None:
        arguments += ["--max-model-len", str(config.max_model_len)]
    if config.gpu_memory_utilization is not None:
        arguments += ["--gpu-memory-utilization", str(config.gpu_memory_utilization)]
    ours = processor.Defaults()
    if on_processor:
        inherited = {**os.environ, **config.env}
        given = {name_of(option) for option in (*arguments, *config.args) if option.startswith("-")}
        ours = processor.defaults(given, inherited, config_of(config.model), processor.flags_here(inherited))
    return Launch(
        where=config.model,
        arguments=(*arguments, *ours.arguments, *config.args),
        environment=tuple(sorted({**config.env, **ours.environment}.items())),
        devices=tuple(gpu_addresses),
        on_processor=on_processor,
        startup_timeout=config.startup_timeout,
        stall_timeout=config.stall_timeout,
        logs=logs,
        reasons=ours.reasons,
    )


def model_revision(config: VllmSettings) -> str | None:
    """Which state of the model writes: the configured revision, the commit in the hub's cache, or a digest of the model's folder.

    The digest is made of config.json and the names and sizes of all files: weights of the same size are not told apart.
    """
    if config.revision is not None:
        return config.revision
    if os.path.isdir(config.model):
        files = sorted((entry.name, entry.stat().st_size) for entry in os.scandir(config.model) if entry.is_file())
        with open(os.path.join(config.model, "config.json"), encoding="utf-8") as file:
            return "files:" + content_id(file.read(), *(f"{name} {size}" for name, size in files))[:16]
    path = config_path(config.model)
    return os.path.basename(os.path.dirname(path)) if path else None  # …/snapshots/COMMIT/config.json
