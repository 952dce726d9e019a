"""A plan beside the run that it is of: what was counted, what was estimated, and what is never asked twice."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import numpy as np
import pytest

from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.config.run import Limit, Run
from rephrase.errors import UserError
from rephrase.notes import GenerationsNote
from rephrase.planning import counting, material, measured
from rephrase.planning.figures import Plan
from rephrase.planning.forecast import forecast
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.pipeline import run_all
from rephrase.spark.stages.trials import notes_of
from rephrase.storage import tables
from tests.places import ROOT
from tests.rephrase.engines.scripted import serving_thread
from tests.rephrase.spark.stages.test_pipeline import pages, write_run
from tests.rephrase.spark.stages.test_rewrite import answer_of
from tests.small_model import small_model

RECIPES = [
    {"use": "wrap/easy", "sampling": {"max_tokens": 60}},
    "wrap/qa",
    "nemotron/distill",
    "chunkwise/rewrite",
    {"use": "tinystories/story", "options": {"count": 30}},
    {"use": "mind/debate", "when": {"min_tokens": 200}},
]


LARGE = {"input": {"paths": ["raw"], "tokens_per_unit": 6000}, "mix": {"components": [{"origin": "original", "share": 1.0}]}}


def lengths(tmp_path, number: int = 30) -> None:
    """Give the documents of a run lengths and sources of their own."""
    texts = iter([page["text"] for page in pages(8 * number)])
    random = np.random.default_rng(1)
    with (tmp_path / "raw" / "notes.jsonl").open("w") as file:
        for document in range(number):
            text = " ".join(next(texts) for _ in range(int(random.integers(1, 9))))
            file.write(json.dumps({"id": str(document), "text": text, "source": "ab"[document % 3 == 0]}) + "\n")


def sums(run: Run) -> dict[tuple[str, str], GenerationsNote]:
    by_step: dict[tuple[str, str], GenerationsNote] = defaultdict(GenerationsNote)
    for note in notes_of(run):
        by_step[note.recipe, note.step] += note
    return by_step


def lines(plan: Plan):
    return {(line.recipe, line.step): line for line in plan.lines}


def test_requests_and_prompt_tokens_are_those_of_the_run(tmp_path, spark, tokenizer_file, monkeypatch, capsys):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, recipes=RECIPES, **LARGE)
    lengths(tmp_path, 12)
    run = load_run(str(path))
    of_input = forecast(run)
    run_all(run, spark, last=Tables.DOCUMENTS)
    monkeypatch.setattr(counting, "_IN_PLACE", 0)  # as with many documents
    plan = forecast(run)
    assert plan.documents == of_input.documents
    assert {key: line.prompt_tokens for key, line in lines(plan).items()} == {k: line.prompt_tokens for k, line in lines(of_input).items()}
    assert [remark for remark in plan.remarks if "an engine `echo`, which runs no model: it takes no time" in remark]
    assert not any("no rate is known" in remark for remark in plan.remarks)
    assert not plan.is_whole, "chunkwise goes on from answers"
    assert all(line.at_most for line in plan.lines if line.output_tokens)
    run_all(run, spark)
    made = sums(run)
    exact = [line for line in plan.lines if line.requests and line.requests.is_exact]
    assert len(exact) == 5
    for line in exact:
        note = made[line.recipe, line.step]
        assert (line.requests.value, line.prompt_tokens.value) == (note.requests - note.retried, note.prompt_tokens), line.recipe
        assert line.output_tokens.low <= note.completion_tokens <= line.output_tokens.high
    passages = {kept.recipe: kept.passages.value for kept in plan.kept}
    assert passages == {recipe: note.passages for (recipe, step), note in made.items() if step != "fidelity"}
    after = forecast(run)
    assert after.is_whole
    for line in after.lines:  # all units are done: nothing is left to chance
        assert line.output_tokens.value == pytest.approx(made[line.recipe, line.step].completion_tokens)
    capsys.readouterr()
    main(["plan", str(path), "--gpus", "4", "--price", "2", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["totals"]["output_tokens"]["value"] == pytest.approx(sum(note.completion_tokens for note in made.values()))
    assert printed["rates"] == {"echo": None}


def test_a_step_is_taken_for_as_many_requests_as_an_answer_before_it_may_lead_to(tmp_path, tokenizer_file):
    near = {"part_tokens": 60, "least_distance": 0, "pairs": 2, "questions": 5}
    recipes = [{"use": "long/qa", "options": near}, {"use": "long/summaries", "options": {"levels": 2}}]
    told = lines(forecast(load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}, recipes=recipes)))))
    asked, checked = told["long/qa", "ask"].requests, told["long/qa", "check"]
    assert asked.value > 0
    assert (checked.requests.low, checked.requests.value) == (0, 5 * asked.value)
    assert checked.output_tokens.value == 64 * checked.requests.value
    assert "taken for 5 requests for each of the step before" in checked.how
    assert told["long/summaries", "level1"].requests.value == told["long/summaries", "level0"].requests.value / 2
    assert "one request for 2 of the step before" in told["long/summaries", "level1"].how


def test_a_large_table_is_sampled_and_the_interval_holds_the_count(tmp_path, spark, tokenizer_file, monkeypatch):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, recipes=["wrap/easy"], input={"paths": ["raw"], "tokens_per_unit": 300})
    lengths(tmp_path, 150)
    run = load_run(str(path))
    run_all(run, spark, last=Tables.DOCUMENTS)
    exact = forecast(run, exact=True)
    monkeypatch.setattr(counting, "EXACT_TOKENS", 100)
    plan = forecast(run)
    assert "30 of" in plan.origins[0]
    for sampled, counted in zip(plan.lines, exact.lines, strict=True):
        assert not sampled.requests.is_exact
        assert sampled.requests.low <= counted.requests.value <= sampled.requests.high
        assert sampled.prompt_tokens.low <= counted.prompt_tokens.value <= sampled.prompt_tokens.high
        assert sampled.prompt_tokens.high < 1.5 * sampled.prompt_tokens.value


class Terse:
    """A server that says more of some passages than of others."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, body: dict, _call: int) -> dict:
        prompt = body["messages"][-1]["content"]
        self.asked.append(prompt)
        words = (prompt.split() * 2)[: 5 + len(prompt) % 60]
        answer = answer_of(" ".join(words))
        return {**answer, "usage": {"prompt_tokens": len(prompt.split()), "completion_tokens": len(words)}}


