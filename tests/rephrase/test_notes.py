"""Notes of units: kept whole, added up, and read as the versions before wrote them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TypeVar

import orjson
import pyarrow as pa
import pytest

from rephrase.errors import UserError
from rephrase.notes import (
    DocumentsNote,
    DuplicatesNote,
    EngineFigures,
    ErrorsNote,
    ExportNote,
    GenerationsNote,
    JudgedNote,
    MixtureNote,
    Note,
    PathsNote,
    RowsNote,
    ScreenedNote,
)
from rephrase.storage import tables

SomeNote = TypeVar("SomeNote", bound=Note)

FULL: list[Note] = [
    DocumentsNote(
        input_file="s3://crawl/ä.warc.gz",
        documents=1,
        tokens=2,
        dropped_short=3,
        dropped_long=4,
        raw_bytes=5,
        scrubbed={"emails": 6},
        errors=7,
        seconds=0.125,
        duplicates=8,
        row_group_tokens=(9, 10),
        paragraphs_dropped=11,
        documents_emptied=12,
        words_cut=16,
        records=13,
        left_out={"status": 14},
        flaws={"cut": 15},
        labels={"topic": [("Games", 2, 30)]},
    ),
    ErrorsNote(errors=1),
    RowsNote(documents=1, tokens=2, row_group_tokens=(2,)),
    ScreenedNote(screened=3, kept=2, verdicts={"keep": 2, "length": 1}),
    GenerationsNote(
        documents=1,
        passages=2,
        generations=3,
        requests=4,
        retried=5,
        engine_errors=6,
        parse_errors=7,
        prompt_tokens=8,
        completion_tokens=9,
        reasoning_tokens=21,
        reused=10,
        reused_tokens=11,
        errors=12,
        seconds=0.5,
        causes={"parse:json": 13},
        recipe="wrap/easy",
        step="rewrite",
        model="org/model",
        earlier_steps=1,
        rows_path="rows/wrap.easy-01234567/part-00000.parquet",
        row_group=14,
        next_prompts=15,
        round=16,
        earlier_rounds=17,
        engine=EngineFigures(server="host-1-2", generation_tokens=1.5, cache_queries=18.0, cache_hits=19.0),
        host="host",
        attempt=20,
        started=1795981634.134,
        ended=1795981635.5,
    ),
    JudgedNote(recipe="wrap/easy", step="rewrite", judged=3, kept=2, kept_tokens=100, verdicts={"keep": 2, "copied": 1}),
    PathsNote(paths=5, row_groups=(0, 2)),
    DuplicatesNote(duplicates=2, kept=1, semantic=1, bloom=3),
    MixtureNote(
        rows=2, tokens=7, counts={"license": [("CC0-1.0", 1, 3), (None, 1, 4)], "epoch": [(0, 2, 7)]}, labels={"topic": [("Games", 1, 3)]}
    ),
    ExportNote(documents=1, tokens=2, bytes=3, source_rows=4, source_tokens=5),
]

# What the version before wrote into the footers of real runs.
EARLIER = {
    "documents": (
        '{"file":"crawl/sample.warc.gz","documents":11,"tokens":6761,"dropped_short":1,"dropped_long":0,"bytes":43481,'
        '"scrubbed":{},"errors":0,"seconds":0.288,"duplicates":1,"row_group_tokens":[6761]}'
    ),
    "errors": ('{"errors":1}'),
    "rows": ('{"documents":2,"tokens":102,"row_group_tokens":[102]}'),
    "screened": ('{"screened":11,"kept":11,"verdicts":{"keep":11}}'),
    "generations": (
        '{"documents":11,"passages":23,"generations":23,"requests":23,"retried":0,"engine_errors":0,"parse_errors":2,'
        '"prompt_tokens":9112,"completion_tokens":2963,"reused":0,"reused_tokens":0,"errors":2,"seconds":0.007,'
        '"causes":{"parse:too_short":1,"parse:no_dialogue":1},"recipe":"mind/teacher_student","step":"rewrite",'
        '"follows":0,"rows":"documents/part-00000.parquet","row_group":0,"next_prompts":0,"round":0,"earlier_rounds":0,'
        '"engine":{},"host":"vm","attempt":0,"started":1795981634.138,"ended":1795981634.15}'
    ),
    "judged": (
        '{"recipe":"mind/teacher_student","step":"rewrite","judged":23,"kept":21,"kept_tokens":2861,"verdicts":{"keep":21,"parsed":2}}'
    ),
    "paths": ('{"paths":2,"row_groups":[0]}'),
    "duplicates": ('{"duplicates":1,"kept":1}'),
    "mixture": (
        '{"rows":78,"tokens":16293,"counts":{"origin":[["original",15,8129],["synthetic",63,8164]],'
        '"source":[["example-crawl",61,13401],["notes",17,2892]],"recipe":[["entigraph/relations",21,1655],'
        '["mind/teacher_student",12,1618],["wrap/easy",11,2091],["wrap/hard",7,970],["wrap/medium",5,908],["wrap/qa",7,'
        '922],[null,15,8129]],"language":[["en",17,2892],[null,61,13401]],"license":[["CC0-1.0",78,16293]],'
        '"model":[["recorded-language-model",63,8164],[null,15,8129]],"synthetic_depth":[[0,15,8129],[1,63,8164]],'
        '"epoch":[[0,78,16293]]}}'
    ),
    "export": ('{"documents":78,"tokens":16371,"bytes":127196,"source_rows":78,"source_tokens":16293}'),
}


def keys(note: Note) -> list[str]:
    return [field.name for field in dataclasses.fields(note)]  # type: ignore[arg-type]


@pytest.mark.parametrize("note", FULL, ids=lambda note: type(note).__name__)
def test_a_note_comes_back_from_a_footer_as_it_was(note: Note, tmp_path: Path) -> None:
    path = str(tmp_path / "object.parquet")
    assert all(getattr(note, key) != getattr(type(note)(), key) for key in keys(note)), "every field is tried"
    tables.commit(path, pa.table({"id": ["a", "b"]}), note)
    footer = tables.footer(path, type(note))
    assert (footer.note, footer.rows) == (note, 2)
    writer = tables.Writer(pa.schema([("id", pa.string())]))
    writer.commit(path + "2", note)
    assert tables.footer(path + "2", type(note)).note == note


def test_every_table_has_a_note_that_is_tried() -> None:
    assert {type(note).__name__ for note in FULL} == {kind.__name__ for kind in Note.__subclasses__()}


def earlier(kind: type[SomeNote], table: str) -> SomeNote:
    return kind.from_json(EARLIER[table].encode(), table)


def test_notes_of_the_version_before_are_read() -> None:
    documents = earlier(DocumentsNote, "documents")
    assert (documents.input_file, documents.documents, documents.raw_bytes) == ("crawl/sample.warc.gz", 11, 43481)
    assert (documents.row_group_tokens, documents.duplicates, documents.paragraphs_dropped) == ((6761,), 1, 0)
    assert earlier(ErrorsNote, "errors") == ErrorsNote(errors=1)
    assert earlier(RowsNote, "rows") == RowsNote(documents=2, tokens=102, row_group_tokens=(102,))
    assert earlier(ScreenedNote, "screened") == ScreenedNote(screened=11, kept=11, verdicts={"keep": 11})
    generations = earlier(GenerationsNote, "generations")
    assert (generations.recipe, generations.earlier_steps, generations.row_group) == ("mind/teacher_student", 0, 0)
    assert (generations.rows_path, generations.has_own_rows) == ("documents/part-00000.parquet", False)
    assert generations.causes == {"parse:too_short": 1, "parse:no_dialogue": 1}
    assert (generations.engine, generations.started) == (EngineFigures(), 1795981634.138)
    judged = earlier(JudgedNote, "judged")
    assert (judged.recipe, judged.judged, judged.kept_tokens) == ("mind/teacher_student", 23, 2861)
    assert judged.verdicts == {"keep": 21, "parsed": 2}
    assert earlier(DuplicatesNote, "duplicates") == DuplicatesNote(duplicates=1, kept=1)
    mixture = earlier(MixtureNote, "mixture")
    assert (mixture.rows, mixture.tokens, mixture.counts["language"]) == (78, 16293, [("en", 17, 2892), (None, 61, 13401)])
    assert earlier(ExportNote, "export") == ExportNote(documents=78, tokens=16371, bytes=127196, source_rows=78, source_tokens=16293)


@pytest.mark.parametrize(
    "kind", [type(note) for note in FULL if not isinstance(note, DocumentsNote | DuplicatesNote | GenerationsNote | MixtureNote)]
)
def test_keys_on_disk_stay_as_they_are(kind: type[Note]) -> None:
    text = EARLIER[kind.__name__.removesuffix("Note").lower()]
    assert kind.from_json(text.encode(), "object").to_json() == text.encode()


@pytest.mark.parametrize(
    ("kind", "table", "later"),
    [
        (
            DocumentsNote,
            "documents",
            {"paragraphs_dropped": 0, "documents_emptied": 0, "words_cut": 0, "records": 0, "left_out": {}, "flaws": {}, "labels": {}},
        ),
        (DuplicatesNote, "duplicates", {"semantic": 0, "bloom": 0}),
        (GenerationsNote, "generations", {"reasoning_tokens": 0, "model": ""}),
        (MixtureNote, "mixture", {"labels": {}}),
    ],
)
def test_later_keys_stand_beside_those_on_disk(kind: type[Note], table: str, later: dict[str, object]) -> None:
    assert orjson.loads(earlier(kind, table).to_json()) == {**orjson.loads(EARLIER[table]), **later}


def test_missing_keys_have_defaults_and_unknown_ones_are_passed_over() -> None:
    assert JudgedNote.from_json(b'{"judged":3,"of another version":[1]}', "judged") == JudgedNote(judged=3)


def test_sums_have_the_counts_and_nothing_of_single_units() -> None:
    first = GenerationsNote(generations=2, seconds=0.5, causes={"a": 1}, recipe="wrap/easy", row_group=3, round=1, started=100.0)
    other = GenerationsNote(generations=3, seconds=0.25, causes={"a": 1, "b": 2}, recipe="wrap/easy", row_group=4, round=1, started=200.0)
    assert sum([first, other], GenerationsNote()) == GenerationsNote(generations=5, seconds=0.75, causes={"a": 2, "b": 2})
    assert first.causes == {"a": 1}, "the parts stay as they were"


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        (None, r"its footer has no note: no stage wrote this file \(remove it from the folder of the run\)"),
        ({"other": "x"}, "its footer has no note"),
        ({"rephrase": "no JSON"}, "the note in its footer is damaged: Invalid JSON"),
        ({"rephrase": "[]"}, "the note in its footer is damaged: Input should be an object"),
        ({"rephrase": '{"judged":"many"}'}, "the note in its footer is damaged: `judged`: Input should be a valid integer"),
    ],
)
def test_what_is_no_note_is_an_error_that_names_the_object(metadata: dict[str, str] | None, what: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = str(tmp_path / "object.parquet")
    pq.write_table(pa.table({"id": ["a"]}).replace_schema_metadata(metadata), path)
    with pytest.raises(UserError, match=rf"object\.parquet: {what}"):
        tables.footer(path, JudgedNote)
    assert tables.row_groups(path) == (1,), "its rows can be read"
