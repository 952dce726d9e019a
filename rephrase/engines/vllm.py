"""The engine `vllm`: a server of our own on this executor's devices, found or started when the first request comes."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import orjson

from rephrase.engines import supervisor
from rephrase.engines.base import Completion, Request
from rephrase.engines.client import CallError, Client, Server
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config import VllmEngine

CRASHED = "engine:crashed"
_RETRIES = 3  # a request that fails more often is taken for the cause
_CPU_CACHE_GIB = "2"  # vLLM's default takes half of the machine's memory, which the executor and its other tasks need


class Vllm:
    """Completions from the vLLM server that all tasks of this executor share."""

    def __init__(self, config: VllmEngine, gpu_addresses: Sequence[str] = (), owner: supervisor.Process | None = None) -> None:
        """Nothing is started yet. `gpu_addresses` are the executor's, none on CPU; `owner` is by default the executor.

        Raises `UserError` if the model folder cannot be one.
        """
        check_model(config)
        self.model = config.model_name
        self.batch_size = config.batch_size
        self.concurrency = config.concurrency
        self._config = config
        self._owner = owner or supervisor.find_owner()
        self._launch = launch(config, gpu_addresses)
        self._seeds = config.seeds == "on" or (config.seeds == "auto" and bool(gpu_addresses))
        self._starting = asyncio.Lock()
        self._client: Client | None = None
        self._held = contextlib.ExitStack()

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Engine.complete`. The first call waits for the server to start, which takes minutes for a large model."""
        async with self._starting:
            client = self._client = self._client or await self._open()
        return await client.complete(requests)

    async def close(self) -> None:
        """Close the connections; the server stays up for the executor's next task."""
        if self._client is not None:
            await self._client.close()
        self._held.close()
        self._client = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _open(self) -> Client:
        from rephrase.engines.prompts import ChatPrompter

        template = argument(self._config, "--chat-template")
        tokenizer = argument(self._config, "--tokenizer") or self._config.model
        revision = argument(self._config, "--tokenizer-revision") or self._config.revision
        prompter = await asyncio.to_thread(
            ChatPrompter, tokenizer, self._config.chat_template_args, revision=revision, chat_template=template
        )
        info = await asyncio.to_thread(find_or_start, self._launch, self._owner)
        self._held.enter_context(supervisor.in_use(info))
        server = Server(
            url="http://localhost/v1", model=self.model, unix_socket=info.socket, max_model_len=info.max_model_len, counts_tokens=True
        )
        return Client(
            server,
            prompter,
            request_timeout=self._config.request_timeout,
            retries=_RETRIES,
            seeds=self._seeds,
            exhausted=CRASHED,
            recover=self._recover,
        )

    async def _recover(self, _failure: CallError) -> None:
        # A dead server leaves its socket for a moment, and its supervisor looks once a second.
        await asyncio.sleep(2)
        await asyncio.to_thread(find_or_start, self._launch, self._owner)


def find_or_start(launch: supervisor.Launch, owner: supervisor.Process) -> supervisor.ServerInfo:
    """See `supervisor.find_or_start`; also raises a `UserError` where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise UserError(
            "vLLM is not installed on this machine",
            where=launch.where,
            cure="pip install 'rephrase[gpu]', or 'rephrase[cpu]' without a GPU",
        )
    return supervisor.find_or_start(launch, owner)


def launch(config: VllmEngine, gpu_addresses: Sequence[str] = ()) -> supervisor.Launch:
    """How the server is started: on all the given GPUs as one tensor-parallel engine, on CPU without any."""
    arguments = ["--model", config.model, "--served-model-name", config.model_name, "--disable-uvicorn-access-log"]
    # The model's own generation config would change sampling unasked. Its end tokens are obeyed all the same.
    arguments += ["--generation-config", "vllm", "--enable-prefix-caching"]
    if config.revision is not None:
        arguments += ["--revision", config.revision]
    if len(gpu_addresses) > 1:
        arguments += ["--tensor-parallel-size", str(len(gpu_addresses))]
    if config.max_model_len is not None:
        arguments += ["--max-model-len", str(config.max_model_len)]
    if config.gpu_memory_utilization is not None:
        arguments += ["--gpu-memory-utilization", str(config.gpu_memory_utilization)]
    environment = dict(config.env)
    if not gpu_addresses and "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
        environment.setdefault("VLLM_CPU_KVCACHE_SPACE", _CPU_CACHE_GIB)
    return supervisor.Launch(
        where=config.model,
        arguments=(*arguments, *config.args),
        environment=tuple(sorted(environment.items())),
        devices=tuple(gpu_addresses),
        startup_timeout=config.startup_timeout,
    )


def check_model(config: VllmEngine) -> None:
    """Raise a `UserError` if the model is a path where no model is. Hub ids are left to the server."""
    model = config.model
    if not _is_path(model):
        return
    cure = "give a folder with the model's config.json and weights, or a hub id"
    if "://" in model:
        raise UserError("models are read from disk or the hub, not from URLs", where=model, cure=cure)
    if not os.path.isdir(model):
        raise UserError("there is no such model folder", where=model, cure=cure)
    try:
        with open(os.path.join(model, "config.json"), "rb") as file:
            orjson.loads(file.read())
    except FileNotFoundError as error:
        raise UserError("the model folder has no config.json", where=model, cure=cure) from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise UserError(f"the model's config.json cannot be read: {error}", where=model, cure=cure) from error


def argument(config: VllmEngine, name: str) -> str | None:
    """The value of one of the configured server arguments, written `--name value` or `--name=value`."""
    for word, following in zip(config.args, [*config.args[1:], None], strict=False):  # no arguments give no pair
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word[len(name) + 1 :]
    return None


def _is_path(model: str) -> bool:
    # A hub id has at most one slash.
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or os.path.isdir(model)
