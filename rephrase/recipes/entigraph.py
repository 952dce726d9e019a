"""EntiGraph (Yang et al. 2024, arXiv 2409.07431): entities of a document, then a discussion of each pair and triple of them."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson
import yaml
from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.recipes.base import Paper, Parsed, Prompt, Recipe, Row
from rephrase.recipes.lengths import HEADER, Bounds
from rephrase.recipes.parsing.form_bounds import TEXT, object_of
from rephrase.recipes.part_step import PartStep
from rephrase.recipes.prompts import fill
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.records import Document
from rephrase.settings.section import Section
from rephrase.text.loose_json import read_json
from rephrase.text.tokenizer import Tokenizer

_SCHEMA = orjson.dumps(object_of(summary=TEXT, entities={"type": "array", "items": TEXT}), option=orjson.OPT_SORT_KEYS).decode()

_ABOUT = ("title", "author", "year")  # what the paper puts before a document, where the metadata know it

NAME = "entigraph/relations"


class Options(Section):
    """Options of `entigraph` in a run config."""

    document_tokens: int = Field(default=4000, ge=1)
    """Longer documents are cut into parts of so many tokens, each with entities of its own."""
    max_entities: int = Field(default=60, ge=2)
    """Of a part, the first ones. No limit in the paper; ours, for triples grow by the third power."""
    pairs: float = Field(default=1.0, ge=0, le=1)
    """Share of all pairs that is discussed; 1 in the paper."""
    triples: float = Field(default=1.0, ge=0, le=1)
    """Share of all triples that is discussed. There are many: 34,220 of 60 entities."""
    max_combinations: int | None = Field(default=None, ge=1)
    """At most so many pairs and triples a document, pairs first."""
    retries: int = Field(default=4, ge=0)
    """How often the entities are asked for again when the reply is no valid JSON; without end in the paper's code."""
    seed: int = 42
    """Another one discusses other pairs and triples, where not all are."""

    @property
    def part_tokens(self) -> int:
        """Tokens of a part, each with entities of its own."""
        return self.document_tokens


@functools.cache
def _prompts() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(files("rephrase.recipes").joinpath("entigraph.yaml").read_text(encoding="utf-8"))
    return data


@recipe(NAME, Options, file="entigraph")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options. The sampling defaults to the paper's temperature of 1."""
    prompts = _prompts()
    base = sampling.over(Sampling(max_tokens=2048, temperature=1.0))
    steps = (Entities(options, base, prompts["entities"]), Relations(options, base, prompts["relations"]))
    return Recipe(NAME, Paper(**prompts["paper"]), steps, "Entities of a document, then a discussion of each pair and triple of them.")


@dataclass(frozen=True)
class Entities(PartStep[Options]):
    """Step one: a summary and the entities as JSON. The summary is training text."""

    name = "entities"

    @property
    @override
    def retries(self) -> int:  # type: ignore[override]  # a constant in most steps, an option here
        """How often a reply that is no valid JSON is asked for again."""
        return self.options.retries

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        return _longest(self.texts, bounds)

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        document = row.document
        for passage in self.parts(row, tokenizer):
            values = {"header": _header(document), "passage": document.text[passage.start : passage.end]}
            messages = (
                Message("system", self.texts["system"].strip()),
                Message("user", fill(self.texts["prompt"].strip(), values)),
            )
            yield Prompt(messages, (passage.start, passage.end), self.sampling, schema=_SCHEMA)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        reply = read_entities(completion.text)
        return Parsed(text=reply[0]) if reply else Parsed(error="parse:json")

    @override
    def describe(self) -> dict[str, Any]:
        return {"templates": self.texts, "sampling": self.sampling.fields(), "document_tokens": self.options.document_tokens}


@dataclass(frozen=True)
class Relations(PartStep[Options]):
    """Step two: a text for each pair, then each triple of entities, in seeded order."""

    name = "relations"
    has_labels = False
    fans_out = True

    @property
    @override
    def load(self) -> str:
        options = self.options
        shares = ((options.pairs, "n(n-1)/2 pairs"), (options.triples, "n(n-1)(n-2)/6 triples"))
        parts = [count if share == 1 else f"{share:g} of {count}" for share, count in shares if share]
        limit = f", at most {options.max_combinations:,}" if options.max_combinations else ""
        return f"{' and '.join(parts) or 'none'} for n entities, n up to {options.max_entities}{limit}"

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        # The names of three entities are a part of what the first step wrote.
        return _longest(self.texts, bounds) + max(bounds.written.values(), default=0)

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        document = row.document
        for generation in row.earlier["entities"]:
            reply = None if generation.error else read_entities(generation.completion)
            if not reply:
                continue
            text = document.text[generation.span_start : generation.span_end]
            for names in combinations(reply[1], self.options):
                values = dict(zip(("first", "second", "third"), names, strict=False))
                values |= {"header": _header(document), "passage": text}
                kind = "pair" if len(names) == 2 else "triple"
                messages = (
                    Message("system", self.texts["system"].strip()),
                    Message("user", fill(self.texts[kind].strip(), values)),
                )
                yield Prompt(
                    messages,
                    generation.span,
                    self.sampling,
                    key=f"{kind}:{'|'.join(names)}",
                    lineage=(generation.id,),
                )

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        text = completion.text.strip()
        return Parsed(text=text) if text else Parsed(error="parse:empty")

    @override
    def describe(self) -> dict[str, Any]:
        return {"templates": self.texts, "sampling": self.sampling.fields(), "options": self.options.model_dump(exclude={"retries"})}


def _longest(templates: Mapping[str, str], bounds: Bounds) -> int:
    return bounds.of_texts(templates.values()) + bounds.passage + HEADER


def read_entities(completion: str) -> tuple[str, list[str]] | None:
    """Summary and entities of a reply, or None if it is not the JSON object asked for. Repeated names count once."""

    def fits(value: Any) -> bool:
        return isinstance(value["summary"], str) and bool(value["summary"].strip()) and isinstance(value["entities"], list)

    data = read_json(completion, fits)
    if data is None:
        return None
    names: dict[str, str] = {}
    for name in data["entities"]:
        if not isinstance(name, str):
            return None
        clean = " ".join(name.split())
        if clean:
            names.setdefault(clean.casefold(), clean)
    return data["summary"].strip(), list(names.values())


def combinations(entities: list[str], options: Options) -> list[tuple[str, ...]]:
    """Pairs, then triples, each shuffled by the seed and cut to its share (n entities give n(n-1)/2 pairs and C(n, 3) triples)."""
    groups: list[tuple[str, ...]] = []
    for size, share in ((2, options.pairs), (3, options.triples)):
        all_groups = list(itertools.combinations(entities[: options.max_entities], size)) if share else []
        random.Random(options.seed).shuffle(all_groups)
        groups += all_groups[: round(len(all_groups) * share)]
    return groups[: options.max_combinations]


def _header(document: Document) -> str:
    metadata = {name: " ".join(document.metadata.get(name, "").split()) for name in _ABOUT}
    lines = [f"{name.capitalize()}: {value}\n" for name, value in metadata.items() if value]
    return "".join([*lines, "\n"]) if lines else ""
