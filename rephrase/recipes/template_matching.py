"""Which templates of requests suit a passage: by embeddings, or by words where there is no model."""

from __future__ import annotations

import functools
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    def slots(self) -> list[str]:
        """The descriptions of what fills it."""
        return _SLOT.findall(self.text)


@dataclass(frozen=True)
class Matcher:
    """Templates by how well they suit texts: the cosine of embeddings of text and `documents`, or of their words by rarity.

    A few thousand templates are compared in a millisecond, so that no index is needed.
    """

    templates: tuple[InstructionTemplate, ...]
    _scores: Callable[[str], Scores]
    """By template, how near a text is to its documents."""
    _alike: Callable[[int], Scores]
    """By template, how near it is to one of them."""

    def best(self, passage: str, count: int, pool: int, similar: float, rng: random.Random) -> list[int]:
        """Up to `count` templates by number, none above `similar` to another of them.

        Each part of the passage draws one in turn among the `pool` that suit that part and the whole best; where none suits, one of those
        for any document is drawn.
        """
        whole = self._scores(passage)
        chosen: list[int] = []
        barred = np.zeros(len(self.templates), np.bool_)
        general = np.array([not template.documents for template in self.templates])
        for part in parts_of(passage, count):
            scores = np.where(barred | general | (whole <= 0), 0, whole + self._scores(part))
            best = [int(place) for place in np.argsort(-scores, kind="stable")[:pool] if scores[place] > 0]
            free = best or [int(place) for place in np.flatnonzero(general & ~barred)]
            if free:
                chosen.append(rng.choice(free))
                barred |= self._alike(chosen[-1]) > similar
                barred[chosen[-1]] = True
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
    texts = [f"{template.text} {template.documents}" for template in templates]
    if model is None:
        by_documents, by_text = WordIndex(documents), WordIndex([text.replace("<fi>", "").replace("</fi>", "") for text in texts])
        return Matcher(templates, by_documents.scores, lambda number: by_text.scores(by_text.texts[number]))
    encode = encoder(model, "model2vec", NEEDED_BY)
    vectors, text_vectors = _units(encode([clean(text) for text in documents])), _units(encode([clean(text) for text in texts]))
    return Matcher(
        templates,
        lambda text: np.asarray(vectors @ _units(encode([clean(text)]))[0]),
        lambda number: np.asarray(text_vectors @ text_vectors[number]),
    )


def _units(vectors: npt.NDArray[np.floating]) -> Scores:
    exact = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.where(norms > 0, norms, 1))


class WordIndex:
    """Texts by their words, the rarer ones counting more: tf-idf with logarithmic counts, compared by cosine."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Words are of three letters at least, in lower case, without an s at the end."""
        self.texts = texts
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
        scores, shared = np.zeros(len(self.texts)), np.zeros(len(self.texts), np.int64)
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
