"""Paths over all documents of a run, found on a local Spark over real texts, and the recipes that stand on them."""

from __future__ import annotations

import json

import pytest
import yaml

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Spark
from rephrase.generation.rows import rows_of
from rephrase.notes import PathsNote
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.graph.search import with_paths
from rephrase.records import PATH
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.pipeline import run_all
from rephrase.spark.stages.rewrite.paths import make_paths, with_paths_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer
from tests.places import EXAMPLES

NOBODY = LazySession(Spark(master="no-such-master"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, spark):
    """A run over sections of this project's pages in two files, of which a screening leaves some out; its engine repeats prompts."""
    folder = tmp_path_factory.mktemp("paths")
    sections = [text for page in sorted((EXAMPLES.parent / "docs").glob("*.md")) for text in page.read_text().split("\n## ")][:90]
    for number in range(2):
        lines = [json.dumps({"text": text}) for text in sections[number::2]]
        (folder / f"pages-{number}.jsonl").write_text("\n".join(lines))
    recipes = [{"use": "graph/multihop", "options": {"passage_tokens": 300}}, {"use": "tools/calls", "options": {"rows": 3}}]
    data = {
        "output": "out",
        "input": {"paths": ["pages-*.jsonl"], "tokens_per_unit": 15000},
        "tokenizer": str(EXAMPLES / "tokenizer.json"),
        "engine": {"kind": "echo"},
        "recipes": recipes,
        "screen": {"checks": [{"length": {"min_words": 60}}]},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(data))
    run = load_run(str(folder / "run.yaml"))
    run_all(run, spark, last=Tables.GENERATIONS)
    return run


def kept_documents(run):
    screened = tables.read_folder(storage.join(run.output, "screened")).to_pylist()
    out = {row["id"] for row in screened if row["verdict"] != "keep"}
    assert out, "the screening leaves some out"
    return out, tables.read_folder(storage.join(run.output, "documents"))


def test_a_cluster_finds_the_paths_that_one_machine_finds_over_all_documents(run):
    [recipe, *_] = recipes_of(run.recipes)
    folder = make_paths(run, NOBODY, [recipe])["graph/multihop"]
    out, documents = kept_documents(run)
    rows = [row for row in rows_of(documents, {}) if row.document.id not in out]
    expected = {row.document.id: row.paths for row in with_paths(rows, recipe.paths, Tokenizer.load(run.tokenizer)) if row.paths}
    found = {}
    for path in tables.objects(storage.join(run.output, "documents")):
        for row_group in range(len(tables.row_groups(path))):
            of_group = rows_of(tables.read(path, row_group=row_group), {})
            found |= {row.document.id: row.paths for row in with_paths_of(of_group, folder, path, row_group) if row.paths}
    assert found == expected
    assert len(found) > 20, "pages on one matter name the same things"
    assert {len(path.hops) for paths in found.values() for path in paths} == {2, 3}
    stored = tables.objects(folder)
    assert tables.read(stored[0]).schema.names == PATH.names
    notes = [footer.note for footer in tables.footers(stored, PathsNote)]
    assert sum(note.paths for note in notes) == sum(map(len, found.values()))
    objects = {document: storage.name_of(path) for path in tables.objects(storage.join(run.output, "documents"))
               for document in tables.read(path, ["id"])["id"].to_pylist()}  # fmt: skip
    every = [path for paths in found.values() for path in paths]
    assert any(len({objects[hop.document_id] for hop in path.hops}) > 1 for path in every), "paths go from file to file"


def test_each_path_without_a_shortcut_has_its_prompt_and_belongs_to_one_document(run):
    made = [row for row in tables.read_folder(storage.join(run.output, "generations")).to_pylist() if row["recipe"] == "graph/multihop"]
    [recipe, *_] = recipes_of(run.recipes)
    folder = make_paths(run, NOBODY, [recipe])["graph/multihop"]
    paths = [path for stored in tables.objects(folder) for path in tables.read(stored).to_pylist()]
    assert 0 < len(made) <= len(paths)
    assert {row["document_id"] for row in made} <= {path["id"] for path in paths}
    assert all(len(set(path["documents"])) == len(path["documents"]) == len(path["bridges"]) + 1 for path in paths)
    passages = {(path["id"], path["starts"][path["owner"]], path["ends"][path["owner"]]) for path in paths}
    assert {(row["document_id"], row["span_start"], row["span_end"]) for row in made} <= passages
    assert all(row["completion"].startswith("Below are passages of ") for row in made), "the engine repeats its prompt"


def test_what_is_there_is_not_made_again_and_starts_no_spark(run):
    before = {file.path: file.modified for file in storage.list_files(run.output)}
    run_all(run, NOBODY, last=Tables.GENERATIONS)
    assert {file.path: file.modified for file in storage.list_files(run.output)} == before


def test_function_calling_runs_beside_it(run):
    made = [row for row in tables.read_folder(storage.join(run.output, "generations")).to_pylist() if row["recipe"] == "tools/calls"]
    assert len({row["document_id"] for row in made}) == 3
    assert {row["step"] for row in made} >= {"request"}
