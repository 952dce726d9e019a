from __future__ import annotations

import json

import pytest

from rephrase.engines.base import Request
from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue
from rephrase.records import GENERATION, Document
from rephrase.spark import rewrite
from rephrase.text.tokenizer import Tokenizer
from tests.rephrase.engines.scripted import serving_thread

TEXTS = {"a": "The tide rises twice a day.", "b": "The Moon pulls at the sea.", "c": ""}


@pytest.fixture
def recording(tmp_path, tokenizer_file) -> str:
    """Recorded completions of wrap/easy for the two texts."""
    step, tokenizer = catalogue()["wrap/easy"].steps[0], Tokenizer.load(tokenizer_file)
    lines = []
    for key, text in TEXTS.items():
        for prompt in step.prompts(Row(Document(key, text)), tokenizer):
            digest = Request(prompt.messages, prompt.sampling).digest
            lines.append(
                {
                    "request_digest": digest,
                    "completion": f"Simply: {text}",
                    "finish_reason": "stop",
                    "prompt_tokens": 50,
                    "completion_tokens": 7,
                }
            )
    path = tmp_path / "recorded.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_a_column_of_the_users_own_dataframe_is_rewritten(spark, recording, tokenizer_file):
    frame = spark.get().createDataFrame([(k, v, 1) for k, v in TEXTS.items()], "key string, body string, other int")
    engine = {"kind": "replay", "path": recording, "model": "recorded"}
    out = rewrite(frame, "wrap/easy", engine, tokenizer=tokenizer_file, text="body", id="key")
    assert out.columns == GENERATION.names
    rows = {row["document_id"]: row for row in out.collect()}
    assert set(rows) == {"a", "b"}, "an empty text gives no prompt"
    assert rows["a"]["text"] == "Simply: The tide rises twice a day."
    assert (rows["a"]["span_start"], rows["a"]["span_end"]) == (0, len(TEXTS["a"]))
    assert rows["b"]["completion_tokens"] == 7


def test_a_further_action_asks_for_nothing_again(spark, tmp_path, tokenizer_file):
    asked = []

    def behave(body: dict, call: int) -> dict:
        asked.append(body["messages"][-1]["content"])
        return {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "It rises."}}], "usage": {}}

    frame = spark.get().createDataFrame([(text,) for text in TEXTS.values() if text], "text string").coalesce(1)
    with serving_thread(behave) as url:
        engine = {"kind": "endpoint", "url": url, "model": "m"}
        kept = {"tokenizer": tokenizer_file, "cache": str(tmp_path / "answers")}
        for options in ({"tokenizer": tokenizer_file}, kept):
            out = rewrite(frame, "wrap/easy", engine, **options)
            assert out.count() == out.count() == 2
            assert {row["text"] for row in out.collect()} == {"It rises."}
        assert len(asked) == 4, "two for the session, two for the folder"
        rewrite(frame, "wrap/easy", {**engine, "model": "other"}, **kept).collect()
        assert len(asked) == 6, "another model has not answered yet"


def test_a_recipe_names_its_engines(spark, tokenizer_file):
    frame = spark.get().createDataFrame([(TEXTS["a"],)], "text string")
    recipe = {"use": "chunkwise", "steps": {"fidelity": {"engine": "judge"}}}

    def behave(body: dict, call: int) -> dict:
        return {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Verdict: faithful"}}], "usage": {}}

    with serving_thread(behave) as url:
        engines = {"writer": {"kind": "echo"}, "judge": {"kind": "endpoint", "url": url, "model": "m"}}
        rows = rewrite(frame, recipe, engines, tokenizer=tokenizer_file).collect()
    assert {(row["step"], row["model"]) for row in rows} == {("rewrite", "echo"), ("fidelity", "m")}
    ours = {name: {"kind": "vllm", "model": f"org/{name}"} for name in ("writer", "judge")}
    with pytest.raises(UserError, match="the engines `writer` and `judge` would take turns on the same devices"):
        rewrite(frame, recipe, ours, tokenizer=tokenizer_file)


def test_failed_requests_are_rows_with_an_error(spark, recording, tokenizer_file):
    frame = spark.get().createDataFrame([("never recorded.",)], "text string")
    [row] = rewrite(frame, "wrap/easy", {"kind": "replay", "path": recording}, tokenizer=tokenizer_file).collect()
    assert row["error"] == "engine:not_recorded"
    assert row["text"] is None


def test_odd_columns_are_read_by_their_names_and_made_safe(spark, tokenizer_file):
    values = [("The tide rises.", "k1", 99_999_999_999, ["a", "b"], bytearray(b"a\xff"))]
    kinds = "`body.text` string, `a.key` string, synthetic_depth bigint, tags array<string>, raw binary"
    frame = spark.get().createDataFrame(values, kinds)
    engine = {"kind": "echo"}
    out = rewrite(frame, "wrap/easy", engine, tokenizer=tokenizer_file, text="body.text", id="a.key", metadata=["tags", "raw"]).collect()
    assert [row["document_id"] for row in out] == ["k1"]
    twice = frame.select("tags", "tags", frame["`body.text`"].alias("text"))
    with pytest.raises(UserError, match="two columns `tags`"):
        rewrite(twice, "wrap/easy", engine, tokenizer=tokenizer_file, metadata=["tags"])


def test_mistakes_are_found_before_any_task_runs(spark, recording, tokenizer_file):
    frame = spark.get().createDataFrame([("x",)], "text string")
    engine = {"kind": "replay", "path": recording}
    with pytest.raises(UserError, match="did you mean `wrap/easy`"):
        rewrite(frame, "wrap/eazy", engine, tokenizer=tokenizer_file)
    with pytest.raises(UserError, match="no column `body`"):
        rewrite(frame, "wrap/easy", engine, tokenizer=tokenizer_file, text="body")
    with pytest.raises(UserError, match=r"unknown key `engine\.pth`"):
        rewrite(frame, "wrap/easy", {"kind": "replay", "pth": recording}, tokenizer=tokenizer_file)


def test_columns_go_into_the_metadata_and_rows_know_their_neighbours(spark, tokenizer_file):
    texts = ["A box of Port Ellen holds 3 pens. How many do 4 hold?", "Once we saw Port Ellen from a boat.", "Bread rises."]
    frame = spark.get().createDataFrame([(text, "12", 7) for text in texts], "text string, answer string, other int").coalesce(1)
    rows = rewrite(frame, "verified/answer", {"kind": "echo"}, tokenizer=tokenizer_file, metadata=["answer"]).collect()
    assert {row["error"] for row in rows} == {"rejected:wrong"}, "the echo engine solves nothing"
    assert len(rows) == 4 * len(texts)
    rows = rewrite(frame, "crossdoc/related", {"kind": "echo"}, tokenizer=tokenizer_file).collect()
    assert len(rows) == 2, "one of the texts has no neighbour"
    with pytest.raises(UserError, match="`tinystories/story` has rows of its own and takes none"):
        rewrite(frame, "tinystories/story", {"kind": "echo"}, tokenizer=tokenizer_file)
