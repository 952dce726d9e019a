"""What a step is given and gives back: rows, prompts, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rephrase.engines.base import Completion, Message, Sampling
from rephrase.recipes.graph.path import Path
from rephrase.records import Document, Generation

TRUNCATED = "parse:truncated"


@dataclass(frozen=True, slots=True)
class Row:
    """What a step works on: a document, and the generations that earlier steps of the recipe made of it, by step name.

    >>> Row(Document("d1", "The tide rises.")).span
    (0, 15)
    """

    document: Document
    earlier: Mapping[str, Sequence[Generation]] = field(default_factory=dict)
    neighbours: Sequence[Document] = ()  # documents that name the same things, nearest first
    language: str | None = None  # tag of the language that answers are asked for in; None: nothing is said of it
    paths: Sequence[Path] = ()  # over documents that name the same things

    @property
    def span(self) -> tuple[int, int]:
        """The whole document, in characters."""
        return (0, len(self.document.text))

    def good(self, step: str) -> list[Generation]:
        """What an earlier step made without an error."""
        return [generation for generation in self.earlier[step] if not generation.error]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a row. `key` sets it apart from others on the same span, and is a part of the ids of what comes of it.

    >>> Prompt.from_user("Say it shorter: The tide rises.", (0, 15), Sampling(max_tokens=64)).messages
    (Message(role='user', content='Say it shorter: The tide rises.'),)
    """

    messages: tuple[Message, ...]
    span: tuple[int, int]  # characters of the document's text that the prompt shows
    sampling: Sampling
    key: str = ""
    schema: str | None = None  # JSON schema (canonical JSON) for engines that can hold a completion to it
    lineage: tuple[str, ...] = ()  # ids of the generations of earlier steps that the prompt uses
    values: Mapping[str, Any] = field(default_factory=dict)  # what the prompt was filled with, for its parser
    ready: Completion | None = None  # the completion itself, where no model is asked
    language: str | None = None  # tag of the language that the answer is asked for in; None where nothing is said of it

    @classmethod
    def from_user(
        cls,
        text: str,
        span: tuple[int, int],
        sampling: Sampling,
        key: str = "",
        lineage: tuple[str, ...] = (),
        values: Mapping[str, Any] | None = None,
    ) -> Prompt:
        """One turn of a user."""
        return cls((Message("user", text),), span, sampling, key, lineage=lineage, values=values or {})


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a completion gave: training text, or an error code such as "parse:json", or neither (a step that prepares others).

    `fields` are its parts, as JSON values: later steps fill their prompts from them, and trainers of instruction models read them.

    >>> Parsed(text="Q: Why? A: So.", fields={"question": "Why?"}).error is None
    True
    """

    text: str | None = None
    error: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    cut: bool = False
    """Whether the text was ended at a bound before its end: its row then has the finish reason of a completion that was cut."""


def whole_text(completion: Completion, clean: Callable[[str], str] = str.strip) -> Parsed:
    """What a completion says once it is cleaned; an error if it was cut or says nothing."""
    if completion.finish_reason == "length":
        return Parsed(error=TRUNCATED)
    text = clean(completion.text)
    return Parsed(text=text) if text else Parsed(error="parse:empty")


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
    span: tuple[int, int] | None = None  # of the document, where it is not the prompt's
