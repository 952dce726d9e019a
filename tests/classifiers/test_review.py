from __future__ import annotations

import argparse
import html.parser
import os
import shutil
import subprocess
from collections import Counter
from importlib import resources

import numpy as np
import orjson
import pyarrow as pa
import pytest
import yaml

from classifiers.agreement import compare
from classifiers.review import export
from rephrase import storage
from rephrase.cli.review import add_parser
from rephrase.errors import UserError
from rephrase.records import GENERATION, JUDGED
from rephrase.storage import tables


def command(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = parser.parse_args(["review", *arguments])
    options.action(options)


def table(schema: pa.Schema, rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


def store(base: str, *, objects: int = 3) -> str:
    """A judged table of 90 kept rows, 6 rejected for their length, 3 rejected without a text, and an intermediate one in each object."""
    for number in range(objects):
        verdicts = ["keep"] * 30 + ["length"] * 2 + ["parsed", "intermediate"]
        rows = []
        for place, verdict in enumerate(verdicts):
            text = f"text {number}-{place} </script><!-- \u2028 é" if verdict in ("keep", "length") else None
            row = {"id": f"id-{number}-{place}", "recipe": f"wrap/{place % 2}", "verdict": verdict, "completion": f"raw {number}-{place}"}
            scores = [("quality", place / 30), ("length.ratio", 1.0)] if text else []
            rows.append(row | {"text": text, "step": "rewrite", "document_id": f"doc-{place}", "scores": scores, "source": "web"})
        tables.commit(f"{base}/generations/part-{number}.parquet", table(GENERATION, rows))
        judged = [row | {"text": row["text"] if row["verdict"] == "keep" else None} for row in rows]
        tables.commit(f"{base}/judged/part-{number}.parquet", table(JUDGED, judged))
    return f"{base}/judged"


def read(path: str) -> list[dict]:
    return [orjson.loads(line) for line in storage.read(path).splitlines()]


class Page(html.parser.HTMLParser):
    """What a browser sees of the page: the scripts, and everything that would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.fetched: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")
        self.fetched += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, _tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1] += data


def test_groups_give_equally_many_rows_and_small_ones_all(tmp_path):
    judged = store(str(tmp_path))
    result = export(judged, str(tmp_path / "review.html"), number=20, by=["verdict"])
    rows = read(result.data)
    assert Counter(row["verdict"] for row in rows) == {"keep": 11, "length": 6, "parsed": 3}
    assert (result.rows, result.groups) == (20, 3)
    assert len({row["id"] for row in rows}) == 20
    twelve = read(export(judged, str(tmp_path / "review.html"), number=9, by=["verdict"]).data)
    assert Counter(row["verdict"] for row in twelve) == {"keep": 3, "length": 3, "parsed": 3}
    both = read(export(judged, str(tmp_path / "review.html"), number=5).data)
    assert {(row["verdict"], row["recipe"]) for row in both} == {(v, f"wrap/{n}") for v in ("keep", "length") for n in (0, 1)} | {
        ("parsed", "wrap/0")
    }


def test_texts_of_rejected_rows_come_from_the_generations(tmp_path):
    rows = read(export(store(str(tmp_path)), str(tmp_path / "review.html"), number=99).data)
    assert len(rows) == 99
    for row in rows:
        at = row["id"].removeprefix("id-")
        assert row["text"].startswith(f"raw {at}" if row["verdict"] == "parsed" else f"text {at} ")
    assert next(row for row in rows if row["id"] == "id-0-3")["scores"] == {"quality": 0.1, "length.ratio": 1.0}


def test_the_sample_is_fixed_by_the_ids(tmp_path):
    first = export(store(str(tmp_path / "a"), objects=2), str(tmp_path / "a.html"), number=10)
    second = export(store(str(tmp_path / "b"), objects=2), str(tmp_path / "b.html"), number=10)
    assert read(first.data) == read(second.data)
    drawn = [row["id"] for row in read(first.data)]
    assert drawn != sorted(drawn)  # the order must not give the verdicts away


def test_the_page_holds_the_texts_and_needs_no_network(tmp_path):
    result = export(store(str(tmp_path)), str(tmp_path / "review.html"), number=30)
    text = storage.read(result.page).decode()
    page = Page(text)
    assert orjson.loads(page.scripts[0]) == [{key: row[key] for key in ("id", "recipe", "text")} for row in read(result.data)]
    assert len(page.scripts) == 2
    assert page.fetched == []
    assert "http" not in text
    assert "/*ROWS*/" not in text
    assert "length" not in page.scripts[0]  # verdicts would lead those who mark


BROWSER = """
const elements = {}, stored = {}, saved = [];
const listeners = {};
globalThis.document = {
  getElementById: name => elements[name] ??= {textContent: name === "rows" ? process.argv[1] : ""},
  createElement: () => ({click() { saved.push(this.download); }}),
};
globalThis.localStorage = {getItem: key => stored[key] ?? null, setItem: (key, value) => { stored[key] = value; }};
globalThis.scrollTo = () => {};
globalThis.addEventListener = (name, action) => { listeners[name] = action; };
globalThis.Blob = class { constructor(parts) { saved.push(parts.join("")); } };
URL.createObjectURL = () => "blob:";
URL.revokeObjectURL = () => {};
const press = key => listeners.keydown({key, preventDefault() {}});
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_keys_mark_and_the_button_gives_the_marks(tmp_path):
    result = export(store(str(tmp_path)), str(tmp_path / "review.html"), number=4)
    rows, script = Page(storage.read(result.page).decode()).scripts
    actions = 'for (const key of ["g", "x", "b", "ArrowLeft", "g", "ArrowRight", "b"]) press(key); elements.save.onclick();'
    shown = "console.log(JSON.stringify([saved, elements.place.textContent, elements.bar.value, Object.values(stored).length]))"
    printed = subprocess.run(["node", "-e", BROWSER + script + actions + shown, rows], check=True, capture_output=True, text=True).stdout
    (marks, name), place, done, stores = orjson.loads(printed)
    ids = [row["id"] for row in read(result.data)]
    wanted = list(zip([ids[0], ids[1], ids[3]], ["good", "good", "bad"], strict=True))
    assert [(mark["id"], mark["mark"]) for mark in map(orjson.loads, marks.splitlines())] == wanted
    assert (name, place, done, stores) == ("marks.jsonl", "text 4 of 4, 3 marked", 3, 1)


def test_the_template_is_shipped():
    import tomllib

    with open(os.path.join(os.path.dirname(__file__), "..", "..", "pyproject.toml"), "rb") as file:
        assert "*.html" in tomllib.load(file)["tool"]["setuptools"]["package-data"]["*"]
    assert resources.files("classifiers").joinpath("review.html").is_file()


def test_faults_of_export(tmp_path):
    judged = store(str(tmp_path))
    output = str(tmp_path / "review.html")
    with pytest.raises(UserError, match="cannot group by `colour`"):
        export(judged, output, by=["verdict", "colour"])
    with pytest.raises(UserError, match="give at least 1"):
        export(judged, output, number=0)
    with pytest.raises(UserError, match=r"the page is an \.html file"):
        export(judged, str(tmp_path / "review"))
    with pytest.raises(UserError, match="there is no judged table"):
        export(str(tmp_path / "nothing"), output)
    os.unlink(tmp_path / "generations" / "part-1.parquet")
    with pytest.raises(UserError, match=r"part-1\.parquet: the generations of this object are missing"):
        export(judged, output)


def test_s3(bucket):
    result = export(store(bucket), f"{bucket}/look/review.html", number=10)
    assert result.data == f"{bucket}/look/review.jsonl"
    assert len(read(result.data)) == 10
    storage.put(f"{bucket}/marks.jsonl", orjson.dumps({"id": read(result.data)[0]["id"], "mark": "good"}))
    assert compare(f"{bucket}/marks.jsonl", result.data).good == 1


@pytest.fixture
def reviewed(tmp_path) -> tuple[str, str]:
    """Ten marked rows: 4 kept and good, 1 kept and bad, 2 rejected and good, 3 rejected and bad."""
    cases = (
        [("keep", "good")] * 4 + [("keep", "bad")] + [("length", "good")] * 2 + [("length", "bad"), ("quality", "bad"), ("quality", "bad")]
    )
    rows, marks = [], []
    for number, (verdict, mark) in enumerate(cases):
        scores = {"quality": 0.6 + number / 100 if mark == "good" else 0.5 - number / 100, "length.ratio": 1.0 + (mark == "bad")}
        scores |= {"repetition.top_2gram": 0.125 if mark == "good" else 0.5, "own.score": scores["quality"]}
        rows.append({"id": f"id-{number}", "verdict": verdict, "scores": scores, "text": "…"})
        marks.append({"id": f"id-{number}", "mark": mark})
    rows.append({"id": "unmarked", "verdict": "keep", "scores": {}, "text": "…"})
    for name, records in (("review", rows), ("marks", marks)):
        (tmp_path / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return str(tmp_path / "marks.jsonl"), str(tmp_path / "review.jsonl")


def test_agreement_by_hand(reviewed):
    result = compare(*reviewed)
    assert (result.good, result.bad, result.accuracy) == (6, 4, 0.7)
    assert result.kappa == pytest.approx((0.7 - 0.5) / (1 - 0.5))  # chance: 0.5 * 0.6 + 0.5 * 0.4
    assert {name: (part.rejected, part.good) for name, part in result.rejections.items()} == {"length": (3, 2), "quality": (2, 0)}
    assert result.bound is None


@pytest.mark.parametrize(
    ("score", "check", "setting", "value"),
    [
        ("quality", "quality", "min", 0.6),
        ("own.score", "own", "min_score", 0.6),
        ("length.ratio", "length", "max_ratio", 1.0),
        ("repetition.top_2gram", "repetition", "top_2gram", 0.125),
    ],
)
def test_the_best_bound_can_be_pasted(reviewed, score, check, setting, value):
    bound = compare(*reviewed, score=score).bound
    assert (bound.line.f1, bound.rows) == (1.0, 10)
    assert yaml.safe_load(bound.yaml) == {check: {setting: value}}


def test_a_bound_keeps_the_text_it_was_taken_from(reviewed, tmp_path):
    rows = read(reviewed[1])
    rows[0]["scores"]["quality"] = 0.51 + 1 / 3e7
    path = tmp_path / "other.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    bound = compare(reviewed[0], str(path), score="quality").bound
    assert yaml.safe_load(bound.yaml)["quality"]["min"] == rows[0]["scores"]["quality"]


def test_a_check_that_has_no_such_setting(reviewed, tmp_path):
    rows = [row | {"scores": {"chatter.opening": float(number)}} for number, row in enumerate(read(reviewed[1]))]
    path = tmp_path / "other.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    assert "no setting `max_opening`" in compare(reviewed[0], str(path), score="chatter.opening").bound.yaml


def test_the_last_mark_counts(reviewed):
    with open(reviewed[0], "ab") as file:
        file.write(b'{"id": "id-4", "mark": "good"}\n')
    result = compare(*reviewed)
    assert (result.good, result.bad, result.accuracy) == (7, 3, 0.8)


def test_no_kappa_where_all_is_alike(reviewed, tmp_path):
    marks = tmp_path / "some.jsonl"
    marks.write_text('{"id": "id-0", "mark": "good"}\n{"id": "id-1", "mark": "good"}\n')
    assert compare(str(marks), reviewed[1]).kappa is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "id-0", "mark": "fine"}', r"row 1: the mark is 'fine' \(marks are good and bad\)"),
        ('{"id": "other", "mark": "good"}', r"row 1: no row has the id 'other'"),
        ('{"id": "id-0"}', "row 1: the row has no `mark`"),
        ("[1]", "row 1: the row has no `id`"),
        ("", "there are no marks"),
    ],
)
def test_faults_of_marks(reviewed, tmp_path, line, message):
    marks = tmp_path / "wrong.jsonl"
    marks.write_text(line + "\n")
    with pytest.raises(UserError, match=message):
        compare(str(marks), reviewed[1])


