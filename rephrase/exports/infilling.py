"""Fill-in-the-middle: documents taken apart into prefix, middle and suffix, and put together with the middle last.

Bavarian et al. 2022, Efficient Training of Language Models to Fill in the Middle (arXiv:2207.14255). The order is PSM, `<prefix> prefix
<suffix> suffix <middle> middle`, or their second form of SPM, `<prefix> <suffix> suffix <middle> prefix middle`, which StarCoder, Code
Llama and Megatron's GPTFIMDataset have as well. Documents are taken apart before they are packed into sequences.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from rephrase.errors import UserError
from rephrase.exports.part_encoder import Part, PartEncoder
from rephrase.exports.sentinels import Sentinels, known_sentinels, sentinels_of
from rephrase.exports.vocabulary import Vocabulary
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section, as_list
from rephrase.settings.validation import validate
from rephrase.text.tokenizer import Tokenizer

_OPTION = "--fim"
_TOKENS = ("sentinels", "prefix", "suffix", "middle")  # settings that name tokens


class FillInTheMiddle(Section):
    """Which documents are taken apart, and how."""

    rate: float = Field(default=0.5, ge=0, le=1)
    """The share of documents, by a hash of their ids."""
    spm: float = Field(default=0.5, ge=0, le=1)
    """The share of these whose suffix comes first; of the others the prefix does (PSM). The paper trains on both alike."""
    spans: Literal["characters", "lines"] = "characters"
    """Where a middle may begin and end: at any character, so that a model learns to go on inside a word, or where lines begin."""
    sources: Annotated[list[str] | None, BeforeValidator(as_list)] = None
    """Names or patterns of sources (`github*`) whose documents are taken; null for all."""
    seed: int = 0
    """Another one draws other documents and other middles."""
    sentinels: str | None = None
    """A known set of tokens: starcoder, qwen, deepseek, codellama, santacoder. Default: the one that the tokenizer has."""
    prefix: str | None = None
    """A token of your own before the prefix; then `suffix` and `middle` too."""
    suffix: str | None = None
    middle: str | None = None


@dataclass(frozen=True, slots=True)
class Infilling:
    """The transform of an export. Picklable: tasks get it."""

    settings: FillInTheMiddle
    sentinels: Sentinels

    def meaning(self) -> dict[str, Any]:
        """What of it changes the files."""
        settings = self.settings.model_dump(exclude={"sentinels", "prefix", "suffix", "middle"}, exclude_none=True)
        return {**settings, "sentinels": {name: token for name, token in asdict(self.sentinels).items() if token}}

    def parts(self, text: str, id: str, epoch: int = 0, source: str | None = None) -> list[Part] | None:  # noqa: A002  # the column's name
        """The text in its new order; None for a document that stays whole.

        What is drawn depends on the seed, the id and the epoch alone. A text that spells a sentinel stays whole, as nobody could tell it
        from one, and so do blank ones.
        """
        if self.settings.sources is not None and not any(fnmatchcase(source or "", pattern) for pattern in self.settings.sources):
            return None
        digest = hashlib.blake2b(f"{self.settings.seed}\0{epoch}\0{id}".encode(errors="replace"), digest_size=8).digest()
        draw = random.Random(int.from_bytes(digest))
        if draw.random() >= self.settings.rate or not text.strip() or any(token in text for token in self.sentinels.all):
            return None
        suffix_first = draw.random() < self.settings.spm
        start, end = self._middle(text, draw)
        prefix, middle, suffix = Part(None, text[:start], begins=True), Part(None, text[start:end]), text[end:]
        marks = self.sentinels
        closing = [Part(marks.end, "")] if marks.end else []
        if suffix_first:
            return [Part(marks.prefix, ""), Part(marks.suffix, suffix), replace(prefix, mark=marks.middle), middle, *closing]
        return [replace(prefix, mark=marks.prefix), Part(marks.suffix, suffix), replace(middle, mark=marks.middle), *closing]

    def _middle(self, text: str, draw: random.Random) -> tuple[int, int]:
        """Two places drawn evenly from all, in order."""
        if self.settings.spans == "characters":
            places: Sequence[int] = range(len(text) + 1)
        else:
            starts = [0]
            while (end := text.find("\n", starts[-1]) + 1) and end < len(text):
                starts.append(end)
            places = [*starts, len(text)]
        first, second = (places[int(draw.random() * len(places))] for _ in range(2))
        return min(first, second), max(first, second)


def make_infilling(settings: Mapping[str, Any], vocabulary: Vocabulary | None) -> Infilling:
    """The transform by its settings and the tokenizer of an export, None for one of texts alone.

    Raises `UserError` for wrong settings, for sentinels that are not known or that the tokenizer lacks, and where nobody names any.
    """
    chosen: FillInTheMiddle = validate(FillInTheMiddle, dict(settings), _OPTION, cure="`rephrase export --help` lists them")
    for name in _TOKENS:
        if name in settings and not getattr(chosen, name):  # as where a variable of the shell is not set
            raise UserError(f"`{name}` is empty", where=_OPTION, cure=f"name a token, or leave `{name}` out")
    own = [chosen.prefix, chosen.suffix, chosen.middle]
    if any(own):
        if not all(own) or chosen.sentinels or len(set(own)) < len(own):
            raise UserError("sentinels of your own are three different ones", where=_OPTION, cure="give prefix, suffix and middle alone")
        sentinels = Sentinels(*(token or "" for token in own))
    elif chosen.sentinels:
        if chosen.sentinels not in known_sentinels():
            cure = nearest(chosen.sentinels, list(known_sentinels()))
            raise UserError(f"there is no set of sentinels `{chosen.sentinels}`", where=_OPTION, cure=cure)
        sentinels = known_sentinels()[chosen.sentinels]
    elif vocabulary:
        sentinels = sentinels_of(vocabulary.tokenizer)
    else:
        cure = f"name those of the model that will read the texts: {_OPTION} sentinels=starcoder, or {', '.join(known_sentinels())}"
        raise UserError("without a tokenizer nobody knows the sentinels", where=_OPTION, cure=cure)
    if vocabulary:
        tokenizer = Tokenizer.load(vocabulary.tokenizer)
        if missing := sentinels.missing_from(tokenizer):
            cure = "choose the set that it has, add them to it as special tokens, or name your own by prefix=, suffix= and middle="
            raise UserError(f"the tokenizer has no control token `{missing[0]}`", where=vocabulary.tokenizer, cure=cure)
        PartEncoder(tokenizer)
    return Infilling(chosen, sentinels)
