from __future__ import annotations

import json
from math import comb

import pytest

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Row
from rephrase.recipes.entigraph import Options, build, combinations, read_entities
from rephrase.recipes.sections import SamplingSection
from rephrase.records import Document, Generation

NAMES = [f"Entity {i}" for i in range(12)]


def reply(**fields) -> str:
    return json.dumps({"summary": "About tides.", "entities": ["Moon", "Sea"], **fields})


def relations(options: Options, tokenizer, entities: list[str], error: str | None = None) -> list:
    step = build(options, SamplingSection()).steps[1]
    document = Document("d", "The Moon pulls the sea.", metadata={"title": "Tides", "author": "A. Moon", "year": "1901"})
    found = Generation("g1", "entities", "", 0, 23, reply(entities=entities), "About tides.", None, error, 1)
    return list(step.prompts(Row(document, {"entities": [found]}), tokenizer))


def test_all_pairs_then_all_triples(tokenizer):
    prompts = relations(Options(), tokenizer, NAMES)
    kinds = [p.key.split(":")[0] for p in prompts]
    assert kinds == ["pair"] * comb(12, 2) + ["triple"] * comb(12, 3)
    assert len({p.key for p in prompts}) == len(prompts)
    assert all(p.lineage == ("g1",) and p.span == (0, 23) for p in prompts)
    assert all(
        "The Moon pulls the sea." in p.messages[-1].content
        and "Title: Tides\nAuthor: A. Moon\nYear: 1901\n\nDocument:" in p.messages[-1].content
        for p in prompts
    )
    assert all(name in p.messages[-1].content for p in prompts for name in p.key.split(":", 1)[1].split("|"))


def test_the_order_is_shuffled_by_the_seed_alone():
    every = combinations(NAMES, Options())
    assert every == combinations(NAMES, Options())
    assert every != combinations(NAMES, Options(seed=1))
    assert every[: comb(12, 2)] != sorted(every[: comb(12, 2)])


def test_shares_and_limits_cut_the_fan_out():
    assert len(combinations(NAMES, Options(pairs=0.5, triples=0))) == comb(12, 2) // 2
    assert len(combinations(NAMES, Options(triples=0.1))) == comb(12, 2) + comb(12, 3) // 10
    assert combinations(NAMES, Options(max_combinations=5)) == combinations(NAMES, Options())[:5]
    assert len(combinations(NAMES, Options(max_entities=4, triples=0))) == 6
    assert combinations(["Alone"], Options()) == []


@pytest.mark.parametrize(
    "completion",
    [
        "{not json",
        "[]",
        json.dumps({"summary": "x"}),
        reply(summary=" "),
        reply(entities="Moon"),
        reply(entities=[1]),
        reply()[:-4],
        "I'm sorry.",
    ],
)
def test_replies_that_are_not_the_json_asked_for(completion, tokenizer):
    assert read_entities(completion) is None
    step = build(Options(), SamplingSection()).steps[0]
    prompt = next(step.prompts(Row(Document("d", "The Moon.")), tokenizer))
    assert step.parse(prompt, Completion(completion), tokenizer).error == "parse:json"


def test_a_reply_gives_the_summary_as_training_text_without_the_list(tokenizer):
    step = build(Options(), SamplingSection()).steps[0]
    prompt = next(step.prompts(Row(Document("d", "The Moon.")), tokenizer))
    assert step.parse(prompt, Completion(f"```json\n{reply()}\n```"), tokenizer).text == "About tides."
    assert read_entities(reply(entities=["Moon", " the  Sea ", "moon", ""])) == ("About tides.", ["Moon", "the Sea"])


def test_the_temperature_is_the_papers_unless_told(tokenizer):
    recipe = build(Options(), SamplingSection())
    assert next(recipe.steps[0].prompts(Row(Document("d", "x")), tokenizer)).sampling.temperature == 1.0
    cool = build(Options(), SamplingSection(temperature=0.3))
    assert next(cool.steps[0].prompts(Row(Document("d", "x")), tokenizer)).sampling == Sampling(max_tokens=2048, temperature=0.3)


def test_documents_whose_entities_failed_have_no_relations(tokenizer):
    assert relations(Options(), tokenizer, NAMES, error="parse:json") == []
