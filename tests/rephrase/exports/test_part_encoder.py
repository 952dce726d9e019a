"""Parts of a document whose tokens in a row spell it, also where the sign that guards them is a part of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer as Inner
from tokenizers import decoders, models, pre_tokenizers

from rephrase.exports.part_encoder import Part, PartEncoder
from rephrase.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def with_spaces_put_before(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """Characters and bytes, and one token of the guard and a letter; a space is put before all that is encoded."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "☺", *map(chr, range(33, 127)), "☺d"]
    inner = Inner(models.BPE({piece: number for number, piece in enumerate(pieces)}, [("☺", "d")], byte_fallback=True, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    spaces = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    inner.decoder = decoders.Sequence(spaces)
    file: Path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    inner.save(str(file))
    return Tokenizer.load(str(file))


@pytest.mark.parametrize(
    "text", ["ad", "a☺d", "a\r\nd", "e\u0301d", "😀d👨\u200d👩\u200d👧", "a  d", "a\n\n d", "x\x00d", "日d", "a\x01d", "\ufeffd", "☺d☺d"]
)
def test_parts_give_their_text_back_wherever_it_is_cut(text: str, with_spaces_put_before: Tokenizer) -> None:
    encoder = PartEncoder(with_spaces_put_before)
    for place in range(1, len(text)):
        tokens = encoder.tokens([Part(None, text[:place], begins=True), Part(None, text[place:])])
        assert with_spaces_put_before.decode(tokens) == text
