from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rephrase.text.passages import passage_spans, split_passages
from rephrase.text.sentences import sentence_spans

TEXT = (
    "Tides are the rise and fall of the sea. They are caused by the Moon, e.g. by its gravity. "
    "Dr. Young measured them at 5 p.m. yesterday.\n\n"
    "Spring tides come at full and new Moon! Do neap tides come at the quarters? Yes, they do.\n"
) * 12

pieces = st.sampled_from(
    ["A tide rises. ", "Is it high?", " ", "\n\n", "word ", "ünïcödé ", "漢字漢字。", "x" * 400, "<|endoftext|>", "… ", "5.7 m "]
)
texts = st.one_of(st.text(max_size=300), st.lists(pieces, max_size=60).map("".join))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts, limit=st.integers(2, 60))
@example(text=" …0", limit=2)
def test_passages_hold_all_text_in_order_and_never_exceed_the_limit(tokenizer, text, limit):
    passages = split_passages(text, tokenizer, limit)
    shown = [text[p.start : p.end] for p in passages]
    assert "".join("".join(shown).split()) == "".join(text.split())
    assert all(a.end <= b.start for a, b in pairwise(passages))
    assert [p.n_tokens for p in passages] == tokenizer.count(shown)
    assert [(p.start, p.end) for p in passages] == passage_spans(text, tokenizer, limit)
    # A single character can be several tokens; nothing shorter can be shown.
    assert all(p.n_tokens <= limit or p.end - p.start == 1 for p in passages)
    assert all(piece == piece.strip() != "" for piece in shown)


def test_passages_end_where_sentences_end(tokenizer):
    ends = {end - len(TEXT[start:end]) + len(TEXT[start:end].rstrip()) for start, end in sentence_spans(TEXT)}
    passages = split_passages(TEXT, tokenizer, 100)
    assert len(passages) > 5
    assert all(p.end in ends for p in passages)
    assert all(TEXT[p.end - 1] in ".!?" for p in passages)


def test_the_text_is_spread_evenly_over_as_few_passages_as_the_limit_allows(tokenizer):
    total = tokenizer.count([TEXT])[0]
    longest = max(tokenizer.count([TEXT[start:end] for start, end in sentence_spans(TEXT)]))
    for limit in (60, 100, 300):
        sizes = [p.n_tokens for p in split_passages(TEXT, tokenizer, limit)]
        assert len(sizes) <= total / (limit - longest) + 1
        assert max(sizes) - min(sizes) <= 2 * longest


def test_white_space_gives_no_passage(tokenizer):
    assert split_passages(" \n\t ", tokenizer, 10) == []
    assert split_passages("", tokenizer, 10) == []


def test_control_tokens_count_as_text(tokenizer):
    assert tokenizer.count(["<|endoftext|>"])[0] > 1


def test_lines_end_where_a_list_has_no_full_stops(tokenizer):
    text = "".join(f"item {number} of the long list\n" for number in range(200))
    passages = split_passages(text, tokenizer, 100)
    assert all(text[p.end] == "\n" for p in passages)
    assert min(p.n_tokens for p in passages) > 80


AWKWARD = {
    "a list without full stops": "item and more words\n",
    "Chinese with line breaks only": "天地玄黄宇宙洪荒日月盈昃\n",
    "Thai": "สวัสดีครับผมชื่อสมชาย",
    "one word": "a",
    "one number": "1234567890",
    "line breaks": "\n",
    "spaces": "a" + " " * 500,
    "emoji": "😀",
    "combining marks": "e\u0301",
    "code in one line": "x(a, b); ",
}


class Counting:
    """A tokenizer that counts the characters that it is given."""

    def __init__(self, tokenizer):
        self.tokenizer, self.characters = tokenizer, 0

    def count(self, texts):
        self.characters += sum(map(len, texts))
        return self.tokenizer.count(texts)

    def token_starts(self, text):
        self.characters += len(text)
        return self.tokenizer.token_starts(text)


@pytest.mark.parametrize("kind", AWKWARD)
def test_the_tokenizer_sees_each_character_a_few_times_however_long_the_text(tokenizer, kind):
    text = AWKWARD[kind] * (40_000 // len(AWKWARD[kind]))
    counting = Counting(tokenizer)
    passages = split_passages(text, counting, 50)
    assert counting.characters < 10 * len(text)
    assert "".join("".join(text[p.start : p.end] for p in passages).split()) == "".join(text.split())
    assert all(p.n_tokens <= 50 for p in passages)
