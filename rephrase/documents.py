"""Raw documents become rows of the documents table: texts are formatted and scrubbed, then ids, languages, tokens and scores are found.

The shard stage does it file by file; `read_documents` does it at once, for what fits in memory.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from rephrase import storage
from rephrase.errors import UserError
from rephrase.labels import label_column
from rephrase.readers import RawDocument, ReadError
from rephrase.readers import read_documents as read_file
from rephrase.readers.base import reason_of
from rephrase.readers.settings import Input, StandIns
from rephrase.records import DOCUMENT, content_id
from rephrase.settings.validation import validate
from rephrase.text.formulas import check_formulas
from rephrase.text.html import check_extractor
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa


def read_documents(source: str | Sequence[str] | Mapping[str, Any] | Input, tokenizer: str) -> pa.Table:
    """The documents of files in any format that a run reads, as one table in memory: for samples, notebooks and tests.

    source: a path, glob or `s3://` URL, several of them, or a mapping as under `input:` in a run.yaml. tokenizer: counts `n_tokens`; a
    tokenizer.json, a folder, or a hub id. Returns the rows that the shard stage makes, with the columns of `rephrase.records.DOCUMENT`:
    cleaned texts, the first of those that are the same; what cannot be read is passed over. Raises `UserError` where there are no
    documents, and for `dedup_paragraphs` and `dedup_substrings`, which compare the files of a whole corpus.

    >>> documents = read_documents("examples/crawl/notes.jsonl", "examples/tokenizer.json")
    >>> documents.num_rows, documents.column("n_tokens").to_pylist()
    (4, [341, 344, 355, 328])
    """
    settings = (
        source if isinstance(source, Input) else validate(Input, source if isinstance(source, Mapping) else {"paths": source}, "input")
    )
    if settings.dedup_paragraphs or settings.dedup_substrings:
        key = "dedup_paragraphs" if settings.dedup_paragraphs else "dedup_substrings"
        raise UserError(f"`{key}` compares the whole corpus", where="input", cure="take it out, or run `rephrase shard`")
    items = list(chain.from_iterable(read_file(file, settings) for path in settings.paths for file in storage.expand(path)))
    raw = [item for item in items if isinstance(item, RawDocument)]
    if not raw:
        reason = next((f": {item.reason}" for item in items if isinstance(item, ReadError)), "")
        cure = "texts shorter than `min_characters` are left out; `fields` names the field that holds them"
        raise UserError(f"no documents were found{reason}", where=", ".join(settings.paths), cure=cure)
    table, refused = DocumentTables(settings, tokenizer).kept(raw)
    if not table.num_rows:
        raise UserError(f"no document can become a row: {refused[0][1]}", where=", ".join(settings.paths), cure="mend `input.formatters`")
    first = {key: row for row, key in reversed(list(enumerate(table.column("id").to_pylist())))}
    return table.take(sorted(first.values()))


class DocumentTables:
    """Makes tables of documents by the settings of `input`.

    Raises `UserError` for an extractor, tokenizer, model, formatter or stand-in that is not there.
    """

    def __init__(self, config: Input, tokenizer: str) -> None:
        check_extractor(config.extractor)
        if config.formulas:
            check_formulas()
        self._tokenizer = Tokenizer.load(tokenizer)
        self._find_languages = _language_finder(config)
        self._scorers = _scorers(config)
        self._find_labels = _label_finder(config)
        self._label_fields = {name: label.field for name, label in config.labels.items() if label.field is not None}
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
            texts, stand_ins = self._scrub(texts)
            for kinds in stand_ins:
                self.scrubbed.update(kinds)
        return self.measured(batch, texts)

    def kept(self, batch: Sequence[RawDocument]) -> tuple[pa.Table, list[tuple[RawDocument, str]]]:
        """The rows of documents as they were read, and the documents that cannot become rows, each with what it raised."""
        import pyarrow as pa

        before = self.scrubbed.copy()
        try:
            return self.cleaned(batch), []
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001  # a formatter, a model or the tokenizer may raise anything
            self.scrubbed = before
            if len(batch) == 1:
                return DOCUMENT.empty_table(), [(batch[0], reason_of(error))]
        parts = [self.kept([document]) for document in batch]  # its neighbours are not lost with it
        return pa.concat_tables(table for table, _ in parts), [refused for _, several in parts for refused in several]

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
        labels = self._find_labels(texts) if self._find_labels else {}
        labels |= {name: [values.get(field) or None for values in metadata] for name, field in self._label_fields.items()}
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
            label_column(labels, len(texts)),
        ]
        return pa.Table.from_arrays(columns, schema=DOCUMENT)


def _language_finder(config: Input) -> Callable[[list[str]], tuple[list[str | None], Any]] | None:
    if not config.language_model:
        return None
    from classifiers.fasttext.model import load_model

    return load_model(config.language_model, languages=True).labels


def _scorers(config: Input) -> dict[str, Callable[[list[str]], Any]]:
    if not config.scores:
        return {}
    from classifiers.scorers import scorer

    return {name: scorer(settings) for name, settings in config.scores.items()}


def _label_finder(config: Input) -> Callable[[list[str]], dict[str, list[str | None]]] | None:
    by_model = {name: text_label for name, label in config.labels.items() if (text_label := label.of_text)}
    if not by_model:
        return None
    from classifiers.fasttext.labeller import Labeller

    return Labeller(by_model).labels


def _scrubber(config: Input) -> Callable[[list[str]], tuple[list[str], list[dict[str, int]]]] | None:
    if config.scrub is False:
        return None
    from classifiers.entities.models import recogniser
    from classifiers.entities.scrub import scrub

    settings = StandIns() if config.scrub is True else config.scrub
    if settings.entities is not None:
        recogniser(settings.entities)  # what is missing says so before there is a text
    return functools.partial(scrub, settings=settings)


def _formatters(config: Input) -> list[Callable[[str], str]]:
    from classifiers.datatrove_parts import part_of_datatrove

    entries: list[dict[str, dict[str, Any]]] = [{entry: {}} if isinstance(entry, str) else entry for entry in config.formatters]
    named = [item for entry in entries for item in entry.items()]
    return [part_of_datatrove("formatter", name, arguments or {}, "input.formatters").format for name, arguments in named]
