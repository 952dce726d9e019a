from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from rephrase.engines.base import Completion, Identity, Request, Sampling
from rephrase.engines.recording import Recording
from rephrase.engines.replay import Reuse
from rephrase.errors import UserError
from rephrase.generation.loop import generate, generate_together
from rephrase.generation.rows import with_generations
from rephrase.generation.step_run import StepRun, generations_of
from rephrase.notes import EngineFigures
from rephrase.recipes.base import Output, Paper, Parsed, Prompt, Recipe, Row, Step
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.use import RecipeUse
from rephrase.records import GENERATION, Document
from rephrase.storage import tables
from tests.panic import PanicException

DOCUMENTS = [Row(Document(f"doc{i}", f"Tide number {i} rises at dawn. The Moon pulls it. " * 30)) for i in range(6)]


class ScriptedEngine:
    """Answers by a function of the request, slowly and out of order, and remembers how it was called."""

    model = "scripted"
    identity = Identity("scripted 1", "abc", "def")

    def __init__(self, answer: Callable[[Request], Completion], batch_size: int = 3, concurrency: int = 7) -> None:
        self.answer, self.batch_size, self.concurrency = answer, batch_size, concurrency
        self.calls: list[list[Request]] = []
        self.in_flight = self.most_in_flight = 0

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.calls.append(list(requests))
        self.in_flight += len(requests)
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0.001 * (len(self.calls) % 3))
        self.in_flight -= len(requests)
        return [self.answer(request) for request in requests]

    async def figures(self) -> EngineFigures:
        return EngineFigures()

    async def close(self) -> None:
        pass


def run(engine: ScriptedEngine, tokenizer, recipe: str = "wrap/medium", rows=DOCUMENTS, step: int = 0, **more):
    [chosen] = recipes_of([RecipeUse.model_validate(recipe)])
    return asyncio.run(generate(rows, StepRun(chosen, chosen.steps[step], tokenizer, engine.model), engine, **more))


def echo(request: Request) -> Completion:
    return Completion(f"Rewritten {request.digest}.", "stop", 10, 5)


def test_every_prompt_gives_one_row_in_the_order_of_documents_and_spans(tokenizer):
    engine = ScriptedEngine(echo)
    table, tally = run(engine, tokenizer)
    rows = table.to_pylist()
    assert table.schema == GENERATION
    assert tally.generations == tally.passages == len(rows) == sum(len(call) for call in engine.calls) > len(DOCUMENTS)
    places = [(row["document_id"], row["span_start"]) for row in rows]
    assert places == sorted(places)
    assert all(row["text"] == f"Rewritten {row['request_digest']}." for row in rows), "answers go to the rows that asked"
    assert len({row["id"] for row in rows}) == len(rows)
    assert tally.completion_tokens == 5 * len(rows)


def test_ids_and_seeds_depend_on_content_alone(tokenizer):
    first, _ = run(ScriptedEngine(echo, 1, 1), tokenizer)
    second, _ = run(ScriptedEngine(echo, 16, 64), tokenizer, rows=DOCUMENTS[::-1])
    key = lambda table: sorted(zip(table["id"].to_pylist(), table["seed"].to_pylist(), strict=True))  # noqa: E731
    assert key(first) == key(second)
    other = ScriptedEngine(echo)
    other.model = "another"
    third, _ = run(other, tokenizer)
    assert not set(third["id"].to_pylist()) & set(first["id"].to_pylist())


def test_the_engine_is_kept_full_and_never_overfull(tokenizer):
    engine = ScriptedEngine(echo, batch_size=4, concurrency=8)
    run(engine, tokenizer)
    assert engine.most_in_flight == 8


def test_a_completion_that_does_not_parse_is_asked_for_again_a_bounded_number_of_times(tokenizer):
    good = json.dumps({"summary": "Tides.", "entities": ["Moon", "Tide"]})
    flaky = ScriptedEngine(lambda r: Completion(good if r.attempt == 2 else "{broken"))
    table, tally = run(flaky, tokenizer, "entigraph")
    assert table["attempts"].to_pylist() == [3] * table.num_rows
    assert table["text"].to_pylist() == ["Tides."] * table.num_rows
    assert tally.retried == 2 * table.num_rows
    seeds = {request.seed for call in flaky.calls for request in call}
    assert len(seeds) == 3 * table.num_rows, "another attempt is another draw"

    hopeless = ScriptedEngine(lambda _: Completion("{broken"))
    table, tally = run(hopeless, tokenizer, "entigraph")
    assert set(table["error"].to_pylist()) == {"parse:json"}
    assert set(table["attempts"].to_pylist()) == {5}
    assert tally.parse_errors == table.num_rows


