"""Completions recorded earlier, found by request digest: JSONL files, or the generations of a run.

Of Parquet only an index is held, 20 bytes a row; texts are fetched as they are asked for. Requests come in the order of the documents,
as they did when the rows were written, so the row group that holds one answer holds the next ones too.
"""

from __future__ import annotations

import functools
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from rephrase import storage
from rephrase.engines.base import Completion, Identity, Request, is_engine_error, seed_of, was_asked
from rephrase.engines.finish_reasons import settled
from rephrase.engines.reasoning import apart
from rephrase.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_INDEXED = ["request_digest", "error", "model", "seed", "attempts"]
_COLUMNS = ["request_digest", "completion", "finish_reason", "prompt_tokens", "completion_tokens", "error"]
_OPTIONAL = ["engine", "model_revision", "template_digest", "seed", "reasoning"]
_ATTEMPTS, _MOST_ATTEMPTS = 9, 100  # of recordings that do not say how many they took; that are looked up at most
_FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
_KEPT_GROUPS = 4  # row groups held at a time
_INDEX = np.dtype([("key", np.uint64), ("place", np.uint64), ("seed", np.uint32)])  # the place holds row group and row


class Recording:
    """The completions of some files. Raises `UserError` for files that hold none."""

    def __init__(self, files: Sequence[str], *, model: str | None = None, errors: bool = True) -> None:
        """`model`: take completions of this model alone. `errors`: also those that were parsed in vain."""
        self._model, self._errors = model, errors
        self._lines: dict[str, Completion] = {}
        self._groups: list[tuple[str, int]] = []
        self._attempts = 0
        parts = [np.empty(0, _INDEX)]
        for file in files:
            if file.endswith(".parquet"):
                parts += self._index(file)
            else:
                self._read_lines(file)
        index = np.concatenate(parts)
        order = np.argsort(index["key"], kind="stable")
        self._keys, self._places, self._seeds = (np.ascontiguousarray(index[name][order]) for name in index.dtype.names or ())
        self._group = functools.lru_cache(_KEPT_GROUPS)(_read_group)

    def find(self, request: Request) -> Completion | None:
        """The recorded answer to a request, else to a later attempt of it: a run's rows name their last attempt only.

        Of several that asked the same, the row's own is taken, else the first one recorded.
        """
        for attempt in range(request.attempt, max(request.attempt + 1, self._attempts)):
            digest = request.digest if attempt == request.attempt else replace(request, attempt=attempt).digest
            completion = self._lines.get(digest) or self._row(digest, seed_of(request.origin, attempt))
            if completion is not None:
                return replace(completion, attempt=attempt)
        return None

    def _row(self, digest: str, seed: int) -> Completion | None:
        key = _key(digest)
        first, end = (int(np.searchsorted(self._keys, key, side)) for side in ("left", "right"))
        own = first + np.flatnonzero(self._seeds[first:end] == seed)
        for at in (*own.tolist(), *range(first, end)):
            place = int(self._places[at])
            row = self._group(*self._groups[place >> 32]).slice(place & 0xFFFFFFFF, 1).to_pylist()[0]
            if row["request_digest"] == digest:
                return _completion(row)
        return None

    def _index(self, file: str) -> Iterator[np.ndarray[Any, Any]]:
        for number, group in enumerate(_row_groups(file, _INDEXED)):
            absent = [None] * group.num_rows
            columns = (group.column(name).to_pylist() if name in group.column_names else absent for name in _INDEXED)
            place = len(self._groups) << 32
            self._groups.append((file, number))
            entries = []
            for row, (digest, error, model, seed, attempts) in enumerate(zip(*columns, strict=True)):
                try:
                    if digest and self._is_usable(error, model):
                        entries.append((_key(digest), place + row, (seed or 0) & 0xFFFFFFFF))
                        self._attempts = max(self._attempts, _attempts(attempts))
                except Exception as fault:  # a row is foreign
                    raise _unreadable(f"{fault!r}", f"{file}, row {row} of row group {number}") from fault
            yield np.array(entries, _INDEX)

    def _is_usable(self, error: str | None, model: str | None) -> bool:
        if error and (not self._errors or is_engine_error(error) or not was_asked(error)):
            return False
        return self._model is None or model in (None, self._model)

    def _read_lines(self, file: str) -> None:
        for number, row in enumerate(_json_rows(file), start=1):
            try:
                if self._is_usable(row.get("error"), row.get("model")):
                    completion = _completion(row)
                    # Lines may come from anywhere, with reasoning that nobody has taken off yet; tables are ours.
                    completion = apart(completion, opened=None)
                    self._lines.setdefault(row["request_digest"], completion)
                    self._attempts = max(self._attempts, _attempts(row.get("attempts")))
            except Exception as error:  # a line is foreign
                raise _unreadable(f"{error!r}", f"{file}, row {number}") from error


