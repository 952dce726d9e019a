"""`rephrase init`: for each goal and format a config that is valid, filled from the files that are there, and that runs."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rephrase import storage
from rephrase.cli.main import main
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.init.goal import GOALS
from rephrase.init.writing import filled
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import tables
from tests.rephrase.readers.archives import body_text, pages, record

FORMATS = ("pages.jsonl", "pages.parquet", "pages.warc", "pages.wet", "pages.json.gz")
LETTER = "The harbour master writes that the tide of the third was late, and that two boats were lost at the bar. " * 8
PROBLEM = {"problem_id": "p1", "problem": "What is 6 times 7?", "final_answer": 42, "level": "easy"}
TASK = {"task_id": "t1", "prompt": "Write a function `double` that doubles a number.", "tests": "assert double(2) == 4"}

Begun = Callable[..., Run]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """A file in the format that its name calls for: rows, or pages in their place."""
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".warc":
        path.write_bytes(b"".join(pages(3)))
    elif path.suffix == ".wet":
        path.write_bytes(b"".join(record("conversion", body_text(n).encode(), f"http://a.b/{n}", "text/plain") for n in range(3)))
    else:
        import gzip

        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begun:
    """A function that writes rows to a file, calls `rephrase init --yes` on it, and gives the run."""
    monkeypatch.chdir(tmp_path)

    def begin(rows: list[dict[str, Any]], *options: str, name: str = "pages.jsonl") -> Run:
        write(tmp_path / name, rows)
        main(["init", name, "--yes", *options])
        return load_run("run.yaml")

    return begin


def letters(count: int = 3) -> list[dict[str, Any]]:
    return [
        {"ref": number, "subject": f"Tide {number}", "brief": f"{number}. {LETTER}", "weblink": f"http://a.b/{number}"}
        for number in range(count)
    ]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("goal", GOALS)
def test_each_goal_is_a_valid_config_of_each_format(begun, goal, name, tmp_path):
    run = begun(letters(), "--goal", goal, name=name)
    assert run.input is not None
    assert [file.path for path in run.input.paths for file in storage.expand(path)] == [str(tmp_path / name)]
    text = (tmp_path / "run.yaml").read_text()
    assert "$" not in text
    comments = [line for line in text.splitlines() if "#" in line]
    assert len(comments) > 12
    for section in re.findall(r"`rephrase config ([a-z]+)`", text):  # the commands that the comments name are known
        assert section in Run.model_fields or section == "checks"


def test_fields_with_names_of_their_own_are_found(begun):
    run = begun(letters())
    assert run.input.fields.text == "brief"
    assert (run.input.fields.id, run.input.fields.url) == ("ref", "weblink")
    assert run.input.source == "pages"


def test_fields_that_are_not_used_are_told(begun, tmp_path, capsys):
    run = begun([{"uid": "a", "body": LETTER, "lang": "en", "published": "1904", "metadata": {"page": 3}}])
    assert (run.input.fields.id, run.input.fields.also) == ("uid", [])
    assert "Not used: `published`. `also: [published]` in input.fields keeps one" in capsys.readouterr().out
    assert "# Fields that are not used: [published];" in (tmp_path / "run.yaml").read_text()


def test_nothing_is_said_of_fields_where_all_are_used(begun, tmp_path, capsys):
    begun([{"uid": "a", "body": LETTER, "lang": "en", "metadata": {"page": 3}}])
    assert "ot used" not in capsys.readouterr().out + (tmp_path / "run.yaml").read_text()


@pytest.mark.parametrize("content", ["", "no JSON\n", "[1, 2]\n", "null\n\n"])
def test_a_file_without_a_row_is_no_crawl(tmp_path, monkeypatch, capsys, content):
    monkeypatch.chdir(tmp_path)
    Path("pages.jsonl").write_text(content)
    with pytest.raises(SystemExit):
        main(["init", "pages.jsonl", "--yes"])
    assert "pages.jsonl: no row of JSONL can be read" in capsys.readouterr().err
    assert not Path("run.yaml").exists()


def test_an_empty_file_beside_others_is_passed_over(begun, tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    begun(letters())
    main(["init", "a.jsonl", "pages.jsonl", "--yes", "--overwrite"])
    assert load_run("run.yaml").input.fields.text == "brief"


@pytest.mark.parametrize("name", ["~/pages.jsonl", "~", "[1]{a}/pages.jsonl", "~/*.jsonl", "*/pages.jsonl"])
def test_names_that_shells_would_take_for_more_are_those_of_files(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for folder in ("~", "[1]{a}")[: 1 if "*" in name else 2]:
        write(Path(folder, "pages.jsonl"), letters())
    main(["init", f"./{name}", "--yes"])
    run = load_run("run.yaml")
    folder = "[1]{a}" if "[" in name else "~"
    assert [file.path for path in run.input.paths for file in storage.expand(path)] == [str(tmp_path / folder / "pages.jsonl")]


@pytest.mark.parametrize("option", ["--output", "--model"])
def test_a_variable_of_the_shell_that_is_not_set_is_no_name(tmp_path, monkeypatch, capsys, option):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["init", "--yes", option, ""])
    assert f"{option}: the {option[2:]} is empty" in capsys.readouterr().err


def test_the_layout_of_dolma_needs_no_fields(begun, tmp_path):
    row = {"id": "1", "text": LETTER, "source": "harbour", "metadata": {"url": "http://a.b", "language": "en"}}
    run = begun([row])
    assert "fields:" not in (tmp_path / "run.yaml").read_text()
    assert run.input.source is None  # the rows name theirs


def test_fields_in_objects_are_found(begun):
    run = begun([{"meta": {"link": "http://a.b"}, "page": {"content": LETTER, "title": "Tides"}}])
    assert (run.input.fields.text, run.input.fields.url) == ("page.content", "meta.link")


@pytest.mark.parametrize(
    ("row", "recipes", "also"),
    [
        ({"body": LETTER}, ["entigraph", "active_reading/strategies", "domain_qa/edge_cases"], []),
        (PROBLEM, ["verified/answer"], ["final_answer"]),
        (TASK, ["verified/python"], ["tests"]),
        ({"instruction": "Name three tides.", "output": "Spring, neap, king."}, ["instruction/expand", "evol/instruct"], []),
    ],
)
def test_the_goal_is_guessed_from_the_fields(begun, row, recipes, also):
    run = begun([row])
    assert [use.use for use in run.recipes] == recipes
    assert run.input.fields.also == also
    if also:
        assert run.recipes[0].options["expected"] == also[0]


def test_problems_without_answers_go_by_the_majority(begun, capsys):
    run = begun([{"question": "What is 6 times 7?"}], "--goal", "maths")
    assert [use.use for use in run.recipes] == ["verified/majority"]
    assert "No field was seen that holds answers" in capsys.readouterr().out


def test_a_crawl_is_a_crawl(begun):
    assert [use.use for use in begun([], name="pages.warc").recipes] == ["wrap/medium", "wrap/qa", "nemotron/distill"]


def test_it_begins_without_files_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["init", "--yes", "--goal", "domain"])
    assert "There are no input files here" in capsys.readouterr().out
    assert load_run("run.yaml").input.paths == [str(tmp_path / "documents/*.jsonl")]


def test_the_files_of_the_folder_are_the_input_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        write(tmp_path / f"part-{number}.jsonl", letters())
    main(["init", "--yes"])
    assert load_run("run.yaml").input.paths == [str(tmp_path / "*.jsonl")]


def test_the_config_may_lie_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data" / "pages.jsonl", letters())
    main(["init", "data", "--yes", "--output", "configs/first.yaml"])
    assert load_run("configs/first.yaml").input.paths == [str(tmp_path / "data")]


def test_a_file_that_is_there_is_not_replaced_unasked(begun, tmp_path, capsys):
    (tmp_path / "run.yaml").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        begun(letters())
    assert ended.value.code == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "run.yaml").read_text() == "mine"
    begun(letters(), "--overwrite")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"messages": [{"role": "user", "content": "Hello"}]}], r"no field of the first 1 rows holds texts; there are: messages"),
        ([{"number": 3}], r"there are: number"),
    ],
)
def test_rows_without_texts_are_told(begun, rows, message, capsys):
    with pytest.raises(SystemExit):
        begun(rows)
    assert re.search(message, capsys.readouterr().err)


def test_a_format_that_is_not_known_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SystemExit):
        main(["init", "pages.csv", "--yes"])
    assert "no file here is of a known format (WARC, WET, JSONL, Parquet, code or notebook)" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["*.odd name", "yes", "1e3", "a: b", "Überschrift", "{x}", "null"])
def test_names_are_quoted_where_yaml_would_take_them_for_something_else(begun, name):
    assert begun([{name: LETTER}]).input.fields.text == name


def test_what_makes_no_run_is_not_written():
    with pytest.raises(UserError, match="unknown key"):
        filled("output: out\nnonsense: $value\n", {"value": 1}, "/tmp/run.yaml")


def test_the_next_commands_are_there(begun, capsys):
    from rephrase.cli.main import build_parser

    begun(letters())
    told = capsys.readouterr().out
    lines = re.findall(r"^  rephrase (.*?)(?: +#.*)?$", told, re.MULTILINE)
    assert len(lines) >= 4
    assert all(len(line) <= 80 for line in told[told.index("Next:") :].splitlines())
    for line in lines:
        build_parser().parse_args(line.split())


def test_a_terminal_is_asked(tmp_path):
    """In a real terminal: which goal, and which of two fields of the same length."""
    first, second = "The first of two long texts. " * 9, "And the second of the two. " * 9
    write(tmp_path / "pages.jsonl", [{"left": first, "right": second}] * 2)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "rephrase.cli.main", "init", "pages.jsonl"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told, answers = "", {"What do you want to make?": b"crawl\n", "Which field holds the text?": b"2\n"}
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                told += os.read(ours, 4096).decode()
            except OSError:  # its end
                break
        for question in [question for question in answers if question in told and told.rstrip().endswith("]")]:
            os.write(ours, answers.pop(question))
            told = told.replace(question, "")
            break
    assert process.wait(60) == 0, told
    os.close(ours)
    assert answers == {}
    run = load_run(str(tmp_path / "run.yaml"))
    assert run.input.fields.text == "right"
    assert run.recipes[0].use == "wrap/medium"


def test_what_it_writes_runs_to_a_mixture(begun, spark, tokenizer_file, tmp_path):
    begun(letters(), "--goal", "domain")
    changes = {"engine": {"kind": "echo"}, "tokenizer": tokenizer_file, "filter.checks": ["finished"]}
    run = load_run(str(tmp_path / "run.yaml"), changes)
    run_all(run, spark)
    documents = tables.read_folder(storage.join(run.output, "documents")).to_pylist()
    assert sorted(row["text"][:2] for row in documents) == ["0.", "1.", "2."]
    assert {row["url"] for row in documents} == {"http://a.b/0", "http://a.b/1", "http://a.b/2"}
    assert tables.read_folder(storage.join(run.output, "mixture")).num_rows > 0
