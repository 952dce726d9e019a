"""The contract of recipes: a recipe is a list of steps, a step maps a row to prompts and completions back to texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.records import Document, Generation, content_id
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a method was published."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """What a step works on: a document, and the generations that earlier steps of the recipe made of it, by step name."""

    document: Document
    earlier: Mapping[str, Sequence[Generation]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a row. `key` sets it apart from others on the same span, and is a part of the ids of what comes of it."""

    messages: tuple[Message, ...]
    span: tuple[int, int]  # characters of the document's text that the prompt shows
    sampling: Sampling
    key: str = ""
    schema: str | None = None  # JSON schema (canonical JSON) for engines that can hold a completion to it
    lineage: tuple[str, ...] = ()  # ids of the generations of earlier steps that the prompt uses


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a completion gave: training text, or an error code such as "parse:json", or neither (a step that prepares others)."""

    text: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A prompt, and what the engine and the parser made of one of its samples."""

    prompt: Prompt
    sample: int
    completion: Completion
    parsed: Parsed


@dataclass(frozen=True, slots=True)
class Output:
    """One row of the generations table. `part` tells several outputs of one answer apart."""

    answer: Answer
    parsed: Parsed
    part: int = 0


class Step(ABC):
    """One round of prompts. Instances are immutable, picklable, and say in `describe` all that their prompts depend on."""

    name: str
    retries: int = 0  # how often a completion that does not parse is asked for again, with another seed
    samples: int = 1  # completions a prompt
    fans_out: bool = False  # many prompts a row: its units are cut by prompts, and `outputs` must not look across a row's answers

    @property
    def prefix(self) -> str | None:
        """Steps that name the same one begin their prompts with the same passages in the same order, so that engines can share them."""
        return None

    @abstractmethod
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        """The prompts of a row, in an order that depends on the row alone."""

    @abstractmethod
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        """What one completion says. Called once an attempt; an error leads to another attempt while `retries` last."""

    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        """The rows to keep once all prompts of a row are answered. By default one for each answer."""
        del row
        return [Output(answer, answer.parsed) for answer in answers]

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All that the step's rows depend on, as JSON values: the recipe's digest is made of it."""


@dataclass(frozen=True)
class Recipe:
    """A named way to make training text out of documents."""

    name: str  # "wrap/medium"
    paper: Paper
    steps: tuple[Step, ...]
    summary: str = ""

    @property
    def family(self) -> str:
        """The part of the name before the slash."""
        return self.name.split("/", 1)[0]

    @property
    def digest(self) -> str:
        """Changes whenever prompts, parsing settings or sampling change."""
        steps = [{"name": s.name, "retries": s.retries, "samples": s.samples, **s.describe()} for s in self.steps]
        return content_id(orjson.dumps([self.name, steps], option=orjson.OPT_SORT_KEYS).decode())[:16]
