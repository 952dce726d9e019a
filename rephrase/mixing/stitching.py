"""Kept rewrites of one document, or of near ones, as one long text of a mixture: megadocs (Kim et al. 2026, arXiv 2603.18534)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from rephrase.records import MODELS, UNWRITTEN, content_id
from rephrase.settings.section import Section
from rephrase.text.panics import panics_as_errors
from rephrase.text.stitching import Stitched, drawn_order, stitch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.text.tokenizer import Tokenizer

_OWN = [field for field in UNWRITTEN if field.name != "epoch"]
STITCHED = pa.schema([*_OWN, ("language", pa.string())])
"""A text that is joined, or one that found none to be joined with: of that `parts` is null."""
PIECES = pa.schema([("group_id", pa.string()), *(field for field in STITCHED if field.name != "parts")])


class Stitch(Section):
    """Kept rewrites joined to long texts, which components with `stitched: true` take. What is joined is taken by no other component."""

    by: Literal["document", "near"] = "document"
    """The rewrites of one document, or of several that name the same rare things, as `crossdoc/*` finds them: in one unit of work, and of
    one licence and language."""
    documents: int = Field(default=4, ge=2)
    """With `by: near`: of a text, at most."""
    recipe: str | None = None
    """Whose rewrites are joined; may hold wildcards. Default: of all recipes."""
    tokens: int = Field(default=32768, ge=1)
    """At most so many tokens a text; what is more begins the next one. A longer rewrite stays by itself."""
    original: Literal["last", "first", "none"] = "last"
    """Where the document itself stands in the text, as the paper has it: last. A component of originals can still take it by itself."""
    least: int = Field(default=2, ge=2)
    """Pieces of a text, the original among them. Rewrites that are fewer stay by themselves."""
    joints: list[str] = Field(default=["\n\n"], min_length=1)
    """What stands between two pieces, drawn for each place."""

    @property
    def with_originals(self) -> bool:
        """Whether documents are pieces."""
        return self.original != "none"


def is_joined(table: pa.Table, settings: Stitch, max_depth: int | None) -> NDArray[np.bool_]:
    """Which rows of `selection.candidates` are rewrites that are pieces. Shape: (rows,)."""
    encoded = pa.chunked_array(table.column("recipe")).combine_chunks().dictionary_encode()
    fits = [settings.recipe is None or fnmatchcase(name, settings.recipe) for name in encoded.dictionary.to_pylist()]
    mask: NDArray[np.bool_] = np.array([*fits, False], np.bool_)[encoded.indices.fill_null(len(fits)).to_numpy()]
    return mask & is_shallow(table, max_depth)


def is_shallow(table: pa.Table, max_depth: int | None) -> NDArray[np.bool_]:
    """Which rows have passed through no more models than a mixture takes. Shape: (rows,)."""
    mask: NDArray[np.bool_] = table.column("synthetic_depth").to_numpy() <= (np.inf if max_depth is None else max_depth)
    return mask


def stitched(pieces: Sequence[Mapping[str, Any]], settings: Stitch, tokenizer: Tokenizer, seed: int) -> list[dict[str, Any]]:
    """The rows of STITCHED that the pieces of one group make, in any order of them. pieces: rows of PIECES."""
    rewrites, originals = (
        [kind[place] for place in drawn_order([piece["id"] for piece in kind], str(seed))]
        for kind in ([piece for piece in pieces if (piece["origin"] == "synthetic") == synthetic] for synthetic in (True, False))
    )
    order = [*rewrites, *originals] if settings.original == "last" else [*originals, *rewrites]
    salt = [str(seed), *(piece["id"] for piece in order)]
    try:
        with panics_as_errors():
            texts = stitch([piece["text"] for piece in order], tokenizer, settings.tokens, settings.joints, *salt)
    except Exception:  # noqa: BLE001  # the library raises anything over a text, which then stays by itself
        texts = [Stitched(piece["text"], (place,), piece["n_tokens"]) for place, piece in enumerate(order)]
    rows: list[dict[str, Any]] = []
    for text in texts:
        parts = [order[place] for place in text.pieces]
        written = [part for part in parts if part["origin"] == "synthetic"]
        if len(parts) >= settings.least and written:
            rows.append(_joined(parts, written, text))
        else:
            rows += [{**part, "parts": None} for part in written]
    return rows


def _joined(parts: Sequence[Mapping[str, Any]], written: Sequence[Mapping[str, Any]], text: Stitched) -> dict[str, Any]:
    return {
        "text": text.text,
        "id": content_id("stitched", *(part["id"] for part in parts)),
        "origin": "synthetic",
        "source": _together(parts, "source"),
        "recipe": _together(written, "recipe"),
        "document_id": parts[0]["group_id"],
        "n_tokens": text.n_tokens,
        "synthetic_depth": max(part["synthetic_depth"] for part in parts),
        "model": _together(written, "model"),
        "license": _together(parts, "license"),
        "parts": [part["id"] for part in parts],
        "language": _together(parts, "language"),
        "labels": _shared_labels(parts),
    }


def _shared_labels(parts: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]] | None:
    """The labels that all have, of the same value; None where there are none at all."""
    labels = [dict(part.get("labels") or ()) for part in parts]
    if all(part.get("labels") is None for part in parts):
        return None
    return [(name, value) for name, value in labels[0].items() if all(other.get(name) == value for other in labels)]


def _together(parts: Sequence[Mapping[str, Any]], column: str) -> str | None:
    """The value that all have, or their values joined."""
    values = {value for part in parts if part[column] for value in part[column].split(MODELS)}
    return MODELS.join(sorted(values)) or None
