"""What the command line says when something is wrong: one line, exit code 2, no stack trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rephrase.cli.config import all_keys
from tests.places import EXAMPLES


def config(folder: Path, tokenizer: str, /, **changes) -> str:
    (folder / "notes.jsonl").write_text('{"text": "The tide rises twice a day, and falls twice a day."}\n' * 3)
    (folder / "recorded.jsonl").write_text("")
    data = {
        "output": "out",
        "input": {"paths": ["notes.jsonl"], "min_characters": 1},
        "tokenizer": tokenizer,
        "engine": {"kind": "replay", "path": "recorded.jsonl"},
        "recipes": ["wrap/easy"],
        **changes,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(data))
    return str(path)


def rephrase(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rephrase.cli.main", *arguments], capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.parametrize(
    ("changes", "what", "cure"),
    [
        ({"recipees": ["wrap/easy"]}, "unknown key `recipees`", "did you mean `recipes`?"),
        ({"input": {"paths": ["nothing/*.warc.gz"]}}, "nothing/*.warc.gz: no input files found", "check the path"),
        ({"engine": {"kind": "vllm", "model": "./no-such-model"}}, "no-such-model: there is no such model folder", "config.json"),
        ({"engine": {"kind": "replay", "path": "no-such.jsonl"}}, "no-such.jsonl", ""),
        ({"output": "s3://no-such-bucket-at-all/out"}, "there is no bucket `no-such-bucket-at-all`", "create it"),
        ({"tokenizer": "./no-tokenizer"}, "no-tokenizer: there is no tokenizer here", "tokenizer.json"),
        ({"recipes": ["wrap/eazy"]}, "there is no recipe `wrap/eazy`", "did you mean `wrap/easy`?"),
        ({"filter": {"checks": ["finishd"]}}, "finishd", "finished"),
    ],
)
def test_mistakes_end_in_one_line_and_exit_code_2(tmp_path, tokenizer_file, s3_server, changes, what, cure):
    done = rephrase("run", config(tmp_path, tokenizer_file, **changes))
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert what in done.stderr
    assert cure in done.stderr


def test_stages_out_of_order_say_what_to_run_first(tmp_path, tokenizer_file):
    for stage, first in (("rewrite", "rephrase shard"), ("filter", "rephrase rewrite")):
        done = rephrase(stage, config(tmp_path, tokenizer_file))
        assert done.returncode == 2
        assert first in done.stderr


def test_an_error_inside_a_task_reaches_the_user_as_one_line(tmp_path, tokenizer_file):
    path = config(tmp_path, tokenizer_file)  # nothing is recorded, so that every request fails in the executor
    done = rephrase("run", path, "--master", "local[2]")
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("rephrase: ")
    assert "engine:not_recorded" in last
    assert "java" not in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_help_teaches():
    text = rephrase("--help").stdout
    for word in ("run", "shard", "rewrite", "filter", "mix", "classifier", "review", "examples:", "--set"):
        assert word in text
    assert "--master" in rephrase("run", "--help").stdout


def test_the_keys_of_a_config_are_listed_with_types_defaults_and_meanings():
    text = rephrase("config", "input").stdout
    assert 'input.fields.text  str, default "text"' in text
    assert "mix." not in text
    engine = rephrase("config", "engine").stdout
    assert "engine.kind  echo" in engine
    assert "engine.url (endpoint)  str, required\n    Up to and with /v1." in engine
    assert "checks.length.max_ratio  float" in rephrase("config", "filter.checks.length").stdout
    assert "did you mean `input.fields`?" in rephrase("config", "input.field").stderr


def test_no_key_of_the_example_is_missing_in_the_list():
    def paths(value: object, prefix: str = "") -> Iterator[str]:
        if isinstance(value, dict):
            for key, below in value.items():
                yield prefix + key
                yield from paths(below, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield from (path for item in value for path in paths(item, prefix))

    example = yaml.safe_load((EXAMPLES / "run.yaml").read_text())
    listed = {key.plain for key in all_keys()}
    free = {"recipes.options", "filter.checks"}  # recipes and checks name what lies below
    assert {path for path in paths(example) if not any(path.startswith(f"{key}.") for key in free)} <= listed


def test_settings_on_the_command_line_must_be_key_and_value(tmp_path, tokenizer_file):
    done = rephrase("run", config(tmp_path, tokenizer_file), "--set", "mix.seed")
    assert done.returncode == 2
    assert "`mix.seed` is not KEY=VALUE" in done.stderr


@pytest.mark.parametrize("option", ["--model", "--output"])
def test_a_variable_of_the_shell_that_is_not_set_is_no_choice(option, tmp_path, tokenizer_file):
    done = rephrase("run", config(tmp_path, tokenizer_file), option, "")
    assert done.returncode == 2
    assert f"{option}: the " in done.stderr


def test_the_recipes_are_listed():
    text = rephrase("recipes").stdout
    assert "wrap/easy" in text
    assert "arxiv.org/abs/2409.07431" in text


def test_presets_are_listed_without_a_config():
    done = rephrase("mix", "--presets")
    assert done.returncode == 0
    assert "arxiv.org/abs/2401.16380" in done.stdout
