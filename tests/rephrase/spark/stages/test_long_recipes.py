"""`long/*` on a real story through rewriting, judging and mixing: the default checks keep what is well made, and the mixture holds it."""

from __future__ import annotations

import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import yaml

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.recipes.long.answers import answer

# Jules Verne (1889), as Project Gutenberg gives it; the library brings it for its exercises. To import it takes a package that is left out.
LIBRARY = find_spec("reasoning_gym")
assert LIBRARY is not None
assert LIBRARY.origin is not None
STORY = Path(LIBRARY.origin).parent / "data" / "in_the_year_2889.txt"


def test_a_story_gives_long_texts_that_the_checks_keep(
    tmp_path: Path, spark: LazySession, tokenizer: Tokenizer, tokenizer_file: str
) -> None:
    story = STORY.read_text(encoding="utf-8").strip()
    (tmp_path / "stories.jsonl").write_text(json.dumps({"id": "2889", "text": story, "language": "en", "license": "public domain"}))

    def behave(body: dict, _call: int) -> dict:  # type: ignore[type-arg]  # JSON
        message = {"content": answer("\n".join(turn["content"] for turn in body["messages"]))}
        return {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": {}}

    with serving_thread(behave) as url:
        config = {
            "output": "out",
            "input": {"paths": "stories.jsonl"},
            "tokenizer": tokenizer_file,
            "engine": {"kind": "endpoint", "url": url, "model": "m", "concurrency": 8},
            "recipes": [
                {"use": "long/stitch", "options": {"rewrites": 3}},
                "long/qa",
                "long/aggregate",
                {"use": "long/summaries", "options": {"layouts": ["up"]}},
            ],
            "mix": {"components": [{"recipe": "long/*", "share": 1.0}], "max_synthetic_depth": 1},
        }
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
        run = load_run(str(tmp_path / "run.yaml"))
        run_all(run, spark)
    judged = tables.read_folder(storage.join(run.output, "judged")).to_pylist()
    assert Counter((row["recipe"], row["verdict"]) for row in judged if row["text"]) == {
        (f"long/{name}", "keep"): 1 for name in ("stitch", "qa", "aggregate", "summaries")
    }, [(row["recipe"], row["verdict"], row["scores"]) for row in judged if row["text"] and row["verdict"] != "keep"]
    mixture = tables.read_folder(storage.join(run.output, "mixture")).to_pylist()
    assert {row["recipe"] for row in mixture} == {"long/stitch", "long/qa", "long/aggregate", "long/summaries"}
    assert [row["n_tokens"] for row in mixture] == tokenizer.count([row["text"] for row in mixture])
    for row in mixture:
        assert row["synthetic_depth"] == 1
        assert row["n_tokens"] > tokenizer.count([story])[0]
        assert story[:200] in row["text"]
        assert story[-200:].strip() in row["text"]
