"""Embeddings of texts, by models in folders of the user's."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rephrase.errors import UserError

_END = 1 << 20  # bytes of each end of a file that are read

Encode = Callable[[Sequence[str]], npt.NDArray[np.floating[Any]]]


def clean(text: str) -> str:
    """The text as a tokenizer takes it."""
    # Lone surrogates are no UTF-8, which tokenizers ask for.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@functools.lru_cache(maxsize=4)
def encoder(folder: str, kind: str, needed_by: str) -> Encode:
    """What gives a vector for each text, by the model in the folder: loaded once a process.

    kind: `model2vec` or `sentence-transformers`. `UserError` where the package is missing or the model cannot be loaded.
    """
    name = kind.replace("-", "_")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"the package `{name}` cannot be imported: {error}", where=needed_by, cure=f"pip install {kind}") from error
    if not os.path.isdir(folder):  # both packages would take it for the name of a model to download
        raise UserError("there is no such folder", where=folder, cure=f"set `model` of the {needed_by} to the folder of a model")
    try:
        if kind == "model2vec":
            model = module.StaticModel.from_pretrained(folder)
            # Of long texts too the whole is compared; and a check starts no processes.
            return functools.partial(model.encode, max_length=None, use_multiprocessing=False)
        network = module.SentenceTransformer(folder, device="cpu")
        return functools.partial(network.encode, show_progress_bar=False, convert_to_numpy=True)
    except Exception as error:  # each format fails in its own way
        cure = f"give the folder of a {kind} model, or set `kind`"
        raise UserError(f"{kind} cannot load the model: {error}", where=folder, cure=cure) from error


def folder_digest(folder: str, needed_by: str) -> str:
    """What tells the model in a folder from others, wherever the folder is: names, sizes and both ends of its files.

    Raises `UserError` where there is no such folder.
    """
    if not os.path.isdir(folder):
        raise UserError("there is no such folder", where=folder, cure=f"set `model` of the {needed_by} to the folder of a model")
    digest = hashlib.blake2b(digest_size=16)
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            size = os.path.getsize(path)
            digest.update(f"{os.path.relpath(path, folder)}\0{size}\0".encode())
            with open(path, "rb") as file:
                digest.update(file.read(_END))
                file.seek(max(0, size - _END))
                digest.update(file.read(_END))
    return digest.hexdigest()
