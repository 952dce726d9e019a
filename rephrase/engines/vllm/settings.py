"""The settings of the engine `vllm`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Engine
from rephrase.engines.model_folder import context_of, has_tokenizer, lacks_chat_template
from rephrase.engines.settings import Context, EngineSettings, PromptCounter, engines
from rephrase.engines.vllm import processor
from rephrase.errors import UserError
from rephrase.settings.paths import Model

if TYPE_CHECKING:
    from rephrase.engines.prompts import ChatPrompter

_SHARING = ("--tensor-parallel-size", "-tp", "--data-parallel-size", "-dp", "--pipeline-parallel-size", "-pp")
_TRUSTING = ("--trust-remote-code", "--no-trust-remote-code")
_KEYS = ("--api-key", "--hf-token")
_ENGINE = "rephrase.engines.vllm.engine"  # stands above its settings, and is imported where one is opened


@engines.register("vllm")
class VllmSettings(EngineSettings):
    """A vLLM server on each executor, started and watched by us."""

    kind: Literal["vllm"]
    model: Model
    """A folder or a hub id."""
    tensor_parallel: int | None = Field(default=None, ge=1)
    """GPUs that share one copy of the model. An executor with more of them has a server for each so many; default: one server on all."""
    name: str | None = None
    """How rows name the model; default: the hub id or the folder's last part."""
    revision: str | None = None
    trust_remote_code: bool = False
    """Run the Python code that lies in the model's folder or repository, with all rights of yours: in the server, and in each task for the
    tokenizer. The report and the manifest tell of it."""
    max_model_len: int | None = Field(default=None, ge=1)
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    args: list[str] = []
    """Further arguments of the vLLM server, as on its command line. They win over ours, such as `--performance-mode throughput` on GPUs."""
    env: dict[str, str] = {}
    chat_template_args: dict[str, Any] = {"enable_thinking": False}
    seeds: Literal["auto", "on", "off"] = "auto"
    """Send each request's seed. auto: where an executor has GPUs. vLLM's engine for processors can die of one: there `on` is refused."""
    batch_size: int = Field(default=16, ge=1)
    concurrency: int | None = Field(default=None, ge=1)
    """Requests that each Spark task keeps in flight; default: 512, and up to 4,096 for as long as none waits for a place in the batch."""
    startup_timeout: float = Field(default=900, gt=0)
    """Seconds until a server must answer, its model loaded and compiled."""
    stall_timeout: float = Field(default=300, gt=0)
    """A server that has work and writes nothing for so many seconds is ended and started again."""
    request_timeout: float = Field(default=1800, gt=0)
    """Seconds for an answer. While requests wait for a place in the server's batch, their time begins anew."""

    secret = frozenset({"env", "args"})
    holds_devices = True

    @property
    @override
    def model_name(self) -> str:
        """How rows name the model: never by a path, so that ids are the same wherever the model lies."""
        is_path = os.path.isabs(self.model) or self.model.startswith(("s3://", "."))
        return self.name or (self.model.rstrip("/").rsplit("/", 1)[-1] if is_path else self.model)

    @property
    @override
    def context(self) -> Context | None:
        length = argument(self, "--max-model-len")
        if length is not None:
            return Context(int(length), "--max-model-len in engine.args") if length.isdecimal() else None
        if self.max_model_len is not None:
            return Context(self.max_model_len, "engine.max_model_len")
        overridden = any(name_of(option).startswith("--hf-overrides") for option in self.args)
        tokens = None if overridden else context_of(self.model)
        return None if tokens is None else Context(tokens, f"{self.model}/config.json")

    @override
    def sized(self, tokens: int, tokenizer: str) -> VllmSettings:
        """With `max_model_len`, unless it is set, the model has less, or the tokens are not its own: another tokenizer may count half."""
        own = argument(self, "--tokenizer") or self.model
        is_set = self.max_model_len is not None or argument(self, "--max-model-len") is not None
        has_less = self.context is not None and self.context.tokens <= tokens
        if is_set or has_less or tokenizer.removesuffix("/tokenizer.json").rstrip("/") != own.rstrip("/"):
            return self
        return self.model_copy(update={"max_model_len": tokens})

    @property
    @override
    def without_template(self) -> str | None:
        tokenizer = argument(self, "--tokenizer") or self.model
        template = argument(self, "--chat-template")
        return tokenizer if template is None and lacks_chat_template(tokenizer) else None

    @override
    def prompt_counter(self) -> PromptCounter:
        """By the model's own tokenizer and chat template."""
        return prompter_of(self).count

    @property
    @override
    def meaning(self) -> dict[str, Any]:
        return {"revision": self.revision, "chat_template_args": self.chat_template_args}

    @override
    def open(self, gpu_addresses: Sequence[str] = (), logs: str | None = None) -> Engine:
        """The server starts with the first request."""
        engine: Engine = import_module(_ENGINE).Vllm(self, gpu_addresses, logs=logs)
        return engine

    @override
    def check(self, *, here: bool = False) -> None:
        """The model's folder is looked for on this machine; vLLM, and whether it takes seeds, only where tasks run `here`, too."""
        check_model(self)
        named = [option.partition("=")[0].replace("_", "-") for option in self.args]
        if self.tensor_parallel is not None and (other := next((name for name in named if name in _SHARING), None)):
            what = f"`tensor_parallel` and `{other}` in `args` both say how the GPUs are shared"
            raise UserError(what, where=self.model, cure="remove one of them")
        if os.path.isdir(self.model) and argument(self, "--tokenizer") is None and not has_tokenizer(self.model):
            cure = "give the model's whole folder, or --tokenizer in the engine's args"
            raise UserError("the model folder has no tokenizer", where=self.model, cure=cure)
        check_arguments(self)
        if here:
            check_installed(self.model)
            check_seeds(self)

    @override
    def check_gpus(self, gpus: int, tasks: int | None = None) -> None:
        """Raise a `UserError` where the GPUs do not make servers of `tensor_parallel` each, or there are fewer tasks than servers."""
        each = self.tensor_parallel
        if each is None:
            return
        if gpus % each:
            what = f"an executor has {gpus} GPU{'s' if gpus > 1 else ''}, which do not make servers of {each} each"
            raise UserError(what, where="engine.tensor_parallel", cure="take a number that divides the executor's GPUs")
        if tasks is not None and tasks < gpus // each:
            what = f"an executor has {gpus // each} servers, and cores for {tasks} task{'s' if tasks > 1 else ''}: some would stand idle"
            raise UserError(what, where="engine.tensor_parallel", cure="give executors more cores, or a larger number")