@functools.cache  # a unit needs all that the config names
def load_recording(path: str, model: str | None = None) -> Recording:
    """The recording in a file, a folder or a pattern, loaded once per process. Raises `UserError`."""
    return Recording(files_of(path), model=model)


def files_of(path: str) -> list[str]:
    """The files that could hold a recording. Raises `UserError` if there are none."""
    files = [file.path for file in storage.expand(path) if file.path.endswith(_FORMATS)]
    if not files:
        raise UserError("no recorded completions found", where=path, cure=f"give a file or a folder with {', '.join(_FORMATS)}")
    return files


def _attempts(count: Any) -> int:
    """How many attempts a row may stand for: each is looked up."""
    return min(int(count), _MOST_ATTEMPTS) if count else _ATTEMPTS


def _key(digest: str) -> np.uint64:
    return np.uint64(int(digest[:16], 16))


def _completion(row: dict[str, Any]) -> Completion:
    error = row.get("error")
    engine = row.get("engine")
    text = row["completion"] or ""
    if not isinstance(text, str):
        raise TypeError("the completion is no text")
    completion = Completion(
        text=text,
        finish_reason=row["finish_reason"],
        prompt_tokens=int(row["prompt_tokens"] or 0),
        completion_tokens=int(row["completion_tokens"] or 0),
        error=error if error == "prompt_too_long" else None,  # other errors are verdicts on a completion that is there
        identity=Identity(engine, row.get("model_revision"), row.get("template_digest")) if engine else None,
        seed=row.get("seed"),
        reasoning=reasoning if isinstance(reasoning := row.get("reasoning"), str) and reasoning else None,
    )
    return settled(completion)


def _unreadable(reason: str, where: str) -> UserError:
    return UserError(f"not a recorded completion: {reason}", where=where, cure=f"rows need {', '.join(_COLUMNS[:5])}")


def _read_group(file: str, number: int) -> pa.Table:
    return next(_row_groups(file, [*_COLUMNS, *_OPTIONAL], number))


def _row_groups(file: str, columns: list[str], only: int | None = None) -> Iterator[pa.Table]:
    from rephrase.storage import tables

    with tables.opened(file, cure="record it again") as parquet:
        names = parquet.schema_arrow.names
        if missing := [name for name in _COLUMNS[:5] if name not in names]:
            raise _unreadable(f"there is no column `{missing[0]}`", file)
        for number in range(parquet.num_row_groups) if only is None else [only]:
            yield parquet.read_row_group(number, [name for name in columns if name in names], use_threads=False)


def _json_rows(path: str) -> Iterator[dict[str, Any]]:
    import zstandard

    try:
        with storage.open_stream(path) as stream:
            lines: Any = stream
            if path.endswith(".gz"):
                lines = gzip.GzipFile(fileobj=stream)
            elif path.endswith(".zst"):
                lines = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True))
            for line in lines:
                if line.strip():
                    yield orjson.loads(line)
    except (orjson.JSONDecodeError, gzip.BadGzipFile, EOFError, zstandard.ZstdError) as error:
        raise UserError(f"not a readable recording: {error}", where=path, cure="record it again") from error