def test_a_pilot_tells_what_is_written_and_kept_and_is_not_asked_again(tmp_path, spark, tokenizer_file, capsys):
    server = Terse()
    with serving_thread(server.answer) as url:
        recipes = [{"use": f"wrap/{style}", "sampling": {"max_tokens": 80}} for style in ("easy", "hard")]
        engine = {"kind": "endpoint", "url": url, "model": "m"}
        checks = ["finished", "parsed", {"length": {"min_ratio": 0.1}}]
        path = write_run(tmp_path, tokenizer_file, engine, recipes=recipes, filter={"checks": checks}, **LARGE)
        lengths(tmp_path)
        run = load_run(str(path))
        before = forecast(run)
        pilot = run.model_copy(update={"limit": Limit(documents=10, stratified=True)})
        run_all(pilot, spark, last=Tables.JUDGED)
        asked = len(server.asked)
        assert 0 < asked < sum(line.requests.value for line in before.lines)
        plan = forecast(run, price=3.0)
        run_all(run, spark)
        assert len(server.asked) == sum(line.requests.value for line in plan.lines), "what the pilot asked is not asked again"
    made = sums(run)
    assert sum(note.reused for note in made.values()) == asked
    judged = json.loads((tmp_path / "out" / "judged" / "_stage.json").read_text())
    assert judged["stage"] == "filter"
    for line in plan.lines:
        assert not line.at_most
        assert "the trial pilot-10" in line.how
        assert line.output_tokens.low <= made[line.recipe, line.step].completion_tokens <= line.output_tokens.high
    after = {kept.recipe: kept for kept in forecast(run).kept}
    for kept in plan.kept:
        assert kept.keep_rate.low <= after[kept.recipe].keep_rate.value <= kept.keep_rate.high
    assert plan.gpu_hours is None, "no engine of the executors answered"
    capsys.readouterr()
    main(["plan", str(path)])
    shown = capsys.readouterr().out
    assert "rows kept" in shown
    assert "its time and price are its server's" in shown


def test_a_published_rate_gives_hours_money_and_days(tmp_path, tokenizer_file, capsys):
    path = write_run(tmp_path, tokenizer_file, {"kind": "endpoint", "url": "http://localhost:1/v1", "model": "Qwen/Qwen3-8B"})
    main(["plan", str(path), "--gpus", "2", "--price", "2.5", "--json"])
    plan = json.loads(capsys.readouterr().out)
    rate = plan["rates"]["Qwen/Qwen3-8B"]
    assert rate["tokens_per_second"] == pytest.approx(6338 * 0.44)
    assert "44%" in rate["source"]
    tokens, hours = plan["totals"]["output_tokens"]["value"], plan["totals"]["gpu_hours"]["value"]
    assert hours == pytest.approx(tokens / (6338 * 0.44) / 3600)
    assert plan["totals"]["money"]["value"] == pytest.approx(2.5 * hours)
    assert plan["totals"]["days"]["value"] == pytest.approx(hours / 24 / 2)
    hours_by_line = [line["gpu_hours"]["value"] for line in plan["lines"]]
    assert hours_by_line == sorted(hours_by_line, reverse=True)
    assert plan["lines"][0]["at_most"]
    main(["plan", str(path), "--price", "2.5"])
    shown = capsys.readouterr().out
    assert "takes at most" in shown
    assert "of which a run realises 44%" in shown
    with pytest.raises(SystemExit):
        main(["plan", str(path), "--gpus", "0"])
    assert "--gpus: 0 is not above 0" in capsys.readouterr().err


