"""Questions over paths of documents, whose answers need each of them (sources: multihop.yaml)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import TRUNCATED, Answer, Output, Paper, Parsed, Path, PathSettings, Prompt, Recipe, Row, Step
from rephrase.recipes.parsers import form_of, parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.parsing.form_bounds import bounds
from rephrase.recipes.paths import described, has_shortcut, holds, normal_name
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.records import content_id
from rephrase.settings.section import Section
from rephrase.text.tokenizer import Tokenizer

_QUESTION: dict[str, Any] = {"fields": ["question", "steps", "answer"]}
_ANSWER: dict[str, Any] = {"fields": ["answer"]}
_ALL = "all"  # stands for all documents of a path where others are a number


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


@recipe("graph/multihop", Options)
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
    ask = Questions(
        texts["question"].strip(), texts["bridge"], texts["text"].strip(), texts["answer_words"], settings, lively, not options.verify
    )
    steps: tuple[Step, ...] = (ask,)
    if options.verify:
        exact = sampling.over(Sampling(max_tokens=256, temperature=0.0))
        steps = (ask, Verify(texts["alone"].strip(), texts["text"].strip(), exact))
    summary = "Questions over two or three documents that name the same things, whose answers need each of them."
    return Recipe("graph/multihop", Paper(**texts["paper"]), steps, summary, paths=settings)


def key_of(path: Path) -> str:
    """What tells a path from others of its document."""
    return f"{len(path.hops)}:{content_id(*(hop.document_id for hop in path.hops), *path.bridges)[:16]}"


def shown(path: Path, only: int | None = None) -> str:
    """The passages of a path, or one of them, as prompts show them."""
    if only is not None:
        return f"Text:\n{path.hops[only].text}"
    return "\n\n".join(f"Document {number}:\n{hop.text}" for number, hop in enumerate(path.hops, 1))


@dataclass(frozen=True)
class Questions(Step):
    """A question for each path of a row. What rules can tell is refused: an answer that one document gives, a bridge that is named."""

    prompt: str
    bridge: str
    text: str
    answer_words: int
    settings: PathSettings
    sampling: Sampling
    is_last: bool = True
    structured: bool = False
    retries: int = 1
    name = "question"

    @property
    @override
    def load(self) -> str:
        return f"at most {self.settings.paths} for each document, as many as it has paths to others"

    @property
    @override
    def passage_limit(self) -> int | None:
        return self.settings.passage_tokens

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for path in row.paths:
            if has_shortcut(path):
                continue
            pairs = enumerate(path.bridges, 1)
            bridges = " ".join(fill(self.bridge, {"first": str(n), "second": str(n + 1), "name": name}) for n, name in pairs)
            text = fill(self.prompt, {"number": str(len(path.hops)), "bridges": bridges, "documents": shown(path)})
            own = path.hops[path.owner]
            form = form_of("sections", _QUESTION, self.sampling.max_tokens, self.name) if self.structured else None
            text = f"{text}\n\n{form.closing}" if form else text
            prompt = Prompt.from_user(text, (own.start, own.end), self.sampling, key_of(path), values={"path": path})
            yield replace(prompt, schema=form.schema_text) if form else prompt

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        parsed = _sections(completion, _QUESTION, self, Context(tokenizer, prompt.values))
        if parsed.error:
            return parsed
        path: Path = prompt.values["path"]
        fields = {name: parsed.fields[name] for name in _QUESTION["fields"]}
        documents = [hop.document_id for hop in path.hops]
        fields |= {"hops": len(path.hops), "bridges": list(path.bridges), "documents": documents}
        if fault := self._fault(path, fields["question"], fields["answer"]):
            return Parsed(error=fault[0], fields={**fields, "reason": fault[1]})
        return Parsed(text=fill(self.text, fields) if self.is_last else None, fields=fields)

    def _fault(self, path: Path, question: str, answer: str) -> tuple[str, str] | None:
        """What the rules have against a question: a code and a reason."""
        if named := next((name for name in path.bridges if holds(question, name)), None):
            return "rejected:names_bridge", f"the question names `{named}`, which it should lead to"
        if len(answer.split()) > self.answer_words:
            return "rejected:long_answer", f"the answer has {len(answer.split())} words"
        if not holds(path.hops[-1].text, answer):
            return "rejected:no_evidence", f"the answer does not stand in document {len(path.hops)}"
        if holds(question, answer):
            return "rejected:answer_in_question", "the question holds its answer"
        if early := next((number for number, hop in enumerate(path.hops[:-1], 1) if holds(hop.text, answer)), None):
            return "rejected:one_is_enough", f"the answer stands in document {early} too"
        return None

    @override
    def held_to_form(self) -> Questions:
        return replace(self, structured=True, retries=bounds().retries)

    @override
    def describe(self) -> dict[str, Any]:
        asked = {
            "prompt": self.prompt,
            "bridge": self.bridge,
            "text": self.text,
            "sampling": self.sampling.fields(),
            "is_last": self.is_last,
        }
        held = {"structured": True} if self.structured else {}
        return {**asked, "answer_words": self.answer_words, "paths": described(self.settings), **held}


@dataclass(frozen=True)
class Verify(Step):
    """Answers from each document alone and from all. A question is kept if these are right, and none of those is."""

    prompt: str
    text: str
    sampling: Sampling
    structured: bool = False
    retries: int = 1
    name = "verify"

    @property
    @override
    def load(self) -> str:
        return "1 for each document of a question, and 1 for all of them"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        paths = {key_of(path): path for path in row.paths}
        for generation in row.good("question"):
            path, fields = paths[generation.key], fields_of(generation)
            span = (generation.span_start, generation.span_end)
            form = form_of("sections", _ANSWER, self.sampling.max_tokens, self.name) if self.structured else None
            for only in (*range(len(path.hops)), None):
                text = fill(self.prompt, {"documents": shown(path, only), "question": fields["question"]})
                text = f"{text}\n\n{form.closing}" if form else text
                key = f"{generation.key}/{_ALL if only is None else only + 1}"
                values = {"question": generation.key, "fields": fields, "only": only}
                prompt = Prompt.from_user(text, span, self.sampling, key, (generation.id,), values)
                yield replace(prompt, schema=form.schema_text) if form else prompt

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        return _sections(completion, _ANSWER, self, Context(tokenizer, prompt.values))

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        del row
        by_question: dict[str, list[Answer]] = {}
        for answer in answers:
            by_question.setdefault(answer.prompt.values["question"], []).append(answer)
        for of_question in by_question.values():
            *alone, together = of_question
            yield from (Output(answer, Parsed(error=answer.parsed.error, fields=answer.parsed.fields)) for answer in alone)
            yield Output(together, self._verdict(alone, together))

    def _verdict(self, alone: Sequence[Answer], together: Answer) -> Parsed:
        fields = together.prompt.values["fields"]
        if failed := next((answer.parsed.error for answer in (*alone, together) if answer.parsed.error), None):
            return Parsed(error=failed, fields=fields)  # what nobody has answered proves nothing
        if not is_right(together.parsed.fields["answer"], fields["answer"]):
            reason = f"from all documents the answer is: {together.parsed.fields['answer']}"
            return Parsed(error="rejected:not_answered", fields={**fields, "reason": reason})
        for answer in alone:
            if is_right(answer.parsed.fields["answer"], fields["answer"]):
                reason = f"document {answer.prompt.values['only'] + 1} alone gives the answer"
                return Parsed(error="rejected:one_is_enough", fields={**fields, "reason": reason})
        return Parsed(text=fill(self.text, fields), fields=fields)

    @override
    def held_to_form(self) -> Verify:
        return replace(self, structured=True, retries=bounds().retries)

    @override
    def describe(self) -> dict[str, Any]:
        asked = {"prompt": self.prompt, "text": self.text, "sampling": self.sampling.fields()}
        return {**asked, **({"structured": True} if self.structured else {})}


def is_right(answer: str, expected: str) -> bool:
    """Whether an answer says what is expected: all of its words in a row, or at least half of them and nothing else.

    >>> is_right("In the harbour of Brest.", "Brest"), is_right("Smeaton", "John Smeaton"), is_right("unknown", "Brest")
    (True, True, False)
    """
    said, wanted = normal_name(answer).split(), normal_name(expected).split()
    return holds(answer, expected) or (2 * len(said) >= len(wanted) and holds(expected, answer))


def _sections(completion: Completion, settings: dict[str, Any], step: Questions | Verify, context: Context) -> Parsed:
    if completion.finish_reason == "length":
        return Parsed(error=TRUNCATED)
    if step.structured:
        parsed = form_of("sections", settings, step.sampling.max_tokens, step.name).parse(completion.text, context)
        if parsed is not None:
            return parsed
    return parser_of("sections", settings, step.name)(completion.text, context)
