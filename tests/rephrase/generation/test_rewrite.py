"""Texts through a recipe in this process: from lists, Arrow tables and pandas frames, in scripts and in a running event loop."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from rephrase import Completion, Identity, UserError, rewrite
from rephrase.engines.echo import EchoSettings
from rephrase.engines.several import Engines
from rephrase.generation.rewrite import run_recipes
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import find_recipes
from rephrase.records import GENERATION, Document, content_id
from rephrase.text.tokenizer import Tokenizer

TEXTS = ["The tide rises twice a day.", "The Moon pulls at the sea.", ""]
ECHO = {"kind": "echo"}


class Upper:
    """An engine of a user's own, which must be closed in the loop that it was used in."""

    model, batch_size, concurrency = "upper", 2, 4
    identity = Identity("upper 1")

    def __init__(self) -> None:
        self.loops: set[int] = set()
        self.closed = 0

    async def complete(self, requests: Any) -> list[Completion]:
        self.loops.add(id(asyncio.get_running_loop()))
        return [Completion(request.messages[-1].content.upper()) for request in requests]

    async def figures(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        assert self.loops <= {id(asyncio.get_running_loop())}
        self.closed += 1


def test_a_list_an_arrow_table_and_a_pandas_frame_give_the_same_rows(tokenizer_file: str) -> None:
    rows = rewrite(TEXTS, "wrap/easy", ECHO, tokenizer=tokenizer_file)
    assert rows.schema.equals(GENERATION)
    assert rows.column("document_id").to_pylist() == [content_id(text) for text in TEXTS[:2]], "an empty text gives no prompt"
    assert rewrite(pa.table({"text": TEXTS}), "wrap/easy", ECHO, tokenizer=tokenizer_file).equals(rows)
    assert rewrite(pd.DataFrame({"text": TEXTS}, index=[5, 6, 7]), "wrap/easy", ECHO, tokenizer=tokenizer_file).equals(rows)


def test_a_pattern_is_several_recipes_through_one_engine(tokenizer_file: str) -> None:
    engine = Upper()
    rows = rewrite(TEXTS, "wrap/*", engine, tokenizer=tokenizer_file)
    assert rows.column("recipe").to_pylist() == [f"wrap/{style}" for style in ("easy", "medium", "hard", "qa") for _ in range(2)]
    assert set(rows.column("engine").to_pylist()) == {"upper 1"}
    assert (engine.closed, len(engine.loops)) == (1, 1)


def test_each_step_asks_the_engine_that_it_names(tokenizer_file: str) -> None:
    class Judge(Upper):
        model, identity = "judge", Identity("judge 1")

        async def complete(self, requests: Any) -> list[Completion]:
            grades = dict.fromkeys(("instruction_following", "truthfulness", "honesty", "helpfulness"), 3)
            return [Completion(json.dumps(grades)) for _ in requests]

    engines = {"writer": Upper(), "judge": Judge()}
    recipe = {"use": "preference/grades", "steps": {"judge": {"engine": "judge"}}}
    rows = rewrite(["Why are there tides?"], recipe, engines, tokenizer=tokenizer_file)
    asked = {(row["step"], row["model"], row["engine"]) for row in rows.to_pylist()}
    assert asked == {("answers", "upper", "upper 1"), ("judge", "judge", "judge 1")}
    assert [engine.closed for engine in engines.values()] == [1, 1]
    alone = rewrite(["Why are there tides?"], "preference/grades", Upper(), tokenizer=tokenizer_file)
    answers = [rows.filter(pc.equal(rows["step"], "answers")), alone.filter(pc.equal(alone["step"], "answers"))]
    assert answers[0].equals(answers[1]), "names of engines change no row"
    with pytest.raises(UserError, match=r"there is no engine `judge` \(the engines are: writer, jury\)"):
        rewrite(["Why?"], recipe, {"writer": Upper(), "jury": Judge()}, tokenizer=tokenizer_file)


def test_of_engines_that_hold_devices_one_is_open_at_a_time(tokenizer_file: str) -> None:
    events: list[str] = []

    class Local(EchoSettings):
        holds_devices = True
        name: str

        def open(self, gpu_addresses: Any = (), logs: Any = None) -> Any:
            del gpu_addresses, logs
            events.append(f"{self.name} opens")
            engine, name = Upper(), self.name

            async def close() -> None:
                events.append(f"{name} closes")

            engine.close = close
            return engine

    engines = {name: Local(kind="echo", name=name) for name in ("writer", "judge")}
    mine = [
        {"use": "preference/grades", "steps": {"judge": {"engine": "judge"}}},
        {"use": "chunkwise", "steps": {"fidelity": {"engine": "judge"}}},
    ]
    recipes = [recipe for use in mine for recipe in find_recipes(use)]
    rows = [Row(Document("d", "Why are there tides? " * 9))]
    tables = run_recipes(rows, recipes, Engines(engines), lambda settings: settings.open(), Tokenizer.load(tokenizer_file))
    assert events == ["writer opens", "writer closes", "judge opens", "judge closes"]
    assert [table.column("step")[0].as_py() for table in tables] == ["answers", "judge", "rewrite", "fidelity"]


def test_later_steps_see_what_earlier_ones_made(tokenizer_file: str) -> None:
    class Entities(Upper):
        async def complete(self, requests: Any) -> list[Completion]:
            answers = await super().complete(requests)
            return [
                Completion('{"summary": "s", "entities": ["Tide", "Moon", "Sea"]}') if "JSON" in request.messages[-1].content else answer
                for request, answer in zip(requests, answers, strict=True)
            ]

    rows = rewrite(["The tide and the Moon and the sea. " * 20], {"use": "entigraph"}, Entities(), tokenizer=tokenizer_file)
    steps = rows.column("step").to_pylist()
    assert steps[0] == "entities"
    assert set(steps[1:]) == {"relations"}
    assert all(lineage == [rows.column("id")[0].as_py()] for lineage in rows.column("lineage").to_pylist()[1:])


def test_columns_named_as_ours_are_the_documents_own(tokenizer_file: str) -> None:
    table = pa.table(
        {
            "key": ["a", "b", "c"],
            "body": ["One text.", "Un texte.", "A deep text."],
            "language": ["en", "fr", "en"],
            "synthetic_depth": [0, 0, 2],
            "url": [1, 2, 3],  # no text, so it means something else
        }
    )
    english = {"use": "wrap/easy", "when": {"languages": "en"}}
    rows = rewrite(table, english, ECHO, tokenizer=tokenizer_file, text="body", id="key")
    assert dict(zip(rows.column("document_id").to_pylist(), rows.column("synthetic_depth").to_pylist(), strict=True)) == {"a": 1, "c": 3}
    short = {"use": "wrap/easy", "when": {"min_tokens": 1, "max_tokens": 8}}
    counted = rewrite(["A text.", "A text " * 20], short, ECHO, tokenizer=tokenizer_file)
    assert counted.column("document_id").to_pylist() == [content_id("A text.")], "tokens are counted where the table does not tell them"


def test_further_columns_go_into_the_metadata(tokenizer_file: str) -> None:
    table = pa.table({"text": ["A box holds 3 pens. How many do 4 hold?"], "answer": [12]})
    rows = rewrite(table, "verified/answer", ECHO, tokenizer=tokenizer_file, metadata=["answer"])
    assert set(rows.column("error").to_pylist()) == {"rejected:wrong"}, "the echo engine solves nothing"


def test_a_running_event_loop_is_no_obstacle(tokenizer_file: str) -> None:
    async def notebook() -> pa.Table:
        return rewrite(TEXTS, "wrap/easy", Upper(), tokenizer=tokenizer_file)

    assert asyncio.run(notebook()).equals(rewrite(TEXTS, "wrap/easy", Upper(), tokenizer=tokenizer_file))


def test_texts_may_come_one_by_one(tokenizer_file: str) -> None:
    at_once, one_by_one = (rewrite(texts, "wrap/easy", ECHO, tokenizer=tokenizer_file) for texts in (TEXTS, iter(TEXTS)))
    assert one_by_one.num_rows > 0
    assert one_by_one.equals(at_once)


def test_mistakes_end_in_one_line(tokenizer_file: str, tmp_path: Any) -> None:
    for texts, recipe, engine, message in (
        (TEXTS, "wrap/eazy", ECHO, "did you mean `wrap/easy`"),
        (TEXTS, "tinystories/story", ECHO, "has rows of its own and takes none"),
        (TEXTS, "wrap/easy", {"kind": "replay", "pth": "x"}, r"unknown key `engine\.pth`"),
        (TEXTS, "wrap/easy", {"kind": "replay", "path": str(tmp_path / "none")}, "none"),
        (pa.table({"body": TEXTS}), "wrap/easy", ECHO, "no column `text`"),
        ("one text", "wrap/easy", ECHO, "texts are a list of strings"),
        ({"text": TEXTS}, "wrap/easy", ECHO, "texts are a list of strings"),
        (None, "wrap/easy", ECHO, "texts are a list of strings"),
        (TEXTS, "wrap/easy", "echo", "'echo' is no engine"),
        (TEXTS, "wrap/easy", Upper, "is no engine"),
    ):
        with pytest.raises(UserError, match=message):
            rewrite(texts, recipe, engine, tokenizer=tokenizer_file)
