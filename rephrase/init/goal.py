"""The goals: templates of a run.yaml as data, and what each of them needs to know of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rephrase.init.corpus import Corpus
from rephrase.init.fields import known_field
from rephrase.init.guesses import guesses

_FOLDER = Path(__file__).with_name("goals")


@dataclass(frozen=True, slots=True)
class Goal:
    """What somebody wants to make."""

    name: str
    texts: tuple[str, ...]
    """Kinds of texts in `guesses.yaml` that its documents may be, the likeliest first."""
    beside: str = ""
    """The kind of field that it needs beside the text, if there is one: answers, tests."""
    values: Callable[[bool, str | None], dict[str, Any]] = lambda _is_request, _beside: {}
    """What its template says, given whether the texts are requests, and the field beside them."""

    @property
    def template(self) -> str:
        """The text of a run.yaml with `$name` in the place of what is not known yet."""
        return (_FOLDER / f"{self.name}.yaml").read_text(encoding="utf-8")

    @property
    def summary(self) -> str:
        """What it makes, in a line."""
        return self.template.splitlines()[0].removeprefix("# ")


def _instructions(is_request: bool, _beside: str | None) -> dict[str, Any]:
    if is_request:
        return {"shortest": 1, "expand": "instruction/expand", "evolve": "evol/instruct", "backtranslation": None}
    return {"shortest": 200, "expand": None, "evolve": None, "backtranslation": "instruction/backtranslation"}


def _maths(_is_request: bool, answer: str | None) -> dict[str, Any]:
    return {"answer": answer, "majority": None if answer else "verified/majority"}


def _code(_is_request: bool, tests: str | None) -> dict[str, Any]:
    if tests:
        return {"shortest": 1, "tests": tests, "questions": None, "originals": None, "written": 1.0}
    return {"shortest": 100, "tests": None, "questions": "code_qa/snippet", "originals": 0.5, "written": 0.5}


GOALS: dict[str, Goal] = {
    goal.name: goal
    for goal in (
        Goal("crawl", ("document",)),
        Goal("domain", ("document",)),
        Goal("instructions", ("request", "document"), values=_instructions),
        Goal("maths", ("request", "document"), "answer", _maths),
        Goal("code", ("code", "request"), "tests", _code),
    )
}
"""By their names."""


def likely_goal(corpus: Corpus | None) -> str:
    """The goal that a corpus looks like: by its fields, and by its size."""
    if corpus is None or corpus.has_pages:
        return "crawl"
    names: Sequence[str] = list(corpus.fields)
    has = {kind: known_field(kind, names) is not None for kind in ("request", "answer", "tests", "document")}
    if has["tests"]:
        return "code"
    if has["request"] and not has["document"]:
        return "maths" if has["answer"] else "instructions"
    return "domain" if corpus.size < guesses().small_corpus_bytes else "crawl"
