"""Documents of files as one table, without Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rephrase import UserError, read_documents
from rephrase.records import DOCUMENT, content_id

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
