from __future__ import annotations

import pickle
import shutil

import pytest

from classifiers.cascade import build_cascade
from classifiers.settings import filter_of
from rephrase.documents import DocumentTables
from rephrase.errors import UserError
from rephrase.readers import RawDocument
from rephrase.readers.settings import Input
from rephrase.settings.validation import validate
from tests.classifiers.batches import batch
from tests.tiny_encoder import graded_texts, topic_texts


def test_verdicts_by_a_number_and_by_the_probability_of_a_label(grades_encoder, topics_encoder):
    settings = [
        {"encoder": {"model": grades_encoder, "min": 2.5}},
        {"kitchen": {"use": "encoder", "model": topics_encoder, "label": "kitchen", "max": 0.5}},
    ]
    cascade = pickle.loads(pickle.dumps(build_cascade(filter_of(settings))))
    verdicts, scores = cascade.judge(
        batch(["court judge treaty verdict the plea appeal", "of the and to a", "bread flour oven butter verdict statute plea"])
    )
    assert verdicts[0] == "keep"
    assert verdicts[1] == "encoder"
    assert set(scores[0]) == {"encoder", "kitchen"}
    assert scores[0]["encoder"] > 2.5 > scores[1]["encoder"]
    kitchen, _ = build_cascade(filter_of(settings[1:])).judge(batch(["bread flour oven butter", "tide reef wave", ""]))
    assert kitchen == ["kitchen", "keep", "parsed"]


def test_what_verdicts_mean_names_the_model_by_its_content_and_not_how_fast_it_is(grades_encoder, topics_encoder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(grades_encoder, folder)

    def described(**more):
        [check] = build_cascade(filter_of([{"encoder": {"model": str(folder), "min": 3, **more}}])).describe()
        return check["settings"]

    before = described()
    assert described(batch=8) == before
    assert described(windows=2) != before
    shutil.copy(f"{topics_encoder}/model.safetensors", folder)
    assert described()["model_digest"] != before["model_digest"]


def test_scores_and_labels_of_documents(grades_encoder, topics_encoder, tokenizer_file):
    config = {
        "paths": ["x"],
        "scores": {"edu": {"encoder": grades_encoder, "batch": 64}, "sea": {"encoder": topics_encoder, "label": "sea", "max_tokens": 32}},
        "labels": {"topic": {"encoder": topics_encoder, "min_probability": 0.8}},
    }
    tables = DocumentTables(validate(Input, config, "input"), tokenizer_file)
    texts = [text for text, _ in graded_texts(8, seed=3)] + [text for text, _ in topic_texts(9, seed=3)]
    table = tables.cleaned([RawDocument(text) for text in texts])
    metadata = [dict(row) for row in table.column("metadata").to_pylist()]
    grades = [float(row["edu"]) for row in metadata[:8]]
    assert grades == pytest.approx([grade for _, grade in graded_texts(8, seed=3)], abs=0.7)
    topics = [dict(row).get("topic") for row in table.column("labels").to_pylist()[8:]]
    assert topics == [topic for _, topic in topic_texts(9, seed=3)]
    assert [float(row["sea"]) > 0.5 for row in metadata[8:]] == [topic == "sea" for _, topic in topic_texts(9, seed=3)]


@pytest.mark.parametrize(
    ("scores", "what"),
    [
        ({"edu": {"encoder": "x", "bach": 3}}, "unknown key `scores.edu.bach`"),
        ({"edu": {"encoder": "x", "batch": 0}}, "`scores.edu.batch`"),
        ({"edu": {"model": "x"}}, "unknown key `scores.edu.model`"),
        ({"edu": {"models": ["x"], "label": "good"}}, "unknown key `scores.edu.label`"),
    ],
)
def test_wrong_settings_are_told_by_their_place(scores, what):
    with pytest.raises(UserError) as raised:
        validate(Input, {"paths": ["x"], "scores": scores}, "run.yaml")
    assert what in str(raised.value)


@pytest.mark.parametrize(
    ("label", "what"),
    [
        ({"encoder": "x", "model": "y"}, "and there are both"),
        ({"field": "x", "max_tokens": 32}, "`max_tokens` says nothing of a label that a `field` gives"),
        ({}, "and there is neither"),
    ],
)
def test_a_label_is_given_by_one_of_three(label, what):
    with pytest.raises(UserError) as raised:
        validate(Input, {"paths": ["x"], "labels": {"topic": label}}, "run.yaml")
    assert what in str(raised.value)
