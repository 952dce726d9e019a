"""Exports that tests share, made on first use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rephrase import storage
from rephrase.exports.catalogue import make_format
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages import export as export_job
from rephrase.spark.stages.export import export
from tests.rephrase.spark.exports import EOD, request, texts, write_mixture

_SMALL = 60_000  # bytes of a shard, so that a file of the small mixture forms several


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
def small_shards() -> Any:
    """Shards so small that each file forms several."""

    def make(*arguments: Any, **options: Any) -> Any:
        form: Any = make_format(*arguments, **options)
        form.shard_bytes = _SMALL
        return form

    patch = pytest.MonkeyPatch()
    patch.setattr(export_job, "make_format", make)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def exported(small_shards: None, source: str, tokenizer_file: str, spark: LazySession) -> Callable[..., str]:
    """A function that gives the folder of an export in a format, made on first use; mds with tokens, and compressed."""

    def make(name: str, to: str | None = None) -> str:
        to = to or storage.join(str(Path(source).parent), "exports", name)
        export(request(name, source, to, tokenizer_file), spark)
        return to

    return make