def test_answers_that_a_step_turns_down_after_they_parsed_are_errors_with_a_cause(tokenizer):
    problem = Row(Document("doc", "A box holds 3 pens. How many do 4 hold?", metadata={"answer": "12"}))
    solver = ScriptedEngine(lambda _: Completion("So they hold 13 pens.\n#### 13", "stop"))
    table, tally = run(solver, tokenizer, "verified/answer", [problem])
    assert table["error"].to_pylist() == ["rejected:wrong"] * 4
    assert (tally.errors, tally.engine_errors, tally.parse_errors) == (4, 0, 4)
    assert tally.causes == {"rejected:wrong": 4}


def test_engine_errors_become_rows_and_are_not_asked_again(tokenizer):
    engine = ScriptedEngine(lambda r: Completion("", "error", error="engine:timeout") if int(r.digest, 16) % 2 else echo(r))
    table, tally = run(engine, tokenizer)
    errors = [e for e in table["error"].to_pylist() if e]
    assert errors == ["engine:timeout"] * tally.engine_errors
    assert 0 < len(errors) < table.num_rows
    assert [t is None for t in table["text"].to_pylist()] == [e is not None for e in table["error"].to_pylist()]


def test_errors_are_stored_without_what_nobody_can_read(tokenizer):
    table, tally = run(ScriptedEngine(lambda _: Completion("", "error", error="prompt_refused: a\x1b\ud800")), tokenizer)
    assert set(table["error"].to_pylist()) == set(tally.causes) == {"prompt_refused: a\ufffd"}


@pytest.mark.parametrize("error", ["engine:bad_request: token {} is none", "engine_crash"])
def test_too_many_engine_errors_fail_loudly_with_the_cause(tokenizer, error):
    def answer(request: Request) -> Completion:
        number = int(request.digest[:8], 16)
        code = "engine:timeout" if number % 4 == 0 else error.format(number) if number % 4 == 1 else None
        return Completion("", "error", error=code) if code else echo(request)

    table, tally = run(ScriptedEngine(answer), tokenizer)
    assert tally.engine_errors == sum(error is not None for error in table["error"].to_pylist())
    assert len(tally.causes) == 2, "numbers make no other cause"
    share, times = tally.engine_errors / tally.requests, max(tally.causes.values())
    run(ScriptedEngine(answer), tokenizer, max_engine_errors=share)
    with pytest.raises(UserError, match=rf"{tally.engine_errors} of {tally.requests} requests of a unit failed.*{times} times") as broken:
        run(ScriptedEngine(answer), tokenizer, max_engine_errors=share - 0.01)
    assert "#" not in str(broken.value), "the first of alike causes is told as it is"


@pytest.mark.parametrize(
    ("reason", "stored", "error"),
    [
        ("eos_token", "stop", None),
        ("MAX_TOKENS", "length", None),
        ("network_error", "error", "engine:failed: network_error"),
        ("SAFETY", "error", "engine:content_filter: SAFETY"),
        ("no such reason", "error", "engine:unknown_finish_reason: no such reason"),
        (None, "length", None),
    ],
)
def test_no_engine_makes_a_cut_or_broken_answer_a_finished_one(tokenizer, reason, stored, error):
    table, tally = run(ScriptedEngine(lambda _: Completion("The tide", reason)), tokenizer)
    assert set(table["finish_reason"].to_pylist()) == {stored}
    assert set(table["error"].to_pylist()) == {error}
    assert set(table["text"].to_pylist()) == {None if error else "The tide"}
    assert tally.engine_errors == (table.num_rows if error else 0)