def assert_nine_of_ten_pilots_hold_what_the_run_comes_to(
    run: Run, spark, monkeypatch, whole: Run | None = None, documents: int = 15
) -> None:
    """Plans after pilots of ten seeds, against the tables of the whole run, which is done here unless it was."""
    plans = []
    for seed in range(1, 11):
        limit = Limit(documents=documents, seed=seed, stratified=True)
        run_all(run.model_copy(update={"limit": limit}), spark, last=Tables.JUDGED)
        monkeypatch.setattr(measured, "trials_of", lambda _, name=limit.name: [name])
        plans.append(forecast(run))
    monkeypatch.undo()
    if whole is None:
        run_all(run, spark)
    made, truth = sums(whole or run), Counter()
    for row in tables.read_folder(Tables.JUDGED.folder((whole or run).output), ["recipe", "verdict"]).to_pylist():
        truth[row["recipe"], row["verdict"] == "keep"] += 1
    held = []
    for recipe in ("wrap/easy", "wrap/hard"):
        tokens = made[recipe, "rewrite"].completion_tokens
        keep_rate = truth[recipe, True] / (truth[recipe, True] + truth[recipe, False])
        assert 0.1 < keep_rate < 0.9
        estimates = [lines(plan)[recipe, "rewrite"].output_tokens for plan in plans]
        shares = [next(kept.keep_rate for kept in plan.kept if kept.recipe == recipe) for plan in plans]
        held += [one.low <= tokens <= one.high for one in estimates]
        held += [one.low <= keep_rate <= one.high for one in shares]
        assert max(one.high / one.low for one in estimates) < 2, "and the intervals say something"
    assert sum(held) >= 0.9 * len(held)


@pytest.mark.long
def test_nine_of_ten_pilots_hold_what_the_run_comes_to(tmp_path, spark, tokenizer_file, monkeypatch):
    server = Terse()
    with serving_thread(server.answer) as url:
        engine = {"kind": "endpoint", "url": url, "model": "m"}
        checks = ["finished", "parsed", {"length": {"min_ratio": 0.14}}]
        path = write_run(tmp_path, tokenizer_file, engine, recipes=["wrap/easy", "wrap/hard"], filter={"checks": checks}, **LARGE)
        lengths(tmp_path, 60)
        assert_nine_of_ten_pilots_hold_what_the_run_comes_to(load_run(str(path)), spark, monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_so_do_those_with_a_real_model(tmp_path, spark, monkeypatch):
    """A small model answers once; the pilots replay of its answers what they ask for."""
    model = small_model()
    recipes = [{"use": f"wrap/{style}", "sampling": {"max_tokens": 96, "temperature": 0.5}} for style in ("easy", "hard")]
    checks = ["finished", "parsed", "chatter", "length", "repetition", "copied"]
    engine = {"kind": "vllm", "model": str(model), "args": ["--enforce-eager"]}
    path = write_run(tmp_path, str(model), engine, recipes=recipes, filter={"checks": checks}, **LARGE)
    paragraphs = [text for page in sorted((ROOT / "docs").glob("*.md")) for text in page.read_text("utf-8").split("\n\n")]
    texts = [text for text in paragraphs if 250 < len(text) < 1500 and text[0].isalpha()][:80]
    rows = [json.dumps({"id": str(number), "text": text, "source": "docs"}) for number, text in enumerate(texts)]
    (tmp_path / "raw" / "notes.jsonl").write_text("\n".join(rows))
    whole = load_run(str(path))
    run_all(whole, spark, last=Tables.JUDGED)
    recorded = {"kind": "replay", "path": Tables.GENERATIONS.folder(whole.output), "model": model.name}
    again = write_run(tmp_path, str(model), recorded, output="again", recipes=recipes, filter={"checks": checks}, **LARGE)
    assert_nine_of_ten_pilots_hold_what_the_run_comes_to(load_run(str(again)), spark, monkeypatch, whole, 24)


def test_a_large_input_is_read_in_part_and_that_is_said(tmp_path, tokenizer_file, monkeypatch):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, recipes=["wrap/easy"], input={"paths": ["raw"]})
    page = (tmp_path / "raw" / "notes.jsonl").read_text()
    for number in range(3):
        (tmp_path / "raw" / f"{number}.jsonl").write_text(page.replace("People", f"Folk {number}"))
    (tmp_path / "raw" / "notes.jsonl").unlink()
    run = load_run(str(path))
    whole = forecast(run)
    assert whole.documents.value == 24
    monkeypatch.setattr(material, "_ENOUGH", 10)
    part = forecast(run)
    assert "2 of 3 input files" in part.origins[0]
    assert part.documents.value == pytest.approx(24, rel=0.05)
    assert not part.lines[0].requests.is_exact
    assert any("no interval tells" in remark for remark in part.remarks)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.jsonl").write_text('{"other": "x"}\n')
    with pytest.raises(UserError, match=r"the input gives no documents: .*text"):
        forecast(load_run(str(path), {"input.paths": [str(tmp_path / "empty")]}))
