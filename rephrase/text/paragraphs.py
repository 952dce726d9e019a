"""Paragraphs of a document: its lines, as extractors write them.

Pages of one site share notices, menus and teasers that stand in none of them for the first time. CCNet (Wenzek et al. 2020, arXiv
1911.00359, section 3.1) drops such lines by the hashes of what they say; so do we, but numbers and punctuation count here, because
the rows of two tables, or two dated reports, differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Container
from hashlib import blake2b


def paragraph_keys(text: str, min_characters: int) -> dict[int, bytes]:
    """The 16-byte keys of the lines with `min_characters` or more, by the line's number.

    Lines that differ in case and white space alone have the same key. A paragraph's key is never a document's id.
    """
    return {
        number: blake2b(" ".join(line.casefold().split()).encode("utf-8", "surrogatepass"), digest_size=16, person=b"paragraph").digest()
        for number, line in enumerate(text.split("\n"))
        if len(line.strip()) >= min_characters
    }


def without_lines(text: str, numbers: Container[int]) -> str:
    """The text without these lines, and without the second of two empty lines that meet in a gap."""
    kept: list[str] = []
    gap = False
    for number, line in enumerate(text.split("\n")):
        if number in numbers:
            gap = True
        elif line.strip() or not gap or (kept and kept[-1].strip()):
            kept.append(line)
            gap = gap and not line.strip()
    return "\n".join(kept).strip("\n")
