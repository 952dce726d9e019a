"""Questions and instructions from passages, through a whole run on real notes, with a benchmark that one of them holds."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from tests.places import ROOT

NOTES = ROOT / "examples" / "crawl" / "notes.jsonl"
RECIPES = ("seeded/questions", "seeded/reading_comprehension", "seeded/flashcards", "instruction/templates")


def answer_to(prompt: str) -> str:
    """What a model might write: of a prompt with a note in it, answers quote the note's sentences."""
    sentences = [
        sentence for note in notes().values() for sentence in sentences_of(note) if sentence in prompt and len(sentence.split()) > 8
    ]
    if "<fi>" in prompt:
        first, last = sentences[0].split()[:4], sentences[-1].split()[-4:]
        return f"Instruction: What is the story of this?\nAnswer: <excerpt>{' '.join(first)} <...> {' '.join(last)}</excerpt>"
    questions = []
    for number, sentence in enumerate(sentences[:3]):
        words = sentence.split()
        question = f"Which words follow upon “{' '.join(words[:4])}” where note {number} tells of ____ it?"
        if "multiple choice" in prompt or "lettered" in prompt:
            choices = [" ".join(words[4:6]), "nothing at all", "a full stop", "the same words"]
            questions.append("\n".join([f"Question: {question}", *map("{}. {}".format, "ABCD", choices), "Answer: A"]))
        else:
            questions.append(f"Question: {question}\nAnswer: {' '.join(words[4:7])}")
    return "\n%%%%\n".join(questions)


def sentences_of(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def notes() -> dict[str, str]:
    return {row["id"]: row["text"] for row in map(json.loads, NOTES.read_text().splitlines())}


class Answering(BaseHTTPRequestHandler):
    """Chat completions as OpenAI's servers give them."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:  # the server looks for this name
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", "content": answer_to(body["messages"][-1]["content"])}
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        data = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_questions_of_notes_are_kept_but_for_a_note_with_an_item_of_a_benchmark(tmp_path: Path, spark, tokenizer_file, url):
    item = sentences_of(notes()["note-penicillin"])[0]
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"question": item}) + "\n")
    seeds = [{"q": f"Which words begin line {number} of the poem?", "a": "Tyger, tyger"} for number in range(9)]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(seed) + "\n" for seed in seeds))
    options = {"seeds": "seeds.jsonl", "fields": {"question": "q", "answer": "a"}}
    data = {
        "output": "out",
        "input": {"paths": [str(NOTES)]},
        "tokenizer": tokenizer_file,
        "engine": {"kind": "endpoint", "url": url, "model": "scripted"},
        "recipes": [{"use": RECIPES[0], "options": options}, *RECIPES[1:]],
        "filter": {"checks": ["finished", "parsed", {"contamination": {"benchmarks": [{"name": "quiz", "paths": "quiz.jsonl"}]}}]},
        "mix": {"components": [{"origin": "synthetic", "share": 1.0}]},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(data))
    run = load_run(str(tmp_path / "run.yaml"))
    run_all(run, spark)
    made = tables.read_folder(storage.join(run.output, "generations")).to_pylist()
    errors = Counter(row["error"] for row in made if row["error"])
    assert set(errors) <= {"rejected:repeated"}, errors
    assert {row["recipe"] for row in made if row["text"]} == set(RECIPES)
    judged = tables.read_folder(storage.join(run.output, "judged")).to_pylist()
    by_id = {row["id"]: row for row in made}
    [document] = {row["document_id"] for row in judged if row["verdict"] == "contamination"}
    holding = {row["id"] for row in made if row["text"] and row["document_id"] == document and row["span_start"] == 0}
    assert {row["id"] for row in judged if row["verdict"] == "contamination"} == holding, "what comes of the passage that holds the item"
    assert {row["verdict"] for row in judged if by_id[row["id"]]["text"] and row["id"] not in holding} == {"keep"}
    mixture = tables.read_folder(storage.join(run.output, "mixture")).to_pylist()
    assert {row["recipe"] for row in mixture} == set(RECIPES)
    fields = [json.loads(row["fields"]) for row in made if row["recipe"] == RECIPES[0] and row["text"]]
    assert all(set(each) == {"question", "answer", "format"} for each in fields), "open questions, as the seeds are"
