"""Input from datasets of the Hugging Face hub: `hf://datasets/ORG/NAME[@REVISION]/path`. HF_TOKEN and HF_ENDPOINT count."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.storage.base import FileInfo, stores
from rephrase.storage.ranged import RangedObject
from rephrase.storage.read_only import ReadOnly

_STREAMED = 8 << 20  # bytes a request of a sequential read: each is redirected first
_SCHEME = "hf://"
_NAMED = 3  # parts of a repository's name: datasets, the organisation, the dataset


@stores.register("hf")
class Hub(ReadOnly):
    """Files of datasets on the hub. The client repeats requests that the hub refuses for being busy."""

    @override
    def read_range(self, path: str, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff  # type: ignore[attr-defined]  # not in __all__

        with told(path):
            headers = {**build_hf_headers(), "Range": f"bytes={start}-{end - 1}"}
            answer = http_backoff("GET", _hub().url(_inner(path)), headers=headers, follow_redirects=True)
            hf_raise_for_status(answer)
            return answer.content if answer.status_code == 206 else answer.content[start:end]

    @override
    def size_of(self, path: str) -> int | None:
        try:
            with told(path):
                about = _hub().info(_inner(path))
        except FileNotFoundError:
            return None
        return int(about["size"]) if about["type"] == "file" else None

    @override
    def open_stream(self, path: str, start: int = 0) -> BinaryIO:
        raw = RangedObject(self.read_range, path, self.size_of(path))
        raw.seek(start)
        return cast("BinaryIO", io.BufferedReader(raw, _STREAMED))

    @override
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        hub, inner = _hub(), _inner(folder)
        try:
            with told(folder):
                start = hub.resolve_path(inner).path_in_repo.strip("/")
                entries = hub.find(inner, detail=True)
                files = [(hub.resolve_path(name).path_in_repo, entry) for name, entry in entries.items() if entry["type"] == "file"]
        except FileNotFoundError:
            return
        base = folder.rstrip("/")
        for name, entry in sorted(files, key=lambda file: file[0]):
            below = name[len(start) :].strip("/")
            if below and not any(part.startswith(".") for part in below.split("/")):
                yield FileInfo(f"{base}/{below}", int(entry["size"]))


def _hub() -> Any:
    """The client (`HfFileSystem`) of this thread, which remembers what it has listed. Its types know buckets too, which we do not."""
    from huggingface_hub import HfFileSystem

    return HfFileSystem(endpoint=os.environ.get("HF_ENDPOINT") or None)


def _inner(path: str) -> str:
    """The path as the client knows it. Raises `UserError` for what is no dataset."""
    inner = path.removeprefix(_SCHEME).rstrip("/")
    parts = inner.split("/")
    if parts[0] != "datasets" or len(parts) < _NAMED or not all(parts[:_NAMED]):
        raise UserError("this is no dataset of the hub", where=path, cure="write hf://datasets/ORG/NAME/path, or @REVISION after NAME")
    return inner


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """Tell what the client raises as FileNotFoundError, or as a `UserError` with the hub's own words."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except UserError:
        raise
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise _no_access(path) from error
    except FileNotFoundError as error:
        if isinstance(error.__cause__, GatedRepoError | RepositoryNotFoundError | RevisionNotFoundError):
            raise _no_access(path) from error
        raise FileNotFoundError(errno.ENOENT, "no such file", path) from error
    except HfHubHTTPError as error:
        words = " ".join(str(error).split())[:300]
        raise UserError(f"the hub refuses: {words}", where=path, cure="check HF_TOKEN and HF_ENDPOINT; or run again later") from error
    except Exception as error:  # the network's, of the client's HTTP package
        words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise UserError(
            f"the hub does not answer: {words}", where=path, cure="check the network and HF_ENDPOINT; then run again"
        ) from error


def _no_access(path: str) -> UserError:
    repository = "/".join(path.removeprefix(_SCHEME).split("/")[:_NAMED])
    cure = "check its name and revision; for a private or gated one, set HF_TOKEN and accept its terms"
    return UserError(f"there is no {repository} on the hub, or it is not yours to read", where=path, cure=cure)
