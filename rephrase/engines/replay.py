"""The engine `replay`: completions recorded earlier, found by request digest. For demos, for tests, and to never pay twice."""

from __future__ import annotations

import functools
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import orjson

from rephrase import storage
from rephrase.engines.base import Completion, Request
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.config import ReplayEngine

NOT_RECORDED = "engine:not_recorded"
_COLUMNS = ["request_digest", "completion", "finish_reason", "prompt_tokens", "completion_tokens", "error"]
_LATER_ATTEMPTS = 8
_FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")


class Replay:
    """Answers from JSONL files (plain, .gz, .zst) or from the generations of a finished run; from local disk or S3."""

    def __init__(self, config: ReplayEngine) -> None:
        """Nothing is read yet; the recording is loaded once per process. Rows name `config.model` as the model."""
        self.model = config.model
        self.batch_size = 256
        self.concurrency = 4096
        self._path = config.path

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Engine.complete`. A request that was never recorded gets the error `engine:not_recorded`."""
        recorded = _load(self._path)
        return [_find(recorded, request) for request in requests]

    async def close(self) -> None:
        """Nothing to let go of."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def check_recording(config: ReplayEngine) -> None:
    """Raise a `UserError` if there are no files that could hold a recording."""
    _files(config.path)


def _find(recorded: dict[str, Completion], request: Request) -> Completion:
    found = recorded.get(request.digest)
    # A run's rows name their last attempt only, so the first attempt is answered with what the last one got.
    for attempt in range(request.attempt + 1, request.attempt + 1 + _LATER_ATTEMPTS):
        if found is not None:
            return found
        found = recorded.get(replace(request, attempt=attempt).digest)
    return found or Completion("", "error", error=NOT_RECORDED)


def _files(path: str) -> list[str]:
    files = [file.path for file in storage.expand(path) if file.path.endswith(_FORMATS)]
    if not files:
        raise UserError("no recorded completions found", where=path, cure=f"give a file or a folder with {', '.join(_FORMATS)}")
    return files


@functools.lru_cache(maxsize=2)
def _load(path: str) -> dict[str, Completion]:
    recorded: dict[str, Completion] = {}
    for file in _files(path):
        for number, row in enumerate(_rows(file), start=1):
            try:
                digest, completion = _completion(row)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(
                    f"not a recorded completion: {error!r}", where=f"{file}, row {number}", cure=f"rows need {', '.join(_COLUMNS[:5])}"
                ) from error
            if completion is not None:
                recorded.setdefault(digest, completion)
    return recorded


def _completion(row: dict[str, Any]) -> tuple[str, Completion | None]:
    error = row.get("error")
    if error and error.startswith("engine:"):
        return row["request_digest"], None
    too_long = error if error == "prompt_too_long" else None  # other errors are verdicts on a completion that is there
    return row["request_digest"], Completion(
        text=row["completion"] or "",
        finish_reason=row["finish_reason"] or "stop",
        prompt_tokens=int(row["prompt_tokens"] or 0),
        completion_tokens=int(row["completion_tokens"] or 0),
        error=too_long,
    )


def _rows(path: str) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import zstandard

    try:
        if path.endswith(".parquet"):
            with storage.open_random(path) as stream, pq.ParquetFile(stream) as file:
                names = [name for name in _COLUMNS if name in file.schema_arrow.names]
                for batch in file.iter_batches(columns=names):
                    yield from batch.to_pylist()
            return
        with storage.open_stream(path) as stream:
            lines: Any = stream
            if path.endswith(".gz"):
                lines = gzip.GzipFile(fileobj=stream)
            elif path.endswith(".zst"):
                lines = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True))
            for line in lines:
                if line.strip():
                    yield orjson.loads(line)
    except (orjson.JSONDecodeError, gzip.BadGzipFile, EOFError, zstandard.ZstdError, pa.ArrowInvalid) as error:
        raise UserError(f"not a readable recording: {error}", where=path, cure="record it again") from error
