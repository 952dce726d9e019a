"""Documents translated into other languages, alone or beside their source (see translate.yaml for the sources)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from rephrase.engines.base import Sampling
from rephrase.recipes.base import Paper, Recipe, Step
from rephrase.recipes.prompts import flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.translation import Translation
from rephrase.recipes.translation_back import BackTranslation
from rephrase.settings.faults import fault
from rephrase.settings.section import Section, as_list
from rephrase.text.languages import is_language, language_tag

_BETWEEN = re.compile(r"[,;|/]")


class Options(Section):
    """Options of `translate/…`."""

    to: Annotated[list[str], BeforeValidator(as_list)] = Field(min_length=1)
    """The language to translate into, by any tag or English name; of several, one is drawn for each document. Documents that are in it
    already are left out; rows of their own say so."""
    chunk_tokens: int = Field(default=512, ge=1)
    """So many tokens are translated at a time: whole paragraphs, or sentences of one that is longer."""
    context_tokens: int = Field(default=256, ge=0)
    """So many of the last tokens translated are shown before the next chunk."""
    max_growth: float = Field(default=8, ge=1)
    """A chunk's translation has at most so many times its tokens: what goes on beyond is a loop."""
    check_back: float = Field(default=0, ge=0, le=1)
    """The share of documents, drawn by their ids, that are translated back as well, to be compared with their source."""

    @field_validator("to")
    @classmethod
    def _languages(cls, to: list[str]) -> list[str]:
        for number, name in enumerate(to):
            if len(names := [part.strip() for part in _BETWEEN.split(name)]) > 1:
                raise fault(f"`{name}` is more than one language", f"give a list: [{', '.join(names)}]", (number,), name)
            if not is_language(name):
                raise fault(f"`{name}` is no language", "give a tag or an English name: de, pt-BR, zho_Hant, Welsh", (number,), name)
        return list(dict.fromkeys(language_tag(name) for name in to))


@recipe("translate/document", Options, file="translate", to="de")
def document(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    return _recipe("translate/document", "A document in another language, with its paragraphs.", options, sampling, {})


@recipe("translate/bilingual", Options, file="translate", to="de")
def bilingual(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    summary = "A document and its translation in one text, paragraph by paragraph or one after the other, in a layout that is drawn."
    return _recipe("translate/bilingual", summary, options, sampling, flow_prompts("translate")["layouts"])


def _recipe(name: str, summary: str, options: Options, sampling: SamplingSection, layouts: dict[str, Any]) -> Recipe:
    texts = flow_prompts("translate")
    base = sampling.over(Sampling(max_tokens=4096, temperature=0.3, top_p=0.9))
    prompts = {name: texts[name].strip() for name in ("system", "first", "next")} | {"from": texts["from"]}
    sizes = (options.chunk_tokens, options.context_tokens, options.max_growth)
    steps: tuple[Step, ...] = (Translation(tuple(options.to), *sizes, base, prompts, layouts, options.check_back),)
    if options.check_back:
        steps = (*steps, BackTranslation(options.check_back, options.max_growth, base, prompts))
    return Recipe(name, Paper(**texts["paper"]), steps, summary)
