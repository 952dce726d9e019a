"""Encoders give what transformers itself gives, in whatever batches."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from classifiers.encoder import device
from classifiers.encoder.export import export_encoder
from classifiers.encoder.folder import check_encoder, encoder_digest, encoder_folder
from classifiers.encoder.model import load_encoder
from rephrase.errors import UserError
from rephrase.settings.encoders import EncoderOptions
from tests.tiny_encoder import MAX_TOKENS, graded_texts, topic_texts

TOPIC_ROWS = topic_texts(200, seed=1)
LONG = " ".join(text for text, _ in graded_texts(20, seed=2))  # some 300 tokens
MIXED = [*(text for text, _ in TOPIC_ROWS[:40]), LONG, "tide", LONG.upper()]


def changed(folder: str, copy: Path, **config: object) -> str:
    """A copy of an encoder with other keys in its config.json."""
    shutil.copytree(folder, copy)
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return str(copy)


def logits(folder: str) -> np.ndarray:
    """What transformers gives for MIXED, one text after the other. Shape (texts, labels)."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        outputs = [model(**tokenizer(text, truncation=True, return_tensors="pt")).logits[0].numpy() for text in MIXED]
    return np.array(outputs, np.float64)


def test_probabilities_are_those_of_transformers(topics_encoder, tmp_path):
    expected = logits(topics_encoder)
    model = load_encoder(topics_encoder, EncoderOptions(batch=5))
    assert model.label_names == ["sea", "kitchen", "law"]
    shares = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    assert model.outputs(MIXED) == pytest.approx(shares, abs=1e-5)
    assert load_encoder(topics_encoder, EncoderOptions(label="law")).scores(MIXED) == pytest.approx(shares[:, 2], abs=1e-5)
    folder = changed(topics_encoder, tmp_path / "encoder", problem_type="multi_label_classification")
    assert load_encoder(folder).outputs(MIXED) == pytest.approx(1 / (1 + np.exp(-expected)), abs=1e-5), "labels do not exclude each other"


def test_a_single_output_is_the_score_as_it_is(grades_encoder):
    assert load_encoder(grades_encoder).scores(MIXED) == pytest.approx(logits(grades_encoder)[:, 0], abs=1e-5)
    rows = graded_texts(200, seed=5)
    found = load_encoder(grades_encoder).scores([text for text, _ in rows])
    assert np.corrcoef(found, [grade for _, grade in rows])[0, 1] > 0.95, "it really grades"


def test_labels_with_their_probability(topics_encoder):
    names, probabilities = load_encoder(topics_encoder).labels([text for text, _ in TOPIC_ROWS])
    assert np.mean([name == topic for name, (_, topic) in zip(names, TOPIC_ROWS, strict=True)]) > 0.95
    assert ((probabilities > 1 / 3) & (probabilities <= 1)).all()


def test_texts_without_words_have_no_score(topics_encoder, grades_encoder):
    texts = [None, "tide and reef", "", " \n", "judge \ud800 court"]
    names, probabilities = load_encoder(topics_encoder).labels(texts)
    assert [name is None for name in names] == np.isnan(probabilities).tolist() == [True, False, True, True, False]
    assert np.isnan(load_encoder(grades_encoder).scores([None])).all()
    assert load_encoder(grades_encoder).scores([]).shape == (0,)


def test_batches_change_nothing(grades_encoder):
    one, many = (load_encoder(grades_encoder, EncoderOptions(batch=batch)).scores(MIXED) for batch in (1, 1000))
    assert one == pytest.approx(many, abs=1e-5)


def test_long_texts_are_read_to_the_maximum_or_in_windows(grades_encoder):
    model = load_encoder(grades_encoder)
    assert model.max_tokens == MAX_TOKENS
    words = LONG.split()  # one token each
    stretches = [" ".join(words[at : at + 14]) for at in (0, 14, 28)]  # 16 tokens with the two at the ends
    of_each = model.scores(stretches)
    first, mean = (load_encoder(grades_encoder, EncoderOptions(max_tokens=16, windows=windows)).scores([LONG])[0] for windows in (1, 3))
    assert first == pytest.approx(of_each[0], abs=1e-5)
    assert mean == pytest.approx(of_each.mean(), abs=1e-5)
    assert load_encoder(grades_encoder).scores([LONG])[0] == pytest.approx(model.scores([" ".join(words[:62])])[0], abs=1e-5)


def test_control_tokens_in_a_text_are_text(grades_encoder):
    mentions, plain = load_encoder(grades_encoder).scores(["judge [SEP] [PAD] court", "judge court"])
    assert mentions != pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "the encoder has 3 labels"),
        ({"label": "sae"}, "the encoder has no label `sae`"),
        ({"label": "sea", "max_tokens": 512}, "`max_tokens` is 512, and the encoder takes 64"),
    ],
)
def test_options_that_do_not_go_with_the_model(topics_encoder, options, what):
    with pytest.raises(UserError, match=what):
        load_encoder(topics_encoder, EncoderOptions(**options)).scores(["tide"])


def test_a_number_is_no_label(grades_encoder):
    with pytest.raises(UserError, match="gives a number"):
        load_encoder(grades_encoder).labels(["tide"])


