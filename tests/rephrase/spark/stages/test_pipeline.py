"""The whole pipeline on real parts: Spark, a real vLLM on CPU, a real S3 API."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Run, Spark
from rephrase.errors import UserError
from rephrase.notes import GenerationsNote, JudgedNote
from rephrase.records import DOCUMENT, GENERATION, JUDGED, MIXTURE
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from rephrase.text.passages import split_passages
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.spark.standalone import wait_for
from tests.tiny_model import ENGINE

TOPICS = ["tides", "bread", "bees", "clocks", "maps", "ships", "salt", "glass", "paper", "roads", "wells", "mills"]


def pages(number: int) -> list[dict[str, str]]:
    """Documents of several sentences, each about something else."""
    sentence = "People have worked with {0} for {1} years, and note {1} says how {0} came to the town on day {1}."
    return [
        {"id": str(i), "text": " ".join(sentence.format(TOPICS[i % len(TOPICS)], 100 * i + j) for j in range(12)), "source": "notes"}
        for i in range(number)
    ]


def write_run(
    folder: Path, tokenizer: str, engine: dict, *, output: str = "out", place: str | None = None, documents: int = 8, **more
) -> Path:
    """A run.yaml with its input beside it, or below an s3:// place."""
    data = "".join(json.dumps(page) + "\n" for page in pages(documents)).encode()
    source = storage.join(place or str(folder), "raw", "notes.jsonl")
    storage.create(source, data)
    config = {
        "output": storage.join(place, output) if place else output,
        "input": {"paths": [source], "tokens_per_unit": 600},
        "tokenizer": tokenizer,
        "engine": engine,
        "recipes": [{"use": "wrap/*", "sampling": {"max_tokens": 24}}],
        "filter": {"checks": ["finished", "parsed", "chatter"]},
        "mix": {"components": [{"origin": "original", "share": 1.0}], "file_tokens": 1000},
        **more,
    }
    path = folder / f"{output}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def passages_of(run: Run, limit: int = 300) -> int:
    """Passages of all documents of a run, counted anew."""
    tokenizer = Tokenizer.load(run.tokenizer)
    texts = tables.read_folder(storage.join(run.output, "documents"), ["text"])["text"].to_pylist()
    return sum(len(split_passages(text, tokenizer, limit)) for text in texts)


def table(run: Run, name: str):
    return tables.read_folder(storage.join(run.output, name))


def assert_complete(run: Run) -> None:
    """What must hold after any run of `wrap/*` with the original-only mixture of `write_run`."""
    documents, generations, judged, mixture = (table(run, name) for name in ("documents", "generations", "judged", "mixture"))
    assert documents.schema.names == DOCUMENT.names
    assert generations.schema.names == GENERATION.names
    assert judged.schema.names == JUDGED.names
    assert mixture.schema.names == MIXTURE.names
    assert generations.num_rows == 4 * passages_of(run)
    assert len(set(generations["id"].to_pylist())) == generations.num_rows
    assert sorted(judged["id"].to_pylist()) == sorted(generations["id"].to_pylist())
    assert set(generations["document_id"].to_pylist()) == set(documents["id"].to_pylist())
    assert sorted(mixture["id"].to_pylist()) == sorted(documents["id"].to_pylist())