@pytest.mark.parametrize("error", ["prompt_too_long", "engine:content_filter: flagged"])
def test_what_is_the_documents_doing_ends_no_run(tokenizer, error):
    answered = ScriptedEngine(lambda r: Completion("", "error", error=error) if int(r.digest, 16) % 3 else echo(r))
    table, _ = run(answered, tokenizer, max_engine_errors=0.0)
    assert error in table["error"].to_pylist()
    mixed = ScriptedEngine(lambda r: Completion("", "error", error=error if int(r.digest, 16) % 3 else "engine:timeout"))
    with pytest.raises(UserError, match=r"requests of a unit failed, most often with `engine:timeout`"):
        run(mixed, tokenizer, max_engine_errors=0.0)


def test_an_engine_that_answers_nothing_is_not_asked_for_a_whole_unit(tokenizer):
    rows = [Row(Document(f"doc{n}", "The tide rises at dawn.")) for n in range(2000)]
    dead = ScriptedEngine(lambda _: Completion("", "error", error="engine_crash"))
    with pytest.raises(UserError, match=r"`engine_crash`"):
        run(dead, tokenizer, rows=rows, max_engine_errors=0.2)
    assert 20 < sum(map(len, dead.calls)) < 50
    once = ScriptedEngine(lambda r: Completion("", "error", error="engine_crash") if r is once.calls[0][0] else echo(r))
    table, _ = run(once, tokenizer, rows=rows[:3], max_engine_errors=0.2)
    assert table["error"].to_pylist().count("engine_crash") == 1, "one prompt that kills its engine is another matter"
    late = ScriptedEngine(lambda r: Completion("", "error", error="engine:timeout") if len(late.calls) > 100 else echo(r))
    run(late, tokenizer, rows=rows[:400], max_engine_errors=0.5)  # a bad spell is weighed at the end


def test_a_step_that_fans_out_can_be_cut_into_parts(tokenizer):
    names = ["Moon", "Sea", "Sun", "Tide", "Earth"]
    entities, _ = run(ScriptedEngine(lambda _: Completion(json.dumps({"summary": "s", "entities": names}))), tokenizer, "entigraph")
    rows = [Row(row.document, {"entities": [g for d, g in generations_of(entities) if d == row.document.id]}) for row in DOCUMENTS]
    whole, _ = run(ScriptedEngine(echo), tokenizer, "entigraph", rows, step=1)
    parts = [run(ScriptedEngine(echo), tokenizer, "entigraph", rows, step=1, part=(i, 3))[0] for i in range(3)]
    assert whole.num_rows == len(DOCUMENTS) * (10 + 10)
    assert sorted(i for part in parts for i in part["id"].to_pylist()) == sorted(whole["id"].to_pylist())
    assert all(lineage == [rows[0].earlier["entities"][0].id] for lineage in whole["lineage"].to_pylist()[:20])


def test_no_rows_give_an_empty_table(tokenizer):
    table, tally = run(ScriptedEngine(echo), tokenizer, rows=[])
    assert table.num_rows == 0
    assert table.schema == GENERATION
    assert tally.requests == 0


def test_steps_that_share_a_prefix_are_asked_passage_by_passage_and_give_what_each_gives_alone(tokenizer):
    recipes = recipes_of([RecipeUse(use="wrap/*", document_first=True)])
    engine = ScriptedEngine(echo, batch_size=1, concurrency=1)
    step_runs = [StepRun(recipe, recipe.steps[0], tokenizer, engine.model) for recipe in recipes]
    assert len({step_run.step.prefix for step_run in step_runs}) == 1
    together = asyncio.run(generate_together(DOCUMENTS, step_runs, engine))
    passages = [call[0].messages[0].content.split("\n---\n")[0] for call in engine.calls]
    assert passages == [passage for passage in passages[:: len(step_runs)] for _ in step_runs], "all styles of a passage, then the next"
    for (table, tally), step_run in zip(together, step_runs, strict=True):
        alone, its_tally = asyncio.run(generate(DOCUMENTS, step_run, ScriptedEngine(echo)))
        assert table.equals(alone)
        assert tally.generations == its_tally.generations


def test_every_row_says_what_wrote_it(tokenizer):
    table, _ = run(ScriptedEngine(echo), tokenizer)
    assert {(r["engine"], r["model_revision"], r["template_digest"]) for r in table.to_pylist()} == {("scripted 1", "abc", "def")}


