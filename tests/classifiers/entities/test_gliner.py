"""With a GLiNER model of 300,000 weights, which learns names and addresses from planted sentences: what is tested is not how well."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from classifiers.entities.evaluate import LabelledText, evaluate
from classifiers.entities.models import recogniser
from classifiers.entities.scrub import scrub
from classifiers.entities.spans import Span
from examples import build_personal_data
from rephrase.errors import UserError
from rephrase.readers.settings import StandIns
from rephrase.settings.validation import validate

pytestmark = pytest.mark.long

WORDS = 40  # that the model reads at a time
STEPS = 200


def planted(seed: int) -> list[LabelledText]:
    rows: list[Any] = build_personal_data.rows(seed)
    return [
        LabelledText(row["text"], [Span(**span) for span in row["spans"] if span["kind"] == "person"])
        for row in rows
        if "address" not in {span["kind"] for span in row["spans"]}
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch
    from gliner import GLiNER

    folder = tmp_path_factory.mktemp("gliner")
    random.seed(0)
    torch.manual_seed(0)
    texts = [text for seed in (1, *range(3, 11)) for text in planted(seed)]
    vocabulary = tokenizer_into(folder, [text.text for text in texts])
    encoder = {"model_type": "bert", "vocab_size": vocabulary, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    encoder |= {"intermediate_size": 128, "max_position_embeddings": 256, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = {"model_name": str(folder), "max_width": 6, "hidden_size": 64, "dropout": 0.0, "max_len": WORDS, "vocab_size": vocabulary}
    network = GLiNER.from_config({**config, "encoder_config": encoder}, backbone_from_pretrained=False)
    rows = [as_row(text, network.data_processor.words_splitter) for text in texts]
    collate = network.data_collator_class(network.config, data_processor=network.data_processor, prepare_labels=True)
    optimiser = torch.optim.AdamW(network.model.parameters(), lr=3e-3)
    network.train()
    for _ in range(STEPS):
        optimiser.zero_grad()
        network.model(**collate(random.sample(rows, 16))).loss.backward()
        optimiser.step()
    network.save_pretrained(folder, safe_serialization=True)
    return str(folder)


def tokenizer_into(folder: Path, texts: list[str]) -> int:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.train_from_iterator([*texts, "person"], trainers.WordPieceTrainer(vocab_size=600, special_tokens=special, show_progress=False))
    names = {f"{name.strip('[]').lower()}_token": name for name in special}
    fast = PreTrainedTokenizerFast(tokenizer_object=inner, **names)
    fast.save_pretrained(folder)
    return len(fast)


def as_row(text: LabelledText, splitter: Any) -> dict[str, Any]:
    words = list(splitter(text.text))
    inside = [[n for n, (_, start, end) in enumerate(words) if span.start <= start and end <= span.end] for span in text.spans]
    return {"tokenized_text": [word for word, _, _ in words], "ner": [[numbers[0], numbers[-1], "person"] for numbers in inside]}


def settings(model: str, **entities: Any) -> StandIns:
    of_all: StandIns = validate(StandIns, {"entities": {"by": "gliner", "model": model, **entities}}, "scrub")
    return of_all


def test_most_names_of_other_draws_get_stand_ins(model: str) -> None:
    # Recall alone: about half of what so small a model finds is no name.
    figures = evaluate(planted(2), settings(model))["both"].kinds["person"]
    assert (figures.recall or 0) > 0.6


def test_a_text_longer_than_the_model_reads_is_read_to_its_end_as_its_lines_are(model: str) -> None:
    lines = [text.text for text in planted(1)]
    whole, counts = scrub(["\n".join(lines)], settings(model))
    apart, _ = scrub(lines, settings(model))
    assert counts[0]["person"] > len(lines) / 3
    last = max(number for number, line in enumerate(apart) if "[person]" in line)
    assert "[person]" in whole[0].splitlines()[last]
    assert whole[0].count("\n") == len(lines) - 1


def test_no_texts_and_texts_without_words(model: str) -> None:
    assert scrub([], settings(model)) == ([], [])
    assert scrub(["", " \n"], settings(model)) == (["", " \n"], [{}, {}])


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    wanted = settings(str(tmp_path)).entities
    assert wanted is not None
    with pytest.raises(UserError, match="GLiNER cannot load the model: No config file"):
        recogniser(wanted)


def test_code_beside_a_model_is_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    encoder = {"model_type": "bert", "auto_map": {"AutoModel": "own.Own"}}
    (folder / "gliner_config.json").write_text(json.dumps({"model_name": str(folder), "encoder_config": encoder}))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    wanted = settings(str(folder)).entities
    assert wanted is not None
    with pytest.raises(UserError, match=r"gliner_config\.json: the model names Python code .*never run"):
        recogniser(wanted)
    assert not (tmp_path / "ran").exists()
