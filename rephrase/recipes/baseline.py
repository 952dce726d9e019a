"""The cheap thing that every recipe should beat: words deleted, swapped, inserted or replaced at random.

EDA, Wei and Zou 2019, arXiv 1901.11196. No model is asked. Each operation touches a share of alpha of the words; insertion and
replacement need a file of synonyms.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from rephrase import storage
from rephrase.engines.base import Completion, Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Paper, Parsed, Prompt, Recipe, Row, Step
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.records import content_id
from rephrase.settings.paths import File
from rephrase.settings.section import Section
from rephrase.text.passages import passage_spans
from rephrase.text.tokenizer import Tokenizer

Operation = Literal["delete", "swap", "insert", "replace"]

_PAPER = Paper(
    "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks (Wei and Zou 2019)",
    "https://arxiv.org/abs/1901.11196",
)
_WORD = re.compile(r"\w[\w'’-]*")
_SUMMARIES: dict[Operation, str] = {
    "delete": "Each word left out with probability alpha. No model is asked.",
    "swap": "Two words change places, alpha times the number of words. No model is asked.",
    "insert": "A synonym of some word put in somewhere, alpha times the number of words. No model is asked.",
    "replace": "A share alpha of the words replaced by synonyms. No model is asked.",
}


class Options(Section):
    """Options of the recipes `baseline/…`."""

    alpha: float = Field(default=0.1, gt=0, lt=1)
    """Share of the words; 0.1 in the paper."""
    passage_tokens: int = Field(default=300, ge=1)
    """Tokens of the passages that a document is cut into."""
    synonyms: File | None = None
    """A text file with words of like meaning on each line, separated by commas. Default: a small list of ours."""


def build(options: Options, sampling: SamplingSection, operation: Operation) -> Recipe:
    """The recipe of one operation. Raises `UserError` for sampling, which nothing here has, and a missing file."""
    if sampling.model_dump(exclude_none=True):
        raise UserError("no model is asked here", where=f"recipe `baseline/{operation}`", cure="remove `sampling`")
    synonyms = read_synonyms(options.synonyms) if operation in ("insert", "replace") else {}
    return Recipe(f"baseline/{operation}", _PAPER, (Noise(operation, options, synonyms),), _SUMMARIES[operation])


@lru_cache(maxsize=4)
def read_synonyms(path: str | None) -> dict[str, tuple[str, ...]]:
    """Words in lower case with their synonyms. Raises `UserError` if the file is missing."""
    if path is None:
        text = files("rephrase.recipes").joinpath("lists/synonyms.txt").read_text(encoding="utf-8")
    else:
        try:
            text = storage.read(path).decode()
        except FileNotFoundError as error:
            raise UserError(
                "there is no such file of synonyms", where=path, cure="words of like meaning on each line, with commas"
            ) from error
    synonyms_by_word: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        words = [word.strip() for word in line.split(",") if word.strip() and not line.startswith("#")]
        for word in words:
            synonyms_by_word.setdefault(word.lower(), tuple(other for other in words if other != word))
    return synonyms_by_word


@dataclass(frozen=True)
class Noise(Step):
    """One noisy copy of each passage."""

    operation: Operation
    options: Options
    synonyms: dict[str, tuple[str, ...]]
    name = "rewrite"
    chat = False

    @property
    @override
    def load(self) -> str:
        return f"none; 1 text for each passage of {self.options.passage_tokens} tokens"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        for start, end in passage_spans(row.document.text, tokenizer, self.options.passage_tokens, row.document.language):
            text = row.document.text[start:end]
            seed = content_id(row.document.id, f"{start}:{end}", self.operation)
            noisy = disturb(text, self.operation, self.options.alpha, random.Random(seed), self.synonyms)  # not a secret
            yield Prompt((), (start, end), Sampling(max_tokens=1), ready=Completion(noisy))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        return Parsed(text=completion.text) if completion.text.strip() else Parsed(error="parse:empty")

    @override
    def describe(self) -> dict[str, Any]:
        digest = content_id(*(word for key in sorted(self.synonyms) for word in (key, *self.synonyms[key])))
        return {"operation": self.operation, "options": self.options.model_dump(exclude={"synonyms"}), "synonyms": digest}


def disturb(text: str, operation: Operation, alpha: float, rng: random.Random, synonyms: dict[str, tuple[str, ...]]) -> str:
    """The text after one kind of noise. White space and punctuation between words stay."""
    words = _WORD.findall(text)
    gaps = _WORD.split(text)
    times = max(1, int(alpha * len(words)))  # as the paper's code rounds
    if not words:
        return text
    if operation == "delete":
        keep = [rng.random() >= alpha for _ in words]
        if not any(keep):  # the paper leaves one word at least
            keep[rng.randrange(len(words))] = True
        words = [word if stays else "" for word, stays in zip(words, keep, strict=True)]
    elif operation == "swap":
        for _ in range(times if len(words) > 1 else 0):
            i, j = rng.sample(range(len(words)), 2)
            words[i], words[j] = words[j], words[i]
    else:
        originals = list(words)  # words that were put in are not looked up
        candidates = [place for place, word in enumerate(originals) if word.lower() in synonyms]
        # A place is replaced once; a word may lend its synonyms to several insertions.
        if operation == "replace":
            places = rng.sample(candidates, min(times, len(candidates)))
        else:
            places = rng.choices(candidates, k=times if candidates else 0)
        for place in places:
            synonym = rng.choice(synonyms[originals[place].lower()])
            if operation == "replace":
                words[place] = synonym.capitalize() if originals[place][:1].isupper() else synonym
            else:
                at = rng.randrange(len(words))
                words[at] = f"{words[at]} {synonym}"
    joined = "".join(part for pair in zip(gaps, [*words, ""], strict=True) for part in pair)
    return re.sub(r"[ \t]{2,}", " ", joined).strip()


for _operation in _SUMMARIES:
    recipe(f"baseline/{_operation}", Options)(partial(build, operation=_operation))
