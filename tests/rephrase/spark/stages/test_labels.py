"""Labels from the input to the mixture: by a classifier and from a field, in `when`, on rewrites, in components, in reports."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

import classifiers
import rephrase
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.train import train
from rephrase import storage
from rephrase.cli.show_panels import as_json
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.labels import as_mapping
from rephrase.report.figures import figures_of
from rephrase.report.report import write_report
from rephrase.spark import judge, mix
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.manifest import mixture_manifest
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from tests.classifiers.topics import WORDS, text_of, topic_rows
from tests.rephrase.engines.scripted import serving_thread

TOPICS = [*WORDS]
KINDS = ["page", "post", None]
TAKEN = ["Food*", "Games"]
OTHER = "Religion"
COMPONENTS: list[dict[str, Any]] = [
    {"origin": "original", "split_by": "topic", "temperature": 2, "share": 0.5, "max_epochs": 3},
    {"recipe": "wrap/*", "labels": {"topic": "Food*"}, "share": 0.3, "max_epochs": 9},
    {"origin": "synthetic", "labels": {"topic": OTHER, "kind": "p*"}, "share": 0.2, "max_epochs": 9},
]


@dataclass(frozen=True)
class Labelled:
    """A finished run with labels, and its tables."""

    run: Run
    documents: list[dict[str, Any]]
    judged: list[dict[str, Any]]
    mixture: list[dict[str, Any]]


def pages() -> list[dict[str, Any]]:
    """Thirty documents, of some topics more than of others, of which two in three say their kind."""
    draw = random.Random(4)
    numbers = [0] * 10 + [1] * 9 + [2] * 3 + [3] * 8
    texts = [f"Page {number}: {text_of(TOPICS[topic], draw, length=60)}." for number, topic in enumerate(numbers)]
    kinds = [{} if (kind := KINDS[number % 3]) is None else {"about": {"kind": kind}} for number in range(len(texts))]
    return [{"text": text, "source": "web", **kind} for text, kind in zip(texts, kinds, strict=True)]


def rewritten(body: dict[str, Any], _call: int) -> dict[str, Any]:
    """A text of the page's topic; of pages with an odd number one of another topic."""
    prompt = "\n".join(turn["content"] for turn in body["messages"])
    number = int(re.findall(r"Page (\d+):", prompt)[-1])
    topic = OTHER if number % 2 else next(name for name, words in WORDS.items() if sum(word in prompt for word in words) > 6)
    text = f"It is told on page {number} that {text_of(topic, random.Random(number), length=50)}."
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": text}}], "usage": {}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, spark: LazySession, tokenizer_file: str) -> Labelled:
    folder = tmp_path_factory.mktemp("labels")
    (folder / "pages.jsonl").write_text("".join(json.dumps(page) + "\n" for page in pages()))
    (folder / "topics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in topic_rows(400, seed=7)))
    model = train(str(folder / "topics.jsonl"), str(folder / "topic"), TrainSettings(dim=12, epoch=25, learning_rate=0.5)).model
    with serving_thread(rewritten) as url:
        config = {
            "output": "out",
            "input": {
                "paths": "pages.jsonl",
                "min_characters": 10,
                "labels": {"topic": {"model": model}, "kind": {"field": "about.kind"}},
            },
            "tokenizer": tokenizer_file,
            "engine": {"kind": "endpoint", "url": url, "model": "m", "concurrency": 8},
            "recipes": [{"use": "wrap/easy", "when": {"labels": {"topic": TAKEN}}}],
            "filter": {"checks": ["finished", "parsed"], "labels": {"topic": {"model": model}}},
            "mix": {"components": COMPONENTS},
        }
        (folder / "run.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        run = load_run(str(folder / "run.yaml"))
        run_all(run, spark)
    read = [tables.read_folder(storage.join(run.output, name)).to_pylist() for name in ("documents", "judged", "mixture")]
    for rows in read:
        for row in rows:
            row["labels"] = as_mapping(row["labels"])
    return Labelled(run, *read)


def number_of(text: str) -> int:
    return int(re.findall(r"[Pp]age (\d+)", text)[0])


def test_documents_are_labelled_by_the_model_and_the_field(made: Labelled) -> None:
    given = pages()
    assert len(made.documents) == 30
    for row in made.documents:
        number = number_of(row["text"])
        topic = next(name for name, words in WORDS.items() if sum(word in row["text"].split() for word in words) > 6)
        kind = given[number].get("about", {}).get("kind")
        assert row["labels"] == {"topic": topic, **({"kind": kind} if kind else {})}


def test_recipes_take_what_their_when_says_and_rewrites_have_labels_of_their_own(made: Labelled) -> None:
    by_id = {row["id"]: row for row in made.documents}
    taken = {row["id"] for row in made.documents if any(fnmatchcase(row["labels"]["topic"], pattern) for pattern in TAKEN)}
    assert {row["document_id"] for row in made.judged} == taken
    for row in made.judged:
        document = by_id[row["document_id"]]
        topic = OTHER if number_of(document["text"]) % 2 else document["labels"]["topic"]
        assert row["labels"] == {**document["labels"], "topic": topic}, "the topic is the text's, the kind the document's"


def test_the_mixture_is_divided_and_drawn_by_labels(made: Labelled) -> None:
    texts = {row["id"]: row for row in [*made.documents, *made.judged]}
    assert all(row["labels"] == texts[row["id"]]["labels"] for row in made.mixture)
    written = [row["labels"] for row in made.mixture if row["origin"] == "synthetic"]
    assert all(labels["topic"].startswith("Food") or (labels["topic"] == OTHER and "kind" in labels) for labels in written)
    manifest = mixture_manifest(storage.join(made.run.output, "mixture"))
    whole = manifest["tokens"]
    there: Counter[str] = Counter()
    for row in made.documents:
        there[row["labels"]["topic"]] += row["n_tokens"]
    roots = {topic: tokens**0.5 for topic, tokens in there.items()}
    longest = max(row["n_tokens"] for row in texts.values() if row["n_tokens"])
    plans = {plan["name"]: plan for plan in manifest["components"]}
    assert plans.keys() == {*(f"original from {topic}" for topic in TOPICS), "wrap/* topic=Food*", f"synthetic topic={OTHER} kind=p*"}
    for topic in TOPICS:
        share = 0.5 * roots[topic] / sum(roots.values())
        tokens = sum(row["n_tokens"] for row in made.mixture if row["origin"] == "original" and row["labels"]["topic"] == topic)
        assert plans[f"original from {topic}"]["share"] == pytest.approx(share, rel=0.02)
        assert plans[f"original from {topic}"]["tokens"] == tokens
        assert abs(tokens - share * whole) <= longest
    counted = Counter(row["labels"].get("kind") for row in made.mixture)
    assert {count["value"]: count["rows"] for count in manifest["labels"]["kind"]} == counted
    assert sum(count["tokens"] for count in manifest["labels"]["topic"]) == whole
    card = storage.read(storage.join(made.run.output, "mixture", "README.md")).decode()
    assert "## Label: topic" in card
    assert f"| {OTHER} |" in card


def test_the_report_and_show_tell_of_labels(made: Labelled, tmp_path: Path) -> None:
    counts = figures_of(made.run).to_json()["documents"]["labels"]
    assert {count["value"]: count["rows"] for count in counts["kind"]} == Counter(row["labels"].get("kind") for row in made.documents)
    path = str(tmp_path / "report.html")
    write_report(made.run, path)
    page = storage.read(path).decode()
    for words in ("field about.kind", "Documents by label: kind", "By label: topic", "Science, Math &amp; Technology"):
        assert words in page
    row = next(row for row in made.judged if row["verdict"] == "keep")
    [shown] = as_json(made.run, [row["id"]])
    assert shown["judged"]["labels"] == row["labels"]
    assert shown["document"]["labels"]["topic"] in (*TOPICS[:2],)


def test_frames_give_the_same_and_take_labels_of_the_users_own(made: Labelled, spark: LazySession, tokenizer_file: str) -> None:
    folders = {name: storage.join(made.run.output, name) for name in ("documents", "generations", "judged")}
    frames = {name: spark.get().read.parquet(folder) for name, folder in folders.items()}
    rows = mix(frames["documents"], frames["judged"], made.run.mix).collect()
    assert {(row.id, row.epoch): row.labels for row in rows} == {(row["id"], row["epoch"]): row["labels"] for row in made.mixture}
    labels = made.run.filter.model_dump()["labels"]
    judged = judge(frames["generations"], frames["documents"], ["finished"], id="id", labels=labels).collect()
    assert {row.id: row.labels for row in judged} == {row["id"]: row["labels"] for row in made.judged}
    documents = tables.read_folder(folders["documents"])
    by_id = {row["id"]: row["labels"] for row in made.documents}
    alone = classifiers.judge(tables.read_folder(folders["generations"]), documents, ["finished"], id="id").to_pylist()
    assert alone
    assert all(dict(row["labels"]) == by_id[row["document_id"]] for row in alone), "without labels of their own they have the documents'"
    use = {"use": "wrap/easy", "when": {"labels": {"topic": OTHER}}}
    echoed = rephrase.rewrite(documents, use, {"kind": "echo"}, tokenizer=tokenizer_file, id="id")
    assert set(echoed["document_id"].to_pylist()) == {key for key, labels in by_id.items() if labels["topic"] == OTHER}
