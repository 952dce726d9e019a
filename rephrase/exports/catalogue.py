"""The formats by name, and the vocabulary that they write."""

from __future__ import annotations

import os
from collections.abc import Callable

import orjson

from rephrase.errors import UserError
from rephrase.exports import FORMATS
from rephrase.exports.base import Format, Vocabulary
from rephrase.exports.datatrove import Datatrove
from rephrase.exports.jsonl import Jsonl
from rephrase.exports.litdata import Litdata
from rephrase.exports.mds import Mds
from rephrase.exports.megatron import Megatron
from rephrase.exports.numpy_arrays import NumpyArrays
from rephrase.exports.packed import Packed, Packing
from rephrase.text.tokenizer import Tokenizer

TOKEN_FORMATS: dict[str, Callable[[Vocabulary], Format]] = {
    "megatron": Megatron,
    "datatrove": Datatrove,
    "numpy": NumpyArrays,
    "litdata": Litdata,
}

_COMMON_EODS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<｜end▁of▁sentence｜>")


def make_format(name: str, vocabulary: Vocabulary | None, *, compress: bool = False, packing: Packing | None = None) -> Format:
    """The format of this name. Raises `UserError` where it does not exist, or lacks what it needs, or is given what it does not take."""
    if name not in FORMATS:
        raise UserError(f"`{name}` is no export format", where="--format", cure=f"one of {', '.join(FORMATS)}")
    if compress and name != "mds":
        raise UserError(f"{name} has no compression to choose", where="--compress", cure="leave it out")
    if packing and name != "packed":
        raise UserError(f"{name} packs no sequences", where="--sequence-length and --packing", cure="leave them out")
    if name == "mds":
        return Mds(tokenised=vocabulary is not None, compress=compress)
    if name == "jsonl":
        if vocabulary:
            raise UserError("jsonl holds text alone", where="--tokenizer", cure="leave it out, or choose a format of tokens")
        return Jsonl()
    if vocabulary is None:
        raise UserError(f"{name} holds tokens", where="--tokenizer", cure="give a tokenizer.json, a folder with one, or a hub id")
    if name == "packed":
        if packing is None or packing.length < 2:
            raise UserError("how long shall a sequence be?", where="--sequence-length", cure="as many tokens as your trainer takes")
        return Packed(vocabulary, packing)
    return TOKEN_FORMATS[name](vocabulary)


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
