"""How fast encoders classify: ours beside transformers' own pipeline, on the same texts, model, batch size and CPU threads.

Texts are of lengths as a crawl's are (log-normal, 300 tokens in the middle, a tenth above the model's maximum), so that what padding costs
shows. The model is a BERT of a real one's shape with random weights (`--layers 6 --hidden 384` is MiniLM's), or a folder that `--model`
names. All take turns; rates are medians of three, in texts a second. With `--onnx` ONNX Runtime takes its turns too. The last line is the
ratio of ours, by torch, to the pipeline.

    python bench/encoder.py [--texts 256] [--batch 32] [--layers 6] [--hidden 384] [--model FOLDER] [--onnx]
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

MIDDLE_TOKENS = 300
SPREAD = 0.42  # of the logarithm: a tenth of the texts is above 512 tokens
MAX_TOKENS = 512
REPEATS = 3
TOLERANCE = 1e-4


def words(count: int) -> list[str]:
    """Distinct words that are one token each."""
    syllables = [a + b for a in "bcdfglmnprstvw" for b in "aeiou"]
    return [a + b + c for a in syllables for b in syllables for c in syllables][:count]


def make_model(folder: str, layers: int, hidden: int) -> str:
    """A BERT with one output and random weights, and a tokenizer of 8,000 words."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words(8000)]
    Path(folder, "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(vocab=str(Path(folder, "vocab.txt")), model_max_length=MAX_TOKENS)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": hidden // 32, "intermediate_size": 4 * hidden}
    config = BertConfig(vocab_size=len(vocabulary), num_labels=1, problem_type="regression", pad_token_id=0, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def texts_of(count: int) -> list[str]:
    draw, known = random.Random(0), words(8000)
    sizes = [max(int(draw.lognormvariate(math.log(MIDDLE_TOKENS), SPREAD)), 8) for _ in range(count)]
    return [" ".join(draw.choices(known, k=size)) for size in sizes]


def rates(texts: Sequence[str], works: Sequence[Callable[[Sequence[str]], object]]) -> list[float]:
    """Texts a second of each, all of which take turns."""
    seconds: list[list[float]] = [[] for _ in works]
    for repeat in range(REPEATS + 1):
        for work, own in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work(texts[:16] if repeat == 0 else texts)  # the first turn warms up
            own.append(time.perf_counter() - started)
    return [len(texts) / statistics.median(own[1:]) for own in seconds]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--model", help="the folder of a model with one output, instead of random weights")
    parser.add_argument("--onnx", action="store_true")
    options = parser.parse_args()

    from transformers import pipeline

    from classifiers.encoder.export import export_encoder
    from classifiers.encoder.model import load_encoder
    from rephrase.settings.encoders import EncoderOptions

    texts = texts_of(options.texts)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "torch").mkdir()
        model = options.model or make_model(f"{folder}/torch", options.layers, options.hidden)
        peer = pipeline("text-classification", model, function_to_apply="none", device="cpu")

        def theirs(some: Sequence[str]) -> list[float]:
            return [part["score"] for part in peer(list(some), batch_size=options.batch, truncation=True)]

        settings = EncoderOptions(batch=options.batch)
        works = [theirs, load_encoder(model, settings).scores]
        names = [f"transformers' pipeline, batch_size={options.batch}", "ours, by torch"]
        if options.onnx:
            works.append(load_encoder(export_encoder(model, f"{folder}/onnx").folder, settings).scores)
            names.append("ours, by ONNX Runtime")
        scores = [np.array(work(texts[:64])) for work in works]
        differences = [float(np.abs(other - scores[0]).max()) for other in scores[1:]]
        if max(differences) > TOLERANCE:
            sys.exit(f"the scores differ by {max(differences):g}")
        results = rates(texts, works)
    for name, rate in zip(names, results, strict=True):
        print(f"{name:<40} {rate:8.1f} texts/s   {rate / results[0]:.2f}")
    print(f"scores differ by {max(differences):.1g} at most")
    print(f"ratio {results[1] / results[0]:.2f}")


if __name__ == "__main__":
    main()
