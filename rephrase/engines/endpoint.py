"""The engine `endpoint`: any OpenAI-compatible URL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from rephrase.engines.base import Completion, Identity, Request
from rephrase.engines.client import Client
from rephrase.engines.connection import Server
from rephrase.errors import UserError
from rephrase.notes import EngineFigures

if TYPE_CHECKING:
    from rephrase.engines.settings import EndpointEngine


class Endpoint:
    """Completions from the configured URL."""

    def __init__(self, config: EndpointEngine) -> None:
        """Load the tokenizer, where one is configured. Raises `UserError`."""
        self.model = config.model
        self.batch_size = config.batch_size
        self.concurrency = config.concurrency
        self.identity = Identity("endpoint")
        key = os.environ.get(config.api_key_env)
        server = Server(
            url=config.url.rstrip("/"),
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
        self._client = Client(server, prompter, request_timeout=config.request_timeout, retries=config.retries, seeds=config.seeds)

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Engine.complete`."""
        return await self._client.complete(requests)

    async def figures(self) -> EngineFigures:
        """See `Engine.figures`."""
        return EngineFigures()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def check_endpoint(config: EndpointEngine) -> None:
    """Raise a `UserError` about what is wrong with the settings, without a word to the endpoint."""
    parts = urlsplit(config.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError("not an http(s) URL", where=config.url, cure="write it like http://localhost:8000/v1")
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    # Servers inside a cluster speak plain http and often want no key; anything behind https does.
    if parts.scheme == "https" and not local and not os.environ.get(config.api_key_env):
        raise UserError(
            f"the environment variable {config.api_key_env} is not set", where=config.url, cure="set it, or name another in api_key_env"
        )
