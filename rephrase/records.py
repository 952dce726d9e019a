"""The tables of the pipeline: their Arrow schemas, and how ids are made. Every table is defined here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import pyarrow as pa

from rephrase.errors import UserError


def _schema(columns: list[tuple[str, pa.DataType]]) -> pa.Schema:
    return pa.schema(columns)


DOCUMENT = _schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("url", pa.string()),
        ("language", pa.string()),  # ISO code or programming language; null where the input names none and no language model was given
        ("language_score", pa.float32()),
        ("n_tokens", pa.int64()),
        ("synthetic_depth", pa.int32()),  # 0 for people's text, +1 for each model that rewrote it
        ("license", pa.string()),
        ("metadata", pa.map_(pa.string(), pa.string())),
        ("labels", pa.map_(pa.string(), pa.string())),  # by name, such as its topic; null where there are none, and in older tables
    ]
)

GENERATION = _schema(
    [
        ("id", pa.string()),
        ("document_id", pa.string()),
        ("span_start", pa.int64()),  # characters of the document's text that the prompt shows
        ("span_end", pa.int64()),
        ("recipe", pa.string()),
        ("recipe_digest", pa.string()),
        ("step", pa.string()),
        ("key", pa.string()),  # what sets this prompt apart from others on the same span, e.g. "pair:Kelp|Otter"
        ("sample", pa.int32()),
        ("model", pa.string()),
        ("model_revision", pa.string()),  # a commit, or a digest of the model's folder; null where the engine does not tell
        ("engine", pa.string()),  # with its version: "vllm 0.24.0"
        ("template_digest", pa.string()),  # of the chat template and its arguments; null where the server applies its own
        ("sampling", pa.string()),  # JSON
        ("seed", pa.int64()),  # of the last attempt, also where the engine's `seeds` kept it from the server
        ("attempts", pa.int32()),  # 1 + the times a completion that did not parse was asked for again
        ("request_digest", pa.string()),  # of the last attempt; the key of the replay engine
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("finish_reason", pa.string()),
        ("completion", pa.string()),  # raw, as the model wrote it, without its reasoning
        ("reasoning", pa.string()),  # what the model wrote before its answer, without marks; null where it wrote none, and in older tables
        ("text", pa.string()),  # parsed training text; null after an error and for steps that only prepare others
        ("fields", pa.string()),  # JSON object of the parts of the text (instruction, answer, score …); null where there are none
        ("error", pa.string()),  # null, or a code: "parse:…", "rejected:…", "prompt_too_long", "engine:…": see docs/failures.md
        ("synthetic_depth", pa.int32()),
        ("lineage", pa.list_(pa.string())),  # ids of the generations of earlier steps that the prompt used
    ]
)

JUDGED = _schema(
    [
        ("id", pa.string()),
        ("recipe", pa.string()),
        ("step", pa.string()),
        ("document_id", pa.string()),
        ("verdict", pa.string()),  # "keep", the name of the first failing check, or "intermediate"
        ("scores", pa.map_(pa.string(), pa.float64())),
        ("text", pa.string()),  # of kept rows only
        ("fields", pa.string()),  # of kept rows only: see GENERATION
        ("reasoning", pa.string()),  # of kept rows only: see GENERATION
        ("n_tokens", pa.int64()),  # of the text, by the configured tokenizer
        ("source", pa.string()),  # these four are the document's, so that mixing needs no join
        ("language", pa.string()),  # or the one that the recipe asks for; a translation's own; "mul" for a text in several
        ("license", pa.string()),
        ("model", pa.string()),
        ("synthetic_depth", pa.int32()),
        ("labels", pa.map_(pa.string(), pa.string())),  # of the document, but for those that `filter.labels` gives the text itself
    ]
)

SCREENED = _schema(
    [
        ("id", pa.string()),  # a document's; objects and row groups are those of `documents`
        ("verdict", pa.string()),  # "keep", or the first failing check
        ("scores", pa.map_(pa.string(), pa.float64())),
    ]
)

DUPLICATE = _schema(
    [
        ("id", pa.string()),  # of the text that goes, a document or a generation; objects are named as those that hold the texts
        ("kept_id", pa.string()),  # of the text that stays, to which it is similar: of this run or of `dedup.against`; null by bloom
        ("similarity", pa.float64()),  # the Jaccard similarity of shingles, a cosine, or a share of n-grams; null in older tables
        ("method", pa.string()),  # what found it: "minhash", "semantic" or "bloom"; null in older tables, which know minhash alone
    ]
)

SIGNATURE = _schema(
    [
        ("id", pa.string()),  # of a text that was searched; objects are named as those that hold the texts
        ("row", pa.int64()),  # its row in that object
        ("document_id", pa.string()),  # of a generation
        ("rank", pa.uint8()),  # 255 less the score by which duplicates are ranked, from 0 to 255
        ("text_hash", pa.binary()),  # of the text as it is
        ("signature", pa.binary()),  # MinHash: `bands` * `rows` unsigned integers of 32 bits, little-endian
    ]
)

EMBEDDING = _schema(
    [
        ("id", pa.string()),  # of a text that was searched by meaning; objects are named as those that hold the texts
        ("row", pa.int64()),  # its row in that object
        ("document_id", pa.string()),  # of a generation
        ("rank", pa.uint8()),  # 255 less the score by which duplicates are ranked, from 0 to 255
        ("characters", pa.int64()),  # of the text
        ("vector", pa.binary()),  # of length 1, or all 0: floats of 16 bits, little-endian
    ]
)

PATH = _schema(
    [
        ("id", pa.string()),  # of the document that the path belongs to; objects are named as those that hold the documents
        ("owner", pa.int32()),  # which of the path's passages is that document's
        ("bridges", pa.list_(pa.string())),  # the names that join each passage to the next, in their normal form
        ("documents", pa.list_(pa.string())),
        ("starts", pa.list_(pa.int64())),  # characters of each document's text that its passage is
        ("ends", pa.list_(pa.int64())),
        ("texts", pa.list_(pa.string())),
    ]
)

MIXTURE = _schema(
    [
        ("text", pa.string()),
        ("id", pa.string()),
        ("origin", pa.string()),  # "original" or "synthetic"
        ("source", pa.string()),
        ("recipe", pa.string()),  # null for originals
        ("document_id", pa.string()),  # the original's id; equals `id` for originals
        ("epoch", pa.int32()),  # 0 the first time a text is used
        ("n_tokens", pa.int64()),
        ("synthetic_depth", pa.int32()),
        ("model", pa.string()),
        ("license", pa.string()),
        ("parts", pa.list_(pa.string())),  # ids of the texts that were joined, in their order; null for all others, and in older tables
        # Of a text that was joined those that all of its parts share. No map, as documents have: `datasets` of Hugging Face reads none.
        ("labels", pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))),
    ]
)
MIXTURE_MEANINGS = {
    "text": "The training text.",
    "id": "Of the text: a document's, a generation's, or one of its own where texts were joined.",
    "origin": "original or synthetic.",
    "source": "Where the document comes from.",
    "recipe": "What rewrote the document; none for originals.",
    "document_id": "The id of the original; for originals their own.",
    "epoch": "0 the first time a text is used.",
    "n_tokens": "Tokens of the text by the configured tokenizer.",
    "synthetic_depth": "How many models the text has passed through.",
    "model": "The model that wrote the text, or all that had a part in it, joined by ` + `; none for originals.",
    "license": "Of the document.",
    "parts": "Ids of the texts that the mixture joined to this one, in their order; none for others.",
    "labels": "What the text was labelled as, by the names of the labels, such as its topic.",
}
"""What is said of each column where a mixture tells of itself."""

ERROR = _schema(
    [
        ("stage", pa.string()),
        ("file", pa.string()),
        ("offset", pa.int64()),  # bytes into the stored file (compressed, where it is), or a line or row number: see `unit`
        ("unit", pa.string()),  # "byte", "line" or "row"
        ("reason", pa.string()),
    ]
)

MAX_DEPTH = 1_000_000
"""Models that a text may have passed through; more is no such number, and the next model's would not fit the column."""

