"""What the shard stage left out, in words."""

from __future__ import annotations

from rephrase.notes import DocumentsNote

_WORDS = {
    "short": "too short",
    "long": "too long",
    "kind": "records of other kinds than pages",
    "status": "responses without success",
    "type": "of other types than text",
    "duplicate": "exact duplicates",
    "emptied": "only of repeated paragraphs",
}


def dropped_in_words(note: DocumentsNote, *always: str) -> str:
    """Counts with reasons: those of length and these `always`, the others where there are some. Readers of plugins may have their own."""
    named = ("short", "long", *always)
    return ", ".join(f"{count:,} {_WORDS.get(reason, reason)}" for reason, count in note.dropped.items() if count or reason in named)
