"""The section `dedup`: near duplicates by MinHash, and the searches beside it, by meaning and by a Bloom filter."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from rephrase.settings.faults import fault
from rephrase.settings.paths import EarlierRun, File
from rephrase.settings.section import Section, as_list


class Semantic(Section):
    """Texts that say the same in other words: by the cosine of their embeddings, as SemDeDup (Abbas et al. 2023, arXiv 2303.09540).

    They are looked for among what MinHash leaves. What is compared are texts of one cluster (k-means), and those near its border.
    """

    model: File
    """Folder of the model, at the same path on all machines."""
    kind: Literal["model2vec", "sentence-transformers"] = "model2vec"
    """What made the folder, and the package that reads it. Static models look words up; sentence transformers run a network on the CPU, and
    read only as much of a text as that was made for."""
    threshold: float = Field(default=0.95, ge=0, le=1)
    """A text goes where its cosine with one that stays is so high. What a paraphrase has depends on the model: look at some pairs first."""
    clusters: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Of k-means. `auto`: the square root of the number of texts; at most one for sixteen texts of the sample they are made on."""
    neighbours: int = Field(default=2, ge=0)
    """How many other clusters a text is compared in too, where it stands near their border: 0 as published. Each costs up to twice what
    the text's own does."""
    keep: Literal["score", "farthest", "longest"] = "score"
    """Which text stays: that with the higher `dedup.score`, the one farthest from its cluster's centre (as published), or the longest.
    Originals stay before rewrites."""


class Bloom(Section):
    """Texts made of n-grams that earlier texts have, by a Bloom filter in place of signatures: for corpora of which no pairs are asked.

    The numbers are those of DCLM (Li et al. 2024, arXiv 2406.11794), with the rule of the Big Friendly Filter.
    """

    expected: int = Field(ge=1, le=10**15)
    """Different n-grams in all texts, about as many as there are words. With more, the filter errs more often: guess high."""
    ngram: int = Field(default=13, ge=1)
    """Words. A shorter text is one n-gram."""
    max_seen: float = Field(default=0.8, gt=0, le=1)
    """A text goes where so large a share of its different n-grams stands in texts before it: in the order of objects and rows."""
    false_positives: float = Field(default=0.01, gt=0, lt=0.5)
    """How often an n-gram that is new is taken for one that was seen, once `expected` ones are in the filter."""


class Dedup(Section):
    """Near duplicates, of which one stays: found by MinHash, verified on the texts. The numbers are FineWeb's (arXiv 2406.17557)."""

    ngram: int = Field(default=5, ge=1)
    """Words of a shingle."""
    bands: int = Field(default=14, ge=1)
    rows: int = Field(default=8, ge=1)
    """Values in each band: two texts of similarity s are compared with a probability of 1 - (1 - s^rows)^bands."""
    min_similarity: float = Field(default=0.7, ge=0, le=1)
    """Of those that are compared, a text goes where it shares so much of its shingles with one that stays: their Jaccard similarity."""
    slots: float | None = Field(default=None, ge=0, le=1)
    """Texts of which a larger share of numbers and names differs, place by place, are none: 0.05 keeps problems of one frame apart. By
    default they do not count: pages of one frame with other dates, counts and towns are duplicates."""
    against: Annotated[list[EarlierRun], BeforeValidator(as_list)] = []
    """Outputs of earlier runs with a section `dedup`: what is similar to a text of theirs that stayed goes. Their texts are not read: the
    similarity is estimated by signatures there, and `slots` does not count."""
    score: str | None = None
    """Of duplicates the one with the highest score of this name stays: a score from 0 to 1 of the filter stage, or a number in the
    documents' metadata. Originals stay before rewrites, whatever their scores."""
    seed: int = Field(default=1, ge=0)
    semantic: Semantic | None = None
    """Also texts that say the same in other words, among those that are left."""
    bloom: Bloom | None = None
    """In place of MinHash, whose keys then mean nothing: texts of which most n-grams stand in earlier texts, whichever these are."""

    @model_validator(mode="after")
    def _bloom_stands_alone(self) -> Dedup:
        for key in ("semantic", "against", "slots", "score"):
            if self.bloom is not None and getattr(self, key):
                what = f"a Bloom filter does not know which texts are alike, so that `{key}` cannot be used with it"
                raise fault(what, f"remove `{key}` or `bloom`", (key,))
        return self
