"""Instructions from templates that suit a passage, answered with excerpts of it (sources: instruction_templates.yaml)."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.errors import UserError
from rephrase.readers.plain_rows import field_of
from rephrase.recipes.base import TRUNCATED, Paper, Parsed, Prompt, Recipe, Row
from rephrase.recipes.excerpts import quoted_share, with_excerpts
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.list_rows import read_rows
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.structured_step import ParsedStep
from rephrase.recipes.template_matching import NEEDED_BY, InstructionTemplate, matcher_of
from rephrase.records import content_id
from rephrase.settings.paths import SHIPPED_LISTS, File, ListFile
from rephrase.settings.section import Section
from rephrase.text.embeddings import encoder
from rephrase.text.passages import passage_spans
from rephrase.text.tokenizer import Tokenizer

_SECTIONS = {"fields": ["instruction", "answer"]}
_CURE = 'give rows such as {"template": "Who was <fi>a person</fi>?", "documents": "biographies"}'


class Options(Section):
    """Options of `instruction/templates`."""

    templates: ListFile = f"{SHIPPED_LISTS}instruction_templates.jsonl"
    """JSONL or Parquet of templates: `template`, with descriptions of what fills it between <fi> and </fi>, and `documents`, which says
    what it suits, or nothing where it suits all. Default: 117 of ours."""
    model: File | None = None
    """Folder of a model2vec model that finds the templates, at the same path on all machines. Default: they are found by the words of
    `documents`, which must then be in the language of the texts; texts with none of these words get templates that suit all."""
    count: int = Field(default=3, ge=1, le=50)
    """Templates for each passage."""
    best: int = Field(default=3, ge=1)
    """Each is drawn among so many of those that suit best, so that like documents get different ones."""
    similar: float = Field(default=0.8, gt=0, le=1)
    """Of templates that are alike above it, by the words that stay of them or by their embeddings, a passage gets one."""
    quoted: float = Field(default=0.8, ge=0, le=1)
    """Least share of an answer's words that stand in the passage, in a row."""
    passage_tokens: int = Field(default=1500, ge=50)
    """Tokens of a passage."""
    seed: int = Field(default=1, ge=0)
    """Another one draws other templates."""


@recipe("instruction/templates", Options, file="instruction_templates")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("instruction_templates")
    if options.model:
        encoder(options.model, "model2vec", NEEDED_BY)  # what is wrong with it is told before anything runs
    step = FilledTemplates(
        prompt=texts["prompt"].strip(),
        sampling=sampling.over(Sampling(max_tokens=1024, temperature=0.7, top_p=0.9)),
        templates=read_templates(options.templates),
        options=options,
    )
    summary = "Requests of templates that suit the passage, filled from it and answered with excerpts of it."
    return Recipe("instruction/templates", Paper(**texts["paper"]), (step,), summary)


def read_templates(path: str) -> tuple[InstructionTemplate, ...]:
    """The templates of a file, or ours. Raises `UserError` with file, row and cure for what is none."""
    templates = dict.fromkeys(_template(row, place) for place, row in read_rows(path))
    if not templates:
        raise UserError("there are no templates", where=path, cure=_CURE)
    if len(templates) > (most := flow_prompts("instruction_templates")["most_templates"]):
        raise UserError(f"{len(templates):,} templates travel to every task", where=path, cure=f"give a sample of at most {most:,}")
    return tuple(templates)


def _template(row: Any, place: str) -> InstructionTemplate:
    text = field_of(row, "template", place, _CURE)
    documents = row.get("documents") or ""
    if not isinstance(text, str) or not isinstance(documents, str):
        raise UserError("`template` and `documents` are texts", where=place, cure=_CURE)
    template = InstructionTemplate(text.strip(), documents.strip())
    if not template.slots or text.count("<fi>") != len(template.slots) or text.count("</fi>") != len(template.slots):
        raise UserError(f"nothing in `{text}` says what fills it, between <fi> and </fi>", where=place, cure=_CURE)
    return template


@dataclass(frozen=True, kw_only=True)
class FilledTemplates(ParsedStep):
    """Templates, each filled and answered by one completion."""

    prompt: str
    templates: tuple[InstructionTemplate, ...]
    options: Options
    name = "instruct"
    parser_settings = _SECTIONS

    @property
    @override
    def load(self) -> str:
        return f"{self.options.count} for each passage of {self.options.passage_tokens} tokens"

    @property
    @override
    def passage_limit(self) -> int:
        return self.options.passage_tokens

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        longest = max((template.text for template in self.templates), key=len)
        closing = [self.form.closing] if self.form else []
        return bounds.of_template(self.prompt, {"template": [longest]}, {}) + bounds.of_texts(closing)

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        document, matcher = row.document, matcher_of(self.templates, self.options.model)
        for span in passage_spans(document.text, tokenizer, self.options.passage_tokens, document.language):
            text = document.text[slice(*span)]
            rng = random.Random(content_id(document.id, str(span), self.name, str(self.options.seed)))  # not a secret
            for number in matcher.best(text, self.options.count, self.options.best, self.options.similar, rng):
                template = self.templates[number]
                asked = fill(self.prompt, {"passage": text, "template": template.text})
                values = {"passage": text, "template": template.text}
                yield self.asking(Prompt.from_user(asked, span, self.sampling, content_id(template.text)[:8], values=values))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        if _is_none(completion.text):
            return Parsed(error="rejected:unfit")
        parsed = self.read(completion, Context(tokenizer, prompt.values))
        return parsed if parsed.error else self._filled(parsed.fields, prompt.values)

    def _filled(self, fields: Mapping[str, str], values: Mapping[str, str]) -> Parsed:
        if _is_none(fields["instruction"]):
            return Parsed(error="rejected:unfit")
        instruction = fields["instruction"].replace("<fi>", "").replace("</fi>", "")
        # The longer ones alone: "a place" may well stand in a request.
        slots = [slot for slot in InstructionTemplate(values["template"]).slots if len(slot.split()) > 2]  # as said
        if any(slot in instruction for slot in slots) or instruction == _without_marks(values["template"]):
            return Parsed(error="parse:not_filled")
        answer = with_excerpts(fields["answer"], values["passage"])
        if not answer:
            return Parsed(error="rejected:no_excerpt")
        quoted = quoted_share(answer, values["passage"], flow_prompts("instruction_templates")["run"])
        told = {"template": values["template"], "instruction": instruction, "answer": answer, "quoted": round(quoted, 3)}
        if quoted < self.options.quoted:
            return Parsed(error="rejected:not_quoted", fields=told)
        return Parsed(text=f"{instruction}\n\n{answer}", fields=told)

    @override
    def describe(self) -> dict[str, Any]:
        templates = content_id(*(part for template in self.templates for part in (template.text, template.documents)))
        options = self.options.model_dump(exclude={"templates", "model"})
        model = {"model": model_digest(self.options.model)} if self.options.model else {}
        structured = {"structured": self.form.closing} if self.form else {}
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), "templates": templates, **options, **model, **structured}


def _without_marks(template: str) -> str:
    return template.replace("<fi>", "").replace("</fi>", "")


def _is_none(text: str) -> bool:
    return text.strip().removeprefix("Instruction:").strip(" .\"'*").casefold() in flow_prompts("instruction_templates")["none"]


@functools.lru_cache(maxsize=4)
def model_digest(folder: str) -> str:
    """The digest of a model's files, by which another model in the same folder is told apart."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return digest.hexdigest()