def test_faults_of_scores(reviewed, tmp_path):
    with pytest.raises(UserError, match=r"no marked row has the score `qualty` \(scores: length\.ratio"):
        compare(*reviewed, score="qualty")
    marks = tmp_path / "good.jsonl"
    marks.write_text('{"id": "id-0", "mark": "good"}\n')
    with pytest.raises(UserError, match="have the same mark"):
        compare(str(marks), reviewed[1], score="quality")


def test_command(tmp_path, capsys):
    judged, page = store(str(tmp_path)), str(tmp_path / "review.html")
    command("export", judged, "-o", page, "--number", "30", "--by", "verdict")
    assert "30 rows of 3 groups" in capsys.readouterr().out
    rows = read(str(tmp_path / "review.jsonl"))
    marks = [{"id": row["id"], "mark": "good" if row["scores"].get("quality", 0) > 0.5 else "bad"} for row in rows]
    (tmp_path / "marks.jsonl").write_bytes(b"".join(orjson.dumps(mark) + b"\n" for mark in marks))
    command("import", str(tmp_path / "marks.jsonl"), "--of", str(tmp_path / "review.jsonl"), "--score", "quality")
    printed = capsys.readouterr().out
    result = compare(str(tmp_path / "marks.jsonl"), str(tmp_path / "review.jsonl"))
    for part in (f"kappa {result.kappa:.3f}", "quality: {min: 0.", "parsed", f"{result.good} good"):
        assert part in printed
    assert np.isfinite(result.kappa)
