"""Notes on the shards of an export: kept whole, and read as the version before wrote them."""

from __future__ import annotations

import orjson
import pytest

from rephrase.errors import UserError
from rephrase.exports.shard_note import ShardNote, StoredFile

# A row of the object of a unit, as the version before wrote it.
EARLIER = (
    '{"name":"part-00000-000","documents":78,"tokens":16371,"files":[{"name":"part-00000-000.mds","bytes":127196,'
    '"sha256":"c05b7275db1d430f391edfa191eb54ceabe049f43139a23df7db51793c6c7ff6"}],"counts":{},'
    '"raw_data":{"basename":"part-00000-000.mds","bytes":127196,"hashes":{}},"zip_data":null}'
)


def test_a_note_comes_back_as_it_was() -> None:
    file = StoredFile(name="data/a.parquet", bytes=7, sha256="ab")
    note = ShardNote(name="a", documents=1, tokens=2, files=(file,), counts={"padding": 3}, details={"size": 4})
    assert ShardNote.from_json(note.to_json(), "units/a.parquet") == note


def test_a_note_of_the_version_before_is_read() -> None:
    note = ShardNote.from_json(EARLIER, "units/part-00000.parquet")
    assert (note.name, note.documents, note.tokens, note.counts) == ("part-00000-000", 78, 16371, {})
    assert [(file.name, file.bytes) for file in note.files] == [("part-00000-000.mds", 127196)]
    assert note.details == {"raw_data": {"basename": "part-00000-000.mds", "bytes": 127196, "hashes": {}}, "zip_data": None}
    assert orjson.loads(note.to_json()) == orjson.loads(EARLIER)


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"name":"a","documents":1,"tokens":1,"counts":{},"files":[{"bytes":1}]}'])
def test_what_is_no_note_is_an_error_that_names_the_object(text: str) -> None:
    with pytest.raises(UserError, match=r"^units/a\.parquet: the note on a shard is damaged: "):
        ShardNote.from_json(text, "units/a.parquet")
