"""README and docs say what is so: links lead somewhere, commands are known, configs are valid, and code runs."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from rephrase import records
from rephrase.cli.main import build_parser
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.recipes.catalogue import catalogue, recipes_of
from rephrase.recipes.use import RecipeUse
from tests.docs_blocks import PAGES, Block, anchors, blocks, builder, code_words, commands, filled, links, name_of, prose, read
from tests.places import EXAMPLES, ROOT

LANGUAGES = {"sh", "yaml", "python", "toml", "text"}

# Commands that no test runs or parses, and why. A line is known by its first word.
OTHER_COMMANDS = {
    **dict.fromkeys(["infra/standalone/up", "infra/standalone/down"], "starts a cluster; tests/rephrase/submit/test_shipping.py does"),
    "kubectl": "needs a Kubernetes cluster; tests/test_infra.py and tests/test_operator.py build what it is given",
    **dict.fromkeys(["terraform", "aws", "gcloud", "databricks"], "needs an account; the page says that nobody has run it"),
    **dict.fromkeys(["python3", "ray", "vllm"], "starts SGLang or vLLM on several machines; the page says that nobody has run it here"),
}

# Python blocks that this file does not run, by page and first line, and why.
OTHER_PYTHON = {
    (
        "README.md",
        "from rephrase.spark import rewrite",
    ): "needs a GPU; tests/rephrase/spark/frames/test_rewrite.py calls it with other engines",
    ("docs/python.md", "from rephrase.spark import judge, mix, rewrite"): "the same; the doctests of these functions run on small frames",
    ("docs/python.md", "from rephrase.spark import run"): "a whole run: the function's doctest has one",
}
LOADERS = "docs/loaders.md"  # whose blocks run in tests/rephrase/spark/stages/test_export_readers.py

# A run into which sections are put.
BASE = {
    "output": "out",
    "input": {"paths": ["pages.jsonl"]},
    "tokenizer": str(EXAMPLES / "tokenizer.json"),
    "engine": {"kind": "echo"},
    "recipes": ["wrap/*"],
}


def of(language: str) -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in blocks() if block.language == language]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}; there are {sorted(anchors(target))}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_pages_name_are_there(page: Path) -> None:
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "out", "build")))
    named = {word for word in code_words(page) if re.fullmatch(rf"(?:{folders})/[\w/.-]*", word) and "NAME" not in word}
    missing = {word for word in named if not (ROOT / word).exists()}
    assert missing == set()


def test_every_page_is_in_the_site() -> None:
    listed = re.findall(r"[\w-]+\.md", str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    roots = builder().PAGES
    assert sorted(listed) == sorted([*(page.name for page in PAGES if page.parent == ROOT / "docs"), *roots])
    for file in roots.values():  # their links lead to pages of the site too
        links_of_site = re.findall(r"\]\(([^):#]+\.md)", builder().for_site(read(ROOT / file), root=True))
        assert set(links_of_site) <= set(listed), file


def test_blocks_say_their_language() -> None:
    assert [str(block) for block in blocks() if block.language not in LANGUAGES] == []
    for page in PAGES:  # indented blocks would be code that nothing here looks at
        assert not re.search(r"\n\n(?:    |\t)\S", prose(page)), f"{page.name} has an indented block: put a fence around it"


def parse(words: list[str]) -> None:
    """Give a command line to the parser of the command."""
    output, code = io.StringIO(), None
    try:
        with redirect_stderr(output), redirect_stdout(output):
            build_parser().parse_args(words)
    except SystemExit as end:  # options such as --presets print and exit
        code = end.code
    assert not code, f"rephrase {' '.join(words)}: {output.getvalue()}"


@pytest.mark.parametrize("block", of("sh"))
def test_commands_are_known(block: Block) -> None:
    targets = set(re.findall(r"^([\w-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(block):
        if words[0] == "rephrase":
            parse(words[1:])
        elif words[0] == "make":
            assert words[1] in targets, f"{block}: there is no `make {words[1]}`"
            for variable in words[2:]:
                name, _, value = variable.partition("=")
                assert re.search(rf"^{name} *\?=", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{block}: {name}"
                assert name not in ("ARGS", "BENCHES") or (ROOT / value).exists(), f"{block}: {value}"
        elif words[0] == "spark-submit":
            job = next(number for number, word in enumerate(words) if re.search(r"jobs/\w+\.py$", word))
            path = ROOT / words[job][words[job].index("jobs/") :]
            assert path.is_file(), f"{block}: {path}"
            parse([path.stem, *words[job + 1 :]])
        elif words[0] == "python":
            path = ROOT / (words[2].replace(".", "/") if words[1] == "-m" else words[1])
            assert path.is_file() or (path / "__main__.py").is_file(), f"{block}: {words[1]}"
        else:
            assert words[0] in OTHER_COMMANDS, f"{block}: nobody knows `{' '.join(words)}`"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_the_prose_are_known(page: Path) -> None:
    for word in code_words(page):
        if not word.startswith("rephrase ") or "…" in word:
            continue
        words = shlex.split(word)[1:]
        if f"# {word}\n" in filled(ROOT / "docs" / "commands.md"):  # the command is named, not shown
            continue
        parse(words)


@pytest.mark.parametrize("block", of("yaml"))
def test_configs_are_valid(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = yaml.safe_load(block.text)
    if "family" in data:
        (tmp_path / "mine.yaml").write_text(block.text)
        assert recipes_of([RecipeUse(use=str(tmp_path / "mine.yaml"))])
        return
    if "plugins" in data:  # the page shows the module as well; a process of its own, as what registers itself stays
        (tmp_path / f"{data['plugins'][0]}.py").write_text(runnable_of(block.page)[0].text)
        write_run(data, tmp_path)
        run_python("from rephrase.config.file import load_run; load_run('run.yaml')", tmp_path)
        return
    check_section(data, tmp_path, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_sections_in_the_prose_are_valid(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in code_words(page):
        if (section := re.fullmatch(r"(\w+): [{\[].*[}\]]", word)) and section[1] in Run.model_fields and "…" not in word:
            check_section(yaml.safe_load(word), tmp_path, monkeypatch)


def check_section(data: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a run.yaml, or a part of one put into a run, as the command does, with the recipes that it names."""
    monkeypatch.chdir(folder)
    write_run(data, folder)
    assert recipes_of(load_run("run.yaml").recipes)


