from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import zstandard

from rephrase import storage
from rephrase.config.run import Run
from rephrase.engines.replay import ReplaySettings
from rephrase.errors import UserError
from rephrase.notes import DocumentsNote
from rephrase.readers.registry import readers_of
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice
from rephrase.recipes.use import RecipeUse
from rephrase.records import DOCUMENT, ERROR, content_id
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.declarations.shard import ShardStage
from rephrase.spark.stages.shard import extract as shard_extract
from rephrase.spark.stages.shard.plan import Reading, ShardPlan, input_files
from rephrase.spark.stages.shard.repeats import WHOLE, Repeats, finish_file
from rephrase.spark.stages.shard.row_groups import RowGroups
from rephrase.spark.stages.shard.stage import shard
from rephrase.spark.stages.unit_notes import sum_of_notes
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer
from tests.places import ROOT
from tests.rephrase.readers.archives import body_text, compressed, html, pages, record, response
from tests.rephrase.spark.no_spark import NoSpark


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tokenizers import Tokenizer as Inner
    from tokenizers import models, pre_tokenizers, trainers

    inner = Inner(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    inner.train_from_iterator([body_text(n) for n in range(20)], trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    inner.save(str(path))
    return str(path)


def config(output: object, paths: object, tokenizer: str, **settings: Any) -> Run:
    return Run(
        output=str(output),
        input=Input(paths=[str(paths)], **settings),
        tokenizer=tokenizer,
        engine=ReplaySettings(kind="replay", path="none"),
        recipes=[RecipeUse(use="wrap/easy")],
    )


def lines(numbers: range) -> bytes:
    return b"".join(json.dumps({"text": body_text(n), "id": str(n)}).encode() + b"\n" for n in numbers)


def write_input(folder: Path) -> None:
    """Four files: 3 pages of which one is repeated, 20 lines, the same lines and 10 more, and a cut-off archive of two pages and a bit."""
    folder.mkdir()
    (folder / "a.warc.gz").write_bytes(compressed([*pages(3), response(html(1), "http://elsewhere.example/"), response("<p>short</p>")])[0])
    (folder / "b.jsonl").write_bytes(lines(range(20)))
    (folder / "c.jsonl").write_bytes(lines(range(30)) + b"{bad\n")
    data, starts = compressed([response(html(n)) for n in (2, 7, 8)])
    (folder / "d.warc.gz").write_bytes(data[: starts[2] + 100])


def documents(output: object) -> pa.Table:
    return tables.read_folder(storage.join(str(output), "documents"))


def test_documents_errors_and_notes(tmp_path: Path, spark: LazySession, tokenizer: str, capfd: pytest.CaptureFixture[str]) -> None:
    write_input(tmp_path / "in")
    run = config(tmp_path / "out", tmp_path / "in", tokenizer, tokens_per_unit=1000)
    shard(run, spark)
    table = documents(tmp_path / "out")
    assert table.schema.equals(DOCUMENT)
    assert table.num_rows == 3 + 20 + 10 + 1
    texts = table.column("text").to_pylist()
    assert len(set(texts)) == len(texts)
    assert table.column("id").to_pylist() == [content_id(text) for text in texts]
    assert table.column("n_tokens").to_pylist() == Tokenizer.load(tokenizer).count(texts)
    # The first file that has a text keeps it, and order within a file stays.
    assert texts[3:33] == [body_text(n) for n in range(30)]
    assert "elsewhere" not in "".join(table.column("url").drop_null().to_pylist())

    footers = list(tables.footers(tables.objects(str(tmp_path / "out" / "documents")), DocumentsNote))
    notes = [footer.note for footer in footers]
    assert [note.documents for note in notes] == [3, 20, 10, 1]
    assert [note.duplicates for note in notes] == [1, 0, 20, 1]
    assert [note.dropped_short for note in notes] == [1, 0, 0, 0]
    assert [note.errors for note in notes] == [0, 0, 1, 1]
    assert sum(note.tokens for note in notes) == pc.sum(table.column("n_tokens")).as_py()
    for footer in footers:
        per_group = footer.note.row_group_tokens
        assert len(per_group) == len(footer.row_groups)
        assert sum(per_group) == footer.note.tokens
        assert all(tokens >= 1000 for tokens in per_group[:-1])
        for group, tokens in enumerate(per_group):
            counts = tables.read(footer.path, ["n_tokens"], group).column("n_tokens").to_pylist()
            assert sum(counts) == tokens
            assert sum(counts[:-1]) < 1000

    errors = tables.read_folder(str(tmp_path / "out" / "errors"))
    assert errors.schema.equals(ERROR)
    start = compressed([response(html(n)) for n in (2, 7, 8)])[1][2]
    assert [(Path(e["file"]).name, e["offset"], e["unit"], e["stage"]) for e in errors.to_pylist()] == [
        ("c.jsonl", 31, "line", "shard"),
        ("d.warc.gz", start, "byte", "shard"),
    ]
    assert not (tmp_path / "out" / "_extracted").exists()

    capfd.readouterr()
    shard(run, NoSpark())
    assert "nothing to do" in capfd.readouterr().err


def odd_files(folder: Path) -> int:
    """Damaged and odd files of every format; returns how many records, lines, rows and places without one they hold."""
    folder.mkdir()
    members, starts = compressed(
        [
            *pages(3),  # each after its request
            response(html(0)),
            response(html(4), status="404 Not Found"),
            response(b"\x89PNG\r\n\x1a\n", headers="Content-Type: text/html"),
            response("<p>short</p>"),
            response(html(5)[:-50].encode(), headers="Content-Type: text/html\r\nTransfer-Encoding: chunked\r\nContent-Encoding: utf8"),
            response(
                gzip.compress(html(6, extra=str(range(9))).encode())[:-30], headers="Content-Type: text/html\r\nContent-Encoding: gzip"
            ),
            response(html(7, extra="<div>" * 5000)),
            response(html(8)),
        ]
    )
    damaged = bytearray(members)
    damaged[starts[3] + 1] ^= 1
    (folder / "a.warc.gz").write_bytes(damaged)
    plain = [response(html(number)) for number in range(10, 15)]
    (folder / "b.warc").write_bytes(b"junk" + b"".join(plain[:2]) + plain[2][:-300] + b"".join(plain[3:]))
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(lines(range(20, 22)))
    (folder / "c.jsonl.zst").write_bytes(frame + zstandard.compress(lines(range(22, 24)))[:-20])
    (folder / "d.jsonl").write_bytes(lines(range(20, 25)) + b'\n{bad\n{"text": null}\n[1]\n{"text": "short"}\n')
    pq.write_table(pa.table({"text": [body_text(30), None, body_text(31), "short"]}), folder / "e.parquet")
    (folder / "f.wet").write_bytes(record("warcinfo", b"x") + record("conversion", body_text(40).encode(), content_type="text/plain"))
    (folder / "g.bin").write_bytes(bytes(range(256)))
    return 14 + (1 + 5) + (2 + 1) + 9 + 4 + 2 + 1


def test_every_record_of_damaged_and_odd_files_is_accounted_for(
    tmp_path: Path, spark: LazySession, tokenizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    records = odd_files(tmp_path / "in")
    run = config(tmp_path / "out", tmp_path / "in", tokenizer)
    shard(run, spark)
    assert "documents (3 more have fewer than 200 characters: `input.min_characters`)" in " ".join(capsys.readouterr().err.split())
    _, note = sum_of_notes(run.output, Tables.DOCUMENTS, DocumentsNote)
    errors = tables.read_folder(str(tmp_path / "out" / "errors"))
    assert note.records == records
    assert note.documents == documents(run.output).num_rows
    assert note.errors == errors.num_rows
    assert note.records == note.documents + sum(note.dropped.values()) + note.errors
    assert note.left_out == {"kind": 4, "status": 1, "type": 1}
    assert note.flaws == {"cut": 1, "stripped": 1}
    assert (note.dropped_short, note.duplicates) == (3, 3)
    text = " ".join(figure.text for figure in ShardStage().figures(run))
    counts = f"{note.documents} documents + {sum(note.dropped.values())} dropped + {note.errors} read errors"
    assert f"{records} records in = {counts}" in text
    assert "1 whose body ends early, 1 too intricate for the extractor" in text
    assert "4 records of other kinds than pages, 1 responses without success, 1 of other types than text" in text


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_a_missing_object_is_made_again_alike(tmp_path: Path, spark: LazySession, tokenizer: str, index: int) -> None:
    write_input(tmp_path / "in")
    run = config(tmp_path / "out", tmp_path / "in", tokenizer)
    shard(run, spark)
    before = documents(tmp_path / "out")
    paths = tables.objects(str(tmp_path / "out" / "documents"))
    kept = {path: os.stat(path).st_mtime_ns for path in paths}
    storage.delete(paths[index])
    shard(run, spark)
    assert documents(tmp_path / "out").equals(before)
    assert {path: os.stat(path).st_mtime_ns for path in paths if path != paths[index]} == {
        path: changed for path, changed in kept.items() if path != paths[index]
    }


_KILLED = """
import sys
from rephrase.spark.stages.shard import stage
from rephrase.spark.runtime.session import LazySession
from rephrase.config.run import Run
run = Run.model_validate_json(sys.argv[1])
stage.shard(run, LazySession(run.spark, "local[1]"))
"""


def test_a_killed_driver_loses_nothing(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.jsonl").write_bytes(lines(range(number * 1000, number * 1000 + 1200)))
    whole = config(tmp_path / "whole", folder, tokenizer)
    shard(whole, spark)
    run = config(tmp_path / "out", folder, tokenizer)
    process = subprocess.Popen([sys.executable, "-c", _KILLED, run.model_dump_json()], cwd=ROOT, start_new_session=True)
    extracted = tmp_path / "out" / "_extracted"
    deadline = time.monotonic() + 120
    while not list(extracted.glob("*.parquet")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "the run was over before it could be killed"
    shard(run, spark)
    assert documents(run.output).equals(documents(whole.output))


def test_input_and_output_on_s3(tmp_path: Path, spark: LazySession, tokenizer: str, bucket: str) -> None:
    write_input(tmp_path / "in")
    for path in (tmp_path / "in").iterdir():
        storage.put(f"{bucket}/in/{path.name}", path.read_bytes())
    shard(config(tmp_path / "out", tmp_path / "in", tokenizer), spark)
    shard(config(f"{bucket}/out", f"{bucket}/in/*", tokenizer), spark)
    assert documents(f"{bucket}/out").equals(documents(tmp_path / "out"))
    assert not list(storage.list_files(f"{bucket}/out/_extracted"))


def test_language_comes_from_the_model(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    import fasttext

    english, french = "the lamp of the house", "la lampe de la maison"
    (tmp_path / "train.txt").write_text("".join(f"__label__en {english}\n__label__fr {french}\n" for _ in range(200)))
    model = fasttext.train_supervised(str(tmp_path / "train.txt"), epoch=20, verbose=0)
    model.save_model(str(tmp_path / "model.bin"))
    rows = [{"text": (text + "\n") * 40, "metadata": {"language": "xx"}} for text in (english, french)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shard(config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer, language_model=str(tmp_path / "model.bin")), spark)
    table = documents(tmp_path / "out")
    assert table.column("language").to_pylist() == ["en", "fr"]
    assert all(0.5 < score <= 1 for score in table.column("language_score").to_pylist())
    shard(config(tmp_path / "without", tmp_path / "a.jsonl", tokenizer), spark)
    assert documents(tmp_path / "without").column("language").to_pylist() == ["xx", "xx"]


def test_another_config_is_refused(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(range(3)))
    shard(config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer), spark)
    with pytest.raises(UserError, match=r"input\.min_characters.* was 200, is 100"):
        shard(config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer, min_characters=100), NoSpark())


def test_missing_input_and_tools_end_before_spark_starts(tmp_path: Path, tokenizer: str) -> None:
    with pytest.raises(UserError, match="no input files"):
        shard(config(tmp_path / "out", tmp_path / "none" / "*.gz", tokenizer), NoSpark())
    (tmp_path / "a.jsonl").write_bytes(lines(range(3)))
    with pytest.raises(UserError, match="tokenizer"):
        shard(config(tmp_path / "out", tmp_path / "a.jsonl", "/none/tokenizer.json"), NoSpark())
    with pytest.raises(UserError, match=r"none\.bin"):
        shard(config(tmp_path / "other", tmp_path / "a.jsonl", tokenizer, language_model="/none.bin"), NoSpark())


def test_input_without_a_document_is_an_error_that_counts_and_leaves_nothing(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "short"}\n{"body": "other name"}\n{"body": "other name"}\n')
    run = config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer)
    counts = "1 too short, 0 too long, 2 read errors"
    with pytest.raises(UserError, match=rf"no documents: {counts}; most often: .*`text` is missing; .*: body .name the field of the texts"):
        shard(run, spark)
    shard(config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer, fields={"text": "body"}, min_characters=1), spark)
    assert documents(tmp_path / "out").column("text").to_pylist() == ["other name"]
    assert tables.read_folder(str(tmp_path / "out" / "errors")).num_rows == 1


def test_row_groups_hold_at_least_their_tokens() -> None:
    groups = RowGroups(10)
    counts = [3, 3, 3, 3, 25, 1, 9, 4]
    rows = [{"id": str(n), "text": "x", "n_tokens": count} for n, count in enumerate(counts)]
    table = pa.Table.from_pylist(rows, DOCUMENT)
    groups.add(table.slice(0, 2))
    groups.add(table.slice(2, 0))
    groups.add(table.slice(2))
    groups.flush()
    assert groups.tokens == [12, 25, 10, 4]
    assert groups.documents == 8


def test_extraction_writes_many_row_groups_where_texts_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str) -> None:
    monkeypatch.setattr(shard_extract, "_BATCH_DOCUMENTS", 4)
    monkeypatch.setattr(shard_extract, "_EXTRACTED_CHARACTERS", 8000)
    (tmp_path / "a.jsonl").write_bytes(lines(range(50)))
    run = config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer)
    [file] = input_files(run.input.paths, run.output)
    plan, reading = ShardPlan(run.output, 1), Reading.of(0, (Slice(file),))
    readers = readers_of(run.input.format)
    shard_extract.extract_unit(Unit(plan.between(0), reading), plan=plan, config=run.input, tokenizer=tokenizer, readers=readers)
    assert pq.ParquetFile(plan.between(0)).num_row_groups > 3
    rows = pa.RecordBatch.from_pydict({"row": [-1, 0, 49, 17], "line": [WHOLE] * 4})
    finish_file(plan, 0, Repeats.of([rows]), run.input.model_copy(update={"tokens_per_unit": 10**9}), tokenizer)
    assert tables.row_groups(plan.final(0)) == (47,)
    kept = tables.read(plan.final(0)).column("text").to_pylist()
    assert kept == [body_text(n) for n in range(50) if n not in (0, 17, 49)]
    os.remove(plan.between(0))
    finish_file(plan, 0, Repeats.of([rows]), run.input, tokenizer)  # of another driver, which has found all done
    assert tables.row_groups(plan.final(0)) == (47,)
    with pytest.raises(FileNotFoundError):
        finish_file(plan, 1, Repeats.of([rows]), run.input, tokenizer)


