"""The networks of encoders, by torch or ONNX Runtime, and their export from one to the other: these packages are imported here alone."""

from __future__ import annotations

import inspect
import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.encoder.device import CPU
from classifiers.encoder.folder import ONNX, EncoderFolder
from rephrase.errors import UserError

Tokens = npt.NDArray[np.int64]
Network = Callable[[Tokens, Tokens, Tokens], npt.NDArray[np.float32]]
"""Ids, mask and segments of tokens, each of shape (texts, tokens), to the model's outputs, of shape (texts, labels)."""
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def load_network(folder: EncoderFolder, device: str) -> Network:
    """The network of an encoder: on a GPU by torch, on the CPU by ONNX Runtime where the folder has its file, else by torch.

    Raises `UserError` where the package is missing or the model does not load.
    """
    return _by_onnx(folder) if folder.has_onnx and (device == CPU or not folder.has_weights) else _by_torch(folder, device)


def _by_torch(folder: EncoderFolder, device: str) -> Network:
    torch, model = _torch_model(folder)
    try:
        model = model.to(device)
    except RuntimeError as error:
        raise _full(folder, error) from error
    takes = set(inspect.signature(model.forward).parameters)
    torch.backends.cuda.matmul.allow_tf32 = True  # twice as fast, and the scores differ in their fourth digit

    def outputs(*tokens: Tokens) -> npt.NDArray[np.float32]:
        named = {name: torch.from_numpy(array).to(device) for name, array in zip(_INPUTS, tokens, strict=True) if name in takes}
        try:
            with torch.inference_mode():
                logits: npt.NDArray[np.float32] = model(**named).logits.float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise _full(folder, error) from error
        return logits

    return outputs


def _torch_model(folder: EncoderFolder) -> tuple[Any, Any]:
    try:
        import torch
        from transformers import AutoModelForSequenceClassification
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        cure = "pip install 'rephrase[encoder]'; or export the model to ONNX and install rephrase[onnx]"
        raise UserError(f"torch and transformers run encoders, and cannot be imported: {error}", where=folder.name, cure=cure) from error
    logging.getLogger("transformers").setLevel(logging.ERROR)
    disable_progress_bar()
    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder.path, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # each architecture fails in its own way
        cure = "give the whole folder of a sequence-classification model"
        if "trust_remote_code" in str(error):
            what = "the encoder is Python code that lies beside its weights, which is never run"
            raise UserError(what, where=folder.name, cure=f"export it to {ONNX} where you trust it") from error
        raise UserError(f"transformers cannot load the encoder: {error}", where=folder.name, cure=cure) from error
    return torch, model.eval()


def _by_onnx(folder: EncoderFolder) -> Network:
    try:
        import onnxruntime
    except ImportError as error:
        cure = "pip install 'rephrase[onnx]'"
        raise UserError(f"ONNX Runtime runs {ONNX}, and cannot be imported: {error}", where=folder.name, cure=cure) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)  # which Spark sets to the cores of a task, and torch heeds
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(os.path.join(folder.path, ONNX), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(f"ONNX Runtime cannot load {ONNX}: {error}", where=folder.name, cure="export the model again") from error
    takes = {node.name for node in session.get_inputs()}

    def outputs(*tokens: Tokens) -> npt.NDArray[np.float32]:
        named = {name: array for name, array in zip(_INPUTS, tokens, strict=True) if name in takes}
        logits: npt.NDArray[np.float32] = session.run(None, named)[0]
        return logits

    return outputs


def export_to_onnx(folder: EncoderFolder, path: str) -> None:
    """Write the network of an encoder as a file for ONNX Runtime. Raises `UserError` where that cannot be, or a package is missing."""
    torch, model = _torch_model(folder)
    try:
        import onnxscript  # noqa: F401  # torch's exporter needs it, and says so late
    except ImportError as error:
        cure = "pip install 'rephrase[encoder,onnx]'"
        raise UserError(f"the exporter of torch needs a package: {error}", where=folder.name, cure=cure) from error
    takes = [name for name in _INPUTS if name in inspect.signature(model.forward).parameters]
    sample = {name: torch.zeros((2, 8), dtype=torch.int64) for name in takes}
    sample["attention_mask"] = torch.ones((2, 8), dtype=torch.int64)
    sizes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what its own parts will lose
            torch.onnx.export(
                model,
                kwargs=sample,
                f=path,
                input_names=takes,
                output_names=["logits"],
                dynamic_shapes=dict.fromkeys(takes, sizes),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # each architecture fails in its own way
        cure = "use the folder as it is: torch runs it"
        raise UserError(f"torch cannot export the encoder to ONNX: {error}", where=folder.name, cure=cure) from error


def _full(folder: EncoderFolder, error: Exception) -> UserError:
    cure = "set a smaller `batch`; leave more of the GPU to it (`gpu_memory_utilization` of the engine); or run the stage by itself"
    return UserError(f"the GPU has no room for the encoder: {str(error).splitlines()[0]}", where=folder.name, cure=cure)
