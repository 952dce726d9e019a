"""The whole of it: look at files and machine, choose or ask, fill the goal's template."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rephrase.config.file import run_of_text
from rephrase.errors import UserError
from rephrase.init.corpus import Corpus, corpus_of, files_beside
from rephrase.init.fields import Texts, known_field, settings_of, texts_in, unused
from rephrase.init.goal import GOALS, Goal, likely_goal
from rephrase.init.guesses import guesses
from rephrase.init.machine import Machine
from rephrase.init.writing import filled, relative_to

Ask = Callable[[str, list[tuple[str, str]], str], str]
"""A question, its choices with their meanings, and the default; gives the name of the one that is chosen."""

_NO_FILES = "documents/*.jsonl"  # where there is no input yet
_ROWS_OF_FIELDS = 6  # that are offered


@dataclass(frozen=True, slots=True)
class Beginning:
    """A new run.yaml, and what to say of it."""

    text: str
    summary: str
    notes: list[str]
    recipe: str
    """The first of its recipes, to look at."""


def begin(files: Sequence[str], goal: str | None, model: str | None, path: str, ask: Ask | None) -> Beginning:
    """The text of a run.yaml at `path`, an absolute one. `ask` is None where nobody can be asked.

    Raises `UserError` for files that are not there, are of no known format, or hold no texts.
    """
    folder = os.path.dirname(path)
    corpus = _corpus(files)
    chosen = GOALS[goal or _goal(corpus, ask)]
    machine, notes = Machine.here(), []
    values: dict[str, Any] = {"output": "out", "fields": None, "unused": None, "source": None}
    is_request, beside = False, None
    if corpus is None:
        values |= {"paths": [_NO_FILES], "seen": "none yet"}
        notes.append(f"There are no input files here: put some below {_NO_FILES}, or correct input.paths.")
    else:
        values |= {"paths": [relative_to(folder, one) for one in corpus.paths], "seen": _seen(corpus), "source": _source(corpus)}
        if not corpus.has_pages:
            texts = texts_in(corpus, chosen.texts)
            text = _text(texts, corpus, ask)
            names = [name for name in corpus.fields if name != text]
            beside = known_field(chosen.beside, names) if chosen.beside else None
            is_request = known_field("request", [text]) is not None and known_field("document", [text]) is None
            fields = settings_of(corpus, text, [beside] if beside else [])
            values["fields"] = fields
            left = unused(corpus, fields)
            values["unused"] = left or None
            values["source"] = None if known_field("source", names) is not None else values["source"]
            notes += _notes(texts, text, chosen, beside)
            if left:
                notes.append(_of_unused(left))
    used = model or guesses().model_for(machine.gpu_gib)
    if model is None:
        notes.append(
            f"The model is {used}, which fits {'these GPUs' if machine.gpus else 'a machine without GPUs'}; --model names another."
        )
    values |= {
        "model": relative_to(folder, os.path.abspath(used)) if os.path.isdir(used) else used,
        "args": ["--data-parallel-size", str(len(machine.gpus))] if len(machine.gpus) > 1 else None,
        "executor": machine.executor,
        "machine": str(machine),
        "memory": f"{machine.driver_gib}g",
        **chosen.values(is_request, beside),
    }
    text_of_run = filled(chosen.template, values, path)
    recipe = run_of_text(text_of_run, path).recipes[0].use
    return Beginning(text_of_run, f"{chosen.summary.split(':')[0]}, from {_seen(corpus) if corpus else 'files to come'}.", notes, recipe)


def _corpus(files: Sequence[str]) -> Corpus | None:
    named = list(files) or files_beside(os.getcwd())
    return corpus_of(named) if named else None


def _goal(corpus: Corpus | None, ask: Ask | None) -> str:
    likely = likely_goal(corpus)
    if ask is None:
        return likely
    return ask("What do you want to make?", [(goal.name, goal.summary) for goal in GOALS.values()], likely)


def _text(texts: Texts, corpus: Corpus, ask: Ask | None) -> str:
    if texts.is_sure or ask is None:
        return texts.name
    offered = [texts.name, *texts.others][:_ROWS_OF_FIELDS]
    return ask("Which field holds the text?", [(name, " ".join(str(corpus.fields[name][0]).split())[:80]) for name in offered], texts.name)


def _notes(texts: Texts, text: str, goal: Goal, beside: str | None) -> list[str]:
    notes = []
    if not texts.is_sure:
        notes.append(f"The text is taken from `{text}`; others are {', '.join(f'`{name}`' for name in texts.others[:_ROWS_OF_FIELDS])}.")
    if goal.beside and beside is None:
        instead = "most solutions agree on counts as right" if goal.name == "maths" else "is written are questions on the code"
        notes.append(f"No field was seen that holds {'answers' if goal.beside == 'answer' else 'tests'}: what {instead}.")
    return notes


def _of_unused(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_ROWS_OF_FIELDS])
    others = f" and {len(names) - _ROWS_OF_FIELDS} more" if len(names) > _ROWS_OF_FIELDS else ""
    return f"Not used: {shown}{others}. `also: [{names[0]}]` in input.fields keeps one in the metadata."


def _seen(corpus: Corpus) -> str:
    return f"{corpus.files:,} file{'s' if corpus.files > 1 else ''} of {corpus.title}, {_size(corpus.size)}"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def _source(corpus: Corpus) -> str:
    """The corpus by its first file or folder: `pages` of `data/pages.jsonl.gz`."""
    name = os.path.basename(corpus.paths[0].rstrip("/"))
    if "*" in name or not name:
        name = os.path.basename(os.path.dirname(corpus.paths[0].rstrip("/")))
    source = name.split(".")[0]
    if not source:
        raise UserError("the file has no name", where=corpus.paths[0], cure="rename it")
    return source
