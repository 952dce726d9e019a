from __future__ import annotations

import gzip

import orjson
import pytest
import zstandard

from classifiers.fasttext.labels import read_labelled, read_texts
from rephrase.errors import UserError
from tests.classifiers.texts import labelled

ROWS = labelled(20)


def lines(rows) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def read(path, positive=None, text="text", label="label"):
    return read_labelled([str(path)], text, label, positive)


def test_plain_and_compressed_files_give_the_same(tmp_path):
    for name, data in {
        "a.jsonl": lines(ROWS),
        "a.jsonl.gz": gzip.compress(lines(ROWS[:10])) + gzip.compress(lines(ROWS[10:])),
        "a.jsonl.zst": zstandard.compress(lines(ROWS[:10])) + zstandard.compress(lines(ROWS[10:])),
    }.items():
        (tmp_path / name).write_bytes(data)
    first = read(tmp_path / "a.jsonl")
    assert (len(first.texts), sum(first.good), first.labels, first.positive) == (20, 10, {"0": 10, "1": 10}, "1")
    assert read(tmp_path / "a.jsonl.gz") == read(tmp_path / "a.jsonl.zst") == first


def test_order_and_files_do_not_matter(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines(ROWS))
    (tmp_path / "b1.jsonl").write_bytes(lines(ROWS[12::-1]))
    (tmp_path / "b2.jsonl").write_bytes(lines(ROWS[13:]))
    assert read(tmp_path / "b*.jsonl") == read(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("good", "bad", "positive"),
    [("good", "bad", None), (True, False, None), ("hq", "cc", None), ("ham", "spam", "ham"), (4, 2, ">=3"), (1.0, 0, None)],
)
def test_kinds_of_labels(tmp_path, good, bad, positive):
    (tmp_path / "a.jsonl").write_bytes(lines(labelled(20, good=good, bad=bad)))
    assert read(tmp_path / "a.jsonl", positive).digest == _digest_of(ROWS, tmp_path)


def _digest_of(rows, tmp_path) -> str:
    (tmp_path / "rows.jsonl").write_bytes(lines(rows))
    return read(tmp_path / "rows.jsonl").digest


def test_other_fields(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines({"doc": {"body": row["text"]}, "y": row["label"]} for row in ROWS))
    assert len(read(tmp_path / "a.jsonl", text="doc.body", label="y").texts) == 20


def test_blank_double_and_contradicting_texts_are_left_out_and_counted(tmp_path):
    more = [{"text": " \n", "label": 1}, ROWS[0], {**ROWS[1], "label": 0}, {"text": "\ud800 x", "label": 1}]
    data = lines([*ROWS, *more[:3]]) + b'{"text": "\\ud800 x", "label": 1}\n'
    (tmp_path / "a.jsonl").write_bytes(data)
    found = read(tmp_path / "a.jsonl")
    assert (len(found.texts), found.blank, found.duplicates, found.conflicting) == (20, 1, 1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "there are no rows"),
        (b'{"text": "a", "label": 1}\n{"text": "b"}\n', "row 2: the row has no field `label`; it has: text.*--label-field"),
        (b'{"label": 1}\n', "row 1: the row has no field `text`"),
        (b'{"text": "a", "label": 1}\n\n{broken\n', "row 3: not a JSON object"),
        (b'["a", 1]\n', "row 1: the row has no field"),
        (b'{"text": 7, "label": 1}\n', "`text` is not a string but 7"),
        (b'{"text": "a", "label": null}\n', "`label` is not a label but None"),
        (b'{"text": "a", "label": ""}\n', "`label` is not a label"),
        (b'{"text": "a", "label": 1}\n{"text": "b", "label": 1}\n', "all rows are positive; labels: 1 \\(2\\)"),
        (b'{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n', "which label is the positive one.*--positive"),
        (b'{"text": "\xff", "label": 1}\n', "row 1: not a JSON object"),
    ],
)
def test_faults_are_named_with_file_and_row(tmp_path, content, message):
    path = tmp_path / "labels.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read(path)
    assert "labels.jsonl" in str(caught.value)


@pytest.mark.parametrize(("positive", "message"), [("hq", "all rows are negative.*not `hq`"), (">=3", "all rows are negative")])
def test_a_positive_label_that_does_not_occur(tmp_path, positive, message):
    (tmp_path / "a.jsonl").write_bytes(lines(ROWS))
    with pytest.raises(UserError, match=message):
        read(tmp_path / "a.jsonl", positive)


def test_a_bound_on_labels_that_are_words(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines(labelled(4, good="good", bad="bad")))
    with pytest.raises(UserError, match="is no number"):
        read(tmp_path / "a.jsonl", ">=3")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_damaged_files(tmp_path, pack):
    path = tmp_path / "labels.jsonl"
    path.write_bytes(pack(lines(ROWS)) + b"garbage" * 50)
    with pytest.raises(UserError, match=r"labels\.jsonl, byte [0-9]+: not the start of"):
        read(path)
    path.write_bytes(pack(lines(ROWS))[:-20])
    with pytest.raises(UserError, match=r"labels\.jsonl, byte 0: the file ends inside"):
        read(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="no input files"):
        read(tmp_path / "none.jsonl")


def test_texts_alone(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines([{"text": "one\ntwo"}, {"text": " "}]))
    assert read_texts([str(tmp_path / "a.jsonl")], "text") == ["one two"]
    (tmp_path / "b.jsonl").write_bytes(b"")
    with pytest.raises(UserError, match="there are no texts"):
        read_texts([str(tmp_path / "b.jsonl")], "text")
