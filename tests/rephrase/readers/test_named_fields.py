"""Fields that a config names are reached wherever they stand, or it is told which there are instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rephrase.readers import RawDocument, read_documents
from rephrase.readers.base import Item
from rephrase.readers.named_fields import missing_fields
from rephrase.readers.settings import Fields, Input
from rephrase.storage import FileInfo

TEXT = "The keeper of the lighthouse counted ships every evening. " * 6
INNER = json.dumps({"url": "http://lamps.example/", "language": "en", "n": 1})

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a JSON text in the field named metadata": ({"metadata": INNER}, {}),
    "a JSON text in another field": ({"meta": INNER}, {"url": "meta.url", "language": "meta.language", "metadata": "meta"}),
    "a JSON text in an object": ({"m": {"x": INNER}}, {"url": "m.x.url", "language": "m.x.language", "metadata": "m.x"}),
    "names with dots": ({"metadata.url": "http://lamps.example/", "metadata.language": "en", "n": 1}, {"also": "n"}),
    "an object with a dot in its name": ({"a.b": {"url": "http://lamps.example/", "l.g": "en"}}, {"url": "a.b.url", "language": "a.b.l.g"}),
}


def write(path: Path, row: dict[str, Any], form: str) -> FileInfo:
    path.mkdir(parents=True, exist_ok=True)
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path / "a.parquet")
    else:
        (path / "a.jsonl").write_text(json.dumps(row))
    return FileInfo(str(path / f"a.{form}"), 0)


def first(file: FileInfo, **fields: Any) -> Item:
    return next(iter(read_documents(file, Input(paths=["unused"], fields=Fields(**fields)))))


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("case", CASES)
def test_fields_are_reached(tmp_path: Path, case: str, form: str) -> None:
    row, fields = CASES[case]
    item = first(write(tmp_path, {"text": TEXT, **row}, form), **fields)
    assert isinstance(item, RawDocument)
    assert (item.url, item.language) == ("http://lamps.example/", "en")
    if "dot in its" not in case:
        assert item.metadata == {"n": "1"}


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_folders_name_fields_that_rows_do_not_have(tmp_path: Path, form: str) -> None:
    file = write(tmp_path / "lang=de" / "city=K%C3%B6ln" / "year=__HIVE_DEFAULT_PARTITION__", {"text": TEXT, "city": None}, form)
    item = first(file, language="lang", also=["city", "year"])
    assert isinstance(item, RawDocument)
    assert item.language == "de"
    file = write(tmp_path / "lang=de", {"text": TEXT, "lang": "fr"}, form)
    item = first(file, language="lang")
    assert isinstance(item, RawDocument)
    assert item.language == "fr"


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_text_that_is_not_there_is_told_with_the_nearest_names_first(tmp_path: Path, form: str) -> None:
    file = write(tmp_path, {"identity": 1, "content": {"size": 3, "text": TEXT}, "zebra": "b"}, form)
    item = first(file)
    assert "the field `text` is missing; there are: content.text, " in getattr(item, "reason", "")
    assert "zebra" in getattr(item, "reason", "")
    assert isinstance(first(file, text="content.text"), RawDocument)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_named_fields_that_are_never_there_are_told(tmp_path: Path, form: str) -> None:
    file = write(tmp_path, {"text": TEXT, "link": "http://lamps.example/", "score": 1.5, "empty": {"a": 1}}, form)

    def missing(**fields: Any) -> list[str]:
        return missing_fields(file, Input(paths=["unused"], fields=Fields(**fields)))

    assert missing() == []
    assert missing(url="link", also="score", metadata=None) == []
    [url] = missing(url="lnk")
    assert url.startswith("the field `lnk` is missing; there are: link, ")
    assert len(missing(url="lnk", synthetic_depth="depth", also=["scores", "score"], metadata="meta")) == 4
    [text] = missing(text="body", url="lnk")
    assert text.startswith("the field `body` is missing; there are: ")