def test_a_document_that_cannot_become_a_row_is_an_error_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str
) -> None:
    whole = Tokenizer.count

    def count(self: Tokenizer, texts: list[str]) -> list[int]:
        if any(body_text(3) in text for text in texts):
            raise ArithmeticError("no such text")
        return whole(self, texts)

    monkeypatch.setattr(Tokenizer, "count", count)
    odd = b'{"text": "x", "synthetic_depth": 1e999}\n'
    (tmp_path / "a.jsonl").write_bytes(lines(range(5)) + odd)
    run = config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer, scrub=True)
    [file] = input_files(run.input.paths, run.output)
    plan, reading = ShardPlan(run.output, 1), Reading.of(0, (Slice(file),))
    readers = readers_of(run.input.format)
    shard_extract.extract_unit(Unit(plan.between(0), reading), plan=plan, config=run.input, tokenizer=tokenizer, readers=readers)
    assert tables.read(plan.between(0)).column("text").to_pylist() == [body_text(n) for n in (0, 1, 2, 4)]
    told = tables.read(plan.errors(0)).to_pylist()
    assert {(row["file"], row["offset"], row["unit"]) for row in told} == {(str(tmp_path / "a.jsonl"), n, "line") for n in (4, 6)}
    assert any("ArithmeticError: no such text" in row["reason"] for row in told)


