from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.notes import DocumentsNote
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import DOCUMENT
from rephrase.spark.stages.rewrite.fitting import tell_unfit
from rephrase.storage import tables


@pytest.fixture
def run(tmp_path: Path):
    """A run over two documents, one in English and one without a language, and the recipes that it is given."""
    folder = tmp_path / "out" / "documents"
    folder.mkdir(parents=True)
    (folder / "_stage.json").write_text(json.dumps({"stage": "shard", "meaning": {}, "digest": ""}))
    rows = [{"id": str(number), "text": "The tide rises.", "language": language} for number, language in enumerate(["eng_Latn", None])]
    tables.commit(str(folder / "part-00000.parquet"), pa.Table.from_pylist(rows, schema=DOCUMENT), DocumentsNote(documents=2))

    def make(*recipes: object) -> Run:
        return Run.model_validate(
            {
                "input": {"paths": [str(tmp_path / "in")]},
                "output": str(tmp_path / "out"),
                "tokenizer": "examples/tokenizer.json",
                "engine": {"kind": "echo"},
                "recipes": list(recipes),
            }
        )

    return make


DUTCH = {"use": "wrap/hard", "when": {"languages": "nl"}}


def test_a_recipe_that_fits_no_document_is_told(run, capsys):
    config = run({"use": "wrap/easy", "when": {"languages": "en"}}, DUTCH)
    tell_unfit(config, recipes_of(config.recipes))
    line = capsys.readouterr().err
    assert "`wrap/hard` takes none of 2 documents: its `when` has languages: nl; they have languages eng_Latn (1), none (1)" in line
    assert "wrap/easy" not in line


def test_a_run_whose_recipes_fit_no_document_ends_before_a_model_is_asked(run):
    config = run(DUTCH)
    with pytest.raises(UserError, match=r"no recipe fits any document: .*wrap/hard.*languages: nl.*eng_Latn"):
        tell_unfit(config, recipes_of(config.recipes))
