"""The contract of recipes: a recipe is a list of steps, a step maps a row to prompts and completions back to texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.condition import Condition
from rephrase.recipes.exchange import TRUNCATED, Answer, Output, Parsed, Prompt, Row, whole_text
from rephrase.recipes.graph.path import PathSettings
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.row_source import RowSource
from rephrase.records import content_id
from rephrase.text.languages import SAME
from rephrase.text.tokenizer import Tokenizer

__all__ = [
    "TRUNCATED",
    "Answer",
    "AnswerLanguage",
    "Numbered",
    "Output",
    "Paper",
    "Parsed",
    "Prompt",
    "Recipe",
    "Row",
    "RowSource",
    "Step",
    "whole_text",
]


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a method was published.

    >>> Paper("Rephrasing the Web", "https://arxiv.org/abs/2401.16380").title
    'Rephrasing the Web'
    """

    title: str
    url: str


class Step(ABC):
    """One round of prompts. Instances are immutable, picklable, and say in `describe` all that their prompts depend on.

    >>> class Shorter(Step):
    ...     name = "shorten"
    ...
    ...     def prompts(self, row, tokenizer):
    ...         yield Prompt.from_user(f"Say it shorter: {row.document.text}", row.span, Sampling(max_tokens=64))
    ...
    ...     def parse(self, prompt, completion, tokenizer):
    ...         return Parsed(text=completion.text) if completion.finish_reason == "stop" else Parsed(error=TRUNCATED)
    ...
    ...     def describe(self):
    ...         return {"prompt": "Say it shorter: {text}"}
    >>> import rephrase
    >>> recipe = Recipe("mine/shorter", Paper("None yet", ""), (Shorter(),))
    >>> table = rephrase.rewrite(["The tide rises."], recipe, {"kind": "echo"}, tokenizer="examples/tokenizer.json")
    >>> table.column("text").to_pylist()  # the engine `echo` gives the prompt back
    ['Say it shorter: The tide rises.']
    """

    name: str
    retries: int = 0  # how often a completion that does not parse is asked for again, with another seed
    samples: int = 1  # completions a prompt
    judges: bool = False  # answers are grades, labels or edits, which say what becomes of a text that is there
    has_labels: bool = True  # `parse` looks for words that prompts name, such as "Question:"
    structured: bool = False  # completions are held to JSON
    per: str = "document"  # what it has a prompt for, in a word or two
    per_result: float = 1  # at most so many prompts for each result of the step before, as far as settings tell
    fans_out: bool = False  # many prompts a row: its units are cut by prompts, and `outputs` must not look across a row's answers

    @property
    def prefix(self) -> str | None:
        """Steps that name the same one begin their prompts with the same passages in the same order, so that engines can share them."""
        return None

    def held_to_form(self) -> Step:
        """The same step with its completions held to JSON; by default itself, as it reads none."""
        return self

    @abstractmethod
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        """The prompts of a row, in an order that depends on the row alone."""

    @abstractmethod
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        """What one completion says. Called once an attempt; an error leads to another attempt while `retries` last."""

    def follow(self, row: Row, answer: Answer, tokenizer: Tokenizer) -> Prompt | None:
        """The prompt to ask once this one is answered, where a step goes from one to the next. None by default."""
        del row, answer, tokenizer
        return None

    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        """The rows to keep once all prompts of a row are answered. By default one for each answer."""
        del row
        return [Output(answer, answer.parsed) for answer in answers]

    @property
    def load(self) -> str:
        """How many prompts there are, in words: "1 for each passage of 300 tokens"."""
        return f"{self.samples} for each {self.per}"

    @property
    def chat(self) -> bool:
        """Whether its prompts are chat messages, for which a model needs a chat template."""
        return True

    @property
    def passage_limit(self) -> int | None:
        """At most so many tokens of a document are shown at a time; None for documents whole."""
        return None

    def longest_prompt(self, bounds: Bounds) -> int | None:
        """At most so many tokens its prompts have, without a chat template; None, the default, where that is not known beforehand.

        An engine then has the whole context of its model; where all steps tell, only as much as they need.
        """
        del bounds
        return None

    @property
    def output_tokens(self) -> int:
        """At most so many tokens a completion."""
        sampling: Sampling | None = getattr(self, "sampling", None)
        return sampling.max_tokens if sampling else 0

    @property
    def needed_tokens(self) -> int:
        """So many of them must fit into the model's context behind a prompt."""
        sampling: Sampling | None = getattr(self, "sampling", None)
        return sampling.needed_tokens if sampling else self.output_tokens

    def shown(self) -> dict[str, Any]:
        """Texts and settings as `rephrase recipes show` tells them, by names that people understand; by default as `describe` has them.

        What is none, a digest, an option of the recipe, or the prompt of another step is left out there.
        """
        return self.describe()

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All that the step's rows depend on, as JSON values: the recipe's digest is made of it.

        An option that is added later is left out at its default: the digests of recipes that do not set it must stay, as they are a part
        of ids, and runs that an earlier version began go on.
        """


class Numbered(Step):
    """A step that comes again in each of some rounds: `evolve0`, `evolve1` and so on."""

    kind: ClassVar[str]
    number: int

    @property
    @override
    def name(self) -> str:  # type: ignore[override]  # a constant in most steps
        """The kind and the number of the round."""
        return f"{self.kind}{self.number}"


@dataclass(frozen=True, slots=True)
class AnswerLanguage:
    """The language that a run wants the answers of a recipe in."""

    code: str  # `same` as the document's, or a tag
    lines: tuple[str, ...]  # all that prompts may end with to say so

    @property
    def fixed(self) -> str | None:
        """The tag of the language that all answers are in; None where it is each document's own."""
        return None if self.code == SAME else self.code


