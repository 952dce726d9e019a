"""How fast texts are filtered: our checks beside datatrove's of the same purpose, each pair on the same documents and one core.

Four pairs: Gopher's rules on repetition and length, a fastText classifier, n-grams of benchmarks, and MinHash signatures. datatrove's
filters are given its Documents one after the other, as its pipeline does; ours are given batches, as the filter stage does. Both sides of
a pair take turns three times after a warm-up; rates are medians, in texts a second. fastText's own `predict` on a list of prepared
lines is the limit of any classifier, and the default cascade is what a run takes. The last line is the geometric mean of the four ratios.

    python bench/filter.py [--texts 400] [--documents FILE.jsonl]
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from classifiers.batch import JudgeBatch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

COMMON = "the of and to in a is that it was for with as on be by this at which have from are not or but they his an were her".split()  # noqa: SIM905  # a sentence is easier to read than a list
CHARACTERS = 2500  # at least, by whole paragraphs: about 2.8 KB a text
BENCHMARK_ITEMS = 2000
CONTAMINATED = 25  # one text of so many quotes an item
REPEATS = 3
LEAST_SECONDS = 0.5  # of a measurement: what takes less is done again and again

Work = Callable[[], object]


class Texts:
    """English-like texts: words by Zipf's law, in sentences and paragraphs. The same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        syllables = [a + b for a in "bcdfglmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "in", "on", "al")]
        inventions = ("".join(self._draw.choices(syllables, k=self._draw.randint(1, 4))) for _ in itertools.count())
        self._words = list(dict.fromkeys([*COMMON, *itertools.islice(inventions, 30_000)]))
        self._weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(self._words))))

    def sentence(self) -> str:
        words = self._draw.choices(self._words, cum_weights=self._weights, k=self._draw.randint(8, 25))
        return " ".join(words).capitalize() + "."

    def text(self, characters: int = CHARACTERS) -> str:
        paragraphs: list[str] = []
        while sum(map(len, paragraphs)) < characters:
            paragraphs.append(" ".join(self.sentence() for _ in range(4)))
        return "\n\n".join(paragraphs)


def rates(texts: int, *works: Work) -> list[float]:
    """Texts a second of each, all of which take turns."""
    measurements: list[list[float]] = [[] for _ in works]
    for repeat in range(REPEATS + 1):
        for work, own in zip(works, measurements, strict=True):
            times = 0
            started = time.perf_counter()
            while times == 0 or (repeat and time.perf_counter() - started < LEAST_SECONDS):
                work()
                times += 1
            own.append(times * texts / (time.perf_counter() - started))
    return [statistics.median(own[1:]) for own in measurements]


def compare(name: str, texts: int, theirs: Work, ours: Work, *limit: Work) -> float:
    their_rate, our_rate, *limit_rate = rates(texts, theirs, ours, *limit)
    print(f"{name:<34} {our_rate:10,.0f}/s   datatrove {their_rate:8,.0f}/s   ratio {our_rate / their_rate:6.1f}")
    for rate in limit_rate:
        print(f"{'  its limit, the bare library':<34} {rate:10,.0f}/s   ours is {our_rate / rate:.2f} of it")
    return our_rate / their_rate


def batch_of(texts: Sequence[str], sources: Sequence[str]) -> JudgeBatch:
    from classifiers.batch import JudgeBatch

    size = len(texts)
    return JudgeBatch(
        texts=texts,
        sources=sources,
        recipes=["wrap/medium"] * size,
        steps=["rewrite"] * size,
        finish_reasons=["stop"] * size,
        errors=[None] * size,
        completion_tokens=[600] * size,
        languages=["en"] * size,
        origins=[None] * size,
        fields=[None] * size,
    )


def documents_of(texts: Sequence[str]) -> list[Any]:
    from datatrove.data import Document

    return [Document(text=text, id=str(number), metadata={}) for number, text in enumerate(texts)]


def gopher(texts: Sequence[str]) -> float:
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter

    from classifiers.cascade import build_cascade
    from classifiers.settings import filter_of

    quality, repetition = GopherQualityFilter(), GopherRepetitionFilter()
    cascade = build_cascade(filter_of(["repetition", "length"]))

    def theirs() -> int:
        return sum(quality.filter(document) is True and repetition.filter(document) is True for document in documents_of(texts))

    def ours() -> int:
        return cascade.judge(batch_of(texts, texts))[0].count("keep")

    print(f"Gopher's rules keep {ours()} of {len(texts)} texts, datatrove's {theirs()}")
    return compare("repetition and length", len(texts), theirs, ours)


