"""A finished mixture as a dataset on the Hugging Face hub: `rephrase export run.yaml --to hf://datasets/ORG/NAME`."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.mix.manifest import MANIFEST, is_complete, mixture_manifest
from rephrase.storage.hub import told

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_TARGET = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@([^/]+))?/?")
_BATCH_BYTES = 2 << 30  # of a commit: what a try that fails sends again, and what lies on this machine's disk meanwhile
_BATCH_FILES = 50  # of a commit: the hub advises 50 to 100 (https://huggingface.co/docs/hub/repositories-recommendations)
_LAST = ("croissant.json", "README.md", MANIFEST)
_COPIED = 8 << 20  # bytes at a time


def publish(source: str, to: str) -> int:
    """Upload the mixture in a folder, or what is missing of it, to `hf://datasets/ORG/NAME[@BRANCH]`. Returns how many data files went.

    The dataset is made, private, where there is none. Data come in commits of some files each; the dataset card, the Croissant metadata
    and the manifest in the last one. Raises `UserError` for a mixture that is missing or unfinished, and for what the hub refuses.
    """
    from huggingface_hub import HfApi

    target = _TARGET.fullmatch(to)
    if target is None:
        raise UserError("this names no dataset", where=to, cure="write hf://datasets/ORG/NAME, or @BRANCH after NAME")
    if not is_complete(source):
        raise UserError("there is no finished mixture here", where=source, cure="run the mix stage first: `rephrase mix run.yaml`")
    repository, branch = target[1], target[2]
    files = {file["name"]: file for file in mixture_manifest(source)["files"]}
    with told(to):
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
        api.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        if branch:
            api.create_branch(repository, branch=branch, repo_type="dataset", exist_ok=True)
        there = _there(api, repository, branch)
    waiting = [name for name, file in files.items() if there.get(name) != file["sha256"]]
    for number, names in enumerate(_batches(waiting, files), 1):
        _commit(api, source, names, to, f"Data, part {number}", repository, branch)
    _commit(api, source, _LAST, to, "Dataset card and manifest", repository, branch)
    return len(waiting)


def _there(api: HfApi, repository: str, branch: str | None) -> dict[str, str]:
    """The checksums of the large files that the dataset has."""
    tree = api.list_repo_tree(repository, recursive=True, revision=branch, repo_type="dataset")
    return {entry.path: lfs.sha256 for entry in tree if (lfs := getattr(entry, "lfs", None)) is not None}


def _batches(names: Sequence[str], files: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for name in names:
        if batch and (len(batch) == _BATCH_FILES or size + files[name]["bytes"] > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += files[name]["bytes"]
    if batch:
        yield batch


def _commit(api: HfApi, source: str, names: Sequence[str], to: str, message: str, repository: str, branch: str | None) -> None:
    from huggingface_hub import CommitOperationAdd

    with tempfile.TemporaryDirectory(prefix="rephrase-hub-") as folder:
        paths = [_local(storage.join(source, name), os.path.join(folder, str(number))) for number, name in enumerate(names)]
        operations = [CommitOperationAdd(name, path) for name, path in zip(names, paths, strict=True)]
        with told(to):
            api.create_commit(repository, operations, commit_message=message, repo_type="dataset", revision=branch)


def _local(path: str, copy: str) -> str:
    """A file of this machine with the content: itself, or a copy of what is in a store."""
    if storage.is_local(path):
        return path
    with storage.open_stream(path) as stream, open(copy, "wb") as file:
        shutil.copyfileobj(stream, file, _COPIED)
    return copy