@dataclass(frozen=True)
class Recipe:
    """A named way to make training text out of documents.

    >>> import rephrase
    >>> [recipe] = rephrase.find_recipes("wrap/medium")
    >>> recipe.family, [step.name for step in recipe.steps]
    ('wrap', ['rewrite'])
    """

    name: str  # "wrap/medium"
    paper: Paper
    steps: tuple[Step, ...]
    summary: str = ""
    rows: RowSource | None = None  # None: the documents of the run
    when: Condition | None = None
    neighbours: int = 0  # documents that name the same things which a row needs beside its own
    paths: PathSettings | None = None  # how the paths are found that a row needs beside its document
    engines: Mapping[str, str] = field(default_factory=dict)  # which of a run's engines answers a step, by the names of both
    language: AnswerLanguage | None = None  # None: prompts say nothing of it

    @property
    def family(self) -> str:
        """The part of the name before the slash."""
        return self.name.split("/", 1)[0]

    def engine_of(self, step: Step) -> str | None:
        """The name of the engine that answers a step; None: the run's writer, or only one."""
        return self.engines.get(step.name)

    @property
    def wording(self) -> str:
        """All texts that its prompts are made of, a paragraph each."""
        return "\n\n".join([*_texts([step.describe() for step in self.steps]), *(self.language.lines if self.language else ())])

    @property
    def description(self) -> dict[str, Any]:
        """All that its rows depend on, as JSON values."""
        steps = [{"name": s.name, "retries": s.retries, "samples": s.samples, **s.describe()} for s in self.steps]
        rows = {} if self.rows is None else {"rows": self.rows.describe()}
        language = {} if self.language is None else {"language": [self.language.code, *self.language.lines]}
        return {"steps": steps, **rows, **language}

    @property
    def digest(self) -> str:
        """Changes whenever prompts, parsing settings or sampling change."""
        parts = [self.name, *self.description.values()]
        return content_id(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS).decode())[:16]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in _texts(inner))
    elif isinstance(value, Sequence):
        yield from (text for inner in value for text in _texts(inner))
