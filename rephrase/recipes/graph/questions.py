"""The step that asks a question for each path of a row, and the rules that an answer must pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion
from rephrase.recipes.base import Parsed, Prompt, Row
from rephrase.recipes.graph.path import Path, PathSettings
from rephrase.recipes.graph.search import as_written, has_shortcut, holds
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill
from rephrase.recipes.structured_step import ParsedStep
from rephrase.records import content_id
from rephrase.text.tokenizer import Tokenizer

_QUESTION: dict[str, Any] = {"fields": ["question", "steps", "answer"]}


def key_of(path: Path) -> str:
    """What tells a path from others of its document."""
    return f"{len(path.hops)}:{content_id(*(hop.document_id for hop in path.hops), *path.bridges)[:16]}"


def shown(path: Path, only: int | None = None) -> str:
    """The passages of a path, or one of them, as prompts show them."""
    if only is not None:
        return f"Text:\n{path.hops[only].text}"
    return "\n\n".join(f"Document {number}:\n{hop.text}" for number, hop in enumerate(path.hops, 1))


@dataclass(frozen=True)
class Questions(ParsedStep):
    """A question for each path of a row. What rules can tell is refused: an answer that one document gives, a bridge that is named."""

    prompt: str
    bridge: str
    text: str
    answer_words: int
    settings: PathSettings
    is_last: bool = True
    name = "question"
    parser_settings = _QUESTION

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
            bridges = " ".join(self._told(path, number) for number in range(len(path.bridges)))
            text = fill(self.prompt, {"number": str(len(path.hops)), "bridges": bridges, "documents": shown(path)})
            own = path.hops[path.owner]
            yield self.asking(Prompt.from_user(text, (own.start, own.end), self.sampling, key_of(path), values={"path": path}))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        parsed = self.read(completion, Context(tokenizer, prompt.values))
        if parsed.error:
            return parsed
        path: Path = prompt.values["path"]
        fields = {name: parsed.fields[name] for name in _QUESTION["fields"]}
        documents = [hop.document_id for hop in path.hops]
        fields |= {"hops": len(path.hops), "bridges": list(path.bridges), "documents": documents}
        if fault := self._fault(path, fields["question"], fields["answer"]):
            return Parsed(error=fault[0], fields={**fields, "reason": fault[1]})
        return Parsed(text=fill(self.text, fields) if self.is_last else None, fields=fields)

    def _told(self, path: Path, number: int) -> str:
        """What joins two documents of a path, in words."""
        name = as_written(path.hops[number].text, path.bridges[number])
        return fill(self.bridge, {"first": str(number + 1), "second": str(number + 2), "name": name})

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
    def describe(self) -> dict[str, Any]:
        asked = {
            "prompt": self.prompt,
            "bridge": self.bridge,
            "text": self.text,
            "sampling": self.sampling.fields(),
            "is_last": self.is_last,
        }
        return {**asked, "answer_words": self.answer_words, "paths": self.settings.describe(), **self.held}
