"""A sample of a corpus with what an encoder says of each text, in files, so that no text is asked of it twice."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.plain_rows import field_of, rows_of
from rephrase.records import content_id

_HELD_OUT = 10  # one text of so many is kept from the training, to measure the agreement on
_AT_ONCE = 1024  # texts labelled between two calls of `told`
_STORED_EVERY = 20  # of these parts: what has been labelled is kept for a run that begins again

Judge = Callable[[Sequence[str]], list[tuple[str | int, float]]]
"""Texts to a label each, and the score by which it has it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled text, as it stands in a line of the files."""

    text: str
    label: str | int
    score: float
    by: str
    """Names the encoder and how it read."""


class LabelledSample:
    """The texts of the lowest hashes, in an order that is random but for the texts themselves.

    Files are `<base>.labels.jsonl`, and `<base>.held_out.jsonl` with the tenth that is kept from the training. Raises `UserError`, with
    file and row, for faults of the data.
    """

    def __init__(self, base: str, by: str, corpus: Sequence[str], size: int, text_field: str) -> None:
        self.paths = (f"{base}.labels.jsonl", f"{base}.held_out.jsonl")
        self._by = by
        self._texts = _sampled(corpus, size, text_field)
        there = [path for path in self.paths if storage.exists(path)]
        rows = (record for _, record in rows_of(there) if record.get("by") == by)
        self._rows = {record["text"]: Row(**record) for record in rows}

    @property
    def rows(self) -> list[Row]:
        """Those that are labelled."""
        return [self._rows[text] for text in self._texts if text in self._rows]

    def label(self, judge: Judge, told: Callable[[int, int], None]) -> int:
        """Label the texts that are not, and return how many. `told`: see `distil`."""
        missing = [text for text in self._texts if text not in self._rows]
        for part, at in enumerate(range(0, len(missing), _AT_ONCE), 1):
            texts = missing[at : at + _AT_ONCE]
            judged = zip(texts, judge(texts), strict=True)
            self._rows |= {text: Row(text, label, score, self._by) for text, (label, score) in judged}
            told(at + len(texts), len(missing))
            if part % _STORED_EVERY == 0:
                _store(self.paths[0], self.rows)
        return len(missing)

    def store(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Write the rows of the sample that are learnt from, and those that are held out, which it returns."""
        held_out = rows[::_HELD_OUT]
        _store(self.paths[1], held_out)
        _store(self.paths[0], [row for number, row in enumerate(rows) if number % _HELD_OUT])
        return held_out


def _store(path: str, rows: Sequence[Row]) -> None:
    storage.put(path, b"".join(orjson.dumps(asdict(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows))


def _sampled(corpus: Sequence[str], size: int, text_field: str) -> list[str]:
    chosen: list[tuple[int, str]] = []  # a heap whose first has the highest hash
    there: set[int] = set()
    for place, record in rows_of(corpus):
        text = field_of(record, text_field, place, "name the field with --text-field")
        if not isinstance(text, str):
            raise UserError(f"`{text_field}` is not a string but {text!r}", where=place, cure="leave the row out")
        key = -int(content_id("distil", text), 16)
        if not text or text.isspace() or key in there or (len(chosen) == size and key < chosen[0][0]):
            continue
        heapq.heappush(chosen, (key, text))
        there.add(key)
        if len(chosen) > size:
            there.discard(heapq.heappop(chosen)[0])
    return [text for _, text in sorted(chosen, reverse=True)]
