"""What a run says at its end, and of what went wrong in it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from rich.console import Console

from rephrase import storage
from rephrase.cli.main import main
from rephrase.cli.mix_plan import show_plan
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.errors import UserError
from rephrase.notes import GenerationsNote
from rephrase.records import GENERATION
from rephrase.report.report import write_report
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import note_of
from rephrase.spark.stages.mix.manifest import mixture_manifest
from rephrase.spark.stages.mix.stage import plan_of
from rephrase.spark.stages.pipeline import run_stage
from rephrase.storage import tables
from tests.rephrase.cli.test_main import config
from tests.rephrase.spark.mixtures import HALVES
from tests.rephrase.spark.no_spark import NoSpark

MIX = {"components": HALVES}


def test_where_all_rewrites_are_rejected_the_summary_and_what_rejected_them_are_told(tmp_path, tokenizer_file, spark, capsys) -> None:
    path = config(tmp_path, tokenizer_file, engine={"kind": "echo"}, filter={"checks": ["parsed", "leaked"]}, mix=MIX)
    with pytest.raises(SystemExit) as ended:
        main(["run", path])
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert "Kept by recipe" in printed.out
    assert "leaked 1" in printed.out
    assert "goes on" not in printed.out, "the config has to change first"
    last = printed.err.splitlines()[-1]
    assert "the checks kept 0 of 1 generations (rejected by leaked 1)" in last
    assert f"`rephrase show {path} --verdict leaked` shows what was rejected" in last
    # Verdicts of another config are no material for a mixture of this one.
    lenient = load_run(path, {"filter": {"checks": ["parsed"]}})
    with pytest.raises(UserError, match="no text is there for the component"):
        show_plan(lenient, spark)
    assert "planned from verdicts of another config" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(UserError, match=r"filter stage of another config: `checks.leaked` is gone .*--replace"):
        run_stage("mix", lenient, NoSpark())


def test_a_mixture_of_originals_alone_for_want_of_others_is_a_warning(tmp_path, tokenizer_file, spark, capsys) -> None:
    mix = {"components": [{"origin": "original", "share": 1}]}
    path = config(tmp_path, tokenizer_file, engine={"kind": "echo"}, filter={"checks": ["parsed", "leaked"]}, mix=mix)
    main(["run", path])
    printed = capsys.readouterr()
    warning = "warning: the mixture has originals alone: the checks kept 0 of 1 generations (rejected by leaked 1); "
    assert f"mix: {warning}`rephrase show {path} --verdict leaked`" in printed.err
    assert warning in printed.out, "it stands below the summary too"
    assert "tokens kept are counted by the run's tokenizer" in printed.out
    main(["show", path])
    assert f"`rephrase show {path} --verdict leaked` shows what was rejected" in capsys.readouterr().out


def test_rows_without_a_text_are_told_in_plain_words_where_the_config_lists_no_check_for_them(tmp_path, tokenizer_file, capsys) -> None:
    path = config(tmp_path, tokenizer_file, engine={"kind": "echo"}, recipes=["wrap/qa"], filter={"checks": ["finished"]}, mix=MIX)
    with pytest.raises(SystemExit):
        main(["run", path])
    printed = capsys.readouterr()
    assert "0 kept (rejected most: parsed (no answer, or none that its recipe takes) 1)" in " ".join(printed.err.split())
    assert "parsed (no answer, or none that its recipe takes)" in " ".join(printed.out.split())
    assert "rejected by parsed (no answer, or none that its recipe takes) 1" in printed.err.splitlines()[-1]


def test_a_recipe_that_no_component_takes_is_told_before_it_is_asked_for_and_in_the_plan(tmp_path, tokenizer_file, spark, capsys) -> None:
    mix = {"components": [{"origin": "original", "share": 0.5}, {"recipe": "wrap/*", "share": 0.5}]}
    checks = {"checks": ["parsed"]}
    path = config(tmp_path, tokenizer_file, engine={"kind": "echo"}, recipes=["wrap/easy", "mind/interview"], filter=checks, mix=mix)
    main(["run", path])
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == f"next: `rephrase report {path}` makes a page to judge it by"
    told = " ".join(printed.err.split())
    assert "which most checks reject" in told
    assert "filter.checks" not in told, "nothing is advised that the config has already"
    notice = "the generations of `mind/interview` go into no component of the mixture"
    assert told.index(f"rewrite: {notice}") < told.index("rewrite: 2 units in")
    assert "limits the mixture: all its" in told
    show_plan(load_run(path), spark)
    printed = capsys.readouterr()
    assert f"mix: {notice}" in " ".join(printed.err.split())
    assert "limits the mixture: all its" in " ".join(printed.out.split())


def test_rows_without_a_text_are_counted_by_whose_fault_they_are(tmp_path: Path, tokenizer_file: str) -> None:
    run = load_run(config(tmp_path, tokenizer_file))
    causes = {"engine:refused": 3, "prompt_too_long": 2, "parse:no_questions": 4, "parse:no_answer": 1}
    causes |= {"prompt_refused: Not this page": 6, "prompt:exception:KeyError": 1}
    note = GenerationsNote(generations=17, requests=17, engine_errors=3, parse_errors=5, errors=17, causes=causes, recipe="wrap/easy")
    note = replace(note, completion_tokens=400, reasoning_tokens=100)
    tables.commit(storage.join(Tables.GENERATIONS.folder(run.output), "unit.parquet"), GENERATION.empty_table(), note)
    print_summary(run, console := Console(record=True, width=200))
    lines = {line.strip("│ ").split("│")[0].strip(): line for line in console.export_text().splitlines()}
    assert " 3 " in lines["engine errors"]
    assert "most often engine:refused; `--retry-errors` asks again" in lines["engine errors"]
    assert " 2 " in lines["prompts too long"]
    assert " 5 " in lines["parse errors"]
    assert "most often parse:no_questions" in lines["parse errors"]
    assert " 7 " in lines["prompts not asked"]
    assert "most often prompt_refused: Not this page" in lines["prompts not asked"]
    assert " 100 " in lines["reasoning tokens"]
    assert "25% of what was written" in lines["reasoning tokens"]


def test_a_marker_that_answers_lacked_is_told(tmp_path: Path, tokenizer_file: str) -> None:
    run = load_run(config(tmp_path, tokenizer_file, recipes=["nemotron/wikipedia", "nemotron/distill"]))
    note = GenerationsNote(generations=1, requests=1, parse_errors=1, errors=1, causes={"parse:no_marker": 1}, recipe="nemotron/distill")
    path = storage.join(Tables.GENERATIONS.folder(run.output), "unit.parquet")
    tables.commit(path, GENERATION.empty_table(), replace(note, step="rewrite"))
    print_summary(run, console := Console(record=True, width=200))
    assert "most often parse:no_marker (lacks “Paraphrased text:”)" in console.export_text()
    write_report(run, page := str(tmp_path / "report.html"))
    assert "parse:no_marker (lacks “Paraphrased text:”)" in storage.read(page).decode()


@pytest.mark.parametrize(
    ("error", "checks", "verdict"),
    [
        ("parse:truncated", ["finished", "parsed"], "finished"),
        ("parse:truncated", ["parsed", "finished"], "parsed"),
        ("parse:truncated", ["chatter"], "parsed"),
        ("parse:truncated", None, "finished"),
        ("parse:no_answer", ["finished", "parsed"], "parsed"),
    ],
)
def test_errors_of_format_are_looked_up_by_the_verdict_that_they_have(tmp_path: Path, tokenizer_file: str, error, checks, verdict) -> None:
    run = load_run(config(tmp_path, tokenizer_file), {"filter": {"checks": checks}} if checks else {"filter": {}})
    note = GenerationsNote(generations=1, requests=1, parse_errors=1, errors=1, causes={error: 1}, recipe="wrap/easy")
    tables.commit(storage.join(Tables.GENERATIONS.folder(run.output), "unit.parquet"), GENERATION.empty_table(), note)
    print_summary(run, console := Console(record=True, width=200))
    assert f"`rephrase show run.yaml --verdict {verdict}`" in console.export_text()


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b'{"stage": "mix"}', b"\xff\x00"])
def test_files_that_a_stage_did_not_write_so_are_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    folder = str(tmp_path)
    for name, read in (("_stage.json", note_of), ("_manifest.json", mixture_manifest), ("_plan.json", plan_of)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}: not the (file|plan) .*(restore|remove)"):
            read(folder)
    (tmp_path / "_plan.json").write_bytes(orjson.dumps({"pools": 3, "components": [], "left_out": {}, "files": []}))
    with pytest.raises(UserError, match=r"_plan\.json: not the plan of a mixture"):
        plan_of(folder)


def test_a_bit_that_flips_in_a_table_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    dice = random.Random(5)
    path.write_bytes(tables.encode(pa.table({"text": [dice.randbytes(60).hex() for _ in range(200)], "n_tokens": list(range(200))})))
    whole = path.read_bytes()
    pages = len(whole) - int.from_bytes(whole[-8:-4], "little") - 8
    for place in range(4, pages, pages // 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(UserError, match=r"table\.parquet: not a readable Parquet file"):
            tables.read(str(path))
