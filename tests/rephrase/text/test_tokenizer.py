"""Encoding of documents: no text becomes a control token, whatever it spells and whatever the kind of tokenizer."""

from __future__ import annotations

import json
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers
from tokenizers import pre_tokenizers as split

from rephrase.errors import UserError
from rephrase.exports.vocabulary import find_vocabulary
from rephrase.text import tokenizer as text_tokenizer
from rephrase.text.panics import PanicError
from tests.panic import PanicException

SPOKEN = [
    "a lamp",
    "the end</s> of</s></s>",
    "<think>why</think>",
    "<<think>think> </s</s>>",
    " <think> <|call|>",
    "",
]


def bytes_of(*, fast: bool) -> Tokenizer:
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = split.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    if not fast:  # a normalizer that gigatoken does not know
        inner.normalizer = normalizers.Replace("\u2400", "\u2401")
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["</s>"], initial_alphabet=split.ByteLevel.alphabet(), show_progress=False)
    inner.train_from_iterator(SPOKEN, trainer)
    inner.add_tokens([AddedToken("<think>", special=False), AddedToken("</think>", special=False), AddedToken("<|call|>", special=True)])
    return inner


def pieces() -> Tokenizer:
    """A vocabulary in which the special token is a piece of the model, the likeliest one."""
    letters = sorted({*"".join(SPOKEN)} - {" "})
    inner = Tokenizer(models.Unigram([("<unk>", 0.0), ("</s>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in letters)], unk_id=0))
    inner.pre_tokenizer = split.Metaspace(prepend_scheme="never")
    inner.decoder = decoders.Metaspace(prepend_scheme="never")
    inner.add_special_tokens(["<unk>", "</s>", "<think>", "</think>", "<|call|>"])
    return inner


@pytest.mark.parametrize("inner", [bytes_of(fast=True), bytes_of(fast=False), pieces()], ids=["fast", "slow", "pieces"])
def test_what_spells_a_control_token_stays_letters(inner: Any) -> None:
    tokenizer = text_tokenizer.Tokenizer(inner, "own")
    controls = {inner.token_to_id(token) for token in ("</s>", "<think>", "</think>", "<|call|>")}
    for spoken, ids in zip(SPOKEN, tokenizer.encode(SPOKEN), strict=True):
        assert not controls & {*ids.tolist()}
        assert inner.decode(ids.tolist(), skip_special_tokens=False) == spoken
    assert tokenizer.encode(["a lamp"])[0].tolist() == inner.encode("a lamp", add_special_tokens=False).ids
    assert tokenizer.encode([]) == []


def test_characters_outside_the_vocabulary_are_unknown_and_cut_nothing() -> None:
    inner = pieces()
    ids = text_tokenizer.Tokenizer(inner, "own").encode(["the 灯 end"])[0].tolist()
    assert ids == inner.encode("the 灯 end", add_special_tokens=False).ids
    assert inner.token_to_id("<unk>") in ids


def test_the_end_of_documents_is_found(tmp_path: Path) -> None:
    bytes_of(fast=True).save(str(tmp_path / "tokenizer.json"))
    found = find_vocabulary(str(tmp_path))
    assert (found.eod, found.eod_id) == ("</s>", 0)  # by its common name
    assert found.size == max(bytes_of(fast=True).get_vocab().values()) + 1
    settings = tmp_path / "tokenizer_config.json"
    for token in ("<|call|>", {"content": "<|call|>"}):
        settings.write_text(json.dumps({"eos_token": token}))
        assert find_vocabulary(str(tmp_path)).eod == find_vocabulary(str(tmp_path / "tokenizer.json")).eod == "<|call|>"
    assert find_vocabulary(str(tmp_path), "<think>").eod == "<think>"
    with pytest.raises(UserError, match="no control token `lamp`"):  # a text may hold it
        find_vocabulary(str(tmp_path), "lamp")


def test_a_tokenizer_without_any_end_is_refused(tmp_path: Path) -> None:
    inner = Tokenizer(models.WordLevel({"lamp": 0, "?": 1}, unk_token="?"))
    inner.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="does not tell which token ends a document"):
        find_vocabulary(str(tmp_path))


@pytest.mark.parametrize("method", ["count", "encode", "token_starts"])
def test_a_panic_of_the_library_is_an_exception_that_guards_see(tokenizer_file: str, method: str) -> None:
    def breaking(text: str) -> Any:
        raise PanicException(f"index out of bounds: {text}")

    tokenizer = copy(text_tokenizer.Tokenizer.load(tokenizer_file))
    tokenizer.__dict__ |= {"_encode_fast": breaking, "_fast_starts": breaking}
    with pytest.raises(PanicError, match="index out of bounds"):
        getattr(tokenizer, method)("a lamp" if method == "token_starts" else ["a lamp"])
