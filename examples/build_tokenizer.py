"""Trains tokenizer.json on the sample corpus, so that the demo counts tokens without downloading a model.

The small vocabulary makes texts look longer than a real model would see them; limits in the demo's
configuration are therefore reached sooner, which suits a small corpus.

    python examples/build_tokenizer.py
"""

import json
from collections.abc import Iterator
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "tokenizer.json"
VOCABULARY = 4096
END_OF_TEXT = "<|endoftext|>"


def texts() -> Iterator[str]:
    """Yield the corpus in a fixed order, so that no merge depends on how a folder happens to be listed."""
    for page in sorted((HERE / "crawl" / "pages").glob("*.html")):
        yield extract_plain_text(page.read_text(encoding="utf-8"), main_content=True, alt_texts=False)
    for name in ("crawl/notes.jsonl", "quality_labels.jsonl"):
        for line in (HERE / name).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]


def train() -> Tokenizer:
    """Return a byte-level BPE like GPT-2's, which can encode any string and decode it to the same bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer=trainer)
    return tokenizer


if __name__ == "__main__":
    trained = train()
    trained.save(str(OUTPUT))
    print(f"{OUTPUT.name}: {trained.get_vocab_size():,} tokens")
