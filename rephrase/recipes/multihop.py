"""Questions over paths of documents, whose answers need each of them (sources: multihop.yaml)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rephrase.engines.base import Sampling
from rephrase.recipes.base import Paper, Recipe, Step
from rephrase.recipes.graph.path import PathSettings
from rephrase.recipes.graph.questions import Questions
from rephrase.recipes.graph.verify import Verify
from rephrase.recipes.prompts import flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.settings.section import Section


def _several(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


class Options(Section):
    """Options of `graph/multihop`."""

    hops: Annotated[list[Literal[2, 3]], BeforeValidator(_several)] = Field(default=[2, 3], min_length=1, max_length=2)
    """Documents of a question: 2, 3, or both by turns."""
    paths: int = Field(default=2, ge=1, le=24)
    """Questions for each document, at most."""
    passage_tokens: int = Field(default=500, ge=1)
    """Of each document one passage of so many tokens at most is shown, which holds the names that join it to others."""
    most_documents: int = Field(default=50, ge=2)
    """A name that stands in more documents joins nothing: it says too little."""
    names: int = Field(default=32, ge=1)
    """Names of a document that are looked up in others, at most."""
    entities: str | None = None
    """Key of the metadata that lists a document's names, as a JSON list or between semicolons. Default: capitalised words are names."""
    verify: bool = False
    """Keep a question only if a model answers it from all its documents and from none of them alone: 3 or 4 more requests for each."""
    seed: int = 1
    """Another one finds other paths."""


@recipe("graph/multihop", Options, file="multihop")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("multihop")
    settings = PathSettings(
        tuple(dict.fromkeys(options.hops)),
        options.paths,
        options.passage_tokens,
        options.most_documents,
        options.names,
        options.entities,
        options.seed,
    )
    lively = sampling.over(Sampling(max_tokens=1024, temperature=0.7, top_p=0.95))
    question, text = texts["question"].strip(), texts["text"].strip()
    ask = Questions(question, texts["bridge"], text, texts["answer_words"], settings, not options.verify, sampling=lively)
    steps: tuple[Step, ...] = (ask,)
    if options.verify:
        exact = sampling.over(Sampling(max_tokens=256, temperature=0.0))
        steps = (ask, Verify(texts["alone"].strip(), text, settings, sampling=exact))
    summary = "Questions over two or three documents that name the same things, whose answers need each of them."
    return Recipe("graph/multihop", Paper(**texts["paper"]), steps, summary, paths=settings)
