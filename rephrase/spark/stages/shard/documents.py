"""Raw documents become rows of the documents table: texts are formatted and scrubbed, then ids, languages, tokens and scores are found."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.records import DOCUMENT, content_id
from rephrase.settings.validation import validate
from rephrase.text.html import check_extractor
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa

    from rephrase.readers import RawDocument
    from rephrase.readers.settings import Input


class DocumentTables:
    """Makes tables of documents by the settings of `input`.

    Raises `UserError` for an extractor, tokenizer, model, formatter or stand-in that is not there.
    """

    def __init__(self, config: Input, tokenizer: str) -> None:
        check_extractor(config.extractor)
        self._tokenizer = Tokenizer.load(tokenizer)
        self._find_languages = _language_finder(config)
        self._scorers = _scorers(config)
        self._scrub = _scrubber(config)
        self._formatters = _formatters(config)
        self.scrubbed: Counter[str] = Counter()
        """Stand-ins written so far, by their kind."""

    def cleaned(self, batch: Sequence[RawDocument]) -> pa.Table:
        """The rows of documents as they were read."""
        texts = [document.text for document in batch]
        for formatter in self._formatters:
            texts = [formatter(text) for text in texts]
        if self._scrub:
            texts, found = self._scrub(texts)
            for kinds in found:
                self.scrubbed.update(kinds)
        return self.measured(batch, texts)

    def measured(self, batch: Sequence[RawDocument], texts: list[str]) -> pa.Table:
        """The rows of documents with these texts as they stand."""
        import pyarrow as pa

        languages: list[str | None] = [document.language for document in batch]
        scores: Any = [document.language_score for document in batch]
        if self._find_languages:
            languages, scores = self._find_languages(texts)
        metadata = [dict(document.metadata) for document in batch]
        for name, scorer in self._scorers.items():
            for values, score in zip(metadata, scorer(texts), strict=True):
                values.pop(name, None)
                if not math.isnan(score):
                    values[name] = f"{score:.6f}"
        columns = [
            pa.array([content_id(text) for text in texts], pa.string()),
            pa.array(texts, pa.string()),
            pa.array([document.source for document in batch], pa.string()),
            pa.array([document.url for document in batch], pa.string()),
            pa.array(languages, pa.string()),
            pa.array(scores, pa.float32(), from_pandas=True),  # NaN, for texts without a language, becomes null
            pa.array(self._tokenizer.count(texts), pa.int64()),
            pa.array([document.synthetic_depth for document in batch], pa.int32()),
            pa.array([document.license for document in batch], pa.string()),
            pa.array([list(values.items()) for values in metadata], DOCUMENT.field("metadata").type),
        ]
        return pa.Table.from_arrays(columns, schema=DOCUMENT)


def _language_finder(config: Input) -> Callable[[list[str]], tuple[list[str | None], Any]] | None:
    if not config.language_model:
        return None
    from classifiers.fasttext.model import load_model

    return load_model(config.language_model).labels


def _scorers(config: Input) -> dict[str, Callable[[list[str]], Any]]:
    if not config.scores:
        return {}
    from classifiers.fasttext.combined import Combined

    return {name: Combined(models).scores for name, models in config.scores.items()}


def _scrubber(config: Input) -> Callable[[list[str]], tuple[list[str], list[dict[str, int]]]] | None:
    if config.scrub is False:
        return None
    from classifiers.pii import PiiSettings, scrub

    settings = validate(PiiSettings, {} if config.scrub is True else config.scrub, "input.scrub")
    return functools.partial(scrub, settings=settings)


def _formatters(config: Input) -> list[Callable[[str], str]]:
    from classifiers.datatrove_parts import part_of_datatrove

    entries: list[dict[str, dict[str, Any]]] = [{entry: {}} if isinstance(entry, str) else entry for entry in config.formatters]
    named = [item for entry in entries for item in entry.items()]
    return [part_of_datatrove("formatter", name, arguments or {}, "input.formatters").format for name, arguments in named]