def test_what_a_run_has_written_is_no_input(tmp_path: Path) -> None:
    inside = ("documents/a.parquet", "errors/e.parquet", "duplicates/judged/d.parquet", "crawl/c.jsonl")
    for name in ("a.jsonl", *(f"out/{name}" for name in inside), "output/b.jsonl"):
        storage.create(str(tmp_path / name), b"x")

    def names(*paths: str, output: str = "out") -> list[str]:
        files = input_files([str(tmp_path / path) for path in paths], str(tmp_path / output))
        return sorted(file.path.removeprefix(f"{tmp_path}/") for file in files)

    assert names("", output="out/") == names("") == names("**") == ["a.jsonl", "output/b.jsonl"]
    assert names("out/crawl") == names("out") == names("out/**/*") == ["out/crawl/c.jsonl"]
    with pytest.raises(UserError, match="all input files lie in the output"):
        names("out/documents")


def test_fields_that_are_never_there_are_told_before_spark_starts(
    tmp_path: Path, tokenizer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": body_text(1), "link": "http://lamps.example/"}))
    run = config(tmp_path / "out", tmp_path / "a.jsonl", tokenizer, fields={"url": "lnk", "metadata": None})
    with pytest.raises(AssertionError):
        shard(run, NoSpark())
    assert "a.jsonl: the field `lnk` is missing; there are: link, text" in capfd.readouterr().err


def test_personal_data_is_scrubbed_before_ids_are_made(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    text = f"{body_text(1)} Write to jane.roe@harbour-office.org or call +44 20 7946 0123."
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": text, "id": "1"}) + "\n")
    shard(config(tmp_path / "out", tmp_path / "in.jsonl", tokenizer, scrub=True), spark)
    [row] = documents(tmp_path / "out").to_pylist()
    assert row["text"].endswith("Write to email@example.com or call [phone].")
    assert row["id"] == content_id(row["text"])
    [footer] = tables.footers(tables.objects(str(tmp_path / "out" / "documents")), DocumentsNote)
    assert footer.note.scrubbed == {"emails": 1, "phones": 1}
    shard(config(tmp_path / "kept", tmp_path / "in.jsonl", tokenizer, scrub={"emails": None}), spark)
    [row] = documents(tmp_path / "kept").to_pylist()
    assert "jane.roe@harbour-office.org or call [phone]" in row["text"]


def test_formatters_of_datatrove_change_the_texts(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    pytest.importorskip("datatrove")
    line = {"text": f"{body_text(1)}\n***\n{body_text(2)}", "id": "1"}
    (tmp_path / "in.jsonl").write_text(json.dumps(line) + "\n")
    formatters = ["SymbolLinesFormatter", {"PIIFormatter": {"remove_ips": False}}]
    shard(config(tmp_path / "out", tmp_path / "in.jsonl", tokenizer, formatters=formatters), spark)
    [text] = documents(tmp_path / "out").column("text").to_pylist()
    assert "***" not in text
    assert text.split() == f"{body_text(1)} {body_text(2)}".split()
    with pytest.raises(UserError, match="did you mean `FTFYFormatter`"):
        shard(config(tmp_path / "wrong", tmp_path / "in.jsonl", tokenizer, formatters=["FTFYFormater"]), spark)


def paragraph(number: int) -> str:
    return f"Paragraph {number} of the harbour report says what was unloaded at the quay in week {number}."


def write_paragraphs(folder: Path) -> None:
    """Two files whose pages share paragraphs, in other case, spacing and order; headings and short notes repeat as they like."""
    first = [
        ["Report", paragraph(1), paragraph(2), "", "Notice", paragraph(9)],
        ["Report", paragraph(3), paragraph(9).upper(), paragraph(4)],
        ["Report", f"  {paragraph(1)} ", "Notice"],
    ]
    second = [
        [paragraph(9), "", paragraph(5), "", paragraph(4), "", "Notice"],
        ["Report", paragraph(1), paragraph(2), "", "Notice", paragraph(9)],
        [paragraph(6), paragraph(6), "Report"],
        ["Report", paragraph(2), "Notice"],
    ]
    folder.mkdir()
    for name, pages_ in [("a", first), ("b", second)]:
        lines_ = [json.dumps({"text": "\n".join(page), "kind": name}) for page in pages_]
        (folder / f"{name}.jsonl").write_text("\n".join(lines_) + "\n")


def test_a_paragraph_stays_where_it_stands_first(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    write_paragraphs(tmp_path / "in")
    run = config(tmp_path / "out", tmp_path / "in", tokenizer, dedup_paragraphs=True, min_characters=10)
    shard(run, spark)
    rows = documents(tmp_path / "out").to_pylist()
    whole = f"Report\n{paragraph(1)}\n{paragraph(2)}\n\nNotice\n{paragraph(9)}"
    texts = [whole, f"Report\n{paragraph(3)}\n{paragraph(4)}", f"{paragraph(5)}\n\nNotice", f"{paragraph(6)}\nReport"]
    assert [row["text"] for row in rows] == texts
    assert [row["id"] for row in rows] == [content_id(text) for text in texts]
    counted = Tokenizer.load(tokenizer).count(texts)
    assert [row["n_tokens"] for row in rows] == counted
    metadata = [dict(row["metadata"]) for row in rows]
    assert "whole_id" not in metadata[0]
    assert metadata[1]["whole_id"] == content_id(f"Report\n{paragraph(3)}\n{paragraph(9).upper()}\n{paragraph(4)}")
    notes = [footer.note for footer in tables.footers(tables.objects(str(tmp_path / "out" / "documents")), DocumentsNote)]
    assert [note.duplicates for note in notes] == [0, 1]
    assert [note.paragraphs_dropped for note in notes] == [2, 4]
    assert [note.documents_emptied for note in notes] == [1, 1]
    assert sum(note.tokens for note in notes) == sum(counted)

    for path in tables.objects(str(tmp_path / "out" / "documents")):  # also from what the other file kept
        storage.delete(path)
        shard(run, spark)
        assert documents(tmp_path / "out").to_pylist() == rows


def test_without_the_setting_paragraphs_may_repeat(tmp_path: Path, spark: LazySession, tokenizer: str) -> None:
    write_paragraphs(tmp_path / "in")
    shard(config(tmp_path / "out", tmp_path / "in", tokenizer, min_characters=10), spark)
    assert documents(tmp_path / "out").num_rows == 6
