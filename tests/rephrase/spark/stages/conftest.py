"""Exports that tests share, made on first use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.export import export
from tests.rephrase.spark.exports import EOD, form_of, texts, write_mixture


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("run") / "mixture")
    write_mixture(folder)
    return folder


@pytest.fixture(scope="module")
def expected(tokenizer_file: str) -> list[list[int]]:
    """The tokens of each document, by the tokenizer itself."""
    from tokenizers import Tokenizer

    inner = Tokenizer.from_file(tokenizer_file)
    inner.encode_special_tokens = True
    end = inner.token_to_id(EOD)
    return [[*inner.encode(text).ids, end] for text in texts()]


@pytest.fixture(scope="module")
def exported(source: str, tokenizer_file: str, spark: LazySession) -> Callable[..., str]:
    """A function that gives the folder of an export in a format, made on first use."""

    def make(name: str, to: str | None = None) -> str:
        to = to or storage.join(str(Path(source).parent), "exports", name)
        export(source, to, form_of(name, tokenizer_file), spark)
        return to

    return make
