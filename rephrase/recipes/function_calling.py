"""`tools/…`: requests to an assistant with functions, the calls that answer them, and dialogues with results (sources: tools.yaml)."""

from __future__ import annotations

from typing import Any

from pydantic import Field, FiniteFloat, field_validator
from typing_extensions import override

from rephrase.engines.base import Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Paper, Recipe, Step
from rephrase.recipes.prompts import flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.tools.draws import ALONE, CALLING, KINDS, Drawing, weights
from rephrase.recipes.tools.functions import read_functions
from rephrase.recipes.tools.results import Answers, Results
from rephrase.recipes.tools.rows import ToolRows
from rephrase.recipes.tools.steps import Calls, Requests, Verify
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.paths import ListFile
from rephrase.settings.section import Section

_PAIR = 2  # functions that some kinds need


class Options(Section):
    """Options of all recipes `tools/…`."""

    functions: ListFile = "lists/functions.jsonl"
    """Functions that may be declared: JSONL or a JSON list, as OpenAI's `tools`; beside `parameters`, `return` is the result's schema."""
    kinds: dict[str, FiniteFloat] = {}
    """Weights of kinds of requests: single, multiple, parallel, parallel_multiple, none_fits, missing_argument."""
    verify: bool = False
    """Let a model judge what the rules have passed: one more request for each."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: dict[str, float]) -> dict[str, float]:
        for name, weight in kinds.items():
            if name not in cls.possible():
                raise fault(f"there is no kind `{name}` here", nearest(name, cls.possible(), "kinds are"), (name,), weight)
            if weight < 0:
                raise fault(f"the weight of `{name}` is {weight}", "give 0 or more", (name,), weight)
        if kinds and not any(kinds.values()):
            raise fault("all weights are 0", "give one kind a weight", (), kinds)
        return kinds

    @classmethod
    def possible(cls) -> tuple[str, ...]:
        """The kinds that the recipe has."""
        return KINDS


class RowOptions(Options):
    """Options of recipes with rows of their own."""

    rows: int = Field(default=1000, ge=1)
    """Requests."""
    seed: int = Field(default=1, ge=0)
    """Another one draws other functions, kinds and manners."""


class DialogueOptions(RowOptions):
    """Options of `tools/dialogue`, whose requests are all answered by calls."""

    @classmethod
    @override
    def possible(cls) -> tuple[str, ...]:
        return CALLING


class DocumentOptions(Options):
    """Options of `tools/from_document`."""

    passage_tokens: int = Field(default=400, ge=1)
    """Longer documents are cut into passages, each with a request of its own."""


@recipe("tools/calls", RowOptions, file="tools")
def _build_calls(options: RowOptions, sampling: SamplingSection) -> Recipe:
    name, texts, drawing = "tools/calls", flow_prompts("tools"), _drawing(options)
    steps = _with_verdict(
        [_requests(texts, "request", drawing, sampling), *_calls(texts, drawing, sampling, options)], texts, sampling, options
    )
    summary = "Requests to an assistant with functions, and the calls that answer them, valid by the functions' schemas."
    rows = ToolRows(name, drawing, options.rows, options.seed)
    return Recipe(name, Paper(**texts["papers"]["calls"]), steps, summary, rows)


@recipe("tools/dialogue", DialogueOptions, file="tools")
def _build_dialogue(options: DialogueOptions, sampling: SamplingSection) -> Recipe:
    name, texts, drawing = "tools/dialogue", flow_prompts("tools"), _drawing(options)
    made: list[Step] = [
        _requests(texts, "request", drawing, sampling),
        Calls(texts["call"]["system"].strip(), drawing, _exact(sampling), is_last=False),
        Results(texts["result"].strip(), drawing, _lively(sampling)),
        Answers(texts["answer"].strip(), _exact(sampling), is_last=not options.verify),
    ]
    summary = "Dialogues with functions: a request, the calls, what the functions give, and an answer that uses it."
    rows = ToolRows(name, drawing, options.rows, options.seed)
    return Recipe(name, Paper(**texts["papers"]["dialogue"]), _with_verdict(made, texts, sampling, options), summary, rows)


@recipe("tools/from_document", DocumentOptions, file="tools")
def _build_from_document(options: DocumentOptions, sampling: SamplingSection) -> Recipe:
    texts, drawing = flow_prompts("tools"), _drawing(options)
    requests = _requests(texts, "request_from_document", drawing, sampling, options.passage_tokens)
    steps = _with_verdict([requests, *_calls(texts, drawing, sampling, options)], texts, sampling, options)
    summary = "As `tools/calls`, with requests that readers of a passage would have, and values from it."
    return Recipe("tools/from_document", Paper(**texts["papers"]["calls"]), steps, summary)


def _drawing(options: Options) -> Drawing:
    texts = flow_prompts("tools")
    functions = read_functions(options.functions)
    kinds = weights(options.kinds or {name: weight for name, weight in texts["kinds"].items() if name in options.possible()})
    if len(functions) < _PAIR and any(name not in ALONE for name, _ in kinds):
        cure = "add functions, or take kinds: {single: 1, parallel: 1}"
        raise UserError("one function alone leaves nothing to choose from", where=options.functions, cure=cure)
    if any(name == "missing_argument" for name, _ in kinds) and not any(function.required for function in functions):
        cure = "declare which arguments are `required`, or leave `missing_argument` out of `kinds`"
        raise UserError("no function has a required argument, and none can be missing", where=options.functions, cure=cure)
    low, high = texts["declared"]
    return Drawing(functions, kinds, (low, high), tuple(texts["manners"]))


def _requests(
    texts: dict[str, Any], prompt: str, drawing: Drawing, sampling: SamplingSection, passage_tokens: int | None = None
) -> Requests:
    asks = tuple((name, str(texts["asks"][name])) for name in KINDS)
    return Requests(texts[prompt].strip(), asks, drawing, passage_tokens, sampling=_lively(sampling))


def _calls(texts: dict[str, Any], drawing: Drawing, sampling: SamplingSection, options: Options) -> list[Step]:
    return [Calls(texts["call"]["system"].strip(), drawing, _exact(sampling), is_last=not options.verify)]


def _with_verdict(steps: list[Step], texts: dict[str, Any], sampling: SamplingSection, options: Options) -> tuple[Step, ...]:
    verdict = Verify(texts["verify"].strip(), steps[-1].name, sampling=_exact(sampling))
    return (*steps, verdict) if options.verify else tuple(steps)


def _lively(sampling: SamplingSection) -> Sampling:
    return sampling.over(Sampling(max_tokens=1024, temperature=0.9, top_p=0.95))


def _exact(sampling: SamplingSection) -> Sampling:
    return sampling.over(Sampling(max_tokens=1024, temperature=0.2, top_p=0.95))
