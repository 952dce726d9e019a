"""An encoder's folder for ONNX Runtime: smaller to install than torch, and faster on most CPUs."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

import numpy as np

from classifiers.encoder.device import CPU
from classifiers.encoder.folder import CONFIG, ONNX, TOKENIZER, encoder_folder
from classifiers.encoder.network import export_to_onnx, load_network
from rephrase.errors import UserError

_FILES = (CONFIG, TOKENIZER, "tokenizer_config.json")
_TOLERANCE = 1e-3  # of outputs, which are of the order of 1


@dataclass(frozen=True, slots=True)
class Exported:
    """What `export_encoder` wrote."""

    folder: str
    bytes: int
    """Of the network."""
    difference: float
    """The largest between an output of both networks, on a batch of random tokens."""


def export_encoder(name: str, output: str) -> Exported:
    """Write an encoder of torch into the folder `output` as one for ONNX Runtime, which is used there alone.

    Raises `UserError` where it cannot be exported, or gives something else than before.
    """
    folder = encoder_folder(name)
    if not folder.has_weights:
        raise UserError("the encoder has no weights for torch", where=name, cure="it is one for ONNX Runtime already: use it as it is")
    if os.path.exists(os.path.join(output, "model.safetensors")):
        raise UserError("there is an encoder for torch", where=output, cure="name another folder")
    os.makedirs(output, exist_ok=True)
    for file in _FILES:
        if os.path.exists(os.path.join(folder.path, file)):
            shutil.copy(os.path.join(folder.path, file), output)
    path = os.path.join(output, ONNX)
    export_to_onnx(folder, path)
    draw = np.random.default_rng(0)
    ids, mask = draw.integers(5, 100, (3, 17)), np.ones((3, 17), np.int64)
    mask[1, 9:] = 0
    before, after = (load_network(encoder_folder(where), CPU)(ids, mask, np.zeros_like(ids)) for where in (folder.path, output))
    difference = float(np.abs(before - after).max())
    if difference > _TOLERANCE:
        os.remove(path)
        raise UserError(f"the exported encoder gives other outputs, by {difference:g}", where=name, cure="use it as it is: torch runs it")
    return Exported(output, os.path.getsize(path), difference)
