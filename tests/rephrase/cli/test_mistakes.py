"""Typical mistakes of someone who is new here: each ends in one line that names the place and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephrase import storage
from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.errors import UserError
from rephrase.spark.stages.pipeline import run_stage
from rephrase.storage import tables
from tests.rephrase.cli.test_main import config


@pytest.mark.parametrize(
    ("command", "words", "cure"),
    [
        ("run binary", "binary: the config is no text in UTF-8", "give the path of a run.yaml"),
        ("run folder", "folder: cannot read the config: Is a directory", "give the path of a run.yaml"),
        ("run run.yaml --set recipes=[folder.yaml]", "folder.yaml: cannot read: Is a directory", "check the path and its permissions"),
        ("run run.yaml --set recipes=[binary.yaml]", "binary.yaml: the recipe file is no text in UTF-8", "check the path"),
        ("run run.yaml --set engine=vllm", "`engine`: it is keys with values", "write {kind: vllm, …}"),
        ("run run.yaml --set recipes=[]", "`recipes`: ", "`rephrase config recipes` explains the keys"),
        (
            "run run.yaml --set filter.checks=[{length:{max_ratio:-1}}]",
            "length.max_ratio`: should be greater than 0",
            "`rephrase config checks.length` explains the keys",
        ),
        ("run run.yaml --set recipes.0.use=wrap/qa", "--set recipes.0.use: `recipes` is a list", "replace it whole"),
        ("run run.yaml --set mix={seed:2024-99-99}", "--set mix, line 1: not valid YAML: `2024-99-99` is no timestamp", "mend the line"),
        ("run run.yaml --set mix={seed:1,seed:2}", "--set mix, line 1: the key `seed` stands twice", "take one of them out"),
        ("run run.yaml --set mix={1:2}", "--set mix, line 1: the key `1` is no text", "quote it"),
        (
            "run run.yaml --set filter.checks=[{quality:{model:no.bin,min:0.5}}]",
            "no.bin: there is no such fastText model",
            "check the path; `rephrase classifier train` makes a model",
        ),
        (
            "run run.yaml --set mix={components:[{recipe:wrap/eazy,share:1}]}",
            "--set mix: `mix`: mix.components.0: no recipe of this run fits the component `wrap/eazy`",
            "did you mean `wrap/easy`?",
        ),
        (
            "plan run.yaml --set mix={components:[{recipe:evol/*,share:1}]}",
            "no recipe of this run fits the component `evol/*`",
            "or set mix.skip_empty: true",
        ),
        ("shard run.yaml --master loca", "`loca` is no address of a Spark master", "for example local[4], spark://host:7077"),
        ("run run.yaml --model ./nowhere", "--model: `engine.model`: ", "give a folder with the model's config.json"),
        ("run run.yaml --set input.paths=note.jsonl", "--set input.paths: `input.paths", "check the path"),
        ("run run.yaml --output=", "--output: the output is empty", "name a folder or an s3:// URL"),
        ("", "rephrase: which command?", "`rephrase init FILES` writes a run.yaml to begin with"),
        ("recipes wrap/easyy", "there is no recipe `wrap/easyy`", "did you mean `wrap/easy`?"),
        ("recipes wrp", "there is no family `wrp`", "did you mean `wrap`?"),
        ("show run.yaml -n 0", "0 rewrites are none to show", "1 or more"),
        ("export --format jsonl --from nowhere --to there", "nowhere: there is no Parquet file here", "give --from a folder of Parquet"),
    ],
)
def test_a_mistake_ends_in_one_line_with_a_cure(command, words, cure, tmp_path, tokenizer_file, monkeypatch, capsys):
    config(tmp_path, tokenizer_file)
    for name in ("folder", "folder.yaml"):
        (tmp_path / name).mkdir()
    for name in ("binary", "binary.yaml"):
        (tmp_path / name).write_bytes(b"\x00\xff\xfe")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([word.replace(":", ": ") if "{" in word else word for word in command.split()])
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert words in told.err
    assert cure in told.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("rnu run.yaml", "there is no `rnu`; did you mean `run`?"),
        ("classifier trian", "there is no `trian`; did you mean `train`?"),
        ("init x.jsonl --goal crwal", "there is no `crwal`; did you mean `crawl`?"),
    ],
)
def test_a_command_that_is_not_known_is_told_with_the_nearest(command, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    for action in (storage.read, lambda path: storage.put(path, b"")):
        with pytest.raises(UserError, match=r"cannot (read|write): .*\((check the path|give the path)"):
            action(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot read: Not a directory"):
        tables.row_groups(str(tmp_path / "file" / "part.parquet"))


def test_a_first_attempt_that_made_nothing_binds_nobody(tmp_path, tokenizer_file, spark) -> None:
    path = config(tmp_path, tokenizer_file, recipes=[{"use": "tinystories/story", "options": {"count": 1}}])  # nothing is recorded
    other = load_run(path, {"engine": {"kind": "echo"}})
    with pytest.raises(UserError, match="not_recorded"):
        run_stage("rewrite", load_run(path), spark)
    run_stage("rewrite", other, spark)
    with pytest.raises(UserError, match=r'another config: `model` was "echo".*`rewrite: \{reuse'):
        run_stage("rewrite", load_run(path), spark)
    short = [{"use": "tinystories/story", "options": {"count": 1}, "sampling": {"max_tokens": 9}}]
    longer = load_run(path, {"engine": {"kind": "echo"}, "recipes": short})
    with pytest.raises(UserError, match=r"`recipes\.tinystories/story\.steps\.\w+\.sampling\.max_tokens` was \d+, is 9"):
        run_stage("rewrite", longer, spark)
