"""Rewrite a web corpus into pretraining data. This is the library, free of Spark; `rephrase.spark` has the cluster's side.

What a program or a notebook begins with:

    load_run         a run.yaml as a typed object
    read_documents   files in any format that a run reads, as an Arrow table
    find_recipes     recipes by name or pattern
    rewrite          texts by a recipe and an engine, as an Arrow table
    Tokenizer        counts and encodes texts
    UserError        what goes wrong and can be mended: what, where, and the cure

What a recipe of your own is made of: `Recipe`, its `Paper` and its `Step`s, which turn a `Row` (a `Document`, and what earlier steps
made of it) into `Prompt`s of `Message`s with their `Sampling`, and a completion into what is `Parsed` of it. What an engine of your own
gives: an `Engine` answers a `Request` by a `Completion` and tells its `Identity`.

Nothing of it is imported before it is asked for.
"""

from typing import TYPE_CHECKING

from rephrase.lazy import attach

if TYPE_CHECKING:
    from rephrase.config.file import load_run
    from rephrase.documents import read_documents
    from rephrase.engines.base import Completion, Engine, Identity, Message, Request, Sampling
    from rephrase.errors import UserError
    from rephrase.generation.rewrite import rewrite
    from rephrase.recipes.base import Paper, Parsed, Prompt, Recipe, Row, Step
    from rephrase.recipes.catalogue import find_recipes
    from rephrase.records import Document
    from rephrase.text.tokenizer import Tokenizer

__version__ = "0.2.0"

__all__ = [
    "Completion",
    "Document",
    "Engine",
    "Identity",
    "Message",
    "Paper",
    "Parsed",
    "Prompt",
    "Recipe",
    "Request",
    "Row",
    "Sampling",
    "Step",
    "Tokenizer",
    "UserError",
    "find_recipes",
    "load_run",
    "read_documents",
    "rewrite",
]

_HOMES = {
    **dict.fromkeys(["Completion", "Engine", "Identity", "Message", "Request", "Sampling"], "rephrase.engines.base"),
    **dict.fromkeys(["Paper", "Parsed", "Prompt", "Recipe", "Row", "Step"], "rephrase.recipes.base"),
    "Document": "rephrase.records",
    "Tokenizer": "rephrase.text.tokenizer",
    "UserError": "rephrase.errors",
    "find_recipes": "rephrase.recipes.catalogue",
    "load_run": "rephrase.config.file",
    "read_documents": "rephrase.documents",
    "rewrite": "rephrase.generation.rewrite",
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = attach(__name__, _HOMES)
