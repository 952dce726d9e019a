"""Documents of files, for commands that need a handful of them: without tables and Spark."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers import RawDocument, ReadError, read_documents
from rephrase.readers.registry import readers_of, titles_of
from rephrase.readers.settings import Input
from rephrase.records import Document, content_id, unit_interval
from rephrase.settings.validation import validate


def first_documents(
    paths: Sequence[str], text_field: str = "text", also: Sequence[str] = (), limit: int = 50, language_field: str | None = None
) -> list[Document]:
    """The first documents of files, folders or globs in any format that the shard stage reads, with the fields `also` as their metadata.

    Raises `UserError` if there are none.
    """
    return list(islice(documents_in(paths, text_field, min_characters=0, also=also, language_field=language_field), limit))


def sample(paths: list[str], size: int, text_field: str = "text") -> list[Document]:
    """Documents drawn by their ids from files of any format that the shard stage reads: the same ones on any machine, in one pass.

    Raises `UserError` if there are none.
    """
    documents = heapq.nsmallest(
        size, documents_in(paths, text_field), key=lambda document: (unit_interval(document.id, "label"), document.id)
    )
    return list({document.id: document for document in documents}.values())


def documents_in(
    paths: Sequence[str],
    text_field: str = "text",
    min_characters: int = 200,
    also: Sequence[str] = (),
    language_field: str | None = None,
) -> Iterator[Document]:
    """The documents of files, folders and globs, without tables and Spark; texts below `min_characters` are left out.

    The fields named in `also` go into their metadata. Raises `UserError` if there are none, with what the first read error says.
    """
    fields = {"text": text_field, "also": list(also), **({"language": language_field} if language_field else {})}
    settings = {"paths": list(paths), "fields": fields, "min_characters": min_characters}
    config: Input = validate(Input, settings, "input")
    count, trouble = 0, ""
    for path in paths:
        for file in storage.expand(path):
            for item in read_documents(file, config):
                if isinstance(item, ReadError):
                    trouble = trouble or f": {item.reason}"
                if isinstance(item, RawDocument):
                    count += 1
                    yield Document(content_id(item.text), item.text, item.source, item.url, item.language, metadata=item.metadata)
    if not count:
        cure = f"{titles_of(readers_of(config.format))}; --text names the field of the texts"
        raise UserError(f"no documents were found{trouble}", where=", ".join(paths), cure=cure)
