from __future__ import annotations

import random
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, processors, trainers
from tokenizers import pre_tokenizers as split

from rephrase.text import tokenizer as text_tokenizer
from rephrase.text.counting import fast_encoder, fast_starts
from tests.rephrase.readers.archives import body_text

LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PIECES = ["the ", "lamp", " ", "\n", "\r\n", "\t", "'S", "’s", "<|end|>", "é", "e\u0301", "日", "😀", "\u200d", "\u00a0", "\u3000", "١٢"]
PIECES += ["ก", "1", "234", "...", "!!", "_", "\ufffd", "\U0001f1e9\U0001f1ea", "ß", "ſ", "K", "\0", "\x85", "ﬁ", "a" * 50, "[tool]"]


def trained(pre_tokenizer: Any, normalizer: Any = None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    alphabet = split.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([body_text(n) for n in range(20)], trainer)
    tokenizer.add_tokens([AddedToken("[tool]", special=False)])
    tokenizer.encode_special_tokens = True
    return tokenizer


def llama_split(pattern: str) -> Any:
    return split.Sequence([split.Split(Regex(pattern), "isolated"), split.ByteLevel(add_prefix_space=False, use_regex=False)])


byte_level = pytest.mark.parametrize(
    "tokenizer",
    [
        pytest.param(lambda: trained(split.ByteLevel(add_prefix_space=False)), id="gpt-2"),
        pytest.param(lambda: trained(split.ByteLevel(add_prefix_space=True)), id="prefix-space"),
        pytest.param(lambda: trained(llama_split(LLAMA_3)), id="llama-3"),
        pytest.param(lambda: trained(llama_split(LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")), normalizers.NFC()), id="qwen"),
    ],
)


@byte_level
def test_fast_tokens_are_the_tokenizers_own(tokenizer: Any) -> None:
    pytest.importorskip("gigatoken")
    slow = tokenizer()
    encode = fast_encoder(slow)
    assert encode is not None
    dice = random.Random(5)
    texts = ["".join(dice.choice(PIECES) for _ in range(dice.randrange(60))) for _ in range(3000)] + [body_text(n) for n in range(50)]
    expected = [encoding.ids for encoding in slow.encode_batch_fast(texts, add_special_tokens=False)]
    assert [encode(text).tolist() for text in texts] == expected


@byte_level
def test_fast_tokens_of_prompts_hold_control_tokens_where_the_tokenizers_own_do(tokenizer: Any) -> None:
    pytest.importorskip("gigatoken")
    slow = tokenizer()
    slow.encode_special_tokens = False
    encode = fast_encoder(slow, controls=True)
    assert encode is not None
    assert slow.token_to_id("<|end|>") in encode("the lamp<|end|>\n")
    dice = random.Random(7)
    texts = ["".join(dice.choice(PIECES) for _ in range(dice.randrange(60))) for _ in range(1000)]
    assert [encode(text).tolist() for text in texts] == [slow.encode(text, add_special_tokens=False).ids for text in texts]


@byte_level
@pytest.mark.parametrize("processor", [None, {"add_prefix_space": True}, {"add_prefix_space": False}, {"trim_offsets": False}], ids=str)
def test_fast_tokens_start_where_the_tokenizers_own_do(tokenizer: Any, processor: dict[str, bool] | None) -> None:
    pytest.importorskip("gigatoken")
    slow = tokenizer()
    if processor:
        slow.post_processor = processors.ByteLevel(**processor)
    encode = fast_encoder(slow)
    assert encode is not None
    starts = fast_starts(slow, encode)
    assert starts is not None
    dice = random.Random(6)
    texts = ["".join(dice.choice(PIECES) for _ in range(dice.randrange(60))) for _ in range(500)]
    places = {text: starts(text) for text in texts}
    answered = [text for text in texts if places[text] is not None]  # not where a space was put before it, or it was normalized
    assert answered
    expected = [encoding.offsets for encoding in slow.encode_batch(answered, add_special_tokens=False)]
    assert [places[text] for text in answered] == [[start for start, _ in offsets] for offsets in expected]


def test_normal_forms_are_those_of_the_tokenizers_own_unicode() -> None:
    pytest.importorskip("gigatoken")
    slow = trained(split.ByteLevel(add_prefix_space=False), normalizers.NFC())
    encode = fast_encoder(slow)
    assert encode is not None
    later = ["\u07fd", "\u0899", "\u1abf", "\U00010f4b", "\U00016d67\U00016d67", "\U00011384\U000113bb"]  # of Unicode 11 and above
    texts = [f"e{mark}\u0316\u0301{mark}e" for mark in later] + ["\u1112\u1161\u11ab", "\u212b", "日本語 😀 é", "カ\u3099"]
    assert [encode(text).tolist() for text in texts] == [slow.encode(text, add_special_tokens=False).ids for text in texts]


def test_tokenizers_of_other_kinds_are_left_to_their_own_library() -> None:
    assert fast_encoder(trained(split.ByteLevel(add_prefix_space=False), normalizers.Lowercase())) is None
    words = Tokenizer(models.WordLevel({"lamp": 0, "?": 1}, unk_token="?"))
    words.pre_tokenizer = split.Whitespace()
    assert fast_encoder(words) is None
    assert text_tokenizer.Tokenizer(words, "words").count(["lamp lamp", ""]) == [2, 0]


def test_an_encoder_that_is_wrong_on_a_probe_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    gigatoken = pytest.importorskip("gigatoken")
    right = trained(split.ByteLevel(add_prefix_space=False))
    other = gigatoken.Tokenizer(trained(llama_split(LLAMA_3)))
    monkeypatch.setattr(gigatoken.Tokenizer, "from_json", lambda _data: other)
    assert fast_encoder(right) is None