def classifier(texts: Sequence[str], folder: Path) -> float:
    import fasttext
    from datatrove.pipeline.filters import FastTextClassifierFilter

    from classifiers.fasttext.model import load_model, normalise

    lines, path = [normalise(text) for text in texts], str(folder / "model.bin")
    (folder / "labels.txt").write_text("".join(f"__label__{'good' if i % 2 else 'bad'} {line}\n" for i, line in enumerate(lines)))
    settings = {"wordNgrams": 2, "dim": 100, "bucket": 200_000, "epoch": 1, "thread": 1, "verbose": 0}
    fasttext.train_supervised(str(folder / "labels.txt"), **settings).save_model(path)
    FastTextClassifierFilter._requires_dependencies = []  # noqa: SLF001  # it asks for one distribution of `fasttext` by name
    peer, own, bare = FastTextClassifierFilter(path, keep_labels=[("good", 0.0)]), load_model(path), fasttext.load_model(path)

    def theirs() -> int:
        return sum(map(peer.filter, documents_of(texts)))

    def limit() -> object:
        return bare.predict(lines, k=1)

    return compare("fastText classifier", len(texts), theirs, lambda: own.scores(texts), limit)


def decontamination(texts: Sequence[str], items: Sequence[str], folder: Path) -> float:
    import numpy as np
    from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter
    from datatrove.utils.text import ngrams, simplify_text

    from classifiers.benchmark_index import load_index
    from classifiers.benchmarks import Benchmark

    (folder / "items.jsonl").write_bytes(b"".join(orjson.dumps({"question": item}) + b"\n" for item in items))
    index = load_index((Benchmark(name="items", paths=(str(folder / "items.jsonl"),)),))
    config = NGramsDecontConfig(n_grams=13)
    peer = NGramsDecontFilter(str(folder / "index"), config)
    words = (peer.tokenizer.word_tokenize(simplify_text(item, config.norm_config)) for item in items)
    hashes = {peer.hash_func(" ".join(gram)) for item in words for gram in ngrams(item, config.n_grams)}
    (folder / "index").mkdir()
    np.array(list(hashes), config.hash_config.np_descr).tofile(folder / "index" / "items.index.hashes")

    def theirs() -> int:
        return sum(peer.filter(document) is not True for document in documents_of(texts))

    def ours() -> int:
        return sum(hit is not None for hit in index.find(texts))

    print(f"contaminated are {ours()} of {len(texts)} texts, by datatrove {theirs()}")
    return compare("n-grams of benchmarks", len(texts), theirs, ours)


def minhash(texts: Sequence[str], folder: Path) -> float:
    from datatrove.pipeline.dedup import MinhashDedupSignature

    from classifiers.minhash import MinhashSettings, signatures

    peer, settings = MinhashDedupSignature(str(folder / "signatures")), MinhashSettings()

    def theirs() -> object:
        return [peer.get_signature(peer.get_shingles(document.text)) for document in documents_of(texts)]

    return compare("MinHash signatures", len(texts), theirs, lambda: signatures(texts, settings))


def cascade_rate(texts: Sequence[str], sources: Sequence[str]) -> float:
    from classifiers.cascade import build_cascade
    from classifiers.settings import Filter

    cascade = build_cascade(Filter())
    return rates(len(texts), lambda: cascade.judge(batch_of(texts, sources)))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--texts", type=int, default=400, help="how many (default: 400)")
    parser.add_argument("--documents", metavar="FILE.jsonl", help="take these texts, from the field `text`; default: generated ones")
    options = parser.parse_args()
    if os.getloadavg()[0] > 1.5:
        print(f"other work runs on this machine (load {os.getloadavg()[0]:.1f}): rates are lower, and ratios less certain")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    from loguru import logger

    logger.disable("datatrove")
    generator = Texts(seed=1)
    items = [f"{generator.sentence()} {generator.sentence()}" for _ in range(BENCHMARK_ITEMS)]
    if options.documents:
        with open(options.documents, "rb") as lines:
            texts = [orjson.loads(line)["text"] for line in itertools.islice(lines, options.texts)]
    else:
        texts = [generator.text() for _ in range(options.texts)]
    quoting = [f"{text}\n\n{items[i % len(items)]}" if i % CONTAMINATED == 0 else text for i, text in enumerate(texts)]
    # A rewrite, as the cascade meets it: half of the source's paragraphs, and as many new ones.
    rewrites = ["\n\n".join([*text.split("\n\n")[::2], generator.text(len(text) // 2)]) for text in texts]
    print(f"{len(texts)} texts of {statistics.mean(map(len, texts)):,.0f} characters, one core")
    with tempfile.TemporaryDirectory(prefix="bench-filter-") as name:
        folder = Path(name)
        ratios = [gopher(texts), classifier(texts, folder), decontamination(quoting, items, folder), minhash(texts, folder)]
    print(f"{'the default cascade':<34} {cascade_rate(rewrites, texts):10,.0f}/s")
    print(f"filter ratio {math.prod(ratios) ** (1 / len(ratios)):.1f}")


if __name__ == "__main__":
    main()
