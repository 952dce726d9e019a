"""The token ids of an export, and the one that ends each document."""

from __future__ import annotations

import os
from dataclasses import dataclass

import orjson

from rephrase.errors import UserError
from rephrase.text.tokenizer import Tokenizer

_COMMON_EODS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<｜end▁of▁sentence｜>")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokenizer of an export: its name, the number of its token ids, and the token that ends each document."""

    tokenizer: str
    size: int
    eod: str
    eod_id: int


def find_vocabulary(tokenizer: str, eod: str | None = None) -> Vocabulary:
    """The vocabulary of a tokenizer.json, a folder or a hub id, with the token that ends documents.

    Without `eod` it is the `eos_token` of the tokenizer_config.json beside it, or else the first of some common names that it has.
    Raises `UserError` where no tokenizer or no such token is there.
    """
    inner = Tokenizer.load(tokenizer)
    names = [eod] if eod else [name for name in (_eos_token(tokenizer), *_COMMON_EODS) if name]
    for name in names:
        number = inner.control_id(name)
        if number is not None:
            return Vocabulary(tokenizer, inner.vocabulary_size, name, number)
    raise UserError(
        f"the tokenizer has no control token `{eod}`" if eod else "the tokenizer does not tell which token ends a document",
        where=tokenizer,
        cure="give one of its special tokens as --eod",
    )


def _eos_token(tokenizer: str) -> str | None:
    try:
        with open(_config_file(tokenizer), "rb") as file:
            token = orjson.loads(file.read()).get("eos_token")
    except (OSError, ValueError):  # it has none, or is a hub repository without one
        return None
    return str(token["content"] if isinstance(token, dict) else token) if token else None


def _config_file(tokenizer: str) -> str:
    name = "tokenizer_config.json"
    if os.path.isdir(tokenizer):
        return os.path.join(tokenizer, name)
    if os.path.isfile(tokenizer):
        return os.path.join(os.path.dirname(tokenizer), name)
    from huggingface_hub import hf_hub_download

    return str(hf_hub_download(tokenizer, name))
