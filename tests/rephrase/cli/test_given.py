"""The commands that messages tell can be copied: they name the user's own config, with what replaces parts of it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.live.config_name import as_given, given
from rephrase.notes import GenerationsNote
from rephrase.records import GENERATION
from rephrase.spark.stages.base import Tables
from rephrase.storage import tables
from tests.rephrase.cli.test_main import config


def test_only_commands_are_made_the_users_own():
    with given("'my run.yaml' --output out"):
        assert as_given("see `rephrase show run.yaml --verdict facts`, `rephrase mix run.yaml`") == (
            "see `rephrase show 'my run.yaml' --output out --verdict facts`, `rephrase mix 'my run.yaml' --output out`"
        )
        for text in ("the file run.yaml", "`rephrase run conf/run.yaml`", "`rephrase config mix`", "`cp run.yaml other`"):
            assert as_given(text) == text
    assert as_given("`rephrase mix run.yaml`") == "`rephrase mix run.yaml`"
    with given("run.yaml --output out"):
        assert as_given(as_given("see `rephrase show run.yaml ID`")) == "see `rephrase show run.yaml --output out ID`"


@pytest.mark.parametrize("name", ["my run.yaml", "run.yaml"])
def test_a_cure_names_the_config_and_the_options_that_were_given(tmp_path, tokenizer_file, monkeypatch, capsys, name):
    config(tmp_path, tokenizer_file)
    (tmp_path / "run.yaml").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["status", name, "--output", "else where", "--set", "mix.seed=7"])
    cure = f"`rephrase run {shlex.quote(name)} --output 'else where' --set mix.seed=7` begins a run"
    assert cure in capsys.readouterr().err


def test_what_init_tells_to_do_next_can_be_copied(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("pages.jsonl").write_text('{"text": "The tide comes in twice a day, as the moon goes round the earth."}\n')
    main(["init", "pages.jsonl", "--yes", "--output", "my run.yaml"])
    [line] = [line for line in capsys.readouterr().out.splitlines() if " plan " in line]
    assert shlex.split(line.partition("#")[0])[1:] == ["plan", "my run.yaml"]


def test_a_plan_as_json_and_the_page_of_a_report_name_the_config_that_was_given(tmp_path, tokenizer_file, monkeypatch, capsys):
    run = load_run(config(tmp_path, tokenizer_file))
    (tmp_path / "run.yaml").rename(tmp_path / "my.yaml")
    monkeypatch.chdir(tmp_path)
    main(["plan", "my.yaml", "--json"])
    remarks = json.loads(capsys.readouterr().out)["remarks"]
    assert any("`rephrase shard my.yaml`" in remark for remark in remarks), remarks
    note = GenerationsNote(generations=1, requests=1, recipe="wrap/easy", step="rewrite")
    tables.commit(storage.join(Tables.GENERATIONS.folder(run.output), "unit.parquet"), GENERATION.empty_table(), note)
    main(["report", "my.yaml", "-o", "page.html"])
    page = Path("page.html").read_text()
    assert "<code>rephrase run my.yaml</code>" in page
    assert "run.yaml" not in page
