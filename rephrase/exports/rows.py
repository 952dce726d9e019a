"""The documents of a Parquet file as formats see them: tokenised where there is a tokenizer, taken apart where their middle comes last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rephrase import storage
from rephrase.errors import UserError
from rephrase.exports.base import Format, Row
from rephrase.exports.infilling import Infilling
from rephrase.exports.part_encoder import Part, PartEncoder, spelled
from rephrase.exports.reasoning import COLUMN, check_column, taken_up
from rephrase.readers.base import reason_of
from rephrase.records import content_id
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH = 256  # texts encoded at a time
_NEEDED = ("text", "id")
_DRAWN_BY = ("epoch", "source")  # what else says whether and where a document is taken apart


def columns_of(path: str) -> list[str]:
    """The columns of a Parquet file."""
    import pyarrow.parquet as pq

    with storage.open_random(path) as stream:
        names: list[str] = pq.read_schema(stream).names
    return names


def read_rows(file: storage.FileInfo, form: Format, infilling: Infilling | None = None) -> Iterator[Row]:
    """The documents of a Parquet file that hold any text. Raises `UserError` for a file without texts, and for a text without tokens."""
    there = columns_of(file.path)
    if "text" not in there:
        raise UserError("the table has no column `text`", where=file.path, cure=f"it has {', '.join(there)}")
    if infilling and infilling.settings.sources is not None and "source" not in there:
        raise UserError("the table has no column `source`", where=file.path, cure="leave `sources` out of --fim: all documents are taken")
    if form.joint:
        check_column(there, file.path)
    wanted = (*_NEEDED, *(_DRAWN_BY if infilling else ()), *((COLUMN,) if form.joint else ()))
    columns: list[str] | None = None if form.all_columns else [name for name in wanted if name in there]
    encoder = _Encoder(form, infilling, file.path)
    for group in tables.read_row_groups(file.path, columns):
        for at in range(0, group.num_rows, _BATCH):
            part = group.slice(at, _BATCH)
            texts = part.column("text").cast(pa.large_string()).cast(pa.large_binary()).to_pylist()  # stored as it lies in the file
            others = part.drop_columns(["text"]).to_pylist()
            if form.joint:
                texts = taken_up(form.joint, texts, others)
            rows = [(text, other) for text, other in zip(texts, others, strict=True) if text]
            for (text, other), (stored, tokens, infilled) in zip(rows, encoder.encoded(rows), strict=True):
                yield Row(
                    id=other.get("id") or content_id(text.decode()),
                    text=stored if form.stores_text else b"",
                    tokens=tokens,
                    columns=other if form.all_columns else {},
                    stored=file.modified,
                    infilled=infilled,
                )


class _Encoder:
    """Makes the text and the tokens of rows of a file."""

    def __init__(self, form: Format, infilling: Infilling | None, path: str) -> None:
        vocabulary = form.vocabulary
        self._tokenizer = Tokenizer.load(vocabulary.tokenizer) if vocabulary else None
        self._end = np.array([vocabulary.eod_id] if vocabulary else [], np.uint32)
        self._infilling = infilling
        self._part_encoder = PartEncoder(self._tokenizer) if self._tokenizer and infilling else None
        self._path = path

    def encoded(self, rows: Sequence[tuple[bytes, dict[str, Any]]]) -> Iterator[tuple[bytes, NDArray[np.uint32], bool]]:
        """Of each row its text, its tokens with the end-of-document token, none without a tokenizer, and whether it was taken apart."""
        parts = [self._parts(text, other) for text, other in rows]
        whole = iter(self._tokens([row for row, several in zip(rows, parts, strict=True) if several is None]))
        for row, several in zip(rows, parts, strict=True):
            tokens = next(whole) if several is None else self._tokens([row], several)[0]
            yield row[0] if several is None else spelled(several).encode(), np.append(tokens, self._end), several is not None

    def _parts(self, text: bytes, other: dict[str, Any]) -> list[Part] | None:
        if not self._infilling:
            return None
        plain = text.decode()
        return self._infilling.parts(plain, str(other.get("id") or content_id(plain)), other.get("epoch") or 0, other.get("source"))

    def _tokens(self, rows: Sequence[tuple[bytes, dict[str, Any]]], parts: Sequence[Part] | None = None) -> list[NDArray[np.uint32]]:
        """The token ids of texts, or of the parts of one. Raises a `UserError` that names the one that the tokenizer does not take."""
        if not self._tokenizer:
            return [np.array([], np.uint32)] * len(rows)
        try:
            if parts and self._part_encoder:
                return [self._part_encoder.tokens(parts)]
            return self._tokenizer.encode([text.decode() for text, _ in rows])
        except Exception as error:
            if len(rows) > 1:
                return [tokens for row in rows for tokens in self._tokens([row])]
            name = rows[0][1].get("id") or content_id(rows[0][0].decode())
            cure = "take another tokenizer, or take the text out of the mixture"
            raise UserError(
                f"the tokenizer does not take a text: {reason_of(error)}", where=f"{self._path}, id {name}", cure=cure
            ) from error
