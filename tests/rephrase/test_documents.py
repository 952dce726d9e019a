"""Documents of files as one table, without Spark."""

from __future__ import annotations

import json
from copy import copy
from pathlib import Path

import pytest

from rephrase import UserError, read_documents
from rephrase.documents import DocumentTables
from rephrase.readers.base import RawDocument
from rephrase.readers.settings import Input
from rephrase.records import DOCUMENT, content_id
from tests.panic import PanicException

LONG = "A text that is long enough to be kept. " * 8


def write(path: Path, *rows: dict[str, str]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_rows_are_cleaned_counted_and_told_once(tmp_path: Path, tokenizer_file: str) -> None:
    first = write(tmp_path / "a.jsonl", {"text": f"{LONG}\r\nend", "source": "a"}, {"text": "short"})
    write(tmp_path / "b.jsonl", {"text": f"{LONG}\nend", "source": "b"}, {"text": f"Other. {LONG}"})
    table = read_documents(str(tmp_path / "*.jsonl"), tokenizer_file)
    assert table.schema.equals(DOCUMENT)
    assert table.column("text").to_pylist() == [f"{LONG}\nend", f"Other. {LONG}"]
    assert table.column("source").to_pylist() == ["a", "jsonl"], "the first of those that are the same"
    assert table.column("id")[0].as_py() == content_id(f"{LONG}\nend")
    assert min(table.column("n_tokens").to_pylist()) > 10
    assert read_documents({"paths": first, "min_characters": 1}, tokenizer_file).num_rows == 2


@pytest.mark.parametrize("error", [PanicException, Exception])
def test_a_text_over_which_the_tokenizer_breaks_costs_no_neighbour(
    tokenizer_file: str, monkeypatch: pytest.MonkeyPatch, error: type
) -> None:
    made = DocumentTables(Input.model_validate({"paths": ["x"]}), tokenizer_file)
    count = made._tokenizer._encode_fast or made._tokenizer._inner.encode_batch_fast

    def breaking(text: str) -> object:
        if "bomb" in text:
            raise error("index out of bounds")
        return count(text)

    tokenizer = copy(made._tokenizer)
    monkeypatch.setattr(tokenizer, "_encode_fast", breaking)
    monkeypatch.setattr(made, "_tokenizer", tokenizer)
    batch = [RawDocument(text) for text in ("a tide", "a bomb", "a moon")]
    table, refused = made.kept(batch)
    assert table.column("text").to_pylist() == ["a tide", "a moon"]
    assert [(document.text, "index out of bounds" in reason) for document, reason in refused] == [("a bomb", True)]


def test_mistakes_end_in_one_line(tmp_path: Path, tokenizer_file: str) -> None:
    path = write(tmp_path / "a.jsonl", {"body": LONG})
    with pytest.raises(UserError, match="no documents were found"):
        read_documents(path, tokenizer_file)
    with pytest.raises(UserError, match=r"none\.jsonl"):
        read_documents(str(tmp_path / "none.jsonl"), tokenizer_file)
    with pytest.raises(UserError, match=r"unknown key `input\.feilds`|unknown key `feilds`"):
        read_documents({"paths": path, "feilds": {}}, tokenizer_file)
    with pytest.raises(UserError, match="compares the whole corpus"):
        read_documents({"paths": path, "dedup_paragraphs": True}, tokenizer_file)
