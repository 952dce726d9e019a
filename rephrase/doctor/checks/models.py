"""The models of vLLM engines: a whole folder, or one that the hub gives; and the tokenizers of the run."""

from __future__ import annotations

import os
from collections.abc import Sequence

import orjson

from rephrase.doctor.check import Check
from rephrase.doctor.checks.inputs import size
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.engines.model_folder import config_path, context_of, lacks_chat_template
from rephrase.engines.vllm.settings import VllmSettings, check_seeds
from rephrase.errors import UserError
from rephrase.text.hub import MODULE, ask_hub
from rephrase.text.tokenizer import Tokenizer

_WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt", ".pth")
_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_POINTER = b"version https://git-lfs"  # a file of Git LFS whose content was not fetched
_WHOLE = "copy the whole model folder again; from the hub: hf download ID --local-dir FOLDER"
_ENDPOINT = "; or let a server write: `engine: {kind: endpoint, url: URL, model: NAME}`"


def vllm_engines(site: Site) -> list[VllmSettings]:
    """The run's engines that are vLLM servers of our own, where tasks run."""
    return _all_vllm(site) if site.has_tasks else []


def _all_vllm(site: Site) -> list[VllmSettings]:
    return [engine for engine in site.run.all_engines.by_name.values() if isinstance(engine, VllmSettings)]


def _look(engine: VllmSettings, site: Site) -> Outcome:
    engine.check()
    if not site.has_tasks:
        return Outcome(f"{engine.model}: the driver finds nothing wrong with its settings")
    check_seeds(engine)
    path = config_path(engine.model)
    if path is None:
        return _on_hub(engine)
    folder = os.path.dirname(path)
    count, total = _weights(folder, engine.model)
    context = context_of(folder)
    text = f"{engine.model}: {size(total)} of weights in {count} file{'s' if count > 1 else ''}"
    return Outcome(text + (f", a context of {context:,} tokens" if context else ""))


def _weights(folder: str, model: str) -> tuple[int, int]:
    """How many files of weights there are, and their bytes. Raises `UserError` where some are missing."""
    there = {name: os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(_WEIGHTS)}
    for index in (name for name in _INDICES if os.path.exists(os.path.join(folder, name))):
        with open(os.path.join(folder, index), "rb") as file:
            named = set(orjson.loads(file.read()).get("weight_map", {}).values())
        if absent := sorted(named - there.keys()):
            what = f"{len(absent)} of {len(named)} files of weights are missing, {absent[0]} first"
            raise UserError(what, where=model, cure=_WHOLE)
    if not there:
        raise UserError("the model has no weights", where=model, cure=_WHOLE)
    for name, bytes_ in there.items():
        with open(os.path.join(folder, name), "rb") as file:
            if bytes_ < 1000 and file.read(len(_POINTER)) == _POINTER:
                raise UserError(f"{name} is a pointer of Git LFS and no weights", where=model, cure=f"git lfs pull; or {_WHOLE}")
    return len(there), sum(there.values())


def _on_hub(engine: VllmSettings) -> Outcome:
    info = ask_hub(engine.model, engine.revision, files="", otherwise=_ENDPOINT)
    total = sum(file.size or 0 for file in info.siblings or () if file.rfilename.endswith(_WEIGHTS))
    return Outcome(f"{engine.model}: the hub gives it, {size(total)} of weights; each machine loads it once")


def _tokenizers(site: Site) -> Sequence[str]:
    of_endpoints = [getattr(engine, "tokenizer", None) for engine in site.run.all_engines.by_name.values()]
    return list(dict.fromkeys([site.run.tokenizer, *(name for name in of_endpoints if name)]))


def _tokenizer(name: str, site: Site) -> Outcome:
    tokenizer = Tokenizer.load(name)
    templates = [engine.without_template for engine in site.run.all_engines.by_name.values()]
    without = f", no chat template in {name}" if name in templates and lacks_chat_template(name) else ""
    return Outcome(f"{name}: {tokenizer.vocabulary_size:,} tokens{without}")


MODEL = Check("model", _all_vllm, _look, "look at the file system of the model, or the network to the hub", imports=(MODULE,))
TOKENIZER = Check(
    "tokenizer", _tokenizers, _tokenizer, "look at the network to the hub, or give a tokenizer.json", 2, ("tokenizers", MODULE)
)
