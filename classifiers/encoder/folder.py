"""The folder of an encoder: what its configuration says of labels, lengths and scores, without loading it."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.text.hub import ask_hub, is_cached

CONFIG, TOKENIZER, ONNX = "config.json", "tokenizer.json", "model.onnx"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_FROM_HUB = [CONFIG, TOKENIZER, "tokenizer_config.json", "*.safetensors", WEIGHTS[1], ONNX]
_TOKENS = 512  # where neither tokenizer nor model says how many it takes
_UNBOUNDED = 1_000_000  # and more: how tokenizers say that they know no length
# Models that number positions from behind the padding's id: so many fewer tokens fit (transformers, create_position_ids_from_input_ids).
_PADDED_POSITIONS = {"camembert", "data2vec-text", "ibert", "longformer", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl", "xmod"}

Activation = Literal["none", "softmax", "sigmoid"]


@dataclass(frozen=True, slots=True)
class EncoderFolder:
    """An encoder on this machine."""

    path: str
    name: str
    """As the config names it."""
    labels: tuple[str, ...]
    """In the order of the model's outputs."""
    activation: Activation
    """What makes scores of its outputs: `none` for a single one, `sigmoid` for labels that do not exclude each other."""
    max_tokens: int
    """That the model takes, with its special tokens."""
    pad_id: int
    has_weights: bool
    """For torch."""
    has_onnx: bool


def encoder_folder(name: str, revision: str | None = None) -> EncoderFolder:
    """The encoder of a folder, or of a hub id, which is loaded into the hub's cache once a machine.

    Raises `UserError` where there is none, or the folder lacks what an encoder needs.
    """
    path = name if os.path.isdir(name) else _from_hub(name, revision)
    config = _json(path, CONFIG, name)
    if not os.path.isfile(os.path.join(path, TOKENIZER)):
        cure = f"make one: AutoTokenizer.from_pretrained('{name}').save_pretrained('{name}')"
        raise UserError(f"the encoder has no {TOKENIZER}", where=name, cure=cure)
    has_weights = any(os.path.isfile(os.path.join(path, file)) for file in WEIGHTS)
    has_onnx = os.path.isfile(os.path.join(path, ONNX))
    if not has_weights and not has_onnx:
        raise UserError(f"the encoder has no weights: {WEIGHTS[0]} or {ONNX}", where=name, cure="copy the whole folder again")
    labels = _labels(config)
    return EncoderFolder(
        path=path,
        name=name,
        labels=labels,
        activation=_activation(config, labels),
        max_tokens=_max_tokens(path, config, name),
        pad_id=config.get("pad_token_id") or 0,
        has_weights=has_weights,
        has_onnx=has_onnx,
    )


def check_encoder(name: str) -> None:
    """Raise the `UserError` of an encoder that is not there, without loading it: a hub id need only be known."""
    if not is_hub_id(name):
        encoder_folder(name)
    elif not is_cached(name, CONFIG):
        ask_hub(name, None, files="")


def is_hub_id(name: str) -> bool:
    """Whether an encoder is asked of the hub: what is no path, and no folder here."""
    return not (os.path.isdir(name) or name.startswith(("/", ".", "~")) or "://" in name)


def encoder_digest(name: str) -> str | None:
    """Names the content of an encoder's folder: its configuration, tokenizer and weights. None for a hub id, and for a folder elsewhere."""
    if not os.path.isdir(name):
        return None
    files = [(file, _digest_of(os.path.join(name, file), changed, size)) for file, changed, size in encoder_files(name)]
    return content_id(*(part for file in files for part in file))


def encoder_files(name: str) -> tuple[tuple[str, int, int], ...]:
    """The files in a folder that scores depend on, each with the time of its last change in nanoseconds and its size; none of a hub id."""
    if not os.path.isdir(name):
        return ()
    files = sorted(file for file in os.listdir(name) if _matters(file))
    status = ((file, os.stat(os.path.join(name, file))) for file in files)
    return tuple((file, there.st_mtime_ns, there.st_size) for file, there in status)


def _matters(file: str) -> bool:
    return file in (CONFIG, TOKENIZER, "tokenizer_config.json") or file.endswith((".safetensors", ".onnx", ".onnx.data", ".bin"))


@functools.lru_cache(maxsize=256)
def _digest_of(path: str, _changed: int, _size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_hub(name: str, revision: str | None) -> str:
    if not is_hub_id(name):
        raise UserError("there is no such folder of an encoder", where=name, cure="put it where all machines find it at the same path")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return snapshot_download(name, revision=revision, allow_patterns=_FROM_HUB, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        ask_hub(name, revision, files="")
    return snapshot_download(name, revision=revision, allow_patterns=_FROM_HUB)


def _json(path: str, file: str, name: str) -> dict[str, Any]:
    try:
        with open(os.path.join(path, file), "rb") as content:
            data = orjson.loads(content.read())
    except FileNotFoundError as error:
        cure = "give the folder of a sequence-classification model of transformers; a fastText model is a file, .bin or .ftz"
        raise UserError(f"this is no encoder: it has no {file}", where=name, cure=cure) from error
    except orjson.JSONDecodeError as error:
        raise UserError(f"{file} is no JSON: {error}", where=name, cure="copy the folder again") from error
    return data if isinstance(data, dict) else {}


def _labels(config: dict[str, Any]) -> tuple[str, ...]:
    by_output = {int(number): str(label) for number, label in (config.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}).items()}
    return tuple(by_output[number] for number in sorted(by_output))


def _activation(config: dict[str, Any], labels: tuple[str, ...]) -> Activation:
    if len(labels) == 1 or config.get("problem_type") == "regression":
        return "none"
    return "sigmoid" if config.get("problem_type") == "multi_label_classification" else "softmax"


def _max_tokens(path: str, config: dict[str, Any], name: str) -> int:
    positions = config.get("max_position_embeddings") or config.get("n_positions") or _TOKENS
    if config.get("model_type") in _PADDED_POSITIONS:
        positions -= (config.get("pad_token_id") or 0) + 1
    there = os.path.isfile(os.path.join(path, "tokenizer_config.json"))
    length = _json(path, "tokenizer_config.json", name).get("model_max_length") if there else None
    return int(min(positions, length if length and length < _UNBOUNDED else positions))
