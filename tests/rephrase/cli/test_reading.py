"""What commands that read a run say where there is none, or not enough of it: never an empty answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from rephrase import storage
from rephrase.cli.main import main
from rephrase.cli.show_rows import ids_of_pairs
from rephrase.cli.status_table import print_status
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.engines.base import Message, Request, Sampling
from rephrase.engines.echo import Echo
from rephrase.engines.keeping import Keeping
from rephrase.errors import UserError
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.pipeline import run_all
from rephrase.spark.stages.rewrite.tasks import ANSWERS
from tests.rephrase.spark.mixtures import write_inputs
from tests.rephrase.spark.stages.test_pipeline import write_run

BENCHMARKS = 'filter.checks=[{"contamination": {"benchmarks": [{"name": "riddles", "paths": ["riddles.jsonl"]}]}}]'
READING = (
    ["status"],
    ["status", "--units", "units.parquet"],
    ["summary"],
    ["summary", "--show", "2"],
    ["summary", "--json"],
    ["report"],
    ["show"],
    ["show", "--verdict", "facts"],
    ["show", "00ff"],
    ["show", "00ff", "--json"],
    ["filter", "--dry-run"],
    ["contamination", "--set", BENCHMARKS],
)
Said = Callable[..., str]


@pytest.fixture
def said(tmp_path: Path, tokenizer_file: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """A function that gives the one line with which a command on a folder ends."""
    path = str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "riddles.jsonl").write_text('{"question": "What has an eye, but cannot see, and a tail, but no legs?"}\n')

    def end(command: list[str], output: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([command[0], path, *command[1:], "--output", output])
        assert ended.value.code == 2
        told = capsys.readouterr()
        assert told.err.count("\n") == 1
        return told.out + told.err

    return end


@pytest.mark.parametrize("command", READING, ids=lambda words: " ".join(words[:2]))
def test_a_mistyped_output_is_named_with_a_cure(command: list[str], said: Said, tmp_path: Path, bucket: str) -> None:
    (tmp_path / "of-others").mkdir()
    (tmp_path / "of-others" / "letter.txt").write_text("Dear")
    for output in (str(tmp_path / "otu"), str(tmp_path / "of-others"), f"{bucket}/otu"):
        assert said(command, output).startswith(f"rephrase: {output}: there is no run here")
    assert not (tmp_path / "units.parquet").exists()
    assert not (tmp_path / "otu").exists()
    assert "there is no bucket" in said(command, "s3://no-such-bucket-at-all/otu")


def test_a_run_that_has_only_begun_says_which_stage_comes_first(said: Said, tmp_path: Path) -> None:
    output = str(tmp_path / "begun")
    claim(Tables.DOCUMENTS.folder(output), Tables.DOCUMENTS, Meaning({"files": {"count": 3}}))
    for command, table in ((["show"], "mixture"), (["show", "--verdict", "facts"], "judged")):
        told = said(command, output)
        assert f"there is no {table} table, and stages before it are not complete (`rephrase run " in told
    assert "run the filter stage first: `rephrase filter " in said(["filter", "--dry-run"], output)
    told = said(["status", "--units", "units.parquet"], output)
    assert "0 of 3" in told
    assert "`rephrase rewrite " in told


def test_where_only_the_last_stage_is_missing_it_is_named_alone(tmp_path: Path, tokenizer_file: str, spark: LazySession) -> None:
    run = load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}, output="begun", recipes=["wrap/easy"])))
    run_all(run, spark, last=Tables.JUDGED)
    with pytest.raises(UserError, match=r"run the mix stage first: `rephrase mix run.yaml`"):
        ids_of_pairs(run, 3)


def test_a_summary_without_verdicts_and_mixture_says_so(tmp_path: Path, tokenizer_file: str) -> None:
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, output="begun")
    write_inputs(str(tmp_path / "begun"))
    storage.remove_folder(str(tmp_path / "begun" / "judged"))
    console = Console(width=200)
    with console.capture() as printed:
        print_summary(load_run(str(path)), console)
    assert "nothing is judged yet" in printed.get()
    assert "there is no finished mixture yet" in printed.get()


def test_summary_and_status_tell_of_answers_that_outlived_their_server(tmp_path: Path, tokenizer_file: str) -> None:
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, output="begun")
    write_inputs(str(tmp_path / "begun"))
    prompts = [Request((Message("user", text),), Sampling(max_tokens=8), seed=1) for text in ("tide", "ebb")]

    async def keep() -> None:
        engine = Keeping(Echo(), str(tmp_path / "begun" / ANSWERS / "task"))
        await engine.complete(prompts)
        await engine.close()

    console = Console(width=200)

    def told() -> str:
        with console.capture() as printed:
            print_summary(load_run(str(path)), console)
        return printed.get()

    assert "answers kept" not in told()
    asyncio.run(keep())
    assert re.search(r"answers kept +\W+2 \W+of units that have not ended; the next run reuses them", told())
    with console.capture() as printed:
        print_status(load_run(str(path)), console)
    assert "2 answers kept of units that have not ended" in printed.get()
