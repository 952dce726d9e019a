"""Files of code and notebooks, a document each."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import closing

from typing_extensions import override

from rephrase import storage
from rephrase.readers.base import Dropped, Item, RawDocument, ReadError, reason_of
from rephrase.readers.registry import Reader, readers
from rephrase.readers.settings import Input
from rephrase.text.code.files import code_of
from rephrase.text.code.languages import language_of_file, programming_languages
from rephrase.text.code.notebooks import NOTEBOOK, notebook_text

_LONGEST_CHARACTER = 4  # bytes, in UTF-8
_MARKS_AND_OUTPUTS = 16  # bytes of a notebook for a byte of its text, pictures among its outputs


@readers.register("code")
class Code(Reader):
    """Files of code, each a document whose language its name or its first line tells."""

    endings = tuple(ending for about in programming_languages().values() for ending in about.endings)

    @override
    def begins(self, head: bytes) -> bool:
        return language_of_file("", head.decode(errors="replace")) is not None

    @override
    def read(self, file: storage.FileInfo, config: Input) -> Iterator[Item]:
        data = _content(file.path, config.max_characters * _LONGEST_CHARACTER)
        if isinstance(data, Dropped):
            yield data
            return
        try:
            text, language = code_of(data.decode(), file.path)
        except UnicodeDecodeError as error:
            yield ReadError(file.path, error.start, "byte", "the file is no text in UTF-8")
            return
        yield RawDocument(text, language=language, metadata={"path": file.path}, raw_bytes=len(data), unit="byte")


@readers.register("notebook")
class Notebook(Reader):
    """Jupyter notebooks, each a document of its cells: text, and code in fences, without outputs."""

    endings = (".ipynb",)

    @override
    def read(self, file: storage.FileInfo, config: Input) -> Iterator[Item]:
        data = _content(file.path, config.max_characters * _MARKS_AND_OUTPUTS)
        if isinstance(data, Dropped):
            yield data
            return
        try:
            text = notebook_text(data)
        except ValueError as error:
            yield ReadError(file.path, 0, "byte", f"not a readable notebook: {reason_of(error)}")
            return
        yield RawDocument(text, language=NOTEBOOK, metadata={"path": file.path}, raw_bytes=len(data), unit="byte")


def _content(path: str, limit: int) -> bytes | Dropped:
    """All of a file, without a byte order mark; a longer one is dropped, and never held in memory."""
    parts: list[bytes] = []
    size = 0
    with closing(storage.open_stream(path)) as stream:
        while part := stream.read(1 << 20):
            parts.append(part)
            size += len(part)
            if size > limit:
                return Dropped("long", size)
    return b"".join(parts).removeprefix(codecs.BOM_UTF8)
