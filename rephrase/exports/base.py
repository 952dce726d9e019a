"""What an export format is: rows become named objects, and the notes on all of them the index that is stored last."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from rephrase.exports.shard_note import ShardNote
from rephrase.exports.vocabulary import Vocabulary
from rephrase.settings.kinds import Kinds
from rephrase.settings.section import Section
from rephrase.text.reasoning_joint import Joint

if TYPE_CHECKING:
    from numpy.typing import NDArray

Objects = list[tuple[str, bytes]]

TOKEN_SHARD_BYTES = 256 << 20  # a task holds a shard and its encoding in memory


@dataclass(frozen=True, slots=True)
class Row:
    """A document of the mixture as a format sees it."""

    id: str
    text: bytes  # UTF-8; empty where the format stores no text
    tokens: NDArray[np.uint32]  # shape (tokens,), the end-of-document token last; none where nothing is tokenised
    columns: Mapping[str, Any]  # all others of the table, for formats that take provenance along
    stored: float  # when the Parquet file was stored, Unix time
    infilled: bool = False  # whether it was taken apart for fill-in-the-middle


@dataclass(frozen=True, slots=True)
class Shard:
    """The encoding of some rows: objects by name relative to the export, in the order of storing, and what the index tells of them.

    The object by which readers find the others comes last.
    """

    objects: Objects
    details: dict[str, Any]
    counts: Mapping[str, int] = field(default_factory=dict)  # for the manifest, beside documents, tokens and bytes


class Format(ABC):
    """A format. Its docstring is what `rephrase export --help` says of it. Instances are small and picklable: tasks get them."""

    Settings: ClassVar[type[Section]] = Section
    """What `--option KEY=VALUE` may set; the bare `Section` for nothing."""
    takes_vocabulary: ClassVar[Literal["required", "optional", "no"]]
    """Whether it is made of tokens, of texts and tokens if there is a tokenizer, or of texts alone."""
    stores_text: ClassVar[bool] = False
    """Else rows come without."""
    all_columns: ClassVar[bool] = False
    """Else rows come without `columns`."""
    shard_bytes: int = TOKEN_SHARD_BYTES
    """Of text and of tokens at four bytes: the rows of a Parquet file that hold more form several shards."""
    dtype: str | None = None
    """Of the stored tokens, in numpy's words; None where there are none."""

    def __init__(self, name: str, settings: Any, vocabulary: Vocabulary | None) -> None:
        self.name = name
        self.settings = settings
        self.vocabulary = vocabulary
        self.joint: Joint | None = None
        """How texts take up what stands in a column `reasoning`; None leaves it out."""

    @abstractmethod
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """Encode rows, one or more, as objects whose names begin with `name` or a folder and `name`."""

    def index(self, folder: str, notes: Sequence[ShardNote]) -> Objects:
        """The objects that complete the export stored in `folder`, from the notes on its shards, in order; by default none.

        A note has what `shard` gave as its `details`.
        """
        del folder, notes
        return []

    def meaning(self) -> dict[str, Any]:
        """What of the settings changes the files: an export resumes only where it is the same, and the manifest tells it."""
        changed = self.settings.model_dump(exclude_defaults=True)
        return {"settings": changed} if changed else {}

    def summary(self, manifest: Mapping[str, Any]) -> str:
        """What the line at the end of an export says beside documents and tokens, from the shards' counts in the manifest."""
        del manifest
        return ""


class TokenFormat(Format):
    """A format that is made of tokens."""

    takes_vocabulary = "required"
    vocabulary: Vocabulary


class UnsignedTokens(TokenFormat):
    """Tokens as unsigned integers, little-endian: of two bytes where the vocabulary allows it, else of four."""

    def __init__(self, name: str, settings: Section, vocabulary: Vocabulary) -> None:
        super().__init__(name, settings, vocabulary)
        self._dtype = np.dtype("<u2" if vocabulary.size <= 1 << 16 else "<u4")
        self.dtype = self._dtype.name


formats: Kinds[type[Format]] = Kinds(
    "export format",
    (
        "rephrase.exports.megatron",
        "rephrase.exports.mds",
        "rephrase.exports.datatrove",
        "rephrase.exports.numpy_arrays",
        "rephrase.exports.litdata",
        "rephrase.exports.packed",
        "rephrase.exports.jsonl",
    ),
    Format,
)
"""All formats; `@formats.register("arrow")` adds one."""


def joined(rows: Sequence[Row], dtype: np.dtype[Any]) -> tuple[bytes, NDArray[np.int64]]:
    """All tokens of the rows one after the other as little-endian bytes, and the number of each row's, shape (rows,)."""
    tokens = np.concatenate([row.tokens for row in rows], dtype=dtype.newbyteorder("<"), casting="unsafe")
    return tokens.tobytes(), np.array([len(row.tokens) for row in rows], np.int64)