def test_rows_asked_again_in_a_later_run_get_other_seeds_but_the_same_ids(tokenizer):
    [recipe] = recipes_of([RecipeUse(use="wrap/easy")])
    tables = []
    for first in (0, 3):
        step_run = StepRun(recipe, recipe.steps[0], tokenizer, "scripted", first)
        tables.append(asyncio.run(generate(DOCUMENTS, step_run, ScriptedEngine(echo)))[0])
    assert tables[0]["id"].equals(tables[1]["id"])
    assert not set(tables[0]["seed"].to_pylist()) & set(tables[1]["seed"].to_pylist())
    assert set(tables[1]["attempts"].to_pylist()) == {4}


def test_rows_made_of_earlier_completions_are_the_earlier_rows_whatever_attempt_got_them(tokenizer, tmp_path):
    """Also of documents with the same text, whose requests are equal but for their seeds."""
    [recipe] = recipes_of([RecipeUse(use="entigraph")])
    rows = [*DOCUMENTS, *(Row(Document(f"twin of {row.document.id}", row.document.text)) for row in DOCUMENTS)]

    def answer(request: Request) -> Completion:
        good = request.attempt >= (10 if "Tide number 0" in request.messages[-1].content else 9)
        return Completion(json.dumps({"summary": f"Drawn with {request.seed}.", "entities": ["Moon"]}) if good else "{broken")

    def made(first: int, engine) -> list[dict]:
        return asyncio.run(generate(rows, StepRun(recipe, recipe.steps[0], tokenizer, "scripted", first), engine))[0].to_pylist()

    before = made(5, ScriptedEngine(answer))  # attempts 5 to 9
    path = str(tmp_path / "unit.parquet")
    tables.commit(path, pa.Table.from_pylist(before, schema=GENERATION))
    engine = ScriptedEngine(answer)
    assert made(0, Reuse(engine, [Recording([path])])) == before
    assert not engine.calls, "also what did not parse then is not asked for again"
    after = made(10, Reuse(engine, [Recording([path], errors=False)], any_attempt=True))
    wrong = {row["id"] for row in before if row["error"]}
    assert [row for row in after if row["id"] not in wrong] == [row for row in before if row["id"] not in wrong]
    assert sum(map(len, engine.calls)) == len(wrong) == 2
    assert all(str(row["seed"]) in row["text"] for row in after if row["text"]), "a row's seed is the one that drew its completion"


@pytest.mark.parametrize(("reason", "prompts"), [("stop", 1), ("length", 0)])
def test_no_step_builds_on_a_text_that_was_cut(tokenizer, reason, prompts):
    [wrap] = recipes_of([RecipeUse.model_validate("wrap/easy")])
    again = replace(wrap.steps[0], name="again", of=wrap.steps[0].name, passage_tokens=0)
    recipe = replace(wrap, steps=(wrap.steps[0], again))
    row = Row(Document("d", "The tide rises at dawn."))
    engine = ScriptedEngine(lambda _: Completion("The sea climbs when the day begins.", reason))
    table, _ = asyncio.run(generate([row], StepRun(recipe, wrap.steps[0], tokenizer, engine.model), engine))
    [grown] = with_generations([row], wrap.steps[0].name, table)
    assert len(list(again.prompts(grown, tokenizer))) == prompts


@dataclass(frozen=True)
class Fragile(Step):
    """Fails on some completions, wherever its code sees them."""

    place: str
    name = "rewrite"
    sampling = Sampling(max_tokens=64)

    def prompts(self, row, tokenizer):
        del tokenizer
        bad = "number 2" in row.document.text
        yield Prompt.from_user(row.document.text, row.span, self.sampling, key=5 if bad and self.place == "key" else "")
        if self.place == "panic" and bad:
            raise PanicException("index out of bounds")
        if self.place in ("prompts", "everywhere") and (bad or self.place == "everywhere"):
            yield {"panic": "no prompt"}[row.document.id]

    def parse(self, prompt, completion, tokenizer):
        del prompt, tokenizer
        if self.place == "parse" and completion.text == "bad":
            raise RecursionError
        return Parsed(text=completion.text, fields={"n": 2**70} if self.place == "fields" and completion.text == "bad" else {})

    def follow(self, row, answer, tokenizer):
        del row, tokenizer
        if self.place == "next" and answer.completion.text == "bad":
            return replace(answer.prompt, messages=None)
        if self.place == "follow" and answer.completion.text == "bad":
            raise MemoryError
        return None

    def outputs(self, row, answers):
        del row
        if self.place == "outputs" and answers[0].completion.text == "bad":
            raise ZeroDivisionError
        return [Output(answer, answer.parsed) for answer in answers]

    def describe(self):
        return {"place": self.place}


