"""Whether the fields that a config names are there, told before a corpus is read for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from rephrase import storage
from rephrase.readers.base import Item, RawDocument, ReadError
from rephrase.readers.files import read_documents
from rephrase.readers.settings import Fields, Input

_ITEMS = 200  # of a file, which may lack a field in some rows
_NONE = dict.fromkeys(Fields.model_fields)


def missing_fields(file: storage.FileInfo, config: Input) -> list[str]:
    """Which of the fields that the config itself names none of the file's first rows has, and which there are instead, in words.

    Nothing for files of formats without fields, and for files that give no document. Raises what `read_documents` raises.
    """
    own = {name: getattr(config.fields, name) for name in config.fields.model_fields_set - {"also", "layout"}}
    names = [path for path in dict.fromkeys([*own.values(), *config.fields.also]) if path and path != config.fields.text]
    fields = Fields.model_validate({**_NONE, "text": config.fields.text, "also": names})
    items = list(_first(file, config, fields))
    documents = [item for item in items if isinstance(item, RawDocument)]
    if not documents:
        return [item.reason for item in items if isinstance(item, ReadError) and item.reason.startswith("the field `")][:1]
    unseen = [name for name in names if not any(name in document.metadata for document in documents)]
    as_text = (next(_first(file, config, Fields.model_validate({**_NONE, "text": name, "also": []})), None) for name in unseen)
    return [item.reason for item in as_text if isinstance(item, ReadError) and "is missing" in item.reason]


def _first(file: storage.FileInfo, config: Input, fields: Fields) -> Iterator[Item]:
    return islice(read_documents(file, config.model_copy(update={"fields": fields, "min_characters": 0})), _ITEMS)