MODELS = " + "
"""Between the names of models that had a part in one text."""

TEXT_LANGUAGE = "text_language"
"""The part of a generation (see `fields`) in which a recipe tells the language of its text, where it is not the document's."""

LABELS = DOCUMENT.field("labels").type
"""Of the column of labels."""

UNWRITTEN = pa.schema([field if field.name != "labels" else pa.field("labels", LABELS) for field in MIXTURE])
"""MIXTURE before it is written: labels are a map."""

KEEP = "keep"
INTERMEDIATE = "intermediate"


def require_columns(columns: Sequence[str], required: Sequence[str | None], where: str) -> None:
    """Raise a `UserError` for the first required column that a user's table lacks or has twice; None stands for one that nobody needs."""
    if missing := next((name for name in required if name and name not in columns), None):
        raise UserError(f"there is no column `{missing}`", where=where, cure=f"the columns are: {', '.join(columns)}")
    if twice := next((name for name in required if name and list(columns).count(name) > 1), None):
        raise UserError(f"there are two columns `{twice}`", where=where, cure="rename one of them")


def content_id(*parts: str) -> str:
    """A 32-character hexadecimal id of the parts, in order: the same parts give the same id on every machine."""
    pieces: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        pieces += (len(data).to_bytes(8, "little"), data)  # length first, so that ("ab", "c") and ("a", "bc") differ
    return blake2b(b"".join(pieces), digest_size=16).hexdigest()


def content_id_of(pieces: Callable[[], Iterable[bytes]]) -> str:
    """`content_id` of one part in UTF-8 that comes in pieces, which are asked for twice."""
    digest = blake2b(digest_size=16)
    digest.update(sum(map(len, pieces())).to_bytes(8, "little"))
    for piece in pieces():
        digest.update(piece)
    return digest.hexdigest()


def unit_interval(*parts: str) -> float:
    """A number in [0, 1) that is a fixed, evenly spread function of the parts."""
    return int(content_id(*parts)[:13], 16) / 16**13


@dataclass(frozen=True, slots=True)
class Document:
    """One web document, as the recipes see it. Field meanings are those of the DOCUMENT schema.

    >>> Document(content_id("The tide rises."), "The tide rises.", language="en").synthetic_depth
    0
    """

    id: str
    text: str
    source: str | None = None
    url: str | None = None
    language: str | None = None
    language_score: float | None = None
    n_tokens: int = 0
    synthetic_depth: int = 0
    license: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generation:
    """One completion of an earlier step, as later steps of the same recipe see it."""

    id: str
    step: str
    key: str
    span_start: int
    span_end: int
    completion: str
    text: str | None
    fields: str | None
    error: str | None
    synthetic_depth: int
    lineage: Sequence[str] = ()
    finish_reason: str | None = None

    @property
    def span(self) -> tuple[int, int]:
        """What it was made of, in characters of the document."""
        return (self.span_start, self.span_end)
