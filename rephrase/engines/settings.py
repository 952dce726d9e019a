"""The section `engine:` of a run."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import Field

from rephrase.settings.section import Section


class ReplayEngine(Section):
    """Completions recorded earlier: JSONL files (plain, .gz, .zst) or a finished run's generations folder."""

    kind: Literal["replay"]
    path: str
    model: str = "recorded"

    @property
    def model_name(self) -> str:
        """How rows name the model."""
        return self.model


class VllmEngine(Section):
    """A vLLM server on each executor, started and watched by us."""

    kind: Literal["vllm"]
    model: str
    """A folder or a hub id."""
    name: str | None = None
    """How rows name the model; default: the hub id or the folder's last part."""
    revision: str | None = None
    max_model_len: int | None = Field(default=None, ge=1)
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    args: list[str] = []
    """Further arguments of the vLLM server, as on its command line. They win over ours: `--performance-mode throughput` is the default."""
    env: dict[str, str] = {}
    chat_template_args: dict[str, Any] = {"enable_thinking": False}
    seeds: Literal["auto", "on", "off"] = "auto"
    """Send each request's seed. auto: where an executor has GPUs (vLLM's CPU engine cannot take seeds)."""
    batch_size: int = Field(default=16, ge=1)
    concurrency: int = Field(default=512, ge=1)
    """Requests that each Spark task keeps in flight. Of four tasks a GPU, as many as vLLM takes at a time on the largest."""
    startup_timeout: float = Field(default=900, gt=0)
    """Seconds until a server must answer, its model loaded and compiled."""
    stall_timeout: float = Field(default=300, gt=0)
    """A server that has work and writes nothing for so many seconds is ended and started again."""
    request_timeout: float = Field(default=1800, gt=0)
    """Seconds for an answer. While requests wait for a place in the server's batch, their time begins anew."""

    @property
    def model_name(self) -> str:
        """How rows name the model: never by a path, so that ids are the same wherever the model lies."""
        is_path = os.path.isabs(self.model) or self.model.startswith(("s3://", "."))
        return self.name or (self.model.rstrip("/").rsplit("/", 1)[-1] if is_path else self.model)


class EndpointEngine(Section):
    """Any OpenAI-compatible URL."""

    kind: Literal["endpoint"]
    url: str
    """Up to and with /v1."""
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; keys never stand in a config."""
    tokenizer: str | None = None
    """Folder, file or hub id of the model's tokenizer with its chat template: prompts then go to /completions as token
    ids. Without it they go to /chat/completions as text."""
    max_model_len: int | None = Field(default=None, ge=1)
    chat_template_args: dict[str, Any] = {}
    extra_body: dict[str, Any] = {}
    seeds: bool = True
    batch_size: int = Field(default=1, ge=1)
    concurrency: int = Field(default=64, ge=1)
    request_timeout: float = Field(default=600, gt=0)
    retries: int = Field(default=6, ge=0)

    @property
    def model_name(self) -> str:
        """How rows name the model."""
        return self.model


class EchoEngine(Section):
    """No model: the words of the prompt come back. For dry runs, which show passages, prompts and tables."""

    kind: Literal["echo"]

    @property
    def model_name(self) -> str:
        """How rows name the model."""
        return "echo"


EngineConfig = Annotated[ReplayEngine | VllmEngine | EndpointEngine | EchoEngine, Field(discriminator="kind")]