@pytest.mark.parametrize(
    ("lacking", "what"),
    [("config.json", "it has no config.json"), ("tokenizer.json", "has no tokenizer.json"), ("model.safetensors", "has no weights")],
)
def test_a_folder_that_lacks_a_file(topics_encoder, tmp_path, lacking, what):
    folder = changed(topics_encoder, tmp_path / "encoder")
    os.remove(os.path.join(folder, lacking))
    with pytest.raises(UserError, match=what):
        load_encoder(folder)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        load_encoder(str(tmp_path / "nothing"))


def test_a_hub_id_is_taken_from_the_cache_or_told(topics_encoder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    kept = tmp_path / "models--owner--topics"
    shutil.copytree(topics_encoder, kept / "snapshots" / "0123")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("0123")
    check_encoder("owner/topics")
    assert load_encoder("owner/topics").labels(["judge and court"])[0] == ["law"]
    for asked in (check_encoder, load_encoder):
        with pytest.raises(UserError, match="not in the hub's cache here"):
            asked("owner/others")


def test_weights_that_are_none(topics_encoder, tmp_path):
    folder = changed(topics_encoder, tmp_path / "encoder")
    Path(folder, "model.safetensors").write_bytes(b"version https://git-lfs")
    with pytest.raises(UserError, match="transformers cannot load"):
        load_encoder(folder)


def test_what_numbers_positions_from_behind_the_padding_takes_fewer_tokens(topics_encoder, tmp_path):
    folder = changed(topics_encoder, tmp_path / "encoder", model_type="roberta", max_position_embeddings=34, pad_token_id=1)
    assert encoder_folder(folder).max_tokens == 32


def test_a_changed_folder_has_another_digest_and_is_loaded_again(topics_encoder, grades_encoder, tmp_path):
    folder = changed(topics_encoder, tmp_path / "encoder")
    before, names = encoder_digest(folder), load_encoder(folder).label_names
    assert names == ["sea", "kitchen", "law"]
    Path(folder, "notes.txt").write_text("mine")
    assert encoder_digest(folder) == before, "what does not change scores does not change it"
    shutil.rmtree(folder)
    shutil.copytree(grades_encoder, folder)
    assert encoder_digest(folder) not in (before, None)
    assert load_encoder(folder).label_names == ["LABEL_0"]
    assert encoder_digest("owner/name") is None


@pytest.fixture
def by_onnx(topics_encoder, tmp_path) -> str:
    """The same encoder with a file for ONNX Runtime in place of its weights, by the faster of torch's exporters, the old one."""
    import torch
    from transformers import AutoModelForSequenceClassification

    folder = changed(topics_encoder, tmp_path / "onnx")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    os.remove(os.path.join(folder, "model.safetensors"))
    names, sample = ["input_ids", "attention_mask"], torch.ones((2, 8), dtype=torch.int64)
    axes = {name: {0: "texts", 1: "tokens"} for name in names}
    path = os.path.join(folder, "model.onnx")
    torch.onnx.export(model, (sample, sample), path, input_names=names, output_names=["logits"], dynamic_axes=axes, dynamo=False)
    return folder


@pytest.mark.filterwarnings("ignore")
def test_by_onnx_runtime_the_scores_are_the_same(topics_encoder, by_onnx):
    assert load_encoder(by_onnx).outputs(MIXED) == pytest.approx(load_encoder(topics_encoder).outputs(MIXED), abs=1e-5)
    assert encoder_digest(by_onnx) != encoder_digest(topics_encoder)
    Path(by_onnx, "model.onnx").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"cannot load model.onnx"):
        load_encoder(by_onnx)


@pytest.mark.long  # torch's exporter takes long over the smallest model
def test_export(topics_encoder, tmp_path):
    exported = export_encoder(topics_encoder, str(tmp_path / "onnx"))
    assert exported.difference < 1e-4
    assert sorted(os.listdir(exported.folder)) == ["config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"]
    assert load_encoder(exported.folder).outputs(MIXED) == pytest.approx(load_encoder(topics_encoder).outputs(MIXED), abs=1e-5)
    with pytest.raises(UserError, match="one for ONNX Runtime already"):
        export_encoder(exported.folder, str(tmp_path / "again"))


@pytest.mark.parametrize(
    ("addresses", "visible", "expected"),
    [
        ((), "", "cpu"),
        (("0",), "", "cuda:0"),
        (("2", "3"), "", "cuda:2"),
        (("2", "3"), "1,2,3", "cuda:1"),
        (("GPU-7ee1",), "GPU-ab12,GPU-7ee1", "cuda:1"),
        (("GPU-7ee1",), "", "cuda:3"),
    ],
)
def test_a_task_uses_the_gpu_that_spark_gave_it(monkeypatch, addresses, visible, expected):
    import torch

    uuids = ["0a", "1b", "2c", "7ee1-44"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(uuids))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=uuids[number]))
    monkeypatch.setattr(device, "_of_task", [])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device.device() == "cuda:0", "outside of Spark"
    device.use_gpus(addresses)
    assert device.device() == expected
