"""Tiny encoders that really classify: BERTs of 32 dimensions with tokenizers of their own, trained in a second on planted texts.

`python -m tests.tiny_encoder DIR` writes the one of topics, `--grades` the one of grades.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

TOPICS = {
    "sea": ["tide", "wave", "harbour", "sail", "anchor", "reef", "gull", "current", "lagoon", "mast"],
    "kitchen": ["bread", "flour", "oven", "butter", "dough", "spoon", "pepper", "soup", "kettle", "yeast"],
    "law": ["court", "statute", "appeal", "verdict", "clause", "judge", "contract", "treaty", "plea", "ruling"],
}
COMMON = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "it",
    "was",
    "for",
    "with",
    "as",
    "on",
    "by",
    "this",
    "at",
    "which",
    "have",
    "from",
]
MAX_TOKENS = 64
GRADES = 5


def topic_texts(count: int, seed: int = 0, words: int = 20) -> list[tuple[str, str]]:
    """Texts with their topic: every third word or so is one of the topic's."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        topic = list(TOPICS)[number % len(TOPICS)]
        size = draw.randint(words // 2, words)
        rows.append((" ".join(draw.choice(TOPICS[topic] if draw.random() < 0.35 else COMMON) for _ in range(size)), topic))
    return rows


def graded_texts(count: int, seed: int = 0, words: int = 20) -> list[tuple[str, float]]:
    """Texts with a grade from 0 to 5: five times the share of their words that are of the law."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        share, size = draw.random(), draw.randint(words // 2, words)
        legal = [draw.random() < share for _ in range(size)]
        text = " ".join(draw.choice(TOPICS["law"] if is_legal else COMMON) for is_legal in legal)
        rows.append((text, GRADES * sum(legal) / size))
    return rows


def make_tiny_encoder(folder: str | Path, *, grades: bool = False, problem_type: str | None = None) -> Path:
    """Write a trained model with its tokenizer into `folder`, which is made if need be, and return it.

    It tells three topics apart, or with `grades` gives a number from 0 to 5 as FineWeb-Edu's classifier does. `problem_type` may make
    labels of the topics that do not exclude each other: `multi_label_classification`.
    """
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    rows = graded_texts(600) if grades else topic_texts(600)
    texts = [text for text, _ in rows]
    pieces = BertWordPieceTokenizer()
    pieces.train_from_iterator(texts, vocab_size=400, show_progress=False)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(token for token, _ in sorted(pieces.get_vocab().items(), key=lambda item: item[1])))
    tokenizer = BertTokenizerFast(vocab=str(vocabulary), model_max_length=MAX_TOKENS)
    tokenizer.save_pretrained(folder)
    torch.set_num_threads(1)  # for this process: of so little work, threads wait for each other most of the time
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_TOKENS,
        initializer_range=0.15,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
        problem_type=problem_type or ("regression" if grades else "single_label_classification"),
        **({"num_labels": 1} if grades else {"id2label": dict(enumerate(TOPICS)), "label2id": {name: n for n, name in enumerate(TOPICS)}}),
    )
    model = BertForSequenceClassification(config)
    names = list(TOPICS)
    truth = torch.tensor([value for _, value in rows]) if grades else torch.tensor([names.index(str(topic)) for _, topic in rows])
    if problem_type == "multi_label_classification":
        truth = torch.nn.functional.one_hot(truth, len(TOPICS)).float()
    encoded = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(60):
        rows_of_step = torch.arange(step * 64, step * 64 + 64) % len(texts)
        loss = model(**{name: values[rows_of_step] for name, values in encoded.items()}, labels=truth[rows_of_step]).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    print(make_tiny_encoder(sys.argv[1], grades="--grades" in sys.argv))
