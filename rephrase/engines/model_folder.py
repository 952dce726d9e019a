"""What the files of a model's folder tell without loading the model: its context, its tokenizer, its chat template."""

from __future__ import annotations

import os
from typing import Any

import orjson

_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "max_seq_len")
_TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates")
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "tekken.json", "vocab.json", "vocab.txt", "spiece.model")


def context_of(folder: str) -> int | None:
    """Tokens of the context by config.json; None where it does not tell, or stretches its positions."""
    config = _json_of(os.path.join(folder, "config.json"))
    inner = config.get("text_config")
    for section in (inner if isinstance(inner, dict) else {}, config):
        stretched = section.get("rope_scaling") or section.get("rope_parameters")
        if isinstance(stretched, dict) and stretched.get("rope_type", stretched.get("type", "default")) != "default":
            return None
        counts: list[int] = [section[key] for key in _CONTEXT_KEYS if isinstance(section.get(key), int)]
        if counts:
            return max(counts)
    return None


def config_path(model: str) -> str | None:
    """Where the config.json of a model is on this machine: in its folder, or in the hub's cache; None where it is not."""
    if os.path.isdir(model):
        return os.path.join(model, "config.json")
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(model, "config.json")
    except HFValidationError:  # neither an id nor a folder; who loads it says so
        return None
    return path if isinstance(path, str) else None


def config_of(model: str) -> dict[str, Any]:
    """A model's config.json; empty where it is not on this machine."""
    path = config_path(model)
    return _json_of(path) if path else {}


def has_tokenizer(folder: str) -> bool:
    """Whether a folder holds the file of a tokenizer."""
    return any(os.path.exists(os.path.join(folder, name)) for name in _TOKENIZERS)


def lacks_chat_template(tokenizer: str) -> bool:
    """Whether a tokenizer, a folder or its tokenizer.json, is on this machine and has no chat template."""
    folder = tokenizer if os.path.isdir(tokenizer) else os.path.dirname(tokenizer)
    if not os.path.exists(tokenizer) or any(os.path.exists(os.path.join(folder, name)) for name in _TEMPLATES):
        return False
    return not _json_of(os.path.join(folder, "tokenizer_config.json")).get("chat_template")


def _json_of(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content = orjson.loads(file.read())
    except (OSError, orjson.JSONDecodeError):  # told by those who need the file
        return {}
    return content if isinstance(content, dict) else {}
