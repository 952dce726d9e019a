"""Runs of words that stand elsewhere are cut: as a plain search of all texts finds them, file after file."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from rephrase.errors import UserError
from rephrase.notes import DocumentsNote
from rephrase.readers.settings import Input
from rephrase.records import content_id
from rephrase.settings.validation import validate
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.shard.parts import Runs, parts_of
from rephrase.spark.stages.shard.stage import shard
from rephrase.spark.stages.unit_notes import sum_of_notes
from rephrase.storage import tables
from tests.rephrase.spark.stages.test_shard import config

SIZE = 10
VOCABULARY = [f"w{number}" for number in range(2000)]


def corpus(draw: random.Random, texts: int) -> list[str]:
    """Texts of which some hold runs of 5 to 40 words of others, or of themselves."""
    written = [draw.choices(VOCABULARY, k=draw.randrange(30, 120)) for _ in range(texts)]
    for _ in range(texts):
        lender, borrower = draw.choice(written), draw.choice(written)
        length, at = draw.randrange(5, 40), draw.randrange(len(borrower) + 1)
        start = draw.randrange(max(1, len(lender) - length))
        borrower[at:at] = lender[start : start + length]
    return [" ".join(words) for words in written]


def plainly_cut(texts: list[str], most: float = 1.0) -> list[str]:
    """The texts as they are without each word of a run that stood before."""
    seen: set[tuple[str, ...]] = set()
    cut = []
    for text in texts:
        words = text.split()
        out: set[int] = set()
        for at in range(len(words) - SIZE + 1):
            run = tuple(words[at : at + SIZE])
            out.update(range(at, at + SIZE) if run in seen else ())
            seen.add(run)
        left = [word for at, word in enumerate(words) if at not in out]
        if not out or (len(left) >= SIZE and len(out) <= most * len(words)):
            cut.append(" ".join(left))
    return cut


@pytest.mark.parametrize(("seed", "most"), [(1, 1.0), (1, 0.3), (1, 0.0), (2, 1.0), (3, 0.5), (4, 0.8)])
def test_runs_that_stood_before_are_cut(seed, most):
    texts = corpus(random.Random(seed), 60)
    parts = Runs(SIZE, most)
    keys, numbers, starts = parts.keys(texts)
    seen: set[bytes] = set()
    repeated: dict[int, set[int]] = {}
    for key, number, start in zip(keys.to_pylist(), numbers.tolist(), starts.tolist(), strict=True):
        if key in seen:
            repeated.setdefault(number, set()).add(start)
        seen.add(key)
    left = [parts.without(text, repeated[number])[0] if number in repeated else text for number, text in enumerate(texts)]
    assert [text for text in left if text is not None] == plainly_cut(texts, most)
    assert len(repeated) > 20


def test_the_documents_of_several_files_are_cut(tmp_path: Path, spark: LazySession, tokenizer_file: str):
    texts = corpus(random.Random(2), 40)
    (tmp_path / "in").mkdir()
    for name, some in (("a", texts[:25]), ("b", texts[25:])):
        (tmp_path / "in" / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in some))
    run = config(tmp_path / "out", tmp_path / "in", tokenizer_file, dedup_substrings=SIZE, min_characters=10)
    shard(run, spark)
    rows = [row for path in tables.objects(str(tmp_path / "out" / "documents")) for row in tables.read(path).to_pylist()]
    left = plainly_cut(texts)
    assert [row["text"] for row in rows] == left
    assert [row["id"] for row in rows] == [content_id(text) for text in left]
    shorter = [dict(row["metadata"] or ()).get("whole_id") for row in rows]
    assert {id_ for id_ in shorter if id_} <= set(map(content_id, texts)) - set(map(content_id, left))
    note = sum_of_notes(run.output, Tables.DOCUMENTS, DocumentsNote)[1]
    assert note.words_cut > 0
    assert note.documents_emptied == len(texts) - len(left)


def test_a_run_that_goes_on_cuts_what_one_in_one_go_cuts(
    tmp_path: Path, spark: LazySession, tokenizer_file: str, monkeypatch: pytest.MonkeyPatch
):
    """The first file is finished and has lost a run between two others; the second has all three, and must lose where they meet too."""
    counts = {"n": 10, "h": 6, "b": 20, "m": 20, "o": 20}
    notice, head, body, more, other = (" ".join(f"{name}{n}" for n in range(count)) for name, count in counts.items())
    (tmp_path / "in").mkdir()
    for name, some in (("a", [f"{notice} {other}", f"{head} {notice} {body}"]), ("b", [f"{head} {notice} {body} {more}"])):
        (tmp_path / "in" / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in some))
    run = config(tmp_path / "out", tmp_path / "in", tokenizer_file, dedup_substrings=SIZE, min_characters=10)
    with monkeypatch.context() as killed:
        killed.setattr("rephrase.spark.stages.shard.stage._remove_extracted", lambda _plan: None)
        shard(run, spark)
    objects = list(tables.objects(str(tmp_path / "out" / "documents")))
    before = [tables.read(path).to_pylist() for path in objects]
    os.remove(objects[1])
    shard(run, spark)
    assert [tables.read(path).to_pylist() for path in objects] == before


def test_lines_and_runs_are_not_dropped_in_one_run():
    assert parts_of(Input(paths=["in"])) is None
    with pytest.raises(UserError, match=r"`dedup_paragraphs` and `dedup_substrings` are not for one run.*take `dedup_paragraphs` out"):
        validate(Input, {"paths": "in", "dedup_paragraphs": True, "dedup_substrings": 50}, "input")