def run_fragile(place: str, answer: Callable[[Request], Completion], tokenizer, **more):
    recipe = Recipe("mine/fragile", Paper("None yet", ""), (Fragile(place),))
    return asyncio.run(generate(DOCUMENTS, StepRun(recipe, recipe.steps[0], tokenizer, "scripted"), ScriptedEngine(answer), **more))


@pytest.mark.parametrize(
    ("place", "error"),
    [("parse", "RecursionError"), ("fields", "ValueError"), ("follow", "MemoryError"), ("outputs", "ZeroDivisionError")],
)
def test_an_exception_over_one_completion_costs_its_row_only(place, error, tokenizer):
    def answer(request: Request) -> Completion:
        return Completion("bad" if "number 2" in request.messages[0].content else "good")

    table, tally = run_fragile(place, answer, tokenizer)
    errors = table.column("error").to_pylist()
    assert errors == [None, None, f"parse:exception:{error}", None, None, None]
    assert tally.errors == 1


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("prompts", [None, None, None, "prompt:exception:KeyError", None, None, None]),
        ("panic", [None, None, None, "prompt:exception:PanicError", None, None, None]),
        ("key", [None, None, "prompt:exception:AttributeError", None, None, None]),
        ("next", [None, None, None, "prompt:exception:TypeError", None, None, None]),
    ],
)
def test_an_exception_in_making_prompts_costs_its_row_only(place, expected, tokenizer, caplog):
    def answer(request: Request) -> Completion:
        return Completion("bad" if "number 2" in request.messages[0].content else "good")

    table, tally = run_fragile(place, answer, tokenizer, max_engine_errors=0)
    rows = table.to_pylist()
    assert [row["error"] for row in rows] == expected
    [failed] = [row for row in rows if row["error"]]
    assert (failed["recipe"], failed["step"], failed["document_id"]) == ("mine/fragile", "rewrite", "doc2")
    assert (failed["model"], failed["text"], failed["completion"]) == ("none", None, "")
    assert "mine/fragile, step rewrite, document doc2" in caplog.text
    assert len({row["id"] for row in rows}) == len(rows)
    assert (tally.errors, tally.engine_errors, tally.parse_errors) == (1, 0, 0)


def test_parts_of_a_row_whose_prompts_fail_tell_it_once(tokenizer):
    recipe = Recipe("mine/fragile", Paper("None yet", ""), (Fragile("prompts"),))
    step_run = StepRun(recipe, recipe.steps[0], tokenizer, "scripted")
    parts = [asyncio.run(generate(DOCUMENTS, step_run, ScriptedEngine(echo), part=(part, 3)))[0] for part in range(3)]
    rows = [row for table in parts for row in table.to_pylist()]
    assert [row["document_id"] for row in rows if row["error"]] == ["doc2"]
    assert len({row["id"] for row in rows}) == len(rows) == len(DOCUMENTS) + 1


class Silent(Fragile):
    def prompts(self, row, tokenizer):
        del row, tokenizer
        raise LookupError


def test_a_recipe_that_makes_no_prompt_of_any_row_ends_the_unit(tokenizer):
    recipe = Recipe("mine/silent", Paper("None yet", ""), (Silent(""),))
    step_run = StepRun(recipe, recipe.steps[0], tokenizer, "scripted")
    with pytest.raises(UserError, match=r"none of the 6 prompts of a unit could be asked.*prompt:exception:LookupError.*6 times"):
        asyncio.run(generate(DOCUMENTS, step_run, ScriptedEngine(echo), max_engine_errors=0.5))
    table, _ = asyncio.run(generate(DOCUMENTS[:1], step_run, ScriptedEngine(echo), max_engine_errors=0.5))
    assert table.column("error").to_pylist() == ["prompt:exception:LookupError"]


