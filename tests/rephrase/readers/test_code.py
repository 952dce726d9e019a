"""Files of code, notebooks, and rows of corpora of code as documents."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rephrase.errors import UserError
from rephrase.readers import Dropped, RawDocument, ReadError, read_documents
from rephrase.readers.settings import Fields, Input
from rephrase.settings.validation import validate
from rephrase.storage import FileInfo
from rephrase.text.code.fences import fences_of
from rephrase.text.passages import split_passages
from rephrase.text.tokenizer import Tokenizer

PROGRAM = "def height(hour):\n    return hour * 2\n\n\nprint(height(3))\n"


def read(path: Path, **settings: Any) -> list[RawDocument | Dropped | ReadError]:
    return list(read_documents(FileInfo(str(path), 0), Input(paths=["unused"], min_characters=1, **settings)))


def languages(items: list[RawDocument | Dropped | ReadError]) -> list[str | None]:
    return [item.language for item in items if isinstance(item, RawDocument)]


def test_files_of_the_standard_library_are_documents() -> None:
    path = Path(sysconfig.get_path("stdlib")) / "argparse.py"
    [document] = read(path)
    assert isinstance(document, RawDocument)
    assert document.text == path.read_text("utf-8")
    assert (document.language, document.source, document.metadata) == ("Python", "code", {"path": str(path)})


@pytest.mark.parametrize(
    ("name", "data", "language"),
    [
        ("a.rs", b"fn main() {}\n", "Rust"),
        ("A.JAVA", b"class A {}\n", "Java"),
        ("run", b"#!/usr/bin/env python3\nprint(1)\n", "Python"),
        ("a.h", b"#include <vector>\n", "C++"),
        ("a.py", b"\xef\xbb\xbfx = '\xc3\xa9'\r\n", "Python"),
    ],
)
def test_name_or_first_line_tells_the_language(tmp_path: Path, name: str, data: bytes, language: str) -> None:
    (tmp_path / name).write_bytes(data)
    [document] = read(tmp_path / name)
    assert isinstance(document, RawDocument)
    assert document.language == language
    assert document.text == data.decode("utf-8-sig").replace("\r\n", "\n")


def test_what_is_no_text_and_what_is_too_long_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = '\xff'\n")
    [error] = read(tmp_path / "a.py")
    assert isinstance(error, ReadError)
    assert (error.offset, error.unit, error.reason) == (5, "byte", "the file is no text in UTF-8")
    (tmp_path / "b.py").write_text("x = 1\n" * 1000)
    assert read(tmp_path / "b.py", max_characters=100) == [Dropped("long", 6000)]


def notebook(cells: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"nbformat": 4, "cells": cells, "metadata": {}, **more}).encode()


CELLS = [
    {"cell_type": "markdown", "source": ["# Tides\n", "\n", "They rise."]},
    {"cell_type": "code", "source": PROGRAM, "outputs": [{"text": ["6\n"]}]},
    {"cell_type": "code", "source": ["doc = '''\n", "```\n", "'''"]},
    {"cell_type": "code", "source": " \n"},
    {"cell_type": "raw", "source": ["As it is."]},
]


def test_notebooks_are_their_cells(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(notebook(CELLS))
    [document] = read(tmp_path / "a.ipynb")
    assert isinstance(document, RawDocument)
    assert document.language == "Jupyter Notebook"
    assert document.text == f"# Tides\n\nThey rise.\n\n```python\n{PROGRAM}```\n\n````python\ndoc = '''\n```\n'''\n````\n\nAs it is."
    assert [fence.inside for fence in fences_of(document.text)] == [PROGRAM, "doc = '''\n```\n'''\n"]
    (tmp_path / "b.ipynb").write_bytes(notebook(CELLS[1:2], metadata={"language_info": {"name": "julia"}}))
    assert read(tmp_path / "b.ipynb")[0].text.startswith("```julia\n")  # type: ignore[union-attr]
    old = {
        "nbformat": 3,
        "worksheets": [{"cells": [{"cell_type": "heading", "level": 2, "source": "A"}, {"cell_type": "code", "input": "x"}]}],
    }
    (tmp_path / "c.ipynb").write_text(json.dumps(old))
    assert read(tmp_path / "c.ipynb")[0].text == "## A\n\n```python\nx\n```"  # type: ignore[union-attr]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"cells": 3}', b"[" * 100_000, b'{"cells": [3, {"source": [4, null]}]}'])
def test_damaged_notebooks_are_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.ipynb").write_bytes(data)
    [item] = read(tmp_path / "a.ipynb")
    assert isinstance(item, ReadError) or item == Dropped("short", len(data))


def test_cells_stay_whole_where_they_fit(tokenizer: Tokenizer) -> None:
    text = "\n\n".join(f"Cell {number} tells of tides. They rise (twice a day).\n\n```python\n{PROGRAM}```" for number in range(20))
    size = tokenizer.count([PROGRAM])[0]
    passages = split_passages(text, tokenizer, size * 3, "Jupyter Notebook")
    shown = [text[passage.start : passage.end] for passage in passages]
    assert len(shown) > 5
    assert all(piece.count("```") % 2 == 0 for piece in shown)


STACK = {
    "content": PROGRAM,
    "lang": "Python",
    "hexsha": "ab12",
    "max_stars_repo_path": "tides/height.py",
    "max_stars_repo_name": "keeper/tides",
    "max_stars_repo_licenses": ["MIT"],
    "max_stars_count": 3,
    "size": 55,
}


def test_the_stack_is_read_by_the_name_of_its_layout(tmp_path: Path) -> None:
    rows = [STACK, {**STACK, "content": notebook(CELLS).decode(), "lang": "Jupyter Notebook", "max_stars_repo_licenses": ["MIT", "Zlib"]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    code, cells = read(tmp_path / "a.parquet", fields=Fields(layout="the-stack"))
    assert isinstance(code, RawDocument)
    assert isinstance(cells, RawDocument)
    assert (code.text, code.language, code.license, code.source) == (PROGRAM, "Python", "MIT", "parquet")
    assert code.metadata == {"id": "ab12", "path": "tides/height.py", "max_stars_repo_name": "keeper/tides", "max_stars_count": "3"}
    assert cells.text.startswith("# Tides\n\nThey rise.\n\n```python\n")
    assert cells.license == '["MIT","Zlib"]'


def test_the_path_tells_the_language_where_no_field_does(tmp_path: Path) -> None:
    row = {"content": PROGRAM, "id": "7", "max_stars_repo_path": "a/b.rs", "max_stars_repo_name": "k/t", "max_stars_count": 1}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "max_stars_repo_path": "c"}))
    assert languages(read(tmp_path / "a.jsonl", fields=Fields(layout="starcoder"))) == ["Rust", None]
    two = {"content": PROGRAM, "blob_id": "7", "path": "/x.go", "language": "Go", "detected_licenses": [], "license_type": "permissive"}
    (tmp_path / "b.jsonl").write_text(json.dumps(two))
    assert languages(read(tmp_path / "b.jsonl", fields=Fields(layout="the-stack-v2"))) == ["Go"]
    dolma = {"text": PROGRAM, "id": "7", "source": "stack", "metadata": {"max_stars_repo_path": "x.c"}}
    (tmp_path / "c.jsonl").write_text(json.dumps(dolma))
    [document] = read(tmp_path / "c.jsonl", fields=Fields(path="metadata.max_stars_repo_path"))
    assert isinstance(document, RawDocument)
    assert (document.language, document.source, document.metadata["path"]) == ("C", "stack", "x.c")


def test_what_is_set_goes_before_the_layout_and_unknown_ones_are_refused() -> None:
    assert Fields(layout="the-stack", text="code").text == "code"
    with pytest.raises(UserError, match="did you mean `the-stack`"):
        validate(Fields, {"layout": "thestack"}, "input.fields")


@pytest.mark.parametrize("opening", ["```", "~~~~python", "  ```python"])
def test_a_fence_without_its_end_does_not_reach_beyond_its_cell(tmp_path: Path, opening: str) -> None:
    cut = {"cell_type": "markdown", "source": [f"Try:\n{opening}\n", "x = 1"]}
    (tmp_path / "a.ipynb").write_bytes(notebook([cut, *CELLS]))
    [document] = read(tmp_path / "a.ipynb")
    assert isinstance(document, RawDocument)
    assert [fence.inside.strip() for fence in fences_of(document.text)] == ["x = 1", PROGRAM.strip(), "doc = '''\n```\n'''"]