def write_run(data: dict[str, Any], folder: Path) -> None:
    """Write a run.yaml of which `data` is a part or the whole, and what it names."""
    (folder / "my-verbs.txt").write_text("run\nwalk\n")
    (folder / "arc-train.jsonl").write_text('{"question": "Which?", "choices": {"text": ["one", "two"]}, "answerKey": "B"}\n')
    (folder / "templates.jsonl").write_text('{"template": "Who was <fi>a person</fi>?", "documents": "biographies"}\n')
    (folder / "topics.csv").write_text("topic,weight\nscience,2\nsports,1\n")
    (folder / "my-tools.jsonl").write_text(read(ROOT / "rephrase" / "recipes" / "lists" / "functions.jsonl"))
    (folder / "run.yaml").write_text(yaml.safe_dump(_over(BASE, data)))


def _over(base: dict[str, Any], section: dict[str, Any]) -> dict[str, Any]:
    merged = {**base, **section}
    if "engines" in section:  # which stand instead of one
        del merged["engine"]
    if isinstance(section.get("input"), dict) and "table" not in section["input"]:  # which stands instead of paths
        merged["input"] = {**base["input"], **section["input"]}
    return merged


def runnable_of(page: str) -> list[Block]:
    """The Python blocks of a page that this file runs."""
    python = [block for block in blocks() if block.page == page and block.language == "python" and page != LOADERS]
    return [block for block in python if (block.page, block.text.splitlines()[0]) not in OTHER_PYTHON]


@pytest.mark.parametrize("block", [pytest.param(block, id=str(block)) for page in PAGES for block in runnable_of(name_of(page))])
def test_python_runs(block: Block, tmp_path: Path) -> None:
    before = [other.text for other in runnable_of(block.page) if other.line < block.line]  # a page is read from its beginning
    for text in before:
        if module := re.match(r'"""(\w+\.py):', text):  # a file of the reader's own, which later blocks import
            (tmp_path / module[1]).write_text(text)
    program = [text for text in before if not re.match(r'"""\w+\.py:', text)]
    run_python("\n".join([*program, block.text]), ROOT, tmp_path)


def run_python(code: str, folder: Path, modules: Path | None = None) -> None:
    """Run a program in a folder. It can import what lies there, and in the folder `modules`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [modules or folder, folder, ROOT]))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_is_not_run_is_there() -> None:
    there = {(block.page, block.text.splitlines()[0]) for block in blocks() if block.language == "python"}
    assert OTHER_PYTHON.keys() - there == set()
    words = {words[0] for block in blocks() if block.language == "sh" for words in commands(block)}
    assert OTHER_COMMANDS.keys() - words == set()


def test_references_tell_of_everything() -> None:
    docs = ROOT / "docs"
    assert [name for name in catalogue() if f"| `{name}` |" not in filled(docs / "recipes.md")] == []
    assert [key for key in Run.model_fields if f"\n## {key}\n" not in filled(docs / "configuration.md")] == []
    helped = build_parser().format_help()
    names = re.findall(r"^    (\w+) +\w", helped, re.MULTILINE)
    assert [name for name in names if f"# rephrase {name}\n" not in filled(docs / "commands.md")] == []
    columns = {name for schema in vars(records).values() if isinstance(schema, pa.Schema) for name in schema.names}
    assert [name for name in columns if f"| `{name}` |" not in filled(docs / "tables.md")] == []


def test_the_readme_takes_five_minutes() -> None:
    assert len(read(ROOT / "README.md").encode()) < 9000