def test_a_template_that_refuses_every_page_ends_the_unit_and_one_page_does_not(tokenizer):
    def refusing(*numbers: int) -> ScriptedEngine:
        refused = Completion("", "error", error="prompt_refused: Not this page")
        return ScriptedEngine(lambda r: refused if any(f"number {n}" in r.messages[-1].content for n in numbers) else echo(r))

    rows = [Row(Document(f"doc{i}", f"Tide number {i} rises.")) for i in range(6)]
    table, tally = run(refusing(3), tokenizer, rows=rows, max_engine_errors=0)
    assert [error for error in table.column("error").to_pylist() if error] == ["prompt_refused: Not this page"]
    assert tally.engine_errors == 0
    with pytest.raises(UserError, match="none of the 6 prompts of a unit could be asked"):
        run(refusing(*range(6)), tokenizer, rows=rows, max_engine_errors=0.5)


def test_wrong_settings_are_no_fault_of_a_completion(tokenizer):
    class Wrong(Fragile):
        def parse(self, prompt, completion, tokenizer):
            del prompt, completion, tokenizer
            raise UserError("no such parser")

    recipe = Recipe("mine/wrong", Paper("None yet", ""), (Wrong("parse"),))
    with pytest.raises(UserError, match="no such parser"):
        asyncio.run(generate(DOCUMENTS, StepRun(recipe, recipe.steps[0], tokenizer, "scripted"), ScriptedEngine(echo)))


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("The \ud83d tide\x00 rises.\x1b[0m", "The \ufffd tide rises.[0m"),
        ("<thinking>The user wants it short.</thinking>\nThe tide rises.", "The tide rises."),
    ],
)
def test_completions_are_clean_before_they_are_parsed_whatever_engine_wrote_them(completion, text, tokenizer):
    table, _ = run_fragile("", lambda _: Completion(completion), tokenizer)
    assert set(table.column("text").to_pylist()) == set(table.column("completion").to_pylist()) == {text}


@pytest.mark.parametrize(
    ("completion", "reasoning", "tokens"),
    [
        (Completion("<think>\nIt is short.\n</think>\nThe tide rises.", "stop", 3, 27), "It is short.", 12),
        (Completion("The tide rises.", "stop", 3, 10, reasoning="It is\x00 short. ", reasoning_tokens=4), "It is short.", 4),
        (Completion("<think>second</think>Yes.", "stop", 3, 10, reasoning="first", reasoning_tokens=4), "first\n\nsecond", 4),
        (Completion("<think>It does not end", "length", 3, 10), "It does not end", 10),
        (Completion("The tide rises.", "stop", 3, 10), None, 0),
    ],
)
def test_reasoning_is_a_column_of_its_own_and_its_tokens_are_counted(completion, reasoning, tokens, tokenizer):
    table, tally = run_fragile("", lambda _: completion, tokenizer)
    assert set(table.column("reasoning").to_pylist()) == {reasoning}
    assert not any("think" in text or "short" in text for text in table.column("completion").to_pylist())
    assert tally.note().reasoning_tokens == tokens * len(DOCUMENTS)
    assert tally.completion_tokens == completion.completion_tokens * len(DOCUMENTS)


def test_a_lone_surrogate_in_a_json_escape_is_replaced(tokenizer):
    reply = '{"summary": "half \\ud83d", "entities": ["A \\ud83d", "B"]}'
    table, _ = run(ScriptedEngine(lambda _: Completion(reply)), tokenizer, "entigraph")
    assert set(table.column("text").to_pylist()) == {"half \ufffd"}


@pytest.mark.parametrize("recipe", ["entigraph/relations", "mga/reformulate", "active_reading/strategies", "prox/chunk", "wrap/qa"])
def test_a_completion_that_nests_without_end_is_an_error_row(recipe, tokenizer):
    def answer(request: Request) -> Completion:
        del request
        return Completion("[" * 2000)

    table, tally = run(ScriptedEngine(answer), tokenizer, recipe, step=0)
    assert tally.documents == len(DOCUMENTS)
    assert table.num_rows