def prompter_of(config: VllmSettings) -> ChatPrompter:
    """What turns messages into the token ids that the server is sent. Raises `UserError` for a tokenizer that does not load."""
    from rephrase.engines.prompts import ChatPrompter

    template = argument(config, "--chat-template")
    tokenizer = argument(config, "--tokenizer") or config.model
    revision = argument(config, "--tokenizer-revision") or config.revision
    trusted = config.trust_remote_code
    return ChatPrompter(tokenizer, config.chat_template_args, revision=revision, chat_template=template, trust_remote_code=trusted)


def argument(config: VllmSettings, name: str) -> str | None:
    """The value of one of the configured server arguments, `--name value` or `--name=value`, hyphens or underscores; the last counts."""
    given = None
    for option, value in zip(config.args, [*config.args[1:], None], strict=False):  # no arguments give no pair
        if name_of(option) == name:
            given = option.partition("=")[2] if "=" in option else value
    return given


def parts(config: VllmSettings) -> int:
    """Among how many copies of the model, and stages of its pipeline, the configured arguments divide a server's GPUs."""
    counts = [argument(config, name) or "1" for name in ("--data-parallel-size", "-dp", "--pipeline-parallel-size", "-pp")]
    return math.prod(int(count) for count in counts if count.isdecimal()) or 1  # vLLM itself tells of what is no number


def name_of(option: str) -> str:
    """The name of an argument, as vLLM reads it: `--max_model_len=8` is `--max-model-len`."""
    return option.partition("=")[0].replace("_", "-")


def check_model(config: VllmSettings) -> None:
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


def check_arguments(config: VllmSettings) -> None:
    """Raise a `UserError` for arguments of the server that would run code of the model, show a key, or bring others, unseen."""
    for option in config.args:
        name = name_of(option)
        if name.startswith(("--tr", "--no-tr")) and any(full.startswith(name) for full in _TRUSTING):  # it takes beginnings of names too
            what = f"`{name}` in `args` would have the server run Python code that lies beside the model"
            raise UserError(what, where=config.model, cure="look at that code, take the argument out, and set `trust_remote_code: true`")
        if name in _KEYS:
            what = f"`{name}` in `args` would show a key to whoever lists the machine's processes, and the server's log would keep it"
            cure = "set HF_TOKEN in the environment instead" if "hf" in name else "take it out: the server's socket is your user's alone"
            raise UserError(what, where=config.model, cure=cure)
        if name == "--config":
            what = "`--config` in `args` names a file of arguments that nobody would see here"
            raise UserError(what, where=config.model, cure="write the file's arguments into `args`")


def check_installed(where: str) -> None:
    """Raise a `UserError` for the model or server named by `where` if this machine has no vLLM."""
    if find_spec("vllm") is None:
        cure = "pip install '.[gpu]' in the checkout of rephrase, or '.[cpu]' without a GPU"
        raise UserError("vLLM is not installed on this machine", where=where, cure=cure)


def check_seeds(config: VllmSettings) -> None:
    """Raise a `UserError` if seeds are to be sent, and the vLLM of this machine is a build for processors.

    Its engine dies when it reads a prompt that has one in several steps: "CPU Generator does not use offset" (vLLM 0.32).
    """
    if config.seeds == "on" and processor.is_built_for_it():
        what = "`seeds: on` would end the engine, as the vLLM of this machine is a build for processors"
        raise UserError(what, where=config.model, cure="leave `seeds` out: they are then sent where an executor has GPUs")


def _is_path(model: str) -> bool:
    # A hub id has at most one slash.
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or os.path.isdir(model)