def test_a_cluster_rewrites_with_a_real_vllm_on_its_executor_and_everything_lies_on_s3(tmp_path, tiny_model, bucket):
    config = write_run(
        tmp_path,
        str(tiny_model),
        {**ENGINE, "model": str(tiny_model), "max_model_len": 2048},
        place=bucket,
        spark={"master": "local-cluster[1,2,1024]", "conf": {"spark.executor.memory": "1g", "spark.sql.shuffle.partitions": 2}},
    )
    run = load_run(str(config))
    done = subprocess.run(
        [sys.executable, "-m", "rephrase.cli.main", "run", str(config)], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    assert_complete(run)
    generations = table(run, "generations")
    # Noise never has questions and answers; everything else is taken as it is.
    assert set(generations["error"].to_pylist()) == {None, "parse:no_questions"}
    assert set(generations["model"].to_pylist()) == {tiny_model.name}
    assert all(tokens <= 24 for tokens in generations["completion_tokens"].to_pylist())
    assert "wrap/easy" in done.stdout
    assert "Exception" not in done.stderr
    assert all(file.path.startswith(bucket) for file in storage.list_files(run.output))
    # The process beside the server keeps its log, which it does once its owner is gone.
    wait_for(lambda: [file for file in storage.list_files(storage.join(run.output, "logs")) if "/engine-" in file.path])
    before = {file.path: file.size for file in storage.list_files(run.output)}
    run_all(run, LazySession(Spark(master="no-such-master")))  # nothing is left to do, so that Spark is not even started
    assert {file.path: file.size for file in storage.list_files(run.output)} == before


def test_another_config_in_the_same_folder_is_refused(tmp_path, spark, tokenizer_file):
    run = load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}, documents=2)))
    run_all(run, spark)
    warmer = load_run(str(tmp_path / "out.yaml"), {"recipes": [{"use": "wrap/*", "sampling": {"max_tokens": 24, "temperature": 0.1}}]})
    with pytest.raises(UserError, match=r"of another config: `recipes\.wrap/easy\.\S+\.temperature` was 0\.7, is 0\.1"):
        run_all(warmer, spark)
    more = load_run(str(tmp_path / "out.yaml"), {"recipes": ["wrap/*", "mind/debate"]})
    with pytest.raises(UserError, match=r"`recipes\.mind/debate` is new.*reuse: \["):
        run_all(more, spark, replace=True)  # completions are never thrown away
    elsewhere = load_run(str(tmp_path / "out.yaml"), {"rewrite": {"prompts_per_unit": 7}, "spark": {"conf": {"x": 1}}})
    run_all(elsewhere, spark)  # scheduling is no part of the meaning


def test_other_checks_and_shares_go_on_with_the_same_completions_where_asked_to(tmp_path, spark, tokenizer_file):
    run = load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}, documents=3, dedup={}, filter={"checks": ["finished"]})))
    run_all(run, spark)
    generations = {file: file.modified for file in storage.list_files(storage.join(run.output, "generations"))}
    shares = [{"origin": "original", "share": 0.5}, {"recipe": "wrap/*", "share": 0.5}]
    changes = {"filter": {"checks": [{"length": {"min_words": 20}}, "parsed"]}, "mix": {"components": shares}}
    other = load_run(str(tmp_path / "out.yaml"), changes)
    with pytest.raises(UserError, match=r"`checks\.length` is new.*`--replace` makes it again"):
        run_all(other, spark)
    run_all(other, spark, replace=True)
    assert {file: file.modified for file in storage.list_files(storage.join(run.output, "generations"))} == generations
    assert any("length.words" in dict(scores) for scores in table(run, "judged")["scores"].to_pylist())
    assert "synthetic" in table(run, "mixture")["origin"].to_pylist()
    run_all(other, LazySession(Spark(master="no-such-master")))  # as complete as if it were the first


def test_notes_add_up_to_the_tables(tmp_path, spark, tiny_model):
    run = load_run(str(write_run(tmp_path, str(tiny_model), {"kind": "echo"}, documents=3)))
    run_all(run, spark)
    notes = [footer.note for footer in tables.footers(tables.objects(storage.join(run.output, "generations")), GenerationsNote)]
    generations, judged = table(run, "generations"), table(run, "judged")
    assert sum(note.generations for note in notes) == generations.num_rows
    assert sum(note.completion_tokens for note in notes) == sum(generations["completion_tokens"].to_pylist())
    verdicts: Counter[str] = Counter()
    for footer in tables.footers(tables.objects(storage.join(run.output, "judged")), JudgedNote):
        verdicts.update(footer.note.verdicts)
    assert verdicts == Counter(judged["verdict"].to_pylist())
