"""What commands that read a run say where there is none, or not enough of it: never an empty answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from rephrase import storage
from rephrase.cli.main import main
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
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
    for command, stage in ((["show"], "mix"), (["show", "--verdict", "facts"], "filter"), (["filter", "--dry-run"], "filter")):
        assert f"run the {stage} stage first: `rephrase {stage} run.yaml`" in said(command, output)
    told = said(["status", "--units", "units.parquet"], output)
    assert "0 of 3" in told
    assert "`rephrase rewrite run.yaml`" in told


def test_a_summary_without_verdicts_and_mixture_says_so(tmp_path: Path, tokenizer_file: str) -> None:
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, output="begun")
    write_inputs(str(tmp_path / "begun"))
    storage.remove_folder(str(tmp_path / "begun" / "judged"))
    console = Console(width=200)
    with console.capture() as printed:
        print_summary(load_run(str(path)), console)
    assert "nothing is judged yet" in printed.get()
    assert "there is no finished mixture yet" in printed.get()
