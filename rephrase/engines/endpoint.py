"""The engine `endpoint`: any OpenAI-compatible URL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Engine, Identity, Request
from rephrase.engines.client import Client
from rephrase.engines.connection import Server
from rephrase.engines.model_folder import lacks_chat_template
from rephrase.engines.outage import PATIENCE
from rephrase.engines.settings import Context, EngineSettings, PromptCounter, engines
from rephrase.errors import UserError
from rephrase.settings.paths import Model


@engines.register("endpoint")
class EndpointSettings(EngineSettings):
    """Any OpenAI-compatible URL."""

    kind: Literal["endpoint"]
    url: str
    """Up to and with /v1."""
    model: str = Field(min_length=1)
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; keys never stand in a config."""
    tokenizer: Model | None = None
    """Folder, file or hub id of the model's tokenizer with its chat template: prompts then go to /completions as token
    ids. Without it they go to /chat/completions as text."""
    max_model_len: int | None = Field(default=None, ge=1)
    chat_template_args: dict[str, Any] = {}
    extra_body: dict[str, Any] = {}
    seeds: bool = True
    """Send each request's seed, which gives the same answer again where a server heeds it; each request is then a call of its own.
    Not to a vLLM on a processor, whose engine can die of one."""
    batch_size: int = Field(default=1, ge=1)
    """Requests in a call; more than 1 only with `seeds: false` and a `tokenizer`."""
    concurrency: int = Field(default=64, ge=1)
    request_timeout: float = Field(default=600, gt=0)
    retries: int = Field(default=6, ge=0)
    outage_timeout: float = Field(default=PATIENCE, gt=0)
    """Seconds without any connection to the server after which the run ends, to be resumed. Requests wait that long, and none is lost."""

    secret = frozenset({"extra_body"})

    @property
    @override
    def model_name(self) -> str:
        """How rows name the model."""
        return self.model

    @property
    @override
    def context(self) -> Context | None:
        return None if self.max_model_len is None else Context(self.max_model_len, "engine.max_model_len")

    @property
    @override
    def without_template(self) -> str | None:
        return self.tokenizer if self.tokenizer is not None and lacks_chat_template(self.tokenizer) else None

    @override
    def prompt_counter(self) -> PromptCounter | None:
        """By the model's tokenizer, where one is configured."""
        if self.tokenizer is None:
            return None
        from rephrase.engines.prompts import ChatPrompter

        return ChatPrompter(self.tokenizer, self.chat_template_args).count

    @property
    @override
    def meaning(self) -> dict[str, Any]:
        return {"chat_template_args": self.chat_template_args}

    @override
    def open(self, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Endpoint:
        del gpu_addresses, logs
        return Endpoint(self)

    @override
    def check(self, *, here: bool = False) -> None:
        """Raise a `UserError` about what is wrong with the settings, without a word to the endpoint."""
        del here
        cure = "write it like http://localhost:8000/v1"
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # of a host or a port that is none
            usable = False
        if not usable:
            raise UserError("not an http(s) URL", where=self.url, cure=cure)
        if parts.username or parts.password or parts.query:  # it would stand in the manifest of every mixture
            what = "the URL holds a name, a password or a query, which may be secret"
            raise UserError(what, where=f"engine.url, {parts.hostname}", cure="put the key into the environment: `api_key_env`")
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        # Servers inside a cluster speak plain http and often want no key; anything behind https does.
        if parts.scheme == "https" and not local and not os.environ.get(self.api_key_env):
            raise UserError(
                f"the environment variable {self.api_key_env} is not set", where=self.url, cure="set it, or name another in api_key_env"
            )


class Endpoint(Engine):
    """Completions from the configured URL."""

    def __init__(self, config: EndpointSettings) -> None:
        """Load the tokenizer, where one is configured. Raises `UserError`."""
        self.model = config.model
        # What goes out as a call of its own comes back as one, and need not wait for others to be kept.
        self.batch_size = 1 if config.seeds or config.tokenizer is None else config.batch_size
        self.concurrency = config.concurrency
        self.identity = Identity("endpoint")
        self._url = config.url.rstrip("/")
        key = os.environ.get(config.api_key_env)
        server = Server(
            url=self._url,
            model=config.model,
            max_model_len=config.max_model_len,
            headers=(("Authorization", f"Bearer {key}"),) if key else (),
            extra_body=tuple(config.extra_body.items()),
            key_name=config.api_key_env,
        )
        prompter = None
        if config.tokenizer is not None:
            from rephrase.engines.prompts import ChatPrompter

            prompter = ChatPrompter(config.tokenizer, config.chat_template_args)
            self.identity = Identity("endpoint", template=prompter.template_digest)
        elif config.chat_template_args:
            arguments = ("chat_template_kwargs", config.chat_template_args)
            server = replace(server, extra_body=(arguments, *server.extra_body))
        self._client = Client(
            server,
            prompter,
            request_timeout=config.request_timeout,
            retries=config.retries,
            seeds=config.seeds,
            patience=config.outage_timeout,
        )

    @property
    @override
    def place(self) -> str:
        """The URL, and what its server said last where it fails."""
        return f"{self._url} ({self.trouble})" if self.trouble else self._url

    @property
    @override
    def trouble(self) -> str:
        return self._client.trouble

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await self._client.complete(requests)

    @override
    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
