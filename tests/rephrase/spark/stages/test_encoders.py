"""Encoders in the stages of a run: scores and labels of documents, which of them are rewritten, and verdicts on rewrites."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from classifiers.encoder.model import load_encoder
from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.settings.encoders import EncoderOptions
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.pipeline import run_all
from rephrase.spark.stages.shard.stage import shard
from rephrase.storage import tables
from tests.tiny_encoder import topic_texts

PAGES = topic_texts(30, seed=11, words=60)


def written(folder: Path, encoder: str, tokenizer: str, **keys: Any) -> Run:
    """A run that keeps pages of two topics, and rewrites of one, both by the same encoder."""
    pages = [{"text": text, "source": topic} for text, topic in PAGES]
    (folder / "pages.jsonl").write_text("".join(json.dumps(page) + "\n" for page in pages))
    config = {
        "output": "out",
        "input": {
            "paths": "pages.jsonl",
            "min_characters": 10,
            "scores": {"law": {"encoder": encoder, "label": "law", **keys}},
            "labels": {"topic": {"encoder": encoder}},
        },
        "tokenizer": tokenizer,
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "screen": {"checks": [{"encoder": {"model": encoder, "label": "kitchen", "max": 0.5}}]},
        "filter": {"checks": ["parsed", {"lawful": {"use": "encoder", "model": encoder, "label": "law", "min": 0.5}}]},
        "mix": {"skip_empty": True},  # what the engine gives back may be of any topic
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return load_run(str(folder / "run.yaml"))


def rows(run: Run, table: str) -> list[dict[str, Any]]:
    return list(tables.read_folder(storage.join(run.output, table)).to_pylist())


def test_from_the_input_to_the_verdicts(tmp_path: Path, spark: LazySession, topics_encoder: str, tokenizer_file: str) -> None:
    encoder = str(shutil.copytree(topics_encoder, tmp_path / "encoder"))
    run = written(tmp_path, encoder, tokenizer_file)
    run_all(run, spark)
    documents = rows(run, "documents")
    assert len(documents) == len(PAGES)
    assert [dict(row["labels"])["topic"] for row in documents] == [row["source"] for row in documents]
    assert [float(dict(row["metadata"])["law"]) > 0.5 for row in documents] == [row["source"] == "law" for row in documents]
    source = {row["id"]: row["source"] for row in documents}
    verdicts = {source[row["id"]]: row["verdict"] for row in rows(run, "screened")}
    assert verdicts == {"sea": "keep", "kitchen": "encoder", "law": "keep"}
    texts = {row["id"]: row["text"] for row in rows(run, "generations")}
    judged = rows(run, "judged")
    assert {source[row["document_id"]] for row in judged} == {"sea", "law"}
    scores = [dict(row["scores"])["lawful"] for row in judged]
    assert scores == pytest.approx(
        load_encoder(encoder, EncoderOptions(label="law")).scores([texts[row["id"]] for row in judged]), abs=1e-5
    )
    assert [row["verdict"] for row in judged] == ["keep" if score >= 0.5 else "lawful" for score in scores]

    shard(written(tmp_path, encoder, tokenizer_file, batch=8), spark)  # is there already: how fast it goes is no part of what it means
    (tmp_path / "encoder" / "model.safetensors").write_bytes(b"another")
    with pytest.raises(UserError, match="encoders"):
        shard(run, spark)
