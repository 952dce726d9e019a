"""The ways in which objects of JSON stand in files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from rephrase.readers import Dropped, RawDocument, ReadError, jsonl, read_documents
from rephrase.readers.settings import Input
from rephrase.storage import FileInfo

ROWS = [
    {"id": n, "text": f'{n} says: "a {{brace}}, a [bracket], a \\ and an ü". ' * 8, "metadata": {"a": [1, {"text": "x"}]}} for n in range(5)
]
LINES = [json.dumps(row) for row in ROWS]


def read(path: Path, data: bytes, name: str = "a.json") -> list[RawDocument | Dropped | ReadError]:
    (path / name).write_bytes(data)
    return list(read_documents(FileInfo(str(path / name), 0), Input(paths=["unused"])))


def ids(items: list[Any]) -> list[int]:
    return [int(item.metadata["id"]) for item in items if isinstance(item, RawDocument)]


def places(items: list[Any]) -> list[tuple[int, str]]:
    return [(item.offset, item.unit) for item in items if isinstance(item, ReadError)]


FORMS = {
    "an array": json.dumps(ROWS),
    "an array over lines": json.dumps(ROWS, indent=2),
    "an array without indentation": json.dumps(ROWS, indent=0),
    "an array, a row a line": "[\n" + ",\n".join(LINES) + "\n]\n",
    "a comma after the last row": "[" + ",".join(LINES) + ",]",
    "objects over lines": "\n".join(json.dumps(row, indent=4) for row in ROWS),
    "one object after the other": "".join(LINES),
    "arrays of one": "\n".join(f"[{line}]" for line in LINES),
    "lines": "\n".join(LINES),
    "Windows' lines": "\r\n".join(LINES) + "\r\n",
    "old Macs' lines": "\r".join(LINES),
    "record separators": "".join(f"\x1e{line}\n" for line in LINES),
    "record separators alone": "".join(f"\x1e{line}" for line in LINES),
    "lines with commas": ",\n".join(LINES),
    "commas before braces": "\n".join(f"{line[:-1]},}}" for line in LINES),
    "blank lines": "\n\n \n" + "\n\n".join(LINES) + "\n\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_all_rows_are_read(tmp_path: Path, form: str, encoding: str) -> None:
    items = read(tmp_path, FORMS[form].encode(encoding))
    assert [item.text for item in items if isinstance(item, RawDocument)] == [row["text"] for row in ROWS]
    assert len(items) == len(ROWS)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("form", ["an array", "lines"])
def test_wide_characters_need_no_mark(tmp_path: Path, form: str, encoding: str) -> None:
    assert ids(read(tmp_path, FORMS[form].encode(encoding))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("form", ["an array", "an array over lines", "one object after the other"])
@pytest.mark.parametrize("piece", [1, 7, 64])
def test_pieces_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, piece: int) -> None:
    monkeypatch.setattr(jsonl, "_READ", piece)
    monkeypatch.setattr(jsonl, "_HEAD", 1)
    monkeypatch.setattr(jsonl, "are_objects_over_lines", lambda _head: True)
    assert ids(read(tmp_path, FORMS[form].encode())) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_flaw_loses_the_row_that_has_it(tmp_path: Path, indent: int | None) -> None:
    whole = json.dumps(ROWS, indent=indent)
    for right, wrong in (("1 says", '1 " says'), ('"id": 1,', '"id": 1 1,'), ("1 says", "1 \\q says")):
        items = read(tmp_path, whole.replace(right, wrong, 1).encode())
        assert ids(items) == [0, 2, 3, 4]
        assert places(items) == [(whole[: whole.index('"id": 1,')].count("\n") + (0 if indent else 1), "line")]
    cut = read(tmp_path, whole[:-40].encode())
    assert ids(cut) == [0, 1, 2, 3]
    assert "has no end" in cut[-1].reason


def test_a_line_that_is_cut_off_first_does_not_change_how_the_file_is_read(tmp_path: Path) -> None:
    for end in (9, 50):
        items = read(tmp_path, "\n".join([LINES[0][:end], *LINES[1:]]).encode())
        assert (ids(items), places(items)) == ([1, 2, 3, 4], [(1, "line")])


def test_what_is_no_object_is_told(tmp_path: Path) -> None:
    items = read(tmp_path, f'[1, "a",\n{LINES[0]}, null, {LINES[1]}]'.encode())
    assert (ids(items), places(items)) == ([0, 1], [(1, "line"), (2, "line")])
    assert places(read(tmp_path, b'["only", "texts"]')) == [(1, "line")]
    assert read(tmp_path, b"[]") == read(tmp_path, b"") == []


def test_arrays_are_told_without_an_ending_and_damage_in_one_is_passed_over(tmp_path: Path) -> None:
    assert ids(read(tmp_path, json.dumps(ROWS).encode(), "no-ending")) == [0, 1, 2, 3, 4]
    data = json.dumps(ROWS * 3).encode()
    first, second, third = (gzip.compress(part, mtime=0) for part in (data[:1700], data[1700:3500], data[3500:]))
    damaged = bytearray(second)
    damaged[12:16] = b"\xff" * 4
    items = read(tmp_path, first + damaged + third, "a.json.gz")
    assert places(items) == [(len(first), "byte")]
    assert ids(items)[:3] == [0, 1, 2]
    assert ids(items)[-6:] == [4, 0, 1, 2, 3, 4]


def test_an_object_that_is_too_long_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(jsonl, "_READ", 100)
    rows = [ROWS[0], {"id": 1, "text": "\n" * 2000}, ROWS[2]]
    items = read(tmp_path, json.dumps(rows, indent=1).encode())
    assert ids(items) == [0, 2]
    assert [type(item) for item in items] == [RawDocument, Dropped, RawDocument]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ['x"{', '{"id": ', '{"id":"a"{', '"', "{", "\\", "[", '{"id":"a"},'])
def test_awkward_signs_take_no_more_than_linear_time(tmp_path: Path, piece: str) -> None:
    read(tmp_path, ('[{"id": 1},' + piece * (1_000_000 // len(piece))).encode())
