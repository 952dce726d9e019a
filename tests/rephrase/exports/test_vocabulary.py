"""Vocabularies of more than two bytes a token. What the layouts are, the loaders themselves say: see test_export_readers.py."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from rephrase.exports.base import Row
from rephrase.exports.catalogue import make_format
from rephrase.exports.vocabulary import Vocabulary

TOKENS = [[65_499, 65_536, 199_999], [1], [0, 70_000]]


def rows() -> list[Row]:
    return [Row(str(n), b"", np.array(ids, np.uint32), {}, 0.0) for n, ids in enumerate(TOKENS)]


@pytest.mark.parametrize(
    ("name", "size", "dtype"),
    [
        ("megatron", 65_499, "uint16"),
        ("megatron", 65_500, "int32"),
        ("datatrove", 65_536, "uint16"),
        ("datatrove", 65_537, "uint32"),
        ("numpy", 65_536, "uint16"),
        ("numpy", 65_537, "uint32"),
        ("litdata", 100, "int32"),
    ],
)
def test_tokens_take_as_many_bytes_as_the_vocabulary_needs(name: str, size: int, dtype: str) -> None:
    assert make_format(name, Vocabulary("t", size, "</s>", 0)).dtype == dtype


@pytest.mark.parametrize("name", ["megatron", "datatrove", "numpy", "litdata"])
def test_large_ids_survive(name: str) -> None:
    form = make_format(name, Vocabulary("t", 200_000, "</s>", 0))
    path, data = form.shard("a", rows()).objects[0 if name == "megatron" else -1]
    body = data[4 * (len(TOKENS) + 2) :] if name == "litdata" else data
    assert np.frombuffer(body, form.dtype).tolist() == [token for ids in TOKENS for token in ids], path


def test_the_boundaries_of_vocabularies_are_those_of_megatron() -> None:
    if importlib.util.find_spec("megatron") is None:
        pytest.skip("megatron is not installed")
    from megatron.core.datasets.indexed_dataset import DType

    for size in (10, 65_499, 65_500, 65_536, 200_000):
        assert make_format("megatron", Vocabulary("t", size, "</s>", 0)).dtype == DType.optimal_dtype(size).__name__
