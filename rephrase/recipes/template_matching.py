"""Which templates of requests suit a passage: by embeddings, or by words where there is no model."""

from __future__ import annotations

import functools
import itertools
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rephrase.recipes.pools import rouge_l
from rephrase.recipes.prompts import flow_prompts
from rephrase.text.embeddings import clean, encoder
from rephrase.text.sentences import sentence_spans

Scores = npt.NDArray[np.float64]
_WORD = re.compile(r"[^\W\d_]{3,}")
_SLOT = re.compile(r"<fi>(.*?)</fi>", re.DOTALL)
_FEWEST_SHARED = 2  # words
NEEDED_BY = "recipe `instruction/templates`"


@dataclass(frozen=True, slots=True)
class InstructionTemplate:
    """A request with descriptions of what fills it between `<fi>` and `</fi>`, and the documents that it suits."""

    text: str
    documents: str = ""
    """What such documents are about; empty for any."""

    @property
    def fixed(self) -> str:
        """What stays of it, whatever fills it."""
        return " ".join(_SLOT.sub(" ", self.text).split())

    @property
    def slots(self) -> list[str]:
        """The descriptions of what fills it."""
        return _SLOT.findall(self.text)


@dataclass(frozen=True)
class Matcher:
    """Templates by how well they suit texts: the cosine of embeddings of text and `documents`, or of their words by rarity.

    Two templates are alike by ROUGE-L of what stays of them, and by the cosine of their embeddings. A few thousand are compared in a
    millisecond, so that no index is needed.
    """

    templates: tuple[InstructionTemplate, ...]
    _scores: Callable[[str], Scores]
    """By template, how near a text is to its documents."""
    _alike: Callable[[int, int], float]
    """How near two templates are to each other."""

    def best(self, passage: str, count: int, pool: int, similar: float, rng: random.Random) -> list[int]:
        """Up to `count` templates by number, none above `similar` to another of them.

        Each part of the passage draws one in turn among the `pool` that suit that part and the whole best; where none suits, one of those
        for any document is drawn.
        """
        whole = self._scores(passage)
        chosen: list[int] = []

        def others(numbers: Iterable[int]) -> Iterator[int]:
            new = (number for number in numbers if number not in chosen)
            return (number for number in new if all(self._alike(number, other) <= similar for other in chosen))

        general = [number for number, template in enumerate(self.templates) if not template.documents]
        for part in parts_of(passage, count):
            scores = np.where(whole > 0, whole + self._scores(part), 0)
            scores[general] = 0
            suited = (int(number) for number in np.argsort(-scores, kind="stable") if scores[number] > 0)
            if free := list(itertools.islice(others(suited), pool)) or list(others(general)):
                chosen.append(rng.choice(free))
        return chosen


def parts_of(passage: str, count: int) -> Iterator[str]:
    """The passage in so many parts of whole sentences, about as long as each other; short ones may repeat."""
    spans = sentence_spans(passage)
    for part in range(count):
        first = part * len(spans) // count
        last = max(first + 1, (part + 1) * len(spans) // count)
        yield passage[spans[first][0] : spans[last - 1][1]] if spans else passage


@functools.lru_cache(maxsize=4)
def matcher_of(templates: tuple[InstructionTemplate, ...], model: str | None) -> Matcher:
    """The matcher of some templates, made once a process. Raises `UserError` for a model that cannot be loaded."""
    documents = [template.documents for template in templates]
    fixed = [template.fixed for template in templates]
    if model is None:
        return Matcher(templates, WordIndex(documents).scores, lambda one, other: rouge_l(fixed[one], fixed[other]))
    encode = encoder(model, "model2vec", NEEDED_BY)
    vectors = _units(encode([clean(text) for text in documents]))
    requests = _units(encode([clean(template.text) for template in templates]))
    return Matcher(
        templates,
        lambda text: np.asarray(vectors @ _units(encode([clean(text)]))[0]),
        lambda one, other: max(rouge_l(fixed[one], fixed[other]), float(requests[one] @ requests[other])),
    )


def _units(vectors: npt.NDArray[np.floating[Any]]) -> Scores:
    exact = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.where(norms > 0, norms, 1))


class WordIndex:
    """Texts by their words, the rarer ones counting more: tf-idf with logarithmic counts, compared by cosine."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Words are of three letters at least, in lower case, without an s at the end."""
        self._size = len(texts)
        counts = [words_of(text) for text in texts]
        holders = Counter(word for words in counts for word in words)
        self._rarity = {word: math.log(1 + len(texts) / number) for word, number in holders.items()}
        places: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, words in enumerate(counts):
            for word, weight in self._weights(words).items():
                places[word].append((number, weight))
        self._places = {word: (np.array([n for n, _ in pairs]), np.array([w for _, w in pairs])) for word, pairs in places.items()}

    def scores(self, text: str) -> Scores:
        """The cosine of a text to each of the texts, from 0 to 1; 0 for those with which it shares one word alone, which may be chance."""
        scores, shared = np.zeros(self._size), np.zeros(self._size, np.int64)
        for word, weight in sorted(self._weights(words_of(text)).items()):
            numbers, weights = self._places[word]
            scores[numbers] += weight * weights
            shared[numbers] += 1
        return np.where(shared < _FEWEST_SHARED, 0, scores)

    def _weights(self, words: Counter[str]) -> dict[str, float]:
        known = {word: (1 + math.log(count)) * self._rarity[word] for word, count in words.items() if word in self._rarity}
        norm = math.sqrt(sum(weight * weight for weight in known.values()))
        return {word: weight / norm for word, weight in known.items()}


def words_of(text: str) -> Counter[str]:
    """The words of a text by which texts are compared, without those that stand in any."""
    words = (word for word in _WORD.findall(text.lower()) if word not in _common())
    return Counter(word[:-1] if word.endswith("s") and len(word) > 3 else word for word in words)  # "gas"


@functools.cache
def _common() -> frozenset[str]:
    return frozenset(flow_prompts("instruction_templates")["common"].split())
